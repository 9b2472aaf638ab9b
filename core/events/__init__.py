"""Events: publish() writes news into the outbox, a worker brings it to the handlers."""
