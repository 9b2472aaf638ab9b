"""Ways to send an order."""
