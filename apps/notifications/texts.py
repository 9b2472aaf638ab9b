"""The words of the inbox: a title and a sentence for each kind, in the language of the moment."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from apps.notifications.states import Kind

_TEXTS: dict[str, tuple[str, str]] = {
    Kind.ORDER_CONFIRMED: (_("Order confirmed"), _("Your order %(order_number)s is confirmed.")),
    Kind.ORDER_PAID: (_("Payment received"), _("We have received %(amount)s for your order %(order_number)s.")),
    Kind.ORDER_SHIPPED: (_("Order on its way"), _("Your order %(order_number)s has left our house.")),
    Kind.ORDER_TRACKING_CHANGED: (_("Tracking changed"), _("Your order %(order_number)s is tracked in another way.")),
    Kind.ORDER_DELIVERED: (_("Order delivered"), _("Your order %(order_number)s has been delivered.")),
    Kind.ORDER_CANCELLED: (_("Order cancelled"), _("Your order %(order_number)s is cancelled.")),
    Kind.ORDER_REVIVED: (
        _("Order on again"),
        _("Your payment came late, and your order %(order_number)s is on again."),
    ),
    Kind.ORDER_REFUNDED: (_("Refund sent"), _("%(amount)s for your order %(order_number)s is on its way back to you.")),
    Kind.NEW_ORDER: (_("New order"), _("Order %(order_number)s: %(units)s units of yours were bought.")),
    Kind.LOW_STOCK: (_("Running low"), _("%(name)s: %(available)s left.")),
    Kind.ESCALATION: (_("Please decide"), "%(title)s"),
    Kind.MONEY_WENT_BACK: (_("Money went back"), _("%(amount)s went back for order %(order_number)s.")),
    Kind.DEAD_LETTER: (_("Background work failed"), _("%(handler)s has given up on %(event)s.")),
    Kind.WEBHOOK_DISABLED: (_("Webhook switched off"), _("Nothing is sent to %(host)s any more.")),
}
# The sentence where the carrier or the number of the parcel is known; `tracking` is what is known of them.
_TRACKED: dict[str, str] = {
    Kind.ORDER_SHIPPED: _("Your order %(order_number)s has left our house: %(tracking)s."),
    Kind.ORDER_TRACKING_CHANGED: _("Your order %(order_number)s is tracked as %(tracking)s now."),
}


class _Known(dict[str, Any]):
    """What a text is filled with: a value that is missing is left blank, as rows outlive the code that wrote them."""

    def __missing__(self, key: str) -> str:
        return ""


def describe(kind: str, data: Mapping[str, Any]) -> tuple[str, str]:
    """Return (title, body) in the language of the moment. A kind that is gone from the code is named as it is."""
    title, body = _TEXTS.get(kind, (kind, ""))
    tracking = " ".join(filter(None, (data.get("carrier"), data.get("tracking_number"))))
    if tracking:
        body = _TRACKED.get(kind, body)
    return gettext(title), (gettext(body) % _Known(data, tracking=tracking) if body else "")
