"""Webhook endpoints in the back office: how they fare, what they were sent, and buttons to act.

Endpoints are made over the API, whose answer shows the secret once: a page of the back office stays in histories.
"""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from apps.webhooks.services.endpoints import EndpointChanges, request_ping, update_endpoint
from apps.webhooks.services.queueing import redeliver_event
from core import clock
from core.admin_bases import ReadOnlyAdmin, ReadOnlyInline
from core.errors import ShopError


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ReadOnlyAdmin):
    """Where events are sent to."""

    list_display = ("host", "description", "is_active", "disabled_reason", "failing_since", "failures", "served_at")
    list_filter = ("is_active", "disabled_reason")
    search_fields = ("url", "description")
    exclude = ("sealed_secret", "sealed_old_secret", "lease", "leased_until")
    ordering = ("created_at", "id")
    actions = ("switch_on", "switch_off", "ping")

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Acting takes the right to change endpoints, although no form changes one."""
        return request.user.has_perm("webhooks.change_webhookendpoint")

    @admin.action(description="Switch on", permissions=["act"])
    def switch_on(self, request: HttpRequest, endpoints: QuerySet[WebhookEndpoint]) -> None:
        self._switch(request, endpoints, is_active=True)

    @admin.action(description="Switch off", permissions=["act"])
    def switch_off(self, request: HttpRequest, endpoints: QuerySet[WebhookEndpoint]) -> None:
        self._switch(request, endpoints, is_active=False)

    @admin.action(description="Send a ping", permissions=["act"])
    def ping(self, request: HttpRequest, endpoints: QuerySet[WebhookEndpoint]) -> None:
        for endpoint in endpoints:
            try:
                request_ping(endpoint_id=endpoint.pk)
            except ShopError as error:
                self.message_user(request, f"{endpoint}: {error.detail}", messages.WARNING)
            else:
                self.message_user(request, f"{endpoint}: a ping is on its way.", messages.SUCCESS)

    def _switch(self, request: HttpRequest, endpoints: QuerySet[WebhookEndpoint], *, is_active: bool) -> None:
        for endpoint in endpoints:
            update_endpoint(endpoint_id=endpoint.pk, changes=EndpointChanges(is_active=is_active))
        self.message_user(request, f"{len(endpoints)} endpoints were switched {'on' if is_active else 'off'}.")


class WebhookAttemptInline(ReadOnlyInline):
    """Every try, oldest first."""

    model = WebhookAttempt
    verbose_name_plural = "tries"
    fields = readonly_fields = ("number", "sent_at", "milliseconds", "status", "error", "answer")


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    """What each endpoint was sent, and is owed."""

    list_display = ("event_name", "endpoint", "state", "attempts", "due_at", "last_status", "last_error")
    list_filter = ("state", "endpoint", "event_name")
    list_select_related = ("endpoint",)
    search_fields = ("event_id",)
    search_help_text = "The event's id, which is the webhook's"
    show_full_result_count = False
    inlines = (WebhookAttemptInline,)
    actions = ("send_again",)

    def has_act_permission(self, request: HttpRequest) -> bool:
        """As for endpoints."""
        return request.user.has_perm("webhooks.change_webhookdelivery")

    @admin.action(description="Send again", permissions=["act"])
    def send_again(self, request: HttpRequest, deliveries: QuerySet[WebhookDelivery]) -> None:
        count = 0
        for delivery in deliveries.select_related("endpoint"):
            count += self._send_again(request, delivery)
        self.message_user(request, f"{count} webhooks will be sent again.", messages.SUCCESS)

    def _send_again(self, request: HttpRequest, delivery: WebhookDelivery) -> int:
        wanted: dict[str, Any] = {"endpoint_id": delivery.endpoint_id, "event_id": delivery.event_id}
        try:
            return redeliver_event(**wanted, now=clock.now())
        except ShopError as error:
            self.message_user(request, f"{delivery}: {error.detail}", messages.WARNING)
            return 0
