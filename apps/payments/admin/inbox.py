"""The inbox of webhooks in the back office: what came, what became of it, and another try."""

import re

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.payments.models import WebhookEvent
from apps.payments.services.replays import apply_again
from apps.payments.states import InboxState
from core import clock
from core.admin_bases import ReadOnlyAdmin
from core.card_numbers import mask_card_numbers
from core.errors import ShopError

SHOWN_BODY_CHARACTERS = 20_000
HIDDEN = "[hidden]"
_SECRETS = re.compile(r"""(client_secret["']?\s*[:=]\s*["']?|\b[a-z]+_[A-Za-z0-9]+_secret_)[^"'&\s,}\]]+""")


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin):
    """The inbox: what came, and why some of it is in quarantine."""

    list_display = ("received_at", "provider", "event_id", "state", "reason", "payment")
    list_filter = ("state", "provider", "received_at")
    list_select_related = ("payment",)
    search_fields = ("event_id", "payment__transaction_id", "payment__order__order_number")
    date_hierarchy = "received_at"
    list_per_page = 50
    fields = ("provider", "event_id", "state", "reason", "payment", "received_at", "processed_at", "digest", "text")
    readonly_fields = ("text",)
    actions = ("apply_again",)

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Acting on messages takes the right to change them, although no form changes anything."""
        return request.user.has_perm("payments.change_webhookevent")

    @admin.display(description="body")
    def text(self, event: WebhookEvent) -> str:
        return without_secrets(bytes(event.body).decode("utf-8", errors="replace"))[:SHOWN_BODY_CHARACTERS]

    @admin.action(description="Apply again", permissions=["act"])
    def apply_again(self, request: HttpRequest, events: QuerySet[WebhookEvent]) -> None:
        for event in events.order_by("received_at", "pk"):
            try:
                state = apply_again(event=event, now=clock.now())
            except ShopError as error:
                messages.error(request, f"{event.event_id}: {error.detail}")
                continue
            event.refresh_from_db(fields=["reason"])
            level = messages.SUCCESS if state == InboxState.PROCESSED else messages.WARNING
            messages.add_message(request, level, f"{event.event_id}: {state} {event.reason}".strip())


def without_secrets(text: str) -> str:
    """Return a message as it may be shown: without what lets a payer go on, and without what may be a card's number."""
    return mask_card_numbers(_SECRETS.sub(rf"\1{HIDDEN}", text))
