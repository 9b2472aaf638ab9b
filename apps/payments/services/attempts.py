"""One attempt to pay: its row, its start at the provider, its end before money came.

Calls to the provider stand between transactions, never inside one; their keys come from the attempt's id, so that a
call repeated after a crash has one effect.
"""

import dataclasses
import datetime as dt

from apps.orders.models import Order
from apps.payments.errors import ProviderRefused, ProviderUnavailable
from apps.payments.gateways.base import (
    Attempt,
    Buyer,
    CancelRequest,
    Fact,
    FetchRequest,
    GatewayError,
    StartRequest,
    StartResult,
)
from apps.payments.gateways.registry import find_gateway, gateway_of
from apps.payments.models import Payment
from apps.payments.selectors import UNHEARD_AFTER, customer_reference, open_refunds
from apps.payments.services.settlement import apply_facts, apply_start
from apps.payments.states import EntryKind


def open_attempt(
    *, order: Order, provider: str, now: dt.datetime, payment_method_id: str = "", request_key: str = ""
) -> Payment:
    """An attempt to pay the whole order is on record, not yet known to the provider. Returns it. One statement.

    If nothing is heard of it, the provider is asked. The caller holds the order's lock. Raises IntegrityError when the
    order has an open attempt.
    """
    attempt = Payment(
        order=order,
        provider=provider,
        amount=order.total_amount,
        currency=order.currency,
        payment_method_id=payment_method_id,
        request_key=request_key,
        next_inquiry_at=now + UNHEARD_AFTER,
    )
    attempt.save(force_insert=True)
    return attempt


def begin_attempt(*, payment: Payment, now: dt.datetime) -> Payment:
    """The provider knows the attempt and its first answer is in the ledger. Returns the payment anew.

    A refusal for good is a failed payment. Raises ProviderUnavailable when nobody knows what became of it: the
    attempt stays open and is begun again, with the same key, by the next request or the periodic inquiry.
    """
    attempt = dataclasses.replace(describe(payment), customer_reference=_customer_reference(payment))
    request = StartRequest(attempt=attempt, buyer=_buyer_of(payment.order), now=now)
    try:
        started = gateway_of(payment.provider).start(request)
    except GatewayError as error:
        if not error.permanent:
            raise ProviderUnavailable from error
        started = StartResult(transaction_id="", facts=(_refusal(payment, error, now),))
    return apply_start(payment=payment, started=started, now=now)


def give_up_attempt(*, payment: Payment, now: dt.datetime) -> Payment:
    """The provider will not collect for this attempt any more. Returns the payment anew.

    Raises ProviderRefused when it is too late for that (the money is here or on its way), ProviderUnavailable when
    nobody knows.
    """
    try:
        facts = gateway_of(payment.provider).cancel(CancelRequest(attempt=describe(payment), now=now))
    except GatewayError as error:
        raise failure_of(error) from error
    return apply_facts(payment=payment, facts=facts, now=now)


def describe(payment: Payment) -> Attempt:
    """Return the attempt as gateways know it. The payment's order is loaded. No statement."""
    return Attempt(
        id=payment.pk,
        amount=payment.amount,
        currency=payment.currency,
        order_id=payment.order_id,
        order_number=payment.order.order_number,
        payment_method_id=payment.payment_method_id,
        transaction_id=payment.transaction_id,
        session_reference=payment.session_reference,
    )


def question_about(*, payment: Payment, now: dt.datetime, hint: str = "", by_clock: bool = False) -> FetchRequest:
    """Return the question what has become of the attempt and of its refunds under way. As `describe`, and one
    statement more if money came."""
    refunds = open_refunds(payment.pk) if payment.captured_amount else []
    return FetchRequest(
        attempt=describe(payment),
        now=now,
        hint=hint,
        by_clock=by_clock,
        open_refunds={refund_id: reference for refund_id, reference, _ in refunds},
        refund_amounts={refund_id: amount for refund_id, _, amount in refunds},
    )


def failure_of(error: GatewayError) -> ProviderRefused | ProviderUnavailable:
    """Return what a gateway's failure means to a caller."""
    return ProviderRefused(provider_code=error.code) if error.permanent else ProviderUnavailable()


def _customer_reference(payment: Payment) -> str:
    """Return what the provider calls the payer. One statement if the provider keeps customers, the payer has an account
    and it was not read with the order."""
    if payment.customer_reference is not None:
        return payment.customer_reference
    user_id, gateway = payment.order.user_id, find_gateway(payment.provider)
    if user_id is None or gateway is None or not gateway.keeps_customers:
        return ""
    return customer_reference(user_id=user_id, provider=payment.provider)


def _buyer_of(order: Order) -> Buyer:
    return Buyer(email=order.email, language=order.language, address=order.billing_address or order.shipping_address)


def _refusal(payment: Payment, error: GatewayError, now: dt.datetime) -> Fact:
    return Fact(
        kind=EntryKind.FAILED,
        amount=payment.amount,
        currency=payment.currency,
        reference=f"refused_{payment.pk.hex}",
        occurred_at=now,
        detail={"code": error.code},
    )
