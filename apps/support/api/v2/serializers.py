"""What the v2 escalations API takes in and gives out."""

from typing import Any

from rest_framework import serializers

from apps.support.models import TITLE_LENGTH
from apps.support.selectors import NEWEST_FIRST, ORDERINGS
from apps.support.states import EscalationKind, EscalationStatus
from core.api.fields import AmountField, IdField, TextField

TEXT_LENGTH = 5_000


class ComplaintInput(serializers.Serializer[Any]):
    """What is wrong, in the customer's words."""

    title = TextField(max_length=TITLE_LENGTH)
    detail = TextField(max_length=TEXT_LENGTH, required=False, allow_blank=True, default="")


class EscalationInput(serializers.Serializer[Any]):
    """A step of an admin's; what is left out stays."""

    status = serializers.ChoiceField(choices=EscalationStatus.choices, required=False)
    assigned_to = IdField(required=False, allow_null=True, help_text="The id of an admin, or null for nobody.")
    resolution = TextField(
        max_length=TEXT_LENGTH,
        required=False,
        allow_blank=True,
        help_text="Only with status resolved; the owner sees it.",
    )
    note = TextField(max_length=TEXT_LENGTH, required=False, allow_blank=True, help_text="For admins only.")


class EscalationsQuery(serializers.Serializer[Any]):
    """Which escalations to list."""

    status = serializers.ChoiceField(choices=EscalationStatus.choices, required=False)
    kind = serializers.ChoiceField(choices=EscalationKind.choices, required=False)
    order = IdField(required=False, help_text="The order's id.")
    ordering = serializers.ChoiceField(choices=list(ORDERINGS), required=False, default=NEWEST_FIRST)


class OrderEscalationOutput(serializers.Serializer[Any]):
    """An escalation as the order's owner sees it."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=EscalationKind.choices)
    status = serializers.ChoiceField(choices=EscalationStatus.choices)
    title = serializers.CharField()
    detail = serializers.CharField()
    resolution = serializers.CharField()
    created_at = serializers.DateTimeField()
    resolved_at = serializers.DateTimeField(allow_null=True)


class EscalationOutput(OrderEscalationOutput):
    """An escalation as admins see it in a list."""

    reference = serializers.CharField(help_text="The name it has outside, a dispute's id for example.")
    order_id = serializers.UUIDField(allow_null=True)
    order_number = serializers.CharField(allow_null=True)
    amount = AmountField(allow_null=True)
    currency = serializers.CharField(allow_null=True)
    holds_fulfilment = serializers.BooleanField(help_text="Until it is resolved the order is not sent.")
    opened_by = serializers.UUIDField(allow_null=True, help_text="Null: the shop itself, or a guest.")
    assigned_to = serializers.UUIDField(allow_null=True)
    updated_at = serializers.DateTimeField()


class EscalationNoteOutput(serializers.Serializer[Any]):
    """What was said or done. `status` is the one it took with this, null if it kept the one it had."""

    id = serializers.UUIDField()
    author = serializers.UUIDField(allow_null=True, help_text="Null: the shop itself.")
    status = serializers.ChoiceField(choices=EscalationStatus.choices, allow_null=True)
    text = serializers.CharField()
    created_at = serializers.DateTimeField()


class EscalationDetailOutput(EscalationOutput):
    """One escalation with its history, oldest first."""

    notes = EscalationNoteOutput(many=True)


class OrderEscalationPage(serializers.Serializer[Any]):
    """One page of an order's escalations."""

    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = OrderEscalationOutput(many=True)


class EscalationPage(serializers.Serializer[Any]):
    """One page of escalations."""

    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = EscalationOutput(many=True)
