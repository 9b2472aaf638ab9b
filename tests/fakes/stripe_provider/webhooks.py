"""Events on their way to the shop: signed over the raw body, sent at least once, in no certain order."""

import hashlib
import heapq
import hmac
import http.client
import json
import threading
import time

from tests.fakes.posting import post
from tests.fakes.stripe_provider.books import Books, Json

FIRST_DELAY, LONGEST_DELAY, TRIES = 0.1, 5.0, 12


def sign(*, body: bytes, secret: str, timestamp: int) -> str:
    """Return the Stripe-Signature header for a body."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


class Deliveries:
    """Sends events in the background, each again until it is answered with 2xx or the tries are used up."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._due: list[tuple[float, int, Json, str, str]] = []
        self._under_way = 0
        self._number = 0
        self._is_stopped = False
        self._changed = threading.Condition()
        for _ in range(2):
            threading.Thread(target=self._work, daemon=True).start()

    def signed(self, event: Json, secret: str, timestamp: int | None = None) -> tuple[bytes, dict[str, str]]:
        """Return body and headers of one delivery. `pending_webhooks` is not the same in each, as in real life."""
        with self._books.lock:
            known = self._books.look_up(event["id"])
            tries = known["_tries"] if known else 0
            if known:
                known["_tries"] += 1
            public = {name: value for name, value in event.items() if name[0] != "_"}
        body = json.dumps({**public, "pending_webhooks": 1 + tries % 2}, indent=2, ensure_ascii=False).encode()
        stamp = int(self._books.clock()) if timestamp is None else timestamp
        return body, {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": sign(body=body, secret=secret, timestamp=stamp),
        }

    def deliver(self, url: str, event: Json, secret: str, timestamp: int | None = None) -> int:
        """Send one event once and return the status (0: no answer)."""
        body, headers = self.signed(event, secret, timestamp)
        try:
            status = post(url, body, headers)
        except (OSError, http.client.HTTPException):
            return 0
        if 200 <= status < 300:
            self._mark_delivered(event)
        return status

    def _mark_delivered(self, event: Json) -> None:
        with self._books.lock:
            known = self._books.look_up(event["id"])
            if known:
                known.update(_is_delivered=True, pending_webhooks=0)

    def queue(self, event: Json, url: str, secret: str, *, delay: float = 0.0) -> None:
        """Have the event sent by and by."""
        with self._changed:
            self._number += 1
            heapq.heappush(self._due, (time.monotonic() + delay, self._number, event, url, secret))
            self._changed.notify_all()

    def wait_until_done(self, seconds: float) -> bool:
        """Wait until nothing is left to send. False: it took longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._due and not self._under_way, seconds)

    def stop(self) -> None:
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            event, url, secret = job
            tries = event["_tries"]
            status = self.deliver(url, event, secret)
            if not 200 <= status < 300 and tries + 1 < TRIES:
                self.queue(event, url, secret, delay=min(FIRST_DELAY * 2**tries, LONGEST_DELAY))
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def _next(self) -> tuple[Json, str, str] | None:
        with self._changed:
            while not self._is_stopped:
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    _, _, event, url, secret = heapq.heappop(self._due)
                    self._under_way += 1
                    return event, url, secret
                self._changed.wait(wait)
            return None
