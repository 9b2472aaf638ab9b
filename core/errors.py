"""The vocabulary of refusal. Apps raise subclasses; core.api turns a category into an HTTP status, once.

An error carries a stable `code` (for programs), a `detail` (for people) and, where one input is at fault,
`errors`: a list of `FieldError`. `extra` holds further members of the problem document (plain JSON values).
"""

import dataclasses
from typing import Any, ClassVar


@dataclasses.dataclass(frozen=True, slots=True)
class FieldError:
    """One faulty input: `field` is a dotted path ("shipping_address.country"), `code` is stable."""

    field: str
    code: str
    detail: str


class ShopError(Exception):
    """Base of every refusal. Subclass a category below, never this."""

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "The request was refused"

    def __init__(
        self,
        detail: str = "",
        *,
        errors: tuple[FieldError, ...] = (),
        retry_after_seconds: int | None = None,
        **extra: Any,
    ) -> None:
        self.detail = detail or self.title
        self.errors = errors
        self.retry_after_seconds = retry_after_seconds
        self.extra = extra
        super().__init__(self.detail)


class InvalidInput(ShopError):
    """The request can never be valid as written."""

    code = "invalid"
    title = "Invalid input"


class NotFound(ShopError):
    """Absent, or not yours: the caller cannot tell which."""

    code = "not_found"
    title = "Not found"


class NotAuthenticated(ShopError):
    """No credentials, or credentials that are no longer good."""

    code = "not_authenticated"
    title = "Authentication required"


class Forbidden(ShopError):
    """A known caller lacks the right to do this."""

    code = "forbidden"
    title = "Not allowed"


class Conflict(ShopError):
    """Valid, but the present state of the shop forbids it."""

    code = "conflict"
    title = "Conflict with the state of the shop"


class Unprocessable(ShopError):
    """Well-formed, but a rule refuses it whatever the state."""

    code = "unprocessable"
    title = "The shop cannot do this"


class Unavailable(ShopError):
    """A part the answer needs is down or busy; trying again later may help."""

    code = "unavailable"
    title = "Temporarily unavailable"


class Busy(Unavailable):
    """Others hold what the answer needs, or more people came than can be served at once; it was not done."""

    code = "busy"
    title = "The shop is busy"
