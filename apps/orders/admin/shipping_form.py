"""What somebody in the back office says of a parcel."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.orders.models import Order
from apps.orders.tracking import (
    CARRIER_LENGTH,
    NUMBER_LENGTH,
    URL_LENGTH,
    Tracking,
    require_one_line,
    require_web_address,
)


class ShippingForm(forms.Form):
    """How the order's parcel is tracked; every field may stay empty. It begins with what the order says."""

    carrier = forms.CharField(
        required=False,
        max_length=CARRIER_LENGTH,
        validators=[require_one_line],
        help_text="Who brings the parcel.",
        widget=UnfoldAdminTextInputWidget,
    )
    tracking_number = forms.CharField(
        required=False,
        max_length=NUMBER_LENGTH,
        validators=[require_one_line],
        help_text="The carrier's number of the parcel.",
        widget=UnfoldAdminTextInputWidget,
    )
    tracking_url = forms.CharField(
        required=False,
        max_length=URL_LENGTH,
        validators=[require_web_address],
        label="Tracking page",
        help_text="Where the customer follows it: http:// or https://.",
        widget=UnfoldAdminTextInputWidget,
    )

    def __init__(self, data: Any = None, *, order: Order) -> None:
        super().__init__(data, initial={name: getattr(order, name) for name in self.base_fields})

    def tracking(self) -> Tracking:
        """Return what the valid form says."""
        return Tracking(**self.cleaned_data)
