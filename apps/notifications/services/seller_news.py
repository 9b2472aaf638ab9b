"""What sellers are told: which of their goods were bought, and which run low."""

import dataclasses
import uuid

from django.conf import settings

from apps.accounts.models import User
from apps.inventory.events import StockRanLow
from apps.notifications.selectors import without_opted_out
from apps.notifications.services.mailing import Letter, send_each
from apps.notifications.services.order_mails import NAME_LENGTH, LineView
from apps.notifications.services.rendering import one_line
from apps.notifications.states import Channel, Kind
from apps.orders.models import OrderItem
from apps.products.models import ProductVariant
from core.money import format_amount


@dataclasses.dataclass(frozen=True, slots=True)
class Running:
    """A variant that runs low, and whose it is."""

    seller: User
    name: str
    sku: str


@dataclasses.dataclass(frozen=True, slots=True)
class Sale:
    """One seller's lines of one order."""

    seller_id: uuid.UUID
    lines: tuple[LineView, ...]
    currency: str

    @property
    def units(self) -> int:
        return sum(line.quantity for line in self.lines)


def find_runner(event: StockRanLow) -> Running | None:
    """Return what runs low; None when the variant is gone or its seller's account is closed. Two statements."""
    seller = User.objects.filter(pk=event.seller_id, is_active=True).first()
    variant = ProductVariant.objects.select_related("product").filter(pk=event.variant_id).first()
    if seller is None or variant is None:
        return None
    name = variant.product.name if not variant.name else f"{variant.product.name} - {variant.name}"
    return Running(seller, name, variant.sku or "")


def sales_of(order_id: uuid.UUID | str) -> list[Sale]:
    """Return the order's lines by seller, each in the order's order. One statement."""
    columns = ("seller_id", "name", "sku", "quantity", "total", "currency")
    lines: dict[uuid.UUID, list[LineView]] = {}
    currency = ""
    for seller_id, name, sku, quantity, total, currency in (
        OrderItem.objects.filter(order_id=order_id).order_by("position", "id").values_list(*columns)
    ):
        line = LineView(one_line(name, length=NAME_LENGTH), sku or "", quantity, format_amount(total, currency))
        lines.setdefault(seller_id, []).append(line)
    return [Sale(seller_id, tuple(found), currency) for seller_id, found in lines.items()]


def tell_sellers_of_order(*, order_id: str, order_number: str, event_id: str) -> None:
    """Each seller who wants to know has a letter about their own lines. Harmless when called again.

    Raises an ExceptionGroup when some could not be sent theirs.
    """
    sales = {sale.seller_id: sale for sale in sales_of(order_id)}
    told = without_opted_out(list(sales), kind=Kind.NEW_ORDER, channel=Channel.MAIL)
    link = f"{settings.PUBLIC_URL.rstrip('/')}/admin/orders/order/{order_id}/change/"
    letters = [
        Letter(
            kind="new_order",
            event_id=event_id,
            recipient=email,
            language="",
            context={"number": order_number, "sale": sales[seller_id], "link": link if role == "admin" else ""},
            reference=order_number,
            copy=seller_id.hex,
        )
        for seller_id, email, role in User.objects.filter(pk__in=told).values_list("pk", "email", "role")
    ]
    send_each(letters=letters)
