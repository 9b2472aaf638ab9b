"""How far a webhook has come, and why an endpoint is switched off."""

from django.db import models


class WebhookState(models.TextChoices):
    """PENDING is due or will be; FAILED was tried for three days; DROPPED will not be tried, nobody wanted it."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"


class DisabledReason(models.TextChoices):
    """BY_ADMIN: somebody switched it off. GONE: the receiver answered 410. FAILING: for three days nothing arrived."""

    BY_ADMIN = "by_admin"
    GONE = "gone"
    FAILING = "failing"
