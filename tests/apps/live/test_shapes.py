"""What is told of an event, and to whom."""

import dataclasses
import json

import pytest

from apps.live.shapes import LIVE_EVENTS, NOTIFICATION_CREATED, shape
from apps.orders.events import OrderEvent
from core import clock
from core.events.feed import StoredEvent
from core.events.registry import known_events
from core.ids import new_id

NOT_TOLD = {"orders.paid_after_cancellation"}  # the refund that follows is told
PRIVATE = {"email", "language", "reason", "user_id", "payment_id", "refund_id"}


def stored(name: str, **payload: object) -> StoredEvent:
    """Return an event whose every field holds its own name, unless told otherwise."""
    fields = {field.name: f"the {field.name}" for field in dataclasses.fields(known_events()[name])}
    return StoredEvent(7, new_id(), name, 1, "x", {**fields, **payload}, clock.now(), "request-1")


def test_every_event_of_an_order_is_told_or_left_out_on_purpose() -> None:
    orders = {name for name, kind in known_events().items() if issubclass(kind, OrderEvent) and "apps." in str(kind)}
    assert orders - NOT_TOLD <= set(LIVE_EVENTS)
    assert set(LIVE_EVENTS) <= set(known_events())


@pytest.mark.parametrize("name", LIVE_EVENTS)
def test_private_fields_are_not_told(name: str) -> None:
    told = json.loads(shape(stored(name)).text)
    assert (told["type"], told["id"], told["name"]) == ("event", 7, name)
    assert not PRIVATE & set(told["data"])
    assert "request-1" not in shape(stored(name)).text


def test_a_shipped_order_is_told_with_its_new_status() -> None:
    event = stored("orders.shipped", order_id="o1", user_id="u1", total_amount="9.50")
    told = shape(event)
    assert (told.position, told.user_id, told.order_id) == (7, "u1", "o1")
    assert json.loads(told.text)["data"] == {
        "order_id": "o1",
        "order_number": "the order_number",
        "total_amount": "9.50",
        "currency": "the currency",
        "payment_method": "the payment_method",
        "carrier": "the carrier",
        "tracking_number": "the tracking_number",
        "status": "shipped",
        "occurred_at": event.occurred_at.isoformat(),
    }


def test_a_notification_is_its_users_even_when_it_names_an_order() -> None:
    told = shape(stored(NOTIFICATION_CREATED, user_id="u1", order_id="o1"))
    assert (told.user_id, told.order_id) == ("u1", None)
