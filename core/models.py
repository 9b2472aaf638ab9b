"""The tables of the ground, gathered where Django looks for them."""

from core.events.models import DeliveryState, OutboxDelivery, OutboxEvent
from core.idempotency.models import IdempotencyRecord
from core.periodic.models import PeriodicRun

__all__ = ["DeliveryState", "IdempotencyRecord", "OutboxDelivery", "OutboxEvent", "PeriodicRun"]
