"""Adapters to payment providers. None touches the database or a request; docs/payments.md tells how to add one."""
