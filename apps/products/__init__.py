"""The catalogue: categories, products, variants, pictures."""
