"""Draws invoices."""
