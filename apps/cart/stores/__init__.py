"""Where carts are kept: the database (default) or Redis, behind one protocol."""
