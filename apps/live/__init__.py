"""Live updates over WebSocket: what happens to one's orders, one's inbox and watched goods, told at once."""
