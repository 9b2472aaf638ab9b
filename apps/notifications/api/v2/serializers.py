"""What the inbox takes and gives under /api/v2/."""

from typing import Any

from rest_framework import serializers

from apps.accounts.api.shared import StrictBooleanField
from apps.notifications.models import Notification
from apps.notifications.states import Kind
from core.api.fields import TextField

KINDS_MAX = 50


class InboxQuery(serializers.Serializer[Any]):
    """What part of the inbox is wanted."""

    unread = serializers.ChoiceField(choices=["true", "false"], required=False)
    kind = serializers.ChoiceField(choices=Kind.choices, required=False)


class NotificationOutput(serializers.Serializer[Notification]):
    """A line of the inbox. Title and body are in the language asked for; `data` holds ids and figures."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    title = serializers.CharField()
    body = serializers.CharField()
    data = serializers.DictField()  # type: ignore[assignment]  # a field, not the serializer's own property
    is_read = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    read_at = serializers.DateTimeField(allow_null=True)


class NotificationPage(serializers.Serializer[Any]):
    """One page of the inbox, newest first."""

    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = NotificationOutput(many=True)


class UnreadCountOutput(serializers.Serializer[Any]):
    """How many lie unread."""

    unread_count = serializers.IntegerField()


class MarkedOutput(serializers.Serializer[Any]):
    """How many were unread until now."""

    marked = serializers.IntegerField()


class WishInput(serializers.Serializer[Any]):
    """Whether one kind is to come by each channel. What is left out stays on."""

    kind = TextField(max_length=30)
    in_app = StrictBooleanField(required=False, allow_null=True)
    mail = StrictBooleanField(required=False, allow_null=True)


class PreferencesInput(serializers.Serializer[Any]):
    """All wishes. A kind that is not named is on."""

    preferences = WishInput(many=True, max_length=KINDS_MAX)  # type: ignore[call-arg]  # DRF hands it to the list


class PreferenceOutput(serializers.Serializer[Any]):
    """One kind: null where a channel does not carry it. A locked one is always sent."""

    kind = serializers.ChoiceField(choices=Kind.choices)
    in_app = serializers.BooleanField(allow_null=True)
    mail = serializers.BooleanField(allow_null=True)
    is_locked = serializers.BooleanField()


class PreferencesOutput(serializers.Serializer[Any]):
    """What holds for all kinds that concern the account."""

    preferences = PreferenceOutput(many=True)
