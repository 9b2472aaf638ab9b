"""Gapless invoices as PDF."""
