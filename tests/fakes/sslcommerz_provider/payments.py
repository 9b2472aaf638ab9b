"""What the provider knows: sessions, how each went, refunds, and the movements of money."""

import dataclasses
import datetime as dt
import secrets
import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from tests.fakes.sslcommerz_provider.session_rules import RATES, in_bdt

DHAKA = dt.timezone(dt.timedelta(hours=6))
FEE = Decimal("0.025")
PAID = ("VALID", "VALIDATED")


class Refused(Exception):
    """The payer cannot do this now."""


@dataclasses.dataclass(kw_only=True)
class Session:
    """One try to pay. The same tran_id may have several; each can be paid, so nothing here hides a double charge."""

    key: str
    form: Mapping[str, str]
    created_at: str
    status: str = "PENDING"
    val_id: str = ""
    bank_tran_id: str = ""
    tran_date: str = ""
    error: str = ""
    risk_level: int = 0

    @property
    def tran_id(self) -> str:
        return self.form["tran_id"]

    @property
    def is_paid(self) -> bool:
        return self.status in PAID

    @property
    def charged(self) -> Decimal:
        """The amount in the currency charged."""
        return Decimal(self.form["total_amount"]).quantize(Decimal("0.01"))

    @property
    def settled(self) -> Decimal:
        """The amount in BDT."""
        return in_bdt(self.form["total_amount"], self.form["currency"])

    def money(self) -> dict[str, str]:
        """Return the members that tell of money."""
        currency = self.form["currency"]
        return {
            "amount": f"{self.settled:.2f}",
            "store_amount": f"{self.settled * (1 - FEE):.2f}" if self.is_paid else "",
            "currency": "BDT",
            "currency_type": currency,
            "currency_amount": f"{self.charged:.2f}",
            "currency_rate": f"{RATES[currency]:.4f}",
            "base_fair": "0.00",
        }

    def echoed(self) -> dict[str, str]:
        """Return value_a to value_d as they came."""
        return {name: self.form.get(name, "") for name in ("value_a", "value_b", "value_c", "value_d")}

    def card(self) -> dict[str, str]:
        """Return the members that tell how it was paid."""
        return {
            "card_type": "VISA-Dutch Bangla" if self.bank_tran_id else "",
            "card_no": "418117XXXXXX6675" if self.bank_tran_id else "",
            "card_issuer": "TRUST BANK, LTD." if self.bank_tran_id else "",
            "card_brand": "VISA" if self.bank_tran_id else "",
            "card_sub_brand": "Classic" if self.bank_tran_id else "",
            "card_issuer_country": "Bangladesh" if self.bank_tran_id else "",
            "card_issuer_country_code": "BD" if self.bank_tran_id else "",
        }

    def risk(self) -> dict[str, str]:
        """Return the members that tell of the risk."""
        return {"risk_level": str(self.risk_level), "risk_title": "High" if self.risk_level else "Safe"}


@dataclasses.dataclass(kw_only=True)
class Refund:
    """Money on its way back. `status` is processing, refunded or cancelled. The amount is in BDT."""

    ref_id: str
    trans_id: str
    session: Session
    amount: Decimal
    remarks: str
    initiated_on: str
    status: str = "processing"
    refunded_on: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Movement:
    """`kind` is captured or refunded; `session` is the key; minor units of the currency charged."""

    kind: str
    session: str
    amount: int


class Payments:
    """All tables. Whoever reads or writes holds `lock`."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.sessions: dict[str, Session] = {}
        self.refunds: dict[str, Refund] = {}
        self.movements: list[Movement] = []
        self.lies: dict[str, dict[str, str]] = {}
        self.refunds_wait = False

    def stamp(self) -> str:
        """Return the time as the provider writes it, in Dhaka."""
        return dt.datetime.fromtimestamp(self.clock(), DHAKA).strftime("%Y-%m-%d %H:%M:%S")

    def name(self) -> str:
        """Return a new name as the provider makes them: the time, then chance."""
        return dt.datetime.fromtimestamp(self.clock(), DHAKA).strftime("%y%m%d%H%M%S") + secrets.token_hex(7)

    def open_session(self, form: Mapping[str, str]) -> Session:
        session = Session(key=secrets.token_hex(16).upper(), form=dict(form), created_at=self.stamp())
        self.sessions[session.key] = session
        return session

    def of_tran(self, tran_id: str) -> list[Session]:
        """Return the tries of a tran_id, oldest first."""
        return [session for session in self.sessions.values() if session.tran_id == tran_id]

    def pay(self, session: Session, *, risk_level: int) -> None:
        """Take the payer's money. Raises Refused when this try has ended."""
        self._end(session, "VALID")
        session.val_id, session.bank_tran_id, session.risk_level = self.name(), self.name(), risk_level
        self.movements.append(Movement("captured", session.key, int(session.charged * 100)))

    def fail(self, session: Session, status: str, error: str) -> None:
        """End a try without money. Raises Refused when it has ended already."""
        self._end(session, status)
        session.error = error
        if status == "FAILED":
            session.bank_tran_id = self.name()

    def _end(self, session: Session, status: str) -> None:
        if session.status != "PENDING":
            raise Refused(f"this try is {session.status}")
        session.status, session.tran_date = status, self.stamp()

    def left(self, session: Session) -> Decimal:
        """Return what of a payment can still go back, in BDT."""
        sent = sum(
            (each.amount for each in self.refunds.values() if each.session is session and each.status != "cancelled"),
            Decimal(0),
        )
        return session.settled - sent

    def open_refund(self, session: Session, *, trans_id: str, amount: Decimal, remarks: str) -> Refund:
        refund = Refund(
            ref_id=secrets.token_hex(10),
            trans_id=trans_id,
            session=session,
            amount=amount,
            remarks=remarks,
            initiated_on=self.stamp(),
        )
        self.refunds[refund.ref_id] = refund
        if not self.refunds_wait:
            self.finish(refund)
        return refund

    def finish(self, refund: Refund) -> None:
        """The money of a refund has arrived. Raises Refused when it is not under way."""
        self._expect_processing(refund)
        refund.status, refund.refunded_on = "refunded", self.stamp()
        rate = RATES[refund.session.form["currency"]]
        self.movements.append(Movement("refunded", refund.session.key, round(refund.amount * 100 / rate)))

    def cancel(self, refund: Refund) -> None:
        """A refund is given up: no money goes back. Raises Refused when it is not under way."""
        self._expect_processing(refund)
        refund.status = "cancelled"

    def _expect_processing(self, refund: Refund) -> None:
        if refund.status != "processing":
            raise Refused(f"this refund is {refund.status}")

    def ledger(self) -> dict[str, dict[str, Any]]:
        """Return what really happened, by attempt (value_a, else tran_id), in minor units of the currency charged."""
        accounts: dict[str, dict[str, Any]] = {}
        for movement in self.movements:
            session = self.sessions[movement.session]
            empty = {"captured": 0, "refunded": 0, "charges": 0, "currency": session.form["currency"]}
            account = accounts.setdefault(session.form.get("value_a") or session.tran_id, empty)
            account[movement.kind] += movement.amount
            account["charges"] += movement.kind == "captured"
        return accounts
