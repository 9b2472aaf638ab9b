"""Shopify's product CSV: columns, rows, grouping, drafts, and the way back. Pure: no database, no settings."""
