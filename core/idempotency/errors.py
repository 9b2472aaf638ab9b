"""What can be wrong with an Idempotency-Key."""

from core.errors import Conflict, Unprocessable


class RequestInFlight(Conflict):
    """The first request with this key is still running."""

    code = "request_in_flight"
    title = "A request with this Idempotency-Key is still running"


class KeyReused(Unprocessable):
    """The key came with another request than the first time."""

    code = "idempotency_key_reused"
    title = "This Idempotency-Key belongs to another request"
