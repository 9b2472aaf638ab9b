"""News of the inbox."""

import dataclasses
from typing import Any, ClassVar

from core.events.registry import Event


@dataclasses.dataclass(frozen=True, kw_only=True)
class NotificationCreated(Event):
    """Something lies in a person's inbox. `title` and `body` are in the language of what it tells of."""

    name: ClassVar[str] = "notifications.created"

    notification_id: str
    user_id: str
    kind: str
    title: str
    body: str
    data: dict[str, Any]
    created_at: str

    @property
    def aggregate_id(self) -> str:
        return self.user_id
