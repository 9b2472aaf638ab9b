"""StripeFake: the server, its keys and its ledger. The payer's side is in payer.py, misbehaviour in mischief.py."""

import re
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.fakes.http_server import Answer, Call, FakeServer, Request, as_json
from tests.fakes.mischief import Misbehaving, Mischief
from tests.fakes.stripe_provider import page, routes
from tests.fakes.stripe_provider.books import Books, Json
from tests.fakes.stripe_provider.errors import StripeError, server_error, unknown_address, wrong_key
from tests.fakes.stripe_provider.forms import decode
from tests.fakes.stripe_provider.idempotency import IdempotencyKeys
from tests.fakes.stripe_provider.payer import Payer
from tests.fakes.stripe_provider.webhooks import Deliveries

_PAGE = re.compile(r"^/pay/((pi|seti)_[a-z0-9]+)_secret_[a-z0-9]+$")


class StripeFake(Payer, Misbehaving):
    """A provider on a loopback port (0: any free one) from the moment it is made until `stop`.

    `ledger()` is the truth about money, whatever the API was made to say. While `webhook_url` is set, every event is
    sent there by itself; what was not answered with 2xx is what /v1/events lists for delivery_success=false.
    """

    def __init__(
        self, port: int = 0, *, secret_key: str = "sk_test_fake", clock: Callable[[], float] = time.time
    ) -> None:
        self.secret_key = secret_key
        self.webhook_url = ""
        self.webhook_secret = "whsec_fake"
        self.books = Books(clock=clock)
        self._mischief = Mischief()
        self._keys = IdempotencyKeys()
        self._deliveries = Deliveries(self.books)
        self._server = FakeServer(self._handle, mischief=self._mischief, port=port)
        self.port, self.url = self._server.port, self._server.url
        self.books.on_event = self._send_event
        self.books.page_url = lambda secret: f"{self.url}/pay/{secret}"

    def __enter__(self) -> "StripeFake":
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the port and end the deliveries."""
        self._deliveries.stop()
        self._server.stop()

    def hang_up(self) -> None:
        self._server.hang_up()

    # What tests look at

    @property
    def events(self) -> list[Json]:
        """Every event so far, oldest first, as it would be sent."""
        with self.books.lock:
            return [self.books.view(event) for event in self.books.events]

    def events_of(self, name: str, kind: str = "") -> list[Json]:
        """Return the events about an object or a payment intent's objects, optionally of one type, oldest first."""
        return [
            event
            for event in self.events
            if name in (event["data"]["object"]["id"], event["data"]["object"].get("payment_intent"))
            and kind in ("", event["type"])
        ]

    def show(self, name: str) -> Json:
        """Return an object as the API would show it. Raises StripeError when there is none."""
        with self.books.lock:
            found = self.books.look_up(name)
            return self.books.view(found if found is not None else self.books.get("object", name))

    def intents_of(self, attempt_id: str) -> list[Json]:
        """Return the payment intents made for an attempt, oldest first."""
        with self.books.lock:
            found = [self.books.view(intent) for intent in self.books.find("payment_intent")]
        return [intent for intent in reversed(found) if intent["metadata"].get("attempt_id") == attempt_id]

    def ledger(self) -> dict[str, Json]:
        """Return {attempt id or intent id: captured, refunded (minor units), charges, currency}: what happened."""
        with self.books.lock:
            return self.books.ledger()

    def charge_count(self, attempt_id: str) -> int:
        """Return how often the payer was charged for an attempt."""
        return int(self.ledger().get(attempt_id, {}).get("charges", 0))

    @property
    def calls(self) -> list[Call]:
        """Every request so far."""
        return list(self._server.calls)

    @property
    def crashes(self) -> list[str]:
        """Where the fake itself went wrong; empty in a good run."""
        return list(self._server.crashes)

    def during_calls(self, hook: Callable[[Request], None] | None) -> None:
        """Call `hook` with every request before the work, on the server's thread; None: no longer."""
        self._server.on_call = hook

    # Webhooks

    def signed(
        self, event: Json, secret: str | None = None, timestamp: int | None = None
    ) -> tuple[bytes, dict[str, str]]:
        """Return the body and the headers of one delivery of an event."""
        return self._deliveries.signed(event, self.webhook_secret if secret is None else secret, timestamp)

    def deliver(self, url: str, event: Json, secret: str | None = None, timestamp: int | None = None) -> int:
        """Send an event once and return the status (0: no answer came)."""
        chosen = self.webhook_secret if secret is None else secret
        return self._deliveries.deliver(url, event, chosen, timestamp)

    def wait_until_delivered(self, seconds: float = 30.0) -> bool:
        """Wait until every event that was to be sent has been answered or given up."""
        return self._deliveries.wait_until_done(seconds)

    def _send_event(self, event: Json) -> None:
        if self.webhook_url:
            self._deliveries.queue(event, self.webhook_url, self.webhook_secret)

    # More misbehaviour

    def lie_about(self, pi_id: str, *, amount: int | None = None, currency: str | None = None) -> None:
        """Tell another amount or currency of an intent and its charges from now on; the ledger stays true."""
        with self.books.lock:
            self.books.lies[pi_id] = {"amount": amount, "currency": currency}

    def hide_from_search(self, pi_id: str) -> None:
        """Play that the search index, which lags behind, does not have the intent yet."""
        with self.books.lock:
            self.books.unsearchable.add(pi_id)

    def forget_idempotency_keys(self) -> None:
        """Play that the day for which keys are kept is over."""
        self._keys.forget()

    # Answering

    def _handle(self, request: Request) -> Answer:
        name = f"req_{secrets.token_hex(7)}"
        if request.path.startswith("/pay/"):
            return self._page(request)
        try:
            if request.headers.get("authorization") != f"Bearer {self.secret_key}":
                raise wrong_key()
            return self._answer_once(request, decode(request.pairs), name)
        except StripeError as error:
            return _problem(error, {"Request-Id": name})

    def _answer_once(self, request: Request, params: Mapping[str, Any], name: str) -> Answer:
        key = request.headers.get("idempotency-key", "") if request.method == "POST" else ""
        if not key:
            return self._work(request, params, {"Request-Id": name})[0]
        kept = self._keys.begin(key, endpoint=request.path, params=params)
        if kept is not None:
            return Answer(status=kept.status, body=kept.body, headers={**kept.headers, "Idempotent-Replayed": "true"})
        answer, is_kept = None, False
        try:
            answer, is_kept = self._work(request, params, {"Request-Id": name, "Idempotency-Key": key})
        finally:
            self._keys.finish(key, answer if is_kept else None)
        return answer

    def _work(self, request: Request, params: Mapping[str, Any], headers: dict[str, str]) -> tuple[Answer, bool]:
        self._mischief.wait_before_work(request.method, request.path)
        broken = self._mischief.take_broken(request.method, request.path)
        try:
            done = None if broken and not broken.works else self._run(request, params, headers)
            if broken:
                raise server_error(broken.status)
        except StripeError as error:
            return _problem(error, headers), error.is_kept
        return as_json(done, headers=headers), True

    def _run(self, request: Request, params: Mapping[str, Any], headers: Mapping[str, str]) -> Json:
        with self.books.lock:
            nobody = self.books.request
            self.books.request = {"id": headers["Request-Id"], "idempotency_key": headers.get("Idempotency-Key")}
            try:
                return routes.run(self.books, request.method, request.path, params)
            finally:
                self.books.request = nobody

    def _page(self, request: Request) -> Answer:
        found = _PAGE.match(request.path)
        with self.books.lock:
            intent = self.books.look_up(found[1]) if found else None
            if found is None or intent is None or f"/pay/{intent['client_secret']}" != request.path:
                return _problem(unknown_address(request.method, request.path), {})
        if request.method == "POST":
            self._press(found[1], dict(request.pairs).get("do", ""))
        return page.show(self.show(found[1]))

    def _press(self, name: str, button: str) -> None:
        deeds = {"authenticate": self.authenticate, "fail_authentication": self.fail_authentication}
        deeds |= {"settle": self.settle, "fail_settling": self.fail_settling}
        try:
            if button in deeds:
                deeds[button](name)
            elif button in page.BUTTONS.values():
                (self.confirm_setup if name.startswith("seti_") else self.pay)(name, button)
        except StripeError:
            return  # pressed twice, or on an old page: the page shown next tells how things stand


def _problem(error: StripeError, headers: Mapping[str, str]) -> Answer:
    return as_json({"error": error.fields}, status=error.status, headers=headers)
