"""What an admin says in the back office when money is to go back."""

import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from apps.accounts.models import User
from apps.orders.models import Order, OrderItem
from apps.payments.services.refund_plans import RefundCommand
from apps.payments.services.refunding import REASON_LENGTH
from core.ids import hash_token, new_id
from core.money import exponent, format_amount

_UNITS = "units_"


class RefundForm(forms.Form):
    """The whole, or units of lines, the shipping, an amount. `key` is new with each form: sent twice, it is one refund.

    Needs no statement; `items` are all lines of the order.
    """

    whole = forms.BooleanField(
        required=False,
        label="Everything that is left",
        help_text="All money, all units and the shipping. Leave the fields below empty.",
        widget=UnfoldBooleanWidget,
    )

    def __init__(self, data: Any = None, *, order: Order, items: Sequence[OrderItem]) -> None:
        super().__init__(data, initial={"key": new_id()})
        self.order = order
        for item in items:
            self.fields[f"{_UNITS}{item.pk.hex}"] = _units_field(item)
        if not order.shipping_refunded:
            self.fields["shipping"] = _box("The shipping", "What sending cost, with its tax.")
        self.fields["amount"] = forms.DecimalField(
            required=False,
            min_value=Decimal("0.001"),
            max_digits=12,
            decimal_places=exponent(order.currency),
            label=f"Amount in {order.currency}",
            help_text="Alone: goodwill. With units or shipping: instead of what these come to.",
            widget=UnfoldAdminDecimalFieldWidget,
        )
        self.fields["restock"] = _box("Restock", "The units can be sold again.")
        self.fields["reason"] = forms.CharField(
            max_length=REASON_LENGTH, help_text="The customer reads it.", widget=UnfoldAdminTextInputWidget
        )
        self.fields["key"] = forms.UUIDField(widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        """Refuse both or neither of the whole and its parts."""
        data: dict[str, Any] = super().clean() or {}
        has_parts = bool(_units(data) or data.get("shipping") or data.get("amount") is not None)
        if not self.errors and has_parts == bool(data.get("whole")):
            raise forms.ValidationError("Choose everything that is left, or say which part of it.")
        return data

    def command(self, actor: User) -> RefundCommand:
        """Return what the valid form asks for."""
        data = self.cleaned_data
        return RefundCommand(
            actor=actor,
            order_id=self.order.pk,
            reason=data["reason"],
            amount=data["amount"],
            lines=_units(data) or None,
            shipping=data.get("shipping", False),
            restock=data["restock"],
            request_key=hash_token(f"{actor.pk}\n{sorted((name, str(value)) for name, value in data.items())}"),
        )


def _units(data: dict[str, Any]) -> dict[uuid.UUID, int]:
    named = ((name.removeprefix(_UNITS), units) for name, units in data.items() if name.startswith(_UNITS))
    return {uuid.UUID(hex=item_id): units for item_id, units in named if units}


def _units_field(item: OrderItem) -> forms.IntegerField:
    left = item.quantity - item.refunded_quantity
    price = f"{format_amount(item.unit_price, item.currency)} {item.currency}"
    return forms.IntegerField(
        required=False,
        min_value=0,
        max_value=left,
        disabled=not left,
        label=f"Units of {item.name}",
        help_text=f"{left} of {item.quantity} left, at {price}.",
        widget=UnfoldAdminIntegerFieldWidget,
    )


def _box(label: str, help_text: str) -> forms.BooleanField:
    return forms.BooleanField(required=False, label=label, help_text=help_text, widget=UnfoldBooleanWidget)
