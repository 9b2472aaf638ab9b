"""What mails about an order show: its lines, figures, address and how it is paid."""

import dataclasses
import uuid

from django.utils.translation import gettext as _

from apps.notifications.services.rendering import one_line
from apps.orders.models import Order
from apps.orders.states import PaymentMethod, PaymentStatus
from core.money import format_amount

NAME_LENGTH = 511
_ADDRESS_LINES = ("full_name", "address_line1", "address_line2")


@dataclasses.dataclass(frozen=True, slots=True)
class LineView:
    """One line of the order."""

    name: str
    sku: str
    quantity: int
    total: str


@dataclasses.dataclass(frozen=True, slots=True)
class Figure:
    """One sum below the lines."""

    label: str
    amount: str


@dataclasses.dataclass(frozen=True, slots=True)
class ParcelView:
    """How the parcel is followed. Empty where it is not known."""

    carrier: str
    number: str
    url: str

    @property
    def is_known(self) -> bool:
        return bool(self.carrier or self.number or self.url)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    """An order as a mail shows it. Amounts are text without their currency."""

    order: Order
    number: str
    currency: str
    total: str
    lines: tuple[LineView, ...]
    address: tuple[str, ...]

    @property
    def figures(self) -> tuple[Figure, ...]:
        """The sums, the total last. Labels are in the language of the moment."""
        order = self.order
        rows = [(_("Subtotal"), order.subtotal)]
        if order.discount_amount:
            rows.append((_("Discount"), -order.discount_amount))
        if order.shipping_cost or order.shipping_method_code:
            rows.append((_("Shipping"), order.shipping_cost))
        label = _("Tax (included)") if order.prices_include_tax else _("Tax")
        rows += [(label, order.tax_amount), (_("Total"), order.total_amount)]
        return tuple(Figure(label, format_amount(amount, self.currency)) for label, amount in rows)

    @property
    def payment(self) -> str:
        """How the order is paid, as a sentence."""
        if self.order.payment_status == PaymentStatus.PAID:
            return _("Your payment has arrived.")
        if self.order.payment_method == PaymentMethod.COD:
            return _("You pay when the goods are delivered.")
        return _("We are waiting for your payment.")

    @property
    def parcel(self) -> ParcelView:
        """How the order's parcel is followed."""
        order = self.order
        return ParcelView(one_line(order.carrier), one_line(order.tracking_number), order.tracking_url)

    @property
    def is_cash_due(self) -> bool:
        return self.order.payment_method == PaymentMethod.COD and self.order.payment_status in {
            PaymentStatus.PENDING,
            PaymentStatus.FAILED,
        }


def view_order(order_id: uuid.UUID) -> OrderView:
    """Return the order as mails show it. Two statements. Raises Order.DoesNotExist."""
    order = Order.objects.get(pk=order_id)
    items = order.items.order_by("position", "id").values_list("name", "sku", "quantity", "total")
    return OrderView(
        order=order,
        number=order.order_number,
        currency=order.currency,
        total=format_amount(order.total_amount, order.currency),
        lines=tuple(
            LineView(one_line(name, length=NAME_LENGTH), sku or "", quantity, format_amount(total, order.currency))
            for name, sku, quantity, total in items
        ),
        address=_address_of(order),
    )


def _address_of(order: Order) -> tuple[str, ...]:
    address = order.shipping_address or {}
    place = " ".join(address.get(name, "") for name in ("postal_code", "city", "state"))
    lines = [*(address.get(name, "") for name in _ADDRESS_LINES), place, address.get("country", "")]
    return tuple(filter(None, (one_line(line) for line in lines)))
