"""Errors as Stripe words them, and whether a result like this is kept for the idempotency key."""

from typing import Any


class StripeError(Exception):
    """Answered with `status` and a body of `fields`. `is_kept`: work had begun, so a repeat gets this again."""

    def __init__(self, status: int, kind: str, message: str, *, is_kept: bool, **fields: Any) -> None:
        self.status = status
        self.fields = {"type": kind, "message": message, **{name: value for name, value in fields.items() if value}}
        self.is_kept = is_kept
        super().__init__(message)

    @property
    def code(self) -> str:
        return str(self.fields.get("code", ""))


def invalid(message: str, *, param: str = "", code: str = "") -> StripeError:
    """The parameters are wrong: nothing was begun."""
    return StripeError(400, "invalid_request_error", message, is_kept=False, param=param, code=code)


def refused(message: str, *, param: str = "", code: str = "", payment_intent: Any = None) -> StripeError:
    """The parameters are right, the state of things is not."""
    fields = {"param": param, "code": code, "payment_intent": payment_intent}
    return StripeError(400, "invalid_request_error", message, is_kept=True, **fields)


def missing(kind: str, name: str, *, param: str = "id") -> StripeError:
    """There is no such object."""
    return StripeError(
        404, "invalid_request_error", f"No such {kind}: '{name}'", is_kept=False, param=param, code="resource_missing"
    )


def card_error(
    code: str, *, decline_code: str = "", payment_intent: Any = None, setup_intent: Any = None, charge: str = ""
) -> StripeError:
    """The payer's bank said no."""
    fields = {
        "code": code,
        "decline_code": decline_code,
        "payment_intent": payment_intent,
        "setup_intent": setup_intent,
        "charge": charge,
    }
    return StripeError(402, "card_error", "The card was not accepted.", is_kept=True, **fields)


def wrong_key() -> StripeError:
    """The secret key is not ours."""
    return StripeError(401, "invalid_request_error", "Invalid API Key provided", is_kept=False)


def unknown_address(method: str, path: str) -> StripeError:
    """Nothing is at this address."""
    return StripeError(404, "invalid_request_error", f"Unrecognized request URL ({method}: {path})", is_kept=False)


def server_error(status: int) -> StripeError:
    """The provider itself broke down. Stripe keeps a 500 and does not keep a refusal to begin."""
    return StripeError(status, "api_error", "Something went wrong at the provider.", is_kept=status == 500)
