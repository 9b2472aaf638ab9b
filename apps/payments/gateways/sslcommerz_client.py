"""The five questions SSLCommerz answers, each as one call, and its answers as plain values.

It answers 200 whatever happens, so that every answer is read before it is believed. The store's password travels in
the form or the address of every call: nothing of a call may be told by an error or a log.
"""

import dataclasses
import datetime as dt
import json
import logging
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import urlsplit

from django.conf import settings

from apps.payments.gateways.base import GatewayError
from core.http_client import FetchFailed, call, port_of

SANDBOX = "https://sandbox.sslcommerz.com"
LIVE = "https://securepay.sslcommerz.com"
SESSION_PATH = "/gwprocess/v4/api.php"
VALIDATION_PATH = "/validator/api/validationserverAPI.php"
TRANSACTION_PATH = "/validator/api/merchantTransIDvalidationAPI.php"
HOME_CURRENCY = "BDT"
MAX_ANSWER_BYTES = 512 * 1024
logger = logging.getLogger("shop.payments")
_AMOUNT = re.compile(r"[0-9]{1,11}(\.[0-9]{1,4})?\Z", re.ASCII)
_NAME = re.compile(r"[!-~]{1,100}\Z", re.ASCII)
_DHAKA = "+0600"  # its times are those of Dhaka, which has no summer time


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A page on which one attempt can be paid; `key` is what to ask about it by."""

    key: str
    page_url: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """A sum as the provider writes it: what was asked for, and what that is in taka. Parts of it may be missing."""

    amount: Decimal | None
    currency: str
    charged_amount: Decimal | None
    charged_currency: str

    def compared_with(self, currency: str) -> tuple[Decimal | None, str]:
        """Return the amount and currency to compare with a payment in `currency`."""
        is_home = currency == HOME_CURRENCY and self.charged_currency == HOME_CURRENCY
        if self.charged_currency and not is_home:
            return self.charged_amount, self.charged_currency
        return self.amount, self.currency or HOME_CURRENCY


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One try to pay. Of one that brought no money anything but the status may be empty."""

    status: str
    tran_id: str
    val_id: str
    bank_tran_id: str
    price: Price
    is_risky: bool
    method: str
    occurred_at: dt.datetime | None

    @property
    def is_paid(self) -> bool:
        return self.status in {"VALID", "VALIDATED"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RefundAnswer:
    """`status`: success, processing, failed when it is asked for; refunded, processing, cancelled later."""

    status: str
    reference: str
    problem: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A store's account at SSLCommerz. Every call raises GatewayError, and never for good: nobody knows what became of
    a call that failed, and an account that is refused today may be put right tomorrow. Only a session that the provider
    declined to open is over for good."""

    store_id: str
    password: str
    base_url: str
    timeout_seconds: float

    def open_session(self, fields: Mapping[str, str]) -> Session:
        """Return a page to pay on. Raises GatewayError (session_refused, for good) if it declines."""
        answer = self._ask("POST", SESSION_PATH, fields)
        if _text(answer, "status").upper() == "FAILED":
            reason = _text(answer, "failedreason").replace(self.password, "…")[:200]
            logger.error("payment session refused", extra={"provider": "sslcommerz", "reason": reason})
            raise GatewayError("session_refused", permanent=True)
        session = Session(key=_text(answer, "sessionkey"), page_url=_text(answer, "GatewayPageURL"))
        if _text(answer, "status").upper() != "SUCCESS" or not _NAME.match(session.key):
            raise malformed()
        if not self._is_page(session.page_url):
            raise malformed()
        return session

    def validate(self, val_id: str) -> Transaction:
        """Return the try of that name. `status` INVALID_TRANSACTION: there is none."""
        return _read_transaction(self._ask_validator(VALIDATION_PATH, {"val_id": val_id}))

    def find_by_session(self, key: str) -> list[Transaction]:
        """Return the latest try of a session, none if the provider has forgotten the session."""
        answer = self._ask("GET", TRANSACTION_PATH, {"sessionkey": key, "v": "1", "format": "json"})
        if _text(answer, "APIConnect").upper() == "INVALID_REQUEST":
            return []
        return [_read_transaction(_done(answer))]

    def find_by_tran_id(self, tran_id: str) -> list[Transaction]:
        """Return all tries of an attempt, none if nobody has tried."""
        answer = self._ask_validator(TRANSACTION_PATH, {"tran_id": tran_id})
        elements = answer.get("element") or []
        if not isinstance(elements, list) or not all(isinstance(element, dict) for element in elements):
            raise malformed()
        if len(elements) != int(_number(answer, "no_of_trans_found") or 0):
            raise malformed()
        return [_read_transaction(element) for element in elements]

    def ask_refund(self, *, bank_tran_id: str, refund_trans_id: str, amount: str, remarks: str) -> RefundAnswer:
        """Ask for money to be sent back. The same `refund_trans_id` is the same refund."""
        fields = {
            "bank_tran_id": bank_tran_id,
            "refund_trans_id": refund_trans_id,
            "refund_amount": amount,
            "refund_remarks": remarks,
        }
        return _read_refund(self._ask_validator(TRANSACTION_PATH, fields))

    def read_refund(self, reference: str) -> RefundAnswer:
        """Return how far a refund is."""
        return _read_refund(self._ask_validator(TRANSACTION_PATH, {"refund_ref_id": reference}))

    def _ask_validator(self, path: str, fields: Mapping[str, str]) -> dict[str, Any]:
        return _done(self._ask("GET", path, {**fields, "v": "1", "format": "json"}))

    def _ask(self, method: Literal["GET", "POST"], path: str, fields: Mapping[str, str]) -> dict[str, Any]:
        sent = {"store_id": self.store_id, "store_passwd": self.password, **fields}
        try:
            answer = call(
                method,
                self.base_url + path,
                query=sent if method == "GET" else None,
                form=sent if method == "POST" else None,
                max_bytes=MAX_ANSWER_BYTES,
                timeout_seconds=self.timeout_seconds,
                allowed_networks=settings.PAYMENT_ALLOWED_NETWORKS,
                allowed_ports={port_of(self.base_url)},
            )
        except FetchFailed as error:
            raise GatewayError("provider_unreachable", permanent=False) from error
        return _parse(answer.body)

    def _is_page(self, url: str) -> bool:
        """A payer is sent there: over TLS, unless the whole API is a stand-in without it."""
        allowed = {"https", urlsplit(self.base_url).scheme}
        try:
            parsed = urlsplit(url)
        except ValueError:
            return False
        return parsed.scheme in allowed and bool(parsed.netloc) and url.isprintable() and len(url) <= 1000


def configured_client() -> Client:
    """Return the client of the store in the settings. Raises GatewayError without one, as for one that is away."""
    if not (settings.SSLCOMMERZ_STORE_ID and settings.SSLCOMMERZ_STORE_PASSWORD):
        raise GatewayError("provider_not_configured", permanent=False)
    host = SANDBOX if settings.SSLCOMMERZ_SANDBOX else LIVE
    return Client(
        store_id=settings.SSLCOMMERZ_STORE_ID,
        password=settings.SSLCOMMERZ_STORE_PASSWORD,
        base_url=(settings.SSLCOMMERZ_API_URL or host).rstrip("/"),
        timeout_seconds=settings.SSLCOMMERZ_TIMEOUT_SECONDS,
    )


def read_price(answer: Mapping[str, Any]) -> Price:
    """Return the sum in an answer or a notice."""
    return Price(
        amount=_number(answer, "amount"),
        currency=_text(answer, "currency").upper(),
        charged_amount=_number(answer, "currency_amount"),
        charged_currency=_text(answer, "currency_type").upper(),
    )


def malformed() -> GatewayError:
    """Return the error of an answer that is not what it should be: it may be better next time."""
    return GatewayError("provider_answer_malformed", permanent=False)


def _parse(body: bytes) -> dict[str, Any]:
    """Return the JSON object. Numbers stay the text they are: an amount must not pass through a float."""
    try:
        answer = json.loads(body, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise malformed()
    return answer


def _done(answer: dict[str, Any]) -> dict[str, Any]:
    if _text(answer, "APIConnect").upper() != "DONE":
        raise GatewayError("provider_refused_the_store", permanent=False)
    return answer


def _text(answer: Mapping[str, Any], name: str) -> str:
    """Return a member as text, "" if it is missing, null or no text."""
    value = answer.get(name)
    return value.strip() if isinstance(value, str) else ""


def _number(answer: Mapping[str, Any], name: str) -> Decimal | None:
    text = _text(answer, name)
    return Decimal(text) if _AMOUNT.match(text) else None


def _read_transaction(answer: Mapping[str, Any]) -> Transaction:
    status = _text(answer, "status").upper()
    if not status:
        raise malformed()
    return Transaction(
        status=status,
        tran_id=_text(answer, "tran_id"),
        val_id=_name(answer, "val_id"),
        bank_tran_id=_name(answer, "bank_tran_id"),
        price=read_price(answer),
        is_risky=_text(answer, "risk_level") == "1",
        method=_text(answer, "card_type")[:100],
        occurred_at=_time(_text(answer, "tran_date")),
    )


def _read_refund(answer: Mapping[str, Any]) -> RefundAnswer:
    status = _text(answer, "status").lower()
    if not status:
        raise malformed()
    return RefundAnswer(
        status=status, reference=_name(answer, "refund_ref_id"), problem=_text(answer, "errorReason")[:200]
    )


def _name(answer: Mapping[str, Any], member: str) -> str:
    text = _text(answer, member)
    return text if _NAME.match(text) else ""


def _time(text: str) -> dt.datetime | None:
    try:
        return dt.datetime.strptime(f"{text} {_DHAKA}", "%Y-%m-%d %H:%M:%S %z")
    except ValueError:
        return None
