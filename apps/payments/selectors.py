"""Reads of payments. `access_payment` and `access_payment_method` are the only doors for an id that a client sent."""

import dataclasses
import datetime as dt
import uuid
from collections.abc import Iterable, Iterator
from decimal import Decimal
from operator import attrgetter

from django.db.models import Exists, F, OuterRef, QuerySet

from apps.accounts.models import User
from apps.orders.models import Order
from apps.orders.selectors import OrderPrincipal, owned_orders, sees_own_lines_only
from apps.payments.errors import PaymentMethodNotFound, PaymentNotFound
from apps.payments.folding import Line, Part
from apps.payments.models import (
    Payment,
    PaymentMethod,
    PaymentQuerySet,
    ProviderCustomer,
    Refund,
    RefundLine,
    WebhookEvent,
)
from apps.payments.states import EntryKind, RefundState

_line_of = attrgetter("line_kind", "line_amount", "line_reference", "line_occurred_at")
UNHEARD_AFTER = dt.timedelta(seconds=30)  # a call to a provider that has not ended by then has died


@dataclasses.dataclass(frozen=True, slots=True)
class OrderAccount:
    """All payments of one order with the lines of their ledgers. Changes only under the order's lock."""

    payments: dict[uuid.UUID, Payment]
    lines: dict[uuid.UUID, list[Line]]

    @classmethod
    def untouched(cls, payment: Payment) -> "OrderAccount":
        """The account of an order with this one payment, of which nothing has been heard."""
        return cls(payments={payment.pk: payment}, lines={payment.pk: []})

    def parts(self) -> Iterable[Part]:
        """Return what the order's sums need."""
        return [
            Part(status=payment.state, captured=payment.captured_amount, returned=payment.returned_amount)
            for payment in self.payments.values()
        ]


def access_payment(*, principal: OrderPrincipal, payment_id: uuid.UUID) -> Payment:
    """Return the payment with its order: the principal owns the order or is an admin. One statement.

    Raises PaymentNotFound.
    """
    owned = owned_orders(principal=principal).order_by().values("pk")
    payment = Payment.objects.select_related("order").filter(pk=payment_id, order__in=owned).first()
    if payment is None:
        raise PaymentNotFound
    return payment


def read_account(order_id: uuid.UUID) -> OrderAccount:
    """Return the order's payments, oldest first, with their ledgers. One statement.

    To act on it, lock the order first.
    """
    account = OrderAccount(payments={}, lines={})
    of_order = Payment.objects.filter(order_id=order_id).order_by("created_at", "id")
    for payment, line in with_lines(of_order):
        account.payments.setdefault(payment.pk, payment)
        lines = account.lines.setdefault(payment.pk, [])
        if line is not None:
            lines.append(line)
    return account


def with_lines(payments: PaymentQuerySet, *, streamed: bool = False) -> Iterator[tuple[Payment, Line | None]]:
    """Yield each payment once per line of its ledger, once with None if it has none.

    One statement; `streamed` reads a large result in pieces.
    """
    rows = payments.annotate(
        line_kind=F("entries__kind"),
        line_amount=F("entries__amount"),
        line_reference=F("entries__reference"),
        line_occurred_at=F("entries__occurred_at"),
    )
    for payment in rows.iterator(chunk_size=2_000) if streamed else rows:
        kind, amount, reference, occurred_at = _line_of(payment)
        yield payment, None if kind is None else Line(EntryKind(kind), amount, reference, occurred_at)


def payments_to_inquire(*, now: dt.datetime, limit: int) -> list[Payment]:
    """Return payments whose provider is to be asked by now, the longest overdue first. One statement."""
    due = Payment.objects.to_inquire(now=now).select_related("order")
    return list(due.order_by("next_inquiry_at", "id")[:limit])


def refunds_to_carry_out(*, now: dt.datetime, limit: int) -> list[Refund]:
    """Return refunds whose provider has not answered in time, oldest first. One statement."""
    waiting = Refund.objects.untold().filter(created_at__lte=now - UNHEARD_AFTER)
    return list(waiting.select_related("payment__order").order_by("created_at", "id")[:limit])


def messages_to_apply(*, now: dt.datetime, limit: int) -> list[WebhookEvent]:
    """Return stored messages that wait to be applied and whose time has come, oldest first. One statement."""
    return list(WebhookEvent.objects.due(now=now).order_by("due_at", "id")[:limit])


def open_refunds(payment_id: uuid.UUID) -> list[tuple[uuid.UUID, str, Decimal]]:
    """Return the payment's refunds under way: id, the provider's reference, amount. One statement."""
    rows = Refund.objects.filter(payment_id=payment_id, state=RefundState.PENDING).order_by("created_at", "id")
    return list(rows.values_list("pk", "provider_reference", "amount"))


def customer_reference(*, user_id: uuid.UUID, provider: str) -> str:
    """Return what a provider calls an account of the shop, "" if it does not know it. One statement."""
    known = ProviderCustomer.objects.filter(user_id=user_id, provider=provider)
    return known.values_list("reference", flat=True).first() or ""


def list_payment_methods(*, user: User) -> QuerySet[PaymentMethod]:
    """Return what the account has saved with any provider: the default first, then the newest."""
    return PaymentMethod.objects.filter(user=user)


def access_payment_method(*, user: User, method_id: uuid.UUID) -> PaymentMethod:
    """Return the user's own saved method. Raises PaymentMethodNotFound if it is absent or not theirs. One statement."""
    method = list_payment_methods(user=user).filter(pk=method_id).first()
    if method is None:
        raise PaymentMethodNotFound
    return method


def list_refunds(*, principal: OrderPrincipal, order: Order) -> QuerySet[Refund]:
    """Return the order's refunds with their lines, newest first. A seller who sees part of the order gets the refunds
    of own lines. The principal may see the order."""
    refunds = Refund.objects.filter(payment__order=order).select_related("payment")
    if principal.user is None or not sees_own_lines_only(principal=principal, order=order):
        return refunds.prefetch_related("lines").order_by("-created_at", "-id")
    own = RefundLine.objects.filter(refund=OuterRef("pk"), order_item__seller=principal.user)
    return refunds.filter(Exists(own)).prefetch_related("lines__order_item").order_by("-created_at", "-id")
