"""Paying an order: one open attempt, recorded before the provider hears of it."""

import dataclasses
import datetime as dt
import uuid

from django.db import IntegrityError

from apps.orders.models import Order
from apps.orders.selectors import OrderPrincipal
from apps.orders.states import CLOSED, OrderStatus, PaymentMethod, PaymentStatus
from apps.payments.errors import (
    OrderNotPayable,
    PaymentInProgress,
    PaymentMethodNotFound,
    ProviderNotOffered,
    ProviderRefused,
)
from apps.payments.gateways.registry import gateway_of, offered_providers
from apps.payments.locks import lock_order_to_pay
from apps.payments.models import Payment
from apps.payments.services.attempts import begin_attempt, give_up_attempt, open_attempt
from apps.payments.states import PaymentState
from core.errors import FieldError
from core.transactions import atomic

_UNPAID = frozenset({PaymentStatus.PENDING, PaymentStatus.FAILED})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PayCommand:
    """Who pays which order, by which provider, with which of the provider's payment methods ("" = its default).

    `request_key` names the request ("" = it has no name): the same one again is the same payment, paid or not.
    """

    principal: OrderPrincipal
    order_id: uuid.UUID
    provider: str
    payment_method_id: str = ""
    request_key: str = ""


def start_payment(*, command: PayCommand, now: dt.datetime) -> Payment:
    """The order has an open attempt at this provider, or one that has just ended. Returns it.

    A repeat returns the open attempt (and goes on with it if the provider never answered). An open attempt at another
    provider, or with another payment method than the one asked for, is given up first. Locks the order, twice, never
    while the provider is called.
    Raises OrderNotFound, PaymentMethodNotFound (somebody else has saved it), ProviderNotOffered, OrderNotPayable,
    PaymentInProgress (the other attempt's money may be on its way) and ProviderUnavailable (try again; nothing is
    charged twice).
    """
    _require_offered(command.provider)
    attempt = _find_or_open(command, now)
    if _is_another(attempt, command):
        _make_way(attempt, now)
        attempt = _find_or_open(command, now)
    if _is_another(attempt, command):
        raise PaymentInProgress(payment_id=str(attempt.pk))
    return begin_attempt(payment=attempt, now=now) if _lacks_an_answer(attempt) else attempt


def _require_offered(provider: str) -> None:
    if provider not in offered_providers():
        detail = f"One of {', '.join(offered_providers())} is expected."
        raise ProviderNotOffered(errors=(FieldError("provider", "provider_not_offered", detail),))


def _is_another(attempt: Payment, command: PayCommand) -> bool:
    """True when the order's open attempt is not what is asked for. Without a method, any of the provider will do."""
    other_method = bool(command.payment_method_id) and attempt.payment_method_id != command.payment_method_id
    return attempt.provider != command.provider or other_method


def _lacks_an_answer(attempt: Payment) -> bool:
    """True when the start of this attempt was never answered: nothing is known of it, or only by a message that could
    not tell the payer how to go on."""
    is_stuck = attempt.state == PaymentState.REQUIRES_ACTION and not (attempt.client_secret or attempt.redirect_url)
    return not attempt.is_started or is_stuck


def _find_or_open(command: PayCommand, now: dt.datetime) -> Payment:
    """Return the request's own attempt, else the order's open one, else a new one (two statements)."""
    try:
        return _find_or_open_once(command, now)
    except IntegrityError:
        # Another request opened one while we waited for the lock: now it is there to be read.
        return _find_or_open_once(command, now)


def _find_or_open_once(command: PayCommand, now: dt.datetime) -> Payment:
    with atomic():
        locked = lock_order_to_pay(
            principal=command.principal,
            order_id=command.order_id,
            provider=command.provider,
            payment_method_id=command.payment_method_id,
            request_key=command.request_key,
        )
        if locked.is_foreign_method:
            raise PaymentMethodNotFound
        if locked.own_payment_id is None:
            _require_payable(locked.order, command.provider, now)
        known = locked.own_payment_id or locked.open_payment_id
        if known is not None:
            return Payment.objects.select_related("order").get(pk=known)
        attempt = open_attempt(
            order=locked.order,
            provider=command.provider,
            now=now,
            payment_method_id=command.payment_method_id,
            request_key=command.request_key,
        )
        attempt.customer_reference = locked.customer_reference
        return attempt


def _require_payable(order: Order, provider: str, now: dt.datetime) -> None:
    if order.payment_status not in _UNPAID or order.status in CLOSED:
        raise _refusal(order, f"The order is {order.status} and its payment {order.payment_status}.")
    if order.status == OrderStatus.PENDING and order.expires_at is not None and order.expires_at <= now:
        raise _refusal(order, "The time to pay this order is over.")
    if gateway_of(provider).settles_by_hand and order.payment_method != PaymentMethod.COD:
        raise _refusal(order, "Cash on delivery was not chosen at checkout.")


def _refusal(order: Order, detail: str) -> OrderNotPayable:
    return OrderNotPayable(detail, order_status=order.status, payment_status=order.payment_status)


def _make_way(attempt: Payment, now: dt.datetime) -> None:
    try:
        give_up_attempt(payment=attempt, now=now)
    except ProviderRefused as error:
        raise PaymentInProgress(payment_id=str(attempt.pk)) from error
