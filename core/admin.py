"""The outbox and the periodic jobs in the back office: what is waiting, what failed and why."""

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.decorators import action
from unfold.forms import ActionForm
from unfold.widgets import UnfoldAdminTextInputWidget

from core import clock
from core.admin_bases import ReadOnlyAdmin
from core.background_page import background_page, last_line
from core.events import dead_letters
from core.events.models import OutboxDelivery, OutboxEvent
from core.idempotency.models import IdempotencyRecord
from core.periodic.models import PeriodicRun


class ReasonForm(ActionForm):  # type: ignore[misc]
    """The list of actions with a line for the reason."""

    reason = forms.CharField(
        label="",
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "Reason, to drop"}),
    )


@admin.register(OutboxEvent)
class OutboxEventAdmin(ReadOnlyAdmin):
    """Everything that was published, newest first."""

    list_display = ("occurred_at", "name", "aggregate_id", "dispatched_at", "request_id")
    list_filter = ("name", "occurred_at")
    search_fields = ("aggregate_id", "request_id")
    search_help_text = "What it is about (an order's id …) or the request that caused it"
    ordering = ("-id",)
    show_full_result_count = False


@admin.register(OutboxDelivery)
class OutboxDeliveryAdmin(ReadOnlyAdmin):
    """Which handler still owes an answer to which event, and what went wrong."""

    list_display = ("event_name", "aggregate", "handler", "state", "attempts", "due_at", "error_shown")
    list_filter = ("state", "handler", "event__name")
    list_select_related = ("event",)
    search_fields = ("event__aggregate_id", "event__request_id", "last_error")
    search_help_text = "What the event is about, its request, or a word of the error"
    ordering = ("-id",)
    show_full_result_count = False
    action_form = ReasonForm
    actions = ("retry_now", "drop_with_reason")
    actions_list = ("background",)

    def has_deliver_permission(self, request: HttpRequest) -> bool:
        """Acting on deliveries takes the right to change them, although no form changes one."""
        return request.user.has_perm("core.change_outboxdelivery")

    @admin.display(description="event", ordering="event__name")
    def event_name(self, delivery: OutboxDelivery) -> str:
        return delivery.event.name

    @admin.display(description="about")
    def aggregate(self, delivery: OutboxDelivery) -> str:
        return delivery.event.aggregate_id

    @admin.display(description="last error")
    def error_shown(self, delivery: OutboxDelivery) -> str:
        return last_line(delivery.last_error)

    @action(description="Background work", url_path="background", permissions=["view"])  # type: ignore[untyped-decorator]
    def background(self, request: HttpRequest) -> HttpResponse:
        """Answer with the operator's page: all background work at a glance."""
        return background_page(request, site=self.admin_site, may_act=self.has_deliver_permission(request))

    @admin.action(description="Retry now", permissions=["deliver"])
    def retry_now(self, request: HttpRequest, deliveries: QuerySet[OutboxDelivery]) -> None:
        count = dead_letters.retry_now(deliveries, now=clock.now())
        self.message_user(request, f"{count} deliveries will be tried at once.", messages.SUCCESS)

    @admin.action(description="Drop, with a reason", permissions=["deliver"])
    def drop_with_reason(self, request: HttpRequest, deliveries: QuerySet[OutboxDelivery]) -> None:
        reason = request.POST.get("reason", "").strip()
        if not reason:
            self.message_user(request, "Write beside the action why they are dropped.", messages.ERROR)
            return
        count = dead_letters.drop(deliveries, reason=reason, who=str(request.user), now=clock.now())
        self.message_user(request, f"{count} deliveries were dropped.", messages.SUCCESS)


@admin.register(PeriodicRun)
class PeriodicRunAdmin(ReadOnlyAdmin):
    """When each periodic job ran last, and whether it failed."""

    list_display = ("job", "due_at", "leased_until", "last_started_at", "last_finished_at", "error_shown")
    search_fields = ("job",)

    @admin.display(description="last error")
    def error_shown(self, row: PeriodicRun) -> str:
        return last_line(row.last_error)


@admin.register(IdempotencyRecord)
class IdempotencyRecordAdmin(ReadOnlyAdmin):
    """Which Idempotency-Keys are held or answered. Keys and answers themselves cannot be read."""

    list_display = ("created_at", "status", "locked_until", "expires_at")
    list_filter = ("status", "created_at")
    ordering = ("-id",)
    fields = ("created_at", "status", "locked_until", "expires_at", "fingerprint")
