"""The buttons of the page "Background work": try dead letters again, or drop them with a reason."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from core import clock
from core.events import dead_letters
from core.events.models import DeliveryState, OutboxDelivery

RETRY, DROP = "retry", "drop"


class ButtonForm(forms.Form):
    """What was pressed: an act, for one delivery or for all dead ones of a handler."""

    act = forms.ChoiceField(choices=[(RETRY, "Retry"), (DROP, "Drop")], label="Button")
    delivery = forms.UUIDField(required=False)
    handler = forms.CharField(required=False, max_length=150)
    reason = forms.CharField(required=False, max_length=200)

    def clean(self) -> dict[str, Any]:
        """Exactly one of delivery and handler is named, and nothing is dropped without a reason."""
        found = self.cleaned_data
        if not self.errors and bool(found["delivery"]) == bool(found["handler"]):
            self.add_error(None, "Nothing was done: name a delivery or a handler.")
        if not self.errors and found["act"] == DROP and not found["reason"]:
            self.add_error(None, "Write beside the button why it is dropped.")
        return found

    def faults(self) -> list[str]:
        """Return what is wrong with it, in sentences."""
        named = [(name, fault) for name, faults in self.errors.items() for fault in faults]
        return [str(fault) if name == "__all__" else f"{self[name].label}: {fault}" for name, fault in named]

    def act_now(self, *, who: str) -> str:
        """Do what the button says; return what was done. The form is valid."""
        chosen, now = self._chosen(), clock.now()
        if self.cleaned_data["act"] == RETRY:
            return f"{dead_letters.retry_now(chosen, now=now)} deliveries will be tried at once."
        count = dead_letters.drop(chosen, reason=self.cleaned_data["reason"], who=who, now=now)
        return f"{count} deliveries were dropped."

    def _chosen(self) -> QuerySet[OutboxDelivery]:
        if handler := self.cleaned_data["handler"]:
            return OutboxDelivery.objects.filter(handler=handler, state=DeliveryState.DEAD)
        return OutboxDelivery.objects.filter(pk=self.cleaned_data["delivery"])
