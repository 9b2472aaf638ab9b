"""Wiring only: settings, URLs and the server's entry point."""
