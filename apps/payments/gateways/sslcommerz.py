"""SSLCommerz: a page of theirs to pay on, a notice that proves little, and an API that is asked what is true.

It has no idempotency keys, no way to cancel and no webhooks about refunds. So an attempt and a refund are named by the
shop, the same each time; whatever comes, from whomever, ends in a question; and an attempt that was given up can still
be paid, which the shop finds out by asking.
"""

import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Mapping
from decimal import ROUND_DOWN, Decimal
from typing import ClassVar
from urllib.parse import parse_qsl, urlencode

import orjson
from django.conf import settings

from apps.payments.gateways.base import (
    CancelRequest,
    CaptureRequest,
    Fact,
    FetchRequest,
    GatewayError,
    RefundRequest,
    RefundResult,
    StartRequest,
    StartResult,
    WebhookMessage,
)
from apps.payments.gateways.sslcommerz_client import HOME_CURRENCY, Client, Transaction, configured_client, malformed
from apps.payments.gateways.sslcommerz_facts import end_of, facts_of_tries, refund_facts, started_fact, validated_fact
from apps.payments.gateways.sslcommerz_names import id_of, name_of
from apps.payments.gateways.sslcommerz_session import session_fields, written
from apps.payments.gateways.sslcommerz_signature import read_form, signed_fields, verify
from apps.payments.states import EntryKind
from core.money import quantum

OTHER_STORE = "a message about another store"
_HINTED = ("val_id", "amount", "currency", "currency_amount", "currency_type")
_NAME = re.compile(r"[!-~]{1,60}\Z", re.ASCII)
_STATUS = re.compile(r"[A-Z_]{1,30}\Z", re.ASCII)


class SslcommerzGateway:
    """Keeps no state; settings.SSLCOMMERZ_* say which store is ours."""

    name: ClassVar[str] = "sslcommerz"
    sends_webhooks: ClassVar[bool] = True
    signature_header: ClassVar[str] = ""  # the signature is in the form
    settles_by_hand: ClassVar[bool] = False
    inquiry_seconds: ClassVar[int | None] = 30
    cancel_is_final: ClassVar[bool] = False
    keeps_customers: ClassVar[bool] = False

    def start(self, request: StartRequest) -> StartResult:
        """Open a page for the payer. Told again, it opens another one for the same `tran_id`."""
        session = configured_client().open_session(session_fields(request))
        return StartResult(
            transaction_id=name_of(request.attempt.id),
            redirect_url=session.page_url,
            session_reference=session.key,
            facts=(started_fact(request.attempt, request.now),),
        )

    def capture(self, request: CaptureRequest) -> tuple[Fact, ...]:
        """Return the capture, which the payer makes. Raises GatewayError when there is none."""
        facts = self.fetch(FetchRequest(attempt=request.attempt, now=request.now))
        if not any(fact.kind == EntryKind.CAPTURED for fact in facts):
            raise GatewayError("nothing_to_capture", permanent=True)
        return facts

    def cancel(self, request: CancelRequest) -> tuple[Fact, ...]:
        """Give up an attempt that nobody has paid. There is nothing to tell the provider: its page stays open.

        Raises GatewayError (cannot_cancel) when the money is here.
        """
        facts = self.fetch(FetchRequest(attempt=request.attempt, now=request.now))
        if any(fact.kind == EntryKind.CAPTURED for fact in facts):
            raise GatewayError("cannot_cancel", permanent=True)
        return (end_of(request.attempt, EntryKind.CANCELLED, request.now, code="given_up"),)

    def refund(self, request: RefundRequest) -> RefundResult:
        """Ask for the money to be sent back; a bank takes its time, and fetch() tells when it has.

        Raises GatewayError (refund_refused) for good only if the provider names no refund at all.
        """
        client = configured_client()
        answer = client.ask_refund(
            bank_tran_id=request.capture_reference,
            refund_trans_id=name_of(request.refund_id),
            amount=written(_in_taka(request, client), HOME_CURRENCY),
            remarks=" ".join(request.reason.split())[:200] or "refund",
        )
        if not answer.reference:
            is_refused = answer.status == "failed"
            raise GatewayError("refund_refused" if is_refused else "provider_answer_malformed", permanent=is_refused)
        asked = FetchRequest(
            attempt=request.attempt,
            now=request.now,
            open_refunds={request.refund_id: answer.reference},
            refund_amounts={request.refund_id: request.amount},
        )
        return RefundResult(reference=answer.reference, facts=_refunds_or_nothing(asked))

    def read_webhook(self, *, body: bytes, headers: Mapping[str, str], now: dt.datetime) -> WebhookMessage:
        """Return what a notice signed with the store's password points at. Raises GatewayError."""
        verify(read_form(body), store_password=settings.SSLCOMMERZ_STORE_PASSWORD)
        return self.reread_webhook(body=body, now=now)

    def reread_webhook(self, *, body: bytes, now: dt.datetime) -> WebhookMessage:
        """Return what a stored notice points at: it says that there is news, and the provider says which."""
        fields = read_form(body)
        signed = signed_fields(fields)
        tran_id, status, val_id = fields["tran_id"], fields["status"], fields.get("val_id", "")
        if not (_NAME.match(tran_id) and _STATUS.match(status) and (not val_id or _NAME.match(val_id))):
            raise GatewayError("malformed", permanent=True)
        is_success = status in {"VALID", "VALIDATED"} and val_id
        return WebhookMessage(
            event_id=f"{tran_id}:{status}:{val_id}",
            transaction_id=tran_id,
            attempt_id=id_of(tran_id),
            facts=None,
            hint=urlencode({name: fields.get(name, "") for name in _HINTED}, errors="replace") if is_success else "",
            digest=hashlib.sha256(orjson.dumps(_plain(signed), option=orjson.OPT_SORT_KEYS)).hexdigest(),
            refusal="" if fields["store_id"] == settings.SSLCOMMERZ_STORE_ID else OTHER_STORE,
        )

    def fetch(self, request: FetchRequest) -> tuple[Fact, ...]:
        """Ask what has become of the attempt and of its refunds under way.

        With a hint the try it names is validated, otherwise all tries are looked at. Raises GatewayError.
        """
        payment = _validate(request) if request.hint else _look_up(request)
        return (*payment, *_ask_about_refunds(request))

    def missed_messages(self, *, since: dt.datetime, now: dt.datetime) -> Iterable[tuple[WebhookMessage, bytes]]:
        """Return nothing: it keeps no list of its notices."""
        return ()


def _validate(request: FetchRequest) -> tuple[Fact, ...]:
    told = dict(parse_qsl(request.hint, keep_blank_values=True))
    transaction = configured_client().validate(told.get("val_id", request.hint))
    return (validated_fact(transaction, request, told),)


def _look_up(request: FetchRequest) -> tuple[Fact, ...]:
    """A session without any try is not found by `tran_id`, but may have expired: the session itself is asked."""
    client, key = configured_client(), request.attempt.session_reference
    tries = client.find_by_tran_id(name_of(request.attempt.id))
    if not tries and key:
        tries = client.find_by_session(key)
    whole = [client.validate(found.val_id) if _lacks_price(found, request) else found for found in tries]
    return facts_of_tries(whole, request)


def _lacks_price(found: Transaction, request: FetchRequest) -> bool:
    """A list of tries may leave out what was charged in a foreign currency; the try itself tells it."""
    is_foreign = request.attempt.currency != HOME_CURRENCY
    return is_foreign and found.is_paid and bool(found.val_id) and not found.price.charged_currency


def _in_taka(request: RefundRequest, client: Client) -> Decimal:
    """Return what goes back in the currency the money lies in: as much of the payment as is asked for.

    Rounded down, since portions that were rounded up could come to more than was paid.
    """
    if request.attempt.currency == HOME_CURRENCY:
        return request.amount
    for found in client.find_by_tran_id(name_of(request.attempt.id)):
        if found.bank_tran_id == request.capture_reference and found.price.amount is not None:
            share = found.price.amount * request.amount / request.attempt.amount
            return share.quantize(quantum(HOME_CURRENCY), rounding=ROUND_DOWN)
    raise malformed()


def _ask_about_refunds(request: FetchRequest) -> tuple[Fact, ...]:
    """The state of a refund comes without its amount: it is the one that was asked for."""
    facts: list[Fact] = []
    for refund_id, reference in request.open_refunds.items():
        if reference and refund_id in request.refund_amounts:
            facts.extend(refund_facts(configured_client().read_refund(reference), request, refund_id))
    return tuple(facts)


def _refunds_or_nothing(request: FetchRequest) -> tuple[Fact, ...]:
    """The refund is on its way, whether or not its state can be read at this moment."""
    try:
        return _ask_about_refunds(request)
    except GatewayError:
        return ()


def _plain(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: value.encode(errors="surrogateescape").hex() for name, value in fields.items()}
