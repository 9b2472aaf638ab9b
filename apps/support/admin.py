"""Escalations in the back office: read them, take them, note and resolve them by the services."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.forms import ActionForm
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.support.models import Escalation, EscalationNote
from apps.support.services.escalations import EscalationChanges, update_escalation
from apps.support.states import EscalationStatus
from core import clock
from core.admin_bases import ReadOnlyAdmin, ReadOnlyInline
from core.errors import ShopError
from core.money import format_amount

WORDS_LENGTH = 1_000


class WordsForm(ActionForm):  # type: ignore[misc]
    """The list of actions with a line for what is to be said."""

    words = forms.CharField(
        label="",
        required=False,
        max_length=WORDS_LENGTH,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "Resolution, or note"}),
    )


class EscalationNoteInline(ReadOnlyInline):
    """What was said and done, oldest first."""

    model = EscalationNote
    verbose_name_plural = "history"
    fields = readonly_fields = ("created_at", "author", "status", "text")


@admin.register(Escalation)
class EscalationAdmin(ReadOnlyAdmin):
    """What waits for a person. The order's owner reads the resolution; notes stay inside."""

    list_display = ("created_at", "kind", "status", "title", "order", "sum", "holds_fulfilment", "assigned_to")
    list_filter = ("status", "kind", "holds_fulfilment", "created_at")
    list_select_related = ("order", "assigned_to")
    search_fields = ("order__order_number", "order__email", "reference", "title")
    search_help_text = "Order number, e-mail address, the provider's reference or a word of the title"
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")
    list_per_page = 50
    inlines = (EscalationNoteInline,)
    action_form = WordsForm
    actions = ("take", "resolve", "add_note")

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Acting on escalations takes the right to change them, although no form changes anything."""
        return request.user.has_perm("support.change_escalation")

    @admin.display(description="sum", ordering="amount")
    def sum(self, escalation: Escalation) -> str:
        if escalation.amount is None:
            return ""
        return f"{format_amount(escalation.amount, escalation.currency)} {escalation.currency}"

    @admin.action(description="Take it: in progress, assigned to me", permissions=["act"])
    def take(self, request: HttpRequest, escalations: QuerySet[Escalation]) -> None:
        assignee: Any = request.user.pk
        changes = EscalationChanges(status=EscalationStatus.IN_PROGRESS, is_assigned=True, assigned_to=assignee)
        self._do_all(request, escalations, changes, done="taken")

    @admin.action(description="Resolve, with the words beside", permissions=["act"])
    def resolve(self, request: HttpRequest, escalations: QuerySet[Escalation]) -> None:
        changes = EscalationChanges(status=EscalationStatus.RESOLVED, resolution=_words_of(request))
        self._do_all(request, escalations, changes, done="resolved")

    @admin.action(description="Add the words beside as a note", permissions=["act"])
    def add_note(self, request: HttpRequest, escalations: QuerySet[Escalation]) -> None:
        note = _words_of(request)
        if not note:
            self.message_user(request, "Write the note beside the action.", messages.ERROR)
            return
        self._do_all(request, escalations, EscalationChanges(note=note), done="noted")

    def _do_all(
        self, request: HttpRequest, escalations: QuerySet[Escalation], changes: EscalationChanges, *, done: str
    ) -> None:
        """Each by itself: one that refuses is named with its reason and stops none of the others."""
        actor: Any = request.user
        count = 0
        for escalation in escalations.order_by("pk"):
            try:
                update_escalation(escalation_id=escalation.pk, changes=changes, actor=actor, now=clock.now())
            except ShopError as error:
                self.message_user(request, f"{escalation}: {_reason(error)}", messages.WARNING)
            else:
                count += 1
        if count:
            self.message_user(request, f"{count} of the chosen were {done}.", messages.SUCCESS)


def _words_of(request: HttpRequest) -> str:
    return request.POST.get("words", "").strip()


def _reason(error: ShopError) -> str:
    return error.errors[0].detail if error.errors else error.detail
