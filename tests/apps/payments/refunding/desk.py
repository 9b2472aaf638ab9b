"""Asks for refunds the way people of the shop do, and plays a provider that is away, slow or unwilling."""

import dataclasses
import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from unittest.mock import patch

from apps.accounts.models import User
from apps.orders.models import Order, OrderItem
from apps.orders.states import OrderStatus
from apps.payments.gateways.base import GatewayError, RefundRequest, RefundResult
from apps.payments.gateways.simulated import SimulatedGateway
from apps.payments.models import Payment, PaymentEntry, Refund
from apps.payments.services.refund_plans import RefundCommand
from apps.payments.services.refunding import request_refund
from apps.pricing.models import TaxRate
from apps.products.models import ProductVariant
from core import clock
from core.invariants import check_invariants
from tests.apps.orders.making import WAYS, force_move, make_order
from tests.apps.payments.paying import pay
from tests.factories import default_variant, make_admin, make_product, make_seller, make_shipping

_refund = SimulatedGateway.refund
UNHEARD = dt.timedelta(seconds=31)
NOWHERE = GatewayError("timeout", permanent=False)
NEVER = GatewayError("account_closed", permanent=True)


@dataclasses.dataclass
class Till:
    """The provider's side of refunds: what it was asked for, by key. Without a failure it does as it is told."""

    failure: GatewayError | None = None
    is_slow: bool = False
    asked: list[RefundRequest] = dataclasses.field(default_factory=list)

    def refund(self, gateway: SimulatedGateway, request: RefundRequest) -> RefundResult:
        self.asked.append(request)
        if self.failure is not None:
            raise self.failure
        result = _refund(gateway, request)
        return RefundResult(reference=result.reference) if self.is_slow else result


@contextmanager
def watched_till() -> Iterator[Till]:
    """Put the till between the shop and the simulated provider."""
    till = Till()
    with patch.object(SimulatedGateway, "refund", lambda gateway, request: till.refund(gateway, request)):
        yield till


def goods(*, price: str = "10.00", stock: int = 10, seller: User | None = None) -> ProductVariant:
    """Return a variant for sale."""
    return default_variant(make_product(price=price, stock=stock, seller=seller or make_seller()))


def paid_order(*lines: tuple[ProductVariant, int], at: OrderStatus = OrderStatus.CONFIRMED, **fields: Any) -> Order:
    """Return an order paid by the simulated provider, brought to a status. Two units at 10.00 unless told otherwise."""
    order = make_order(*lines, **fields)
    pay(order)
    order.refresh_from_db()
    for step in WAYS[at]:
        if step != order.status:
            order = force_move(order, step)
    return order


def odd_prices() -> None:
    """Let sending cost 4.99, and a tax come on top that divides nowhere."""
    make_shipping(price="4.99")
    TaxRate.objects.create(name="Odd", country="US", state="TX", rate=Decimal("0.0725"), applies_to_shipping=True)


def uneven_order(**fields: Any) -> Order:
    """Return a paid order of 7, 3 and 1 units at 3.33, 9.99 and 23.32: with odd_prices 87.50 in all."""
    lines = [(goods(price=price), units) for price, units in (("3.33", 7), ("9.99", 3), ("23.32", 1))]
    return paid_order(*lines, **fields)


def items_of(order: Order) -> list[OrderItem]:
    """Return the order's lines as they are now."""
    return list(OrderItem.objects.filter(order=order).order_by("position"))


def refund(order: Order, actor: User | None = None, *units: int, **wish: Any) -> Refund:
    """Refund so many units of each line (none named: no lines), as an admin unless told otherwise."""
    if units:
        pairs = zip(items_of(order), units, strict=False)
        wish["lines"] = {item.pk: count for item, count in pairs if count}
    if "amount" in wish:
        wish["amount"] = Decimal(wish["amount"])
    wish.setdefault("reason", "as agreed")
    command = RefundCommand(actor=actor or make_admin(), order_id=order.pk, **wish)
    return request_refund(command=command, now=clock.now())


def lines_of(refund: Refund) -> list[tuple[int, str]]:
    """Return (units, amount) of the refund's lines, in the order's order."""
    rows = refund.lines.order_by("order_item__position").values_list("quantity", "amount")
    return [(units, f"{amount:.2f}") for units, amount in rows]


def taken(order: Order) -> list[tuple[int, int]]:
    """Return (refunded, restocked) units of each line."""
    return [(item.refunded_quantity, item.restocked_quantity) for item in items_of(order)]


def went_back(order: Order) -> Decimal:
    """Return what the ledger says the payer has back."""
    entries = PaymentEntry.objects.filter(payment__order=order, kind="refunded")
    return sum(entries.values_list("amount", flat=True), Decimal(0))


def captured(order: Order) -> Decimal:
    payments = Payment.objects.filter(order=order)
    return sum(payments.values_list("captured_amount", flat=True), Decimal(0))


def violations() -> dict[str, tuple[str, ...]]:
    """Return what verify_invariants finds."""
    return {finding.name: finding.violations for finding in check_invariants() if finding.violations}


def new_request_key() -> str:
    return uuid.uuid4().hex
