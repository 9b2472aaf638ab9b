"""A shipped order says how its parcel is tracked; that is corrected until it is delivered, and told once each time."""

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from apps.accounts.models import User
from apps.orders.errors import InvalidTransition, OrderHasOtherSellers, OrderNotFound, OrderNotOnItsWay, OrderOnHold
from apps.orders.models import Order
from apps.orders.services.tracking import correct_tracking, ship_order
from apps.orders.services.transitions import move_order
from apps.orders.states import OrderStatus
from apps.orders.tracking import Tracking
from core.errors import Forbidden
from core.events.models import OutboxEvent
from core.ids import new_id
from tests.apps.orders.making import history, hold, make_order, make_order_in, news, stock_of
from tests.factories import default_variant, make_product

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
URL = "https://parcels.example.com/track?number=1Z999&lang=en"
SAID = Tracking(carrier="UPS", tracking_number="1Z999", tracking_url=URL)
NOT_SHIPPED = [status for status in OrderStatus if status != OrderStatus.SHIPPED]


def says(order: Order) -> tuple[str, str, str]:
    order.refresh_from_db()
    return order.carrier, order.tracking_number, order.tracking_url


def state(order: Order) -> tuple[Any, ...]:
    """Return all that a refusal must leave as it was."""
    return says(order), order.status, order.version, order.updated_at, history(order), news(order)


def payload(order: Order, name: str) -> dict[str, Any]:
    """Return what the only such event about the order says of its parcel."""
    row = OutboxEvent.objects.get(aggregate_id=str(order.pk), name=name)
    return {"version": row.version, **{key: row.payload[key] for key in ("carrier", "tracking_number")}}


def shipped(admin: User, tracking: Tracking = SAID) -> Order:
    order = make_order_in(OrderStatus.PROCESSING)
    return ship_order(order_id=order.pk, tracking=tracking, actor=admin, now=NOW)


def test_an_order_is_shipped_with_its_tracking_in_one_move(admin: User) -> None:
    variant = default_variant(make_product(stock=10))
    order = make_order_in(OrderStatus.PROCESSING, (variant, 2))
    told, version = news(order), order.version

    moved = ship_order(order_id=order.pk, tracking=SAID, actor=admin, reason="as asked", now=NOW)

    assert (moved.status, says(order)) == ("shipped", ("UPS", "1Z999", URL))
    assert (order.version, order.shipped_at) == (version + 1, NOW)
    assert history(order)[-1] == ("processing", "shipped", "as asked")
    assert stock_of(variant) == (8, 0)
    assert news(order) == [*told, "orders.shipped"]
    assert payload(order, "orders.shipped") == {"version": 2, "carrier": "UPS", "tracking_number": "1Z999"}


def test_an_order_is_shipped_without_tracking(admin: User) -> None:
    order = shipped(admin, Tracking())

    assert says(order) == ("", "", "")
    assert payload(order, "orders.shipped") == {"version": 2, "carrier": "", "tracking_number": ""}


def test_only_what_is_given_is_corrected(admin: User) -> None:
    order = shipped(admin)
    before, version = history(order), order.version

    tracking = Tracking(tracking_number="1Z111", tracking_url="")
    corrected = correct_tracking(order_id=order.pk, tracking=tracking, actor=admin, now=NOW)

    assert (corrected.tracking_number, says(order)) == ("1Z111", ("UPS", "1Z111", ""))
    assert (order.status, order.version, history(order)) == ("shipped", version + 1, before)
    assert news(order)[-2:] == ["orders.shipped", "orders.tracking_changed"]
    told = {"version": 1, "carrier": "UPS", "tracking_number": "1Z111"}
    assert payload(order, "orders.tracking_changed") == told


@pytest.mark.parametrize("tracking", [SAID, Tracking(carrier="UPS"), Tracking()], ids=["all", "one", "none"])
def test_the_same_again_changes_nothing(tracking: Tracking, admin: User) -> None:
    order = shipped(admin)
    before = state(order)

    for _ in range(2):
        assert correct_tracking(order_id=order.pk, tracking=tracking, actor=admin, now=NOW).status == "shipped"

    assert state(order) == before


def test_shipping_again_with_tracking_corrects_and_without_is_refused(admin: User) -> None:
    order = shipped(admin)
    before = state(order)

    ship_order(order_id=order.pk, tracking=SAID, actor=admin, now=NOW)
    with pytest.raises(InvalidTransition):
        ship_order(order_id=order.pk, tracking=Tracking(), actor=admin, now=NOW)
    assert state(order) == before

    ship_order(order_id=order.pk, tracking=Tracking(carrier="DHL"), actor=admin, now=NOW)
    assert says(order) == ("DHL", "1Z999", URL)
    assert history(order) == before[4]
    assert news(order) == [*before[5], "orders.tracking_changed"]


@pytest.mark.parametrize("status", NOT_SHIPPED)
def test_an_order_that_is_not_on_its_way_is_not_tracked(status: OrderStatus, admin: User) -> None:
    order = make_order_in(status)
    before = state(order)

    with pytest.raises(OrderNotOnItsWay) as refusal:
        correct_tracking(order_id=order.pk, tracking=SAID, actor=admin, now=NOW)

    assert refusal.value.extra == {"order_status": status.value}
    assert state(order) == before


@pytest.mark.parametrize("status", [status for status in NOT_SHIPPED if status != OrderStatus.PROCESSING])
def test_an_order_that_cannot_be_shipped_keeps_no_tracking(status: OrderStatus, admin: User) -> None:
    order = make_order_in(status)
    before = state(order)

    with pytest.raises(InvalidTransition):
        ship_order(order_id=order.pk, tracking=SAID, actor=admin, now=NOW)

    assert state(order) == before


def test_an_order_on_hold_is_not_shipped_but_one_on_its_way_is_corrected(admin: User) -> None:
    waiting, on_its_way = hold(make_order_in(OrderStatus.PROCESSING)), hold(shipped(admin))
    before = state(waiting)

    with pytest.raises(OrderOnHold):
        ship_order(order_id=waiting.pk, tracking=SAID, actor=admin, now=NOW)
    correct_tracking(order_id=on_its_way.pk, tracking=Tracking(carrier="DHL"), actor=admin, now=NOW)

    assert state(waiting) == before
    assert says(on_its_way)[0] == "DHL"


def test_a_seller_ships_and_corrects_an_order_that_is_wholly_theirs(seller: User) -> None:
    order = make_order_in(OrderStatus.PROCESSING, (default_variant(make_product(seller=seller)), 1))

    ship_order(order_id=order.pk, tracking=SAID, actor=seller, now=NOW)
    correct_tracking(order_id=order.pk, tracking=Tracking(carrier="DHL"), actor=seller, now=NOW)

    assert says(order) == ("DHL", "1Z999", URL)


@pytest.mark.parametrize("start", [OrderStatus.PROCESSING, OrderStatus.SHIPPED])
@pytest.mark.parametrize("act", [ship_order, correct_tracking], ids=["ship", "correct"])
def test_nobody_else_says_how_a_parcel_is_tracked(start: OrderStatus, act: Any, seller: User, customer: User) -> None:
    own, other = default_variant(make_product(seller=seller)), default_variant(make_product())
    mixed, foreign = make_order_in(start, (own, 1), (other, 1)), make_order_in(start, user=customer)
    before = state(mixed), state(foreign)

    for order, actor, error in (
        (mixed, seller, OrderHasOtherSellers), (foreign, seller, OrderNotFound), (foreign, customer, Forbidden),
    ):  # fmt: skip
        with pytest.raises(error):
            act(order_id=order.pk, tracking=SAID, actor=actor, now=NOW)

    assert (state(mixed), state(foreign)) == before


def test_an_order_that_does_not_exist_is_not_tracked(admin: User) -> None:
    with pytest.raises(OrderNotFound):
        correct_tracking(order_id=new_id(), tracking=SAID, actor=admin, now=NOW)


def test_a_delivered_order_goes_on_saying_how_it_came(admin: User) -> None:
    order = shipped(admin)

    for step in (OrderStatus.DELIVERED, OrderStatus.RETURNED):
        move_order(order_id=order.pk, to=step, actor=admin, now=NOW)

    assert says(order) == ("UPS", "1Z999", URL)


@pytest.mark.parametrize("text", ["javascript:alert(1)", "ftp://example.com/", "parcels.example.com", " https://a.bc"])
def test_the_database_keeps_no_address_that_is_not_of_the_web(text: str) -> None:
    order = make_order()

    with pytest.raises(IntegrityError), transaction.atomic():
        Order.objects.filter(pk=order.pk).update(tracking_url=text)

    assert says(order) == ("", "", "")


def test_code_that_knows_nothing_of_tracking_goes_on_inserting() -> None:
    known = make_order()
    new = {"id": new_id(), "order_number": "20260304-000001", "cart_id": new_id()}
    changed = {name: Order._meta.get_field(name).get_db_prep_value(value, connection) for name, value in new.items()}
    columns = [
        field.column
        for field in Order._meta.concrete_fields
        if field.name not in {"carrier", "tracking_number", "tracking_url"}
    ]
    chosen = ", ".join("%s" if column in changed else f'"{column}"' for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    values = [changed[column] for column in columns if column in changed]
    source = known._meta.get_field("id").get_db_prep_value(known.pk, connection)
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO orders_order ({names}) SELECT {chosen} FROM orders_order WHERE id = %s",
                       [*values, source])  # fmt: skip

    assert says(Order.objects.get(order_number="20260304-000001")) == ("", "", "")
