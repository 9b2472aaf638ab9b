"""What the v2 API of events and webhooks takes in and gives out."""

import datetime as dt
from typing import Any

from rest_framework import serializers

from apps.accounts.api.shared import StrictBooleanField
from apps.webhooks.catalogue import shop_events
from apps.webhooks.models import DESCRIPTION_LENGTH, URL_LENGTH
from apps.webhooks.states import DisabledReason, WebhookState
from core.api.fields import IdField, StrictIntegerField, TextField

EVENTS_MAX = 500
EVENTS_DEFAULT = 100
POSITION_MAX = 2**63 - 1
NAMES_MAX = 100
EARLIEST = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
LATEST = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)


class EventNameField(serializers.CharField):
    """The name of an event of the shop."""

    default_error_messages = {"unknown": "No event is called {name}."}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if data not in shop_events():
            self.fail("unknown", name=data[:100])
        return data


class EventsQuery(serializers.Serializer[Any]):
    """From where on, how many, and which."""

    after = StrictIntegerField(
        required=False,
        min_value=0,
        max_value=POSITION_MAX,
        help_text="The position the last answer ended with (`next`); without it, from the oldest event that is kept.",
    )
    limit = StrictIntegerField(required=False, min_value=1, max_value=EVENTS_MAX, default=EVENTS_DEFAULT)
    name = serializers.ListField(
        child=EventNameField(), required=False, max_length=NAMES_MAX, help_text="Only these events; may be repeated."
    )


class EventOutput(serializers.Serializer[Any]):
    """One committed event. What `payload` holds is documented for `name` and `version`."""

    id = serializers.UUIDField()
    position = serializers.IntegerField()
    name = serializers.CharField()
    version = serializers.IntegerField()
    aggregate_id = serializers.CharField()
    occurred_at = serializers.DateTimeField()
    payload = serializers.DictField()


class EventFeedPage(serializers.Serializer[Any]):
    """Events in order; none before `next` is missing."""

    results = EventOutput(many=True)
    next = serializers.IntegerField(help_text="What to ask for next, as `after`.")
    has_more = serializers.BooleanField(help_text="Whether there is more to read at once.")


class EndpointInput(serializers.Serializer[Any]):
    """Where to send, and what."""

    url = TextField(max_length=URL_LENGTH)
    description = TextField(max_length=DESCRIPTION_LENGTH, required=False, allow_blank=True)
    event_names = serializers.ListField(
        child=EventNameField(), required=False, max_length=NAMES_MAX, help_text="Empty or left out: all events."
    )


class EndpointChangesInput(EndpointInput):
    """What is to be different; what is left out stays."""

    url = TextField(max_length=URL_LENGTH, required=False)
    is_active = StrictBooleanField(required=False)


class EndpointOutput(serializers.Serializer[Any]):
    """An endpoint without its secret."""

    id = serializers.UUIDField()
    url = serializers.CharField()
    description = serializers.CharField()
    event_names = serializers.ListField(child=serializers.CharField())
    is_active = serializers.BooleanField()
    disabled_reason = serializers.ChoiceField(choices=DisabledReason.choices, allow_null=True)
    failing_since = serializers.DateTimeField(allow_null=True)
    old_secret_until = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class EndpointWithSecretOutput(EndpointOutput):
    """An endpoint with the secret that was just made: it is never shown again."""

    secret = serializers.CharField()


class EndpointPage(serializers.Serializer[Any]):
    """One page of endpoints."""

    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = EndpointOutput(many=True)


class DeliveriesQuery(serializers.Serializer[Any]):
    """Which deliveries to list."""

    state = serializers.ChoiceField(choices=WebhookState.choices, required=False)
    event_id = IdField(required=False)


class AttemptOutput(serializers.Serializer[Any]):
    """One try. `status` is null when there was no answer; `answer` is how a refusal's body begins."""

    number = serializers.IntegerField()
    sent_at = serializers.DateTimeField()
    milliseconds = serializers.IntegerField()
    status = serializers.IntegerField(allow_null=True)
    error = serializers.CharField()
    answer = serializers.CharField()


class DeliveryOutput(serializers.Serializer[Any]):
    """What an endpoint is owed of one event, with all tries. `event_id` is the `webhook-id` of each."""

    id = serializers.UUIDField()
    event_id = serializers.UUIDField()
    event_name = serializers.CharField()
    position = serializers.IntegerField()
    state = serializers.ChoiceField(choices=WebhookState.choices)
    attempts = serializers.IntegerField()
    queued_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    tries = AttemptOutput(many=True)


class DeliveryPage(serializers.Serializer[Any]):
    """One page of deliveries."""

    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = DeliveryOutput(many=True)


class RedeliverInput(serializers.Serializer[Any]):
    """One event by its id, or all that happened from `since` to before `until`."""

    event_id = IdField(required=False)
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)

    def validate_since(self, moment: dt.datetime) -> dt.datetime:
        return _within_calendar(moment)

    def validate_until(self, moment: dt.datetime) -> dt.datetime:
        return _within_calendar(moment)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if set(attrs) not in ({"event_id"}, {"since", "until"}):
            raise serializers.ValidationError("Either event_id, or since and until, are expected.", code="one_of")
        if "since" in attrs and attrs["since"] >= attrs["until"]:
            raise serializers.ValidationError({"until": "It must be later than since."}, code="order")
        return attrs


class QueuedOutput(serializers.Serializer[Any]):
    """How many webhooks will be sent."""

    queued = serializers.IntegerField()


def _within_calendar(moment: dt.datetime) -> dt.datetime:
    """Return the moment unless a little earlier or later is no date any more."""
    if not EARLIEST <= moment <= LATEST:
        raise serializers.ValidationError("It must lie in the years from 1970 to 9998.", code="out_of_range")
    return moment
