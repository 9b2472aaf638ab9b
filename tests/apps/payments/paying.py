"""Pays orders and plays the simulated provider, the way tests talk about it."""

import datetime as dt
import hashlib
from typing import Any

from apps.accounts.models import User
from apps.orders.models import Order
from apps.orders.selectors import OrderPrincipal
from apps.payments.gateways import signatures
from apps.payments.gateways.simulated_tokens import Transaction, read_name
from apps.payments.gateways.simulated_webhooks import write_message
from apps.payments.models import Payment, PaymentEntry, Refund, WebhookEvent
from apps.payments.services.processing import PayCommand, start_payment
from apps.payments.states import EntryKind
from core import clock
from core.events.models import OutboxEvent

SECRET = "whsec_test_simulated"


def pay(
    order: Order,
    method: str = "",
    *,
    provider: str = "simulated",
    user: User | None = None,
    key: str = "",
    now: dt.datetime | None = None,
) -> Payment:
    """Start a payment of the order as its owner (or `user`)."""
    command = PayCommand(
        principal=OrderPrincipal(user=user or order.user),
        order_id=order.pk,
        provider=provider,
        payment_method_id=method,
        request_key=key,
    )
    return start_payment(command=command, now=now or clock.now())


def transaction_of(payment: Payment) -> Transaction:
    transaction = read_name(payment.transaction_id)
    assert transaction is not None
    return transaction


def message(payment: Payment, kind: EntryKind, event_id: str = "evt_1", **data: str) -> bytes:
    """Return the body of a message of the simulated provider about the payment."""
    return write_message(event_id=event_id, kind=kind, transaction=transaction_of(payment), **data)


def signed(body: bytes, *, secret: str = SECRET, at: dt.datetime | None = None) -> dict[str, str]:
    """Return the headers that prove the body."""
    stamp = int((at or clock.now()).timestamp())
    return {"Simulated-Signature": signatures.sign(body=body, secret=secret, timestamp=stamp)}


def ledger(payment: Payment) -> list[tuple[str, str]]:
    """Return (kind, amount) of every entry, oldest first."""
    rows = PaymentEntry.objects.filter(payment=payment).order_by("created_at", "id")
    return [(kind, f"{amount:.2f}") for kind, amount in rows.values_list("kind", "amount")]


def money_of(order: Order) -> tuple[str, str]:
    """Return the order's (status, payment_status) as they are now."""
    order.refresh_from_db(fields=["status", "payment_status"])
    return str(order.status), str(order.payment_status)


def everything() -> str:
    """Return a digest of all that money can change: equal before and after means that nothing happened."""
    rows: list[Any] = []
    for model in (Order, Payment, PaymentEntry, Refund, WebhookEvent, OutboxEvent):
        rows.extend(sorted(str(row) for row in model.objects.order_by("pk").values()))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()
