"""Refusals that only make sense over HTTP."""

from core.errors import InvalidInput, ShopError


class BodyTooLarge(InvalidInput):
    """The body exceeds the limit of its endpoint."""

    code = "body_too_large"
    title = "The body is too large"


class Throttled(ShopError):
    """Too many requests. Raised with `retry_after_seconds` and the headers of the limit."""

    code = "throttled"
    title = "Too many requests"


class PreconditionFailed(ShopError):
    """If-Match names a version that is no longer the present one."""

    code = "precondition_failed"
    title = "The resource has changed"


class PreconditionRequired(ShopError):
    """The write needs If-Match."""

    code = "precondition_required"
    title = "If-Match is required"
