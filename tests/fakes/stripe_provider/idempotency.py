"""Idempotency keys: the first result is kept and told again, other parameters are refused, a twin has to wait."""

import dataclasses
import threading
from typing import Any

from tests.fakes.http_server import Answer
from tests.fakes.stripe_provider.errors import StripeError, invalid

LONGEST_KEY = 255


@dataclasses.dataclass(slots=True)
class _Entry:
    endpoint: str
    params: Any
    answer: Answer | None = None


class IdempotencyKeys:
    """Safe to use from any thread. Keys are kept until forgotten."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._lock = threading.Lock()

    def begin(self, key: str, *, endpoint: str, params: Any) -> Answer | None:
        """Return the kept answer, or None when the caller is to do the work and then `finish` it.

        Raises StripeError: the key was used for something else (400), or its first request is still running (409).
        """
        if len(key) > LONGEST_KEY:
            raise invalid("Idempotency keys have at most 255 characters")
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                self._entries[key] = _Entry(endpoint, params)
                return None
            _refuse_misuse(entry, endpoint=endpoint, params=params)
            return entry.answer

    def finish(self, key: str, answer: Answer | None) -> None:
        """Keep the answer; None frees the key as if it had never been used."""
        with self._lock:
            if answer is None:
                self._entries.pop(key, None)
            else:
                self._entries[key].answer = answer

    def forget(self) -> None:
        """Play that the time for which keys are kept is over."""
        with self._lock:
            self._entries = {key: entry for key, entry in self._entries.items() if entry.answer is None}


def _refuse_misuse(entry: _Entry, *, endpoint: str, params: Any) -> None:
    if entry.endpoint != endpoint or entry.params != params:
        message = "Keys for idempotent requests can only be used with the parameters they were first used with."
        raise StripeError(400, "idempotency_error", message, is_kept=False)
    if entry.answer is None:
        message = "The first request with this key is still in progress."
        raise StripeError(409, "invalid_request_error", message, is_kept=False, code="idempotency_key_in_use")
