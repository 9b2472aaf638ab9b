"""SslcommerzFake: the server, the payer's side, its messages and its ledger."""

import hmac
import http.client
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from tests.fakes.http_server import Answer, Call, FakeServer, Request, as_json, as_page
from tests.fakes.mischief import Misbehaving, Mischief
from tests.fakes.posting import post
from tests.fakes.sslcommerz_provider import api, messages, page
from tests.fakes.sslcommerz_provider.payments import Payments, Refused, Session

PAGE = "/gwprocess/v4/gw/"
_RETURNS = {"VALID": "success_url", "VALIDATED": "success_url", "FAILED": "fail_url"}


class SslcommerzFake(Misbehaving):
    """A provider on a loopback port (0: any free one) from the moment it is made until `stop`.

    `ledger()` is the truth about money, whatever the API was made to say. Verbs that take a tran_id mean its newest
    try, unless `session` names another by its sessionkey. IPNs are sent when a test says so, or by themselves while
    `sends_ipns` is true.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        store_id: str = "teststore",
        store_password: str = "teststore@ssl",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.store_id, self.store_password = store_id, store_password
        self.sends_ipns = False
        self.payments = Payments(clock=clock)
        self._mischief = Mischief()
        self._server = FakeServer(self._handle, mischief=self._mischief, port=port)
        self.port, self.url = self._server.port, self._server.url

    def __enter__(self) -> "SslcommerzFake":
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the port."""
        self._server.stop()

    def hang_up(self) -> None:
        self._server.hang_up()

    # The payer's side

    def pay(self, tran_id: str, risk_level: int = 0, *, session: str = "") -> Session:
        """The payer pays. Raises Refused when the try has ended."""
        return self._end(tran_id, session, lambda each: self.payments.pay(each, risk_level=risk_level))

    def fail(self, tran_id: str, *, session: str = "") -> Session:
        """The payer's bank refuses."""
        return self._end(tran_id, session, lambda each: self.payments.fail(each, "FAILED", "Invalid Expiration Date"))

    def cancel(self, tran_id: str, *, session: str = "") -> Session:
        """The payer gives up."""
        return self._end(tran_id, session, lambda each: self.payments.fail(each, "CANCELLED", "Cancelled by User"))

    def expire(self, tran_id: str, *, session: str = "") -> Session:
        """The payer took too long."""
        return self._end(tran_id, session, lambda each: self.payments.fail(each, "EXPIRED", "Payment timed out"))

    def abandon(self, tran_id: str, *, session: str = "") -> Session:
        """The payer never chose how to pay."""
        return self._end(tran_id, session, lambda each: self.payments.fail(each, "UNATTEMPTED", "No channel chosen"))

    def _end(self, tran_id: str, session: str, change: Callable[[Session], None]) -> Session:
        with self.payments.lock:
            found = self.session_of(tran_id, session)
            change(found)
        if self.sends_ipns:
            self.deliver_ipn(tran_id, session=found.key)
        return found

    def session_of(self, tran_id: str, key: str = "") -> Session:
        """Return the newest try of a tran_id, or the one named. Raises Refused when there is none."""
        with self.payments.lock:
            found = [each for each in self.payments.of_tran(tran_id) if key in ("", each.key)]
        if not found:
            raise Refused(f"there is no session for {tran_id}")
        return found[-1]

    # Refunds

    def hold_refunds(self, waits: bool = True) -> None:
        """Let refunds stay "processing" from now on, until finished or cancelled."""
        self.payments.refunds_wait = waits

    def finish_refund(self, refund_ref_id: str) -> None:
        """The money of a refund has arrived."""
        with self.payments.lock:
            self.payments.finish(self.payments.refunds[refund_ref_id])

    def cancel_refund(self, refund_ref_id: str) -> None:
        """A refund is given up: no money goes back."""
        with self.payments.lock:
            self.payments.cancel(self.payments.refunds[refund_ref_id])

    def refund_at_dashboard(self, tran_id: str, amount: str) -> str:
        """Somebody refunds (BDT) without the shop. Returns its refund_ref_id; the API has no way to hear of it."""
        with self.payments.lock:
            session = self.session_of(tran_id)
            value = Decimal(amount)
            if not session.is_paid or value > self.payments.left(session):
                raise Refused("there is not so much to refund")
            made = self.payments.open_refund(session, trans_id=self.payments.name(), amount=value, remarks="dashboard")
            return made.ref_id

    # Messages

    def ipn_fields(
        self, tran_id: str, *, signed: bool = True, session: str = "", **overrides: str | None
    ) -> dict[str, str]:
        """Return the fields of an IPN; see `ipn`."""
        with self.payments.lock:
            return messages.compose(
                self.session_of(tran_id, session),
                store_id=self.store_id,
                password=self.store_password,
                overrides=overrides,
                is_signed=signed,
            )

    def ipn(
        self, tran_id: str, *, signed: bool = True, session: str = "", **overrides: str | None
    ) -> tuple[bytes, dict[str, str]]:
        """Return body and headers of an IPN.

        Overrides replace fields (None leaves one out) and are signed, as if the provider said so; with `signed=False`
        the signatures are those of the honest message, so that the change is tampering.
        """
        fields = self.ipn_fields(tran_id, signed=signed, session=session, **overrides)
        return messages.encode(fields), dict(messages.FORM)

    def deliver_ipn(self, tran_id: str, url: str | None = None, *, session: str = "") -> int:
        """Send an IPN to `url` or the session's ipn_url. Returns the status; 0: no answer, or nowhere to send it."""
        target = url or self.session_of(tran_id, session).form.get("ipn_url", "")
        if not target:
            return 0
        try:
            return post(target, *self.ipn(tran_id, session=session))
        except (OSError, http.client.HTTPException):
            return 0

    def browser_return(self, tran_id: str, *, session: str = "") -> tuple[str, dict[str, str]]:
        """Return where the payer's browser goes now, and the form it posts there."""
        found = self.session_of(tran_id, session)
        url = found.form[_RETURNS.get(found.status, "cancel_url")]
        return url, self.ipn_fields(tran_id, session=found.key)

    # What tests look at

    def ledger(self) -> dict[str, dict[str, Any]]:
        """Return {value_a or tran_id: captured, refunded (minor units), charges, currency}: what happened."""
        with self.payments.lock:
            return self.payments.ledger()

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

    # More misbehaviour

    def lie_about(self, tran_id: str, **told: str) -> None:
        """Answer validations and queries of a tran_id with these members from now on; the ledger stays true."""
        with self.payments.lock:
            self.payments.lies[tran_id] = dict(told)

    # Answering

    def _handle(self, request: Request) -> Answer:
        if request.path.startswith(PAGE):
            return self._page(request)
        self._mischief.wait_before_work(request.method, request.path)
        broken = self._mischief.take_broken(request.method, request.path)
        if broken and not broken.works:
            return as_page("the fake is broken", status=broken.status)
        with self.payments.lock:
            answer = self._run(request, dict(request.pairs))
        return as_page("the fake is broken", status=broken.status) if broken else answer

    def _run(self, request: Request, form: Mapping[str, str]) -> Answer:
        is_known = self._knows(form)
        if (request.method, request.path) == ("POST", api.SESSION):
            given = {name: value for name, value in form.items() if name not in ("store_id", "store_passwd")}
            return as_json(api.start(self.payments, given, is_known=is_known, page_url=self._page_url))
        ask = {api.VALIDATION: api.validate, api.MERCHANT: api.ask_merchant}.get(request.path)
        if request.method != "GET" or ask is None:
            return as_page("not found", status=404)
        return as_json(ask(self.payments, form) if is_known else {"APIConnect": "FAILED", "status": "FAILED"})

    def _knows(self, form: Mapping[str, str]) -> bool:
        given = f"{form.get('store_id', '')}\n{form.get('store_passwd', '')}".encode()
        return hmac.compare_digest(given, f"{self.store_id}\n{self.store_password}".encode())

    def _page_url(self, key: str) -> str:
        return f"{self.url}{PAGE}{key}"

    def _page(self, request: Request) -> Answer:
        session = self.payments.sessions.get(request.path.removeprefix(PAGE))
        if session is None:
            return as_page("no such session", status=404)
        button = dict(request.pairs).get("do", "") if request.method == "POST" else ""
        if button not in page.BUTTONS.values() or session.status != "PENDING":
            return page.show(session)
        self._press(session, button)
        return page.send_back(*self.browser_return(session.tran_id, session=session.key))

    def _press(self, session: Session, button: str) -> None:
        """Do as the payer says, and tell the shop before the browser gets there, as the real page mostly does."""
        name, key = session.tran_id, session.key
        if button in ("pay", "risky"):
            self.pay(name, int(button == "risky"), session=key)
        else:
            (self.fail if button == "fail" else self.cancel)(name, session=key)
        if not self.sends_ipns:
            self.deliver_ipn(name, session=key)
