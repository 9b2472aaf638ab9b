"""News about escalations. Ids are text; `email` and `language` are the order's, "" without an order."""

import dataclasses
from typing import ClassVar

from core.events.registry import Event


@dataclasses.dataclass(frozen=True, kw_only=True)
class EscalationEvent(Event):
    """Base: which matter, and whose order it is about (None and "" when it is about none)."""

    escalation_id: str
    kind: str
    title: str
    order_id: str | None
    order_number: str
    email: str
    language: str

    @property
    def aggregate_id(self) -> str:
        return self.escalation_id


@dataclasses.dataclass(frozen=True, kw_only=True)
class EscalationOpened(EscalationEvent):
    """Something waits for a person to decide. The order stands still meanwhile if `holds_fulfilment`."""

    name: ClassVar[str] = "support.escalation_opened"

    holds_fulfilment: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class EscalationResolved(EscalationEvent):
    """It is decided; `resolution` says how, in words the order's owner may read."""

    name: ClassVar[str] = "support.escalation_resolved"

    resolution: str
