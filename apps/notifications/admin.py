"""Sent mail and inboxes in the back office: looked at, never changed."""

from django.contrib import admin

from apps.notifications.models import Notification, OptOut, SentEmail
from core.admin_bases import ReadOnlyAdmin


@admin.register(SentEmail)
class SentEmailAdmin(ReadOnlyAdmin):
    """What was sent to whom, about what, and what the mail server refused for good."""

    list_display = ("created_at", "kind", "recipient", "subject", "reference", "refusal")
    list_filter = ("kind", "created_at")
    search_fields = ("recipient", "subject", "reference", "message_id")
    search_help_text = "Recipient, subject, order number or Message-ID"
    date_hierarchy = "created_at"


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    """What lies in whose inbox, and since when it is read."""

    list_display = ("created_at", "kind", "user", "read_at")
    list_filter = ("kind", "created_at")
    list_select_related = ("user",)
    search_fields = ("user__email",)
    search_help_text = "E-mail address"
    date_hierarchy = "created_at"


@admin.register(OptOut)
class OptOutAdmin(ReadOnlyAdmin):
    """What people do not want to be told."""

    list_display = ("user", "kind", "channel")
    list_filter = ("kind", "channel")
    list_select_related = ("user",)
    search_fields = ("user__email",)
    search_help_text = "E-mail address"
