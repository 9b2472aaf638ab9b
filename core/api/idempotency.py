"""The Idempotency-Key header on a view's POST: a retry has one effect and gets the first answer again.

    class CheckoutView(ShopView):
        @idempotent
        def post(self, request): ...

An effect that fits one transaction runs inside the transaction that stores the key and the answer: a crash leaves
neither. An effect with network calls between transactions (`multi_step=True`) holds the key by a lease instead.
Only successful answers are kept; a refusal may turn out differently next time. Scope: caller and key, for 24 hours.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from core import clock
from core.api.renderers import to_json
from core.errors import FieldError, InvalidInput
from core.idempotency import keys
from core.idempotency.keys import Answer, KeyClaim

KEPT_HEADERS = ("Location", "X-Cart-Token", "X-Order-Token")
MAX_LENGTH = 255
ViewMethod = Callable[..., Response]


def idempotent(method: ViewMethod | None = None, *, multi_step: bool = False) -> Any:
    """Honour Idempotency-Key on a view method. Raises (as problems) 400 for a malformed key, 409 with Retry-After while
    the first request is still running, 422 when the key came with another request before."""

    def decorate(function: ViewMethod) -> Callable[..., HttpResponseBase]:
        @wraps(function)
        def wrapper(view: Any, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
            key = read_key(request)
            if key is None:
                return function(view, request, *args, **kwargs)
            claim = KeyClaim(
                scope=f"{principal_of(request)}\n{key}", fingerprint=fingerprint_of(request), now=clock.now()
            )
            run = keys.run_in_steps if multi_step else keys.run_in_one_transaction
            outcome = run(claim, lambda: function(view, request, *args, **kwargs), _to_answer)
            return _answered(outcome)

        wrapper.is_idempotent = True  # type: ignore[attr-defined]
        return wrapper

    return decorate(method) if method is not None else decorate


def read_key(request: Request) -> str | None:
    """Return the key, bare or quoted as the IETF draft writes it. Raises InvalidInput when it is malformed."""
    raw = request.headers.get("Idempotency-Key")
    if raw is None:
        return None
    key = raw[1:-1] if len(raw) >= 2 and raw[0] == raw[-1] == '"' else raw
    if not 1 <= len(key) <= MAX_LENGTH or not all("!" <= sign <= "~" for sign in key):
        detail = f"1 to {MAX_LENGTH} visible ASCII characters are expected."
        raise InvalidInput(errors=(FieldError("Idempotency-Key", "invalid", detail),))
    return key


def principal_of(request: Request) -> str:
    """Return who the key belongs to: the account, or the guest's tokens."""
    if request.user.is_authenticated:
        return f"user:{request.user.pk}"
    return f"guest:{request.headers.get('X-Cart-Token', '')}:{request.headers.get('X-Order-Token', '')}"


def fingerprint_of(request: Request) -> str:
    """Return a digest of method, path, query and JSON value: the order of keys and blanks do not matter."""
    return keys.fingerprint(request.method or "", request.get_full_path(), request.data)


def _to_answer(response: Response) -> Answer | None:
    if not 200 <= response.status_code < 300:
        return None
    headers = {name: response[name] for name in KEPT_HEADERS if name in response}
    return Answer(status=response.status_code, headers=headers, body=to_json(response.data))


def _answered(outcome: Response | Answer) -> HttpResponseBase:
    if isinstance(outcome, Response):
        return outcome
    response = HttpResponse(
        outcome.body, status=outcome.status, content_type="application/json", headers=outcome.headers
    )
    response["Idempotent-Replayed"] = "true"
    return response
