"""Idempotency keys: claimed, answered and replayed."""
