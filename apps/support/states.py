"""What an escalation is about and how far it is: one state table, asked by everything else."""

from django.db import models


class EscalationKind(models.TextChoices):
    """Why a person must look."""

    DISPUTE = "dispute"
    RISKY_PAYMENT = "risky_payment"
    REFUND_FAILED = "refund_failed"
    PAYMENT_MISMATCH = "payment_mismatch"
    COMPLAINT = "complaint"


class EscalationStatus(models.TextChoices):
    """How far it is."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"


ESCALATION_TRANSITIONS: dict[EscalationStatus, frozenset[EscalationStatus]] = {
    EscalationStatus.OPEN: frozenset({EscalationStatus.IN_PROGRESS, EscalationStatus.RESOLVED}),
    EscalationStatus.IN_PROGRESS: frozenset({EscalationStatus.RESOLVED}),
    EscalationStatus.RESOLVED: frozenset({EscalationStatus.IN_PROGRESS}),
}

UNRESOLVED = frozenset({EscalationStatus.OPEN, EscalationStatus.IN_PROGRESS})
# What the order's owner is shown. A suspicion against a payer is not told to the payer.
SHOWN_TO_OWNER = frozenset({EscalationKind.DISPUTE, EscalationKind.REFUND_FAILED, EscalationKind.COMPLAINT})
