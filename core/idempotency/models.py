"""What was answered to an Idempotency-Key."""

from django.db import models

from core.model_bases import UUIDModel


class IdempotencyRecord(UUIDModel):
    """One key of one principal on one route, with the first answer.

    The key is kept as a hash and the answer encrypted with the key itself: an answer may carry a secret that is shown
    once (an order token), and the database alone must not reveal it. `locked_until` is set while an effect that needs
    several transactions is under way; an effect of one transaction writes the row complete.
    """

    scope_hash = models.CharField(max_length=64, unique=True)
    fingerprint = models.CharField(max_length=64)
    locked_until = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    sealed_body = models.BinaryField(null=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "core_idempotency_record"
        ordering = ("id",)
        indexes = [models.Index(fields=["expires_at"], name="idempotency_expiry")]
