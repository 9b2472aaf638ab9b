"""The one form that changes stock in the back office."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from apps.inventory.models import Stock
from apps.inventory.services.stock import MAX_UNITS


class StockForm(forms.ModelForm[Stock]):
    """Units to add or take away, with the reason the ledger notes; and the threshold of "low"."""

    delta = forms.IntegerField(
        label="Units to add",
        required=False,
        min_value=-MAX_UNITS,
        max_value=MAX_UNITS,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Negative takes away. Units promised to orders cannot be taken.",
    )
    reason = forms.CharField(
        label="Reason", required=False, max_length=200, widget=UnfoldAdminTextInputWidget, help_text="Counted, broken …"
    )

    class Meta:
        model = Stock
        fields = ("low_stock_threshold",)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("delta") and not cleaned.get("reason"):
            self.add_error("reason", "Say why the stock changes.")
        return cleaned
