"""The lock under which money moves: the order's row. Whoever writes a payment, its ledger or a refund holds it."""

import dataclasses
import uuid

from django.db.models import Exists, OuterRef, Subquery

from apps.orders.errors import OrderNotFound
from apps.orders.models import Order
from apps.orders.selectors import OrderPrincipal, owned_orders
from apps.payments.models import Payment, PaymentMethod, ProviderCustomer


@dataclasses.dataclass(frozen=True, slots=True)
class LockedOrder:
    """An order to be paid, its open attempt, and the attempt that this very request began before, if there are.

    `customer_reference` is what the provider calls the order's account, "" if it does not know it. `is_foreign_method`:
    the payment method asked for is one that somebody else has saved.
    """

    order: Order
    open_payment_id: uuid.UUID | None
    own_payment_id: uuid.UUID | None
    customer_reference: str
    is_foreign_method: bool


def lock_order_to_pay(
    *, principal: OrderPrincipal, order_id: uuid.UUID, provider: str, payment_method_id: str, request_key: str
) -> LockedOrder:
    """Return the principal's order, locked, with the ids of the attempts that matter now. One statement.

    If the lock had to be waited for, the ids may be out of date (PostgreSQL reads the locked row anew, not the rest):
    the unique key of open attempts then refuses a second one. Raises OrderNotFound.
    """
    of_order = Payment.objects.filter(order=OuterRef("pk")).order_by()
    attempts = {"open_payment_id": of_order.open()}
    if request_key:
        attempts["own_payment_id"] = of_order.filter(request_key=request_key, provider=provider)
    customers = ProviderCustomer.objects.filter(user=OuterRef("user_id"), provider=provider).order_by()
    rows = owned_orders(principal=principal).filter(pk=order_id).order_by().select_for_update(of=("self",))
    saved = PaymentMethod.objects.filter(provider=provider, reference=payment_method_id).order_by()
    foreign = saved.exclude(user=principal.user) if principal.user else saved
    ids = {name: Subquery(found.values("pk")[:1]) for name, found in attempts.items()}
    of_payer: dict[str, Subquery] = {"customer_reference": Subquery(customers.values("reference")[:1])}
    if payment_method_id:
        of_payer["is_foreign_method"] = Exists(foreign)
    for order in rows.annotate(**ids, **of_payer):
        found = vars(order)
        return LockedOrder(
            order,
            found["open_payment_id"],
            found.get("own_payment_id"),
            found["customer_reference"] or "",
            found.get("is_foreign_method", False),
        )
    raise OrderNotFound
