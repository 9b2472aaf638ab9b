"""What the provider knows: objects, events, and apart from both the movements of money.

The movements are what `ledger` adds up. They are written once, when money moves, and neither the objects nor what a
test makes the fake lie about changes them.
"""

import dataclasses
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from typing import Any

from tests.fakes.stripe_provider.errors import missing

Json = dict[str, Any]
API_VERSION = "2026-10-28.endive"
_NO_REQUEST = {"id": None, "idempotency_key": None}


@dataclasses.dataclass(frozen=True, slots=True)
class Movement:
    """`kind` is charged, captured, refunded or refund_undone; minor units."""

    kind: str
    intent: str
    charge: str
    amount: int
    currency: str


class Books:
    """All tables. Whoever reads or writes holds `lock`."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.events: list[Json] = []
        self.movements: list[Movement] = []
        self.lies: dict[str, Json] = {}
        self.unsearchable: set[str] = set()
        self.refunds_to_hold = 0
        self.request: Json = _NO_REQUEST
        self.on_event: Callable[[Json], None] = lambda event: None
        self.page_url: Callable[[str], str] = lambda secret: f"/pay/{secret}"
        self._tables: dict[str, dict[str, Json]] = {}

    def now(self) -> int:
        return int(self.clock())

    def put(self, kind: str, prefix: str, **fields: Any) -> Json:
        """Add an object with a new id. Members that begin with `_` are the fake's own and never leave it."""
        name = f"{prefix}_{secrets.token_hex(12)}"
        made = {"id": name, "object": kind, "created": self.now(), "livemode": False, **fields}
        self._tables.setdefault(kind, {})[name] = made
        return made

    def get(self, kind: str, name: str, *, param: str = "id") -> Json:
        """Return an object. Raises StripeError (404) when there is none."""
        found = self._tables.get(kind, {}).get(name)
        if found is None:
            raise missing(kind, name, param=param)
        return found

    def find(self, kind: str, **members: Any) -> Iterator[Json]:
        """Yield the objects with these members, newest first; an empty member filters nothing."""
        wanted = {name: value for name, value in members.items() if value not in ("", None)}
        for item in reversed(list(self._tables.get(kind, {}).values())):
            if all(item.get(name) == value for name, value in wanted.items()):
                yield item

    def look_up(self, name: str) -> Json | None:
        """Return the object of this id, whatever its kind."""
        return next((table[name] for table in self._tables.values() if name in table), None)

    def emit(self, kind: str, item: Json, **previous: Any) -> Json:
        """Append an event with a snapshot of the object as it is told."""
        data: Json = {"object": self.view(item)}
        if previous:
            data["previous_attributes"] = previous
        event = self.put(
            "event",
            "evt",
            api_version=API_VERSION,
            data=data,
            pending_webhooks=1,
            request=dict(self.request),
            type=kind,
            _is_delivered=False,
            _tries=0,
        )
        self.events.append(event)
        self.on_event(event)
        return event

    def view(self, item: Json) -> Json:
        """Return a copy of an object as the outside sees it, lies included."""
        shown: Json = json.loads(json.dumps({name: value for name, value in item.items() if name[0] != "_"}))
        lie = self.lies.get(item.get("payment_intent") or item["id"], {})
        for name in ("currency", "amount", "amount_received", "amount_capturable", "amount_captured"):
            told = lie.get("currency" if name == "currency" else "amount")
            if told is not None and shown.get(name) and item["object"] in ("payment_intent", "charge"):
                shown[name] = told
        return shown

    def move(self, kind: str, charge: Json, amount: int) -> None:
        """Write down that money moved."""
        self.movements.append(Movement(kind, charge["payment_intent"], charge["id"], amount, charge["currency"]))

    def ledger(self) -> dict[str, Json]:
        """Return what really happened, by attempt id (by intent id where none was given), in minor units."""
        accounts: dict[str, Json] = {}
        for movement in self.movements:
            intent = self.get("payment_intent", movement.intent)
            name = intent["metadata"].get("attempt_id") or intent["id"]
            empty = {"captured": 0, "refunded": 0, "charges": 0, "currency": movement.currency}
            _book(accounts.setdefault(name, empty), movement)
        return accounts


def _book(account: Json, movement: Movement) -> None:
    if movement.kind == "charged":
        account["charges"] += 1
    elif movement.kind == "captured":
        account["captured"] += movement.amount
    elif movement.kind == "refunded":
        account["refunded"] += movement.amount
    else:
        account["refunded"] -= movement.amount
