"""Matters a person must decide: escalations of orders and of money."""
