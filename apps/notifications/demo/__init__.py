"""What `seed_demo` puts into a new shop so that there is something to look at."""
