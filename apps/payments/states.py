"""What can become of a payment, and of each entry in its ledger."""

from django.db import models


class PaymentState(models.TextChoices):
    """Where one attempt to pay stands; folded from its ledger."""

    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


OPEN_STATES = frozenset({PaymentState.PENDING, PaymentState.REQUIRES_ACTION, PaymentState.PROCESSING})


class EntryKind(models.TextChoices):
    """What the provider (or a person, for cash) said happened.

    A declined try leaves the attempt open, a failed one ends it. The three words about a dispute share the dispute's
    reference; `refund_failed` has that of the refund it undoes.
    """

    REQUIRES_ACTION = "requires_action"
    DECLINED = "declined"
    PROCESSING = "processing"
    AUTHORISED = "authorised"
    CAPTURED = "captured"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"
    DISPUTED = "disputed"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"


class RefundState(models.TextChoices):
    """Where a refund stands."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class RefundCause(models.TextChoices):
    """Why money goes back. A person of the shop requests; cancelled orders and surplus are the shop's own doing, once;
    `provider` is what somebody did at the provider's dashboard."""

    REQUESTED = "requested"
    ORDER_CANCELLED = "order_cancelled"
    SURPLUS = "surplus"
    PROVIDER = "provider"


class InboxState(models.TextChoices):
    """What became of a provider's webhook."""

    RECEIVED = "received"
    PROCESSED = "processed"
    IGNORED = "ignored"
    QUARANTINED = "quarantined"
