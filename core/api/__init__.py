"""How the shop speaks HTTP: problems, pages, ETags, throttles, idempotency. Knows no app."""
