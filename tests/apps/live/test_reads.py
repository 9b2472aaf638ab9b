"""What is new, what was missed, what is in stock: from the database."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.live import selectors
from apps.live.selectors import read_missed, read_news, stock_of_products
from core import clock
from core.events.fanout import fan_out
from core.events.models import EventSequence, OutboxEvent
from core.ids import new_id
from tests.factories import default_variant, make_product, make_user, make_variant

pytestmark = pytest.mark.django_db


def publish_for(user: User | None, *names: str, order_id: str = "o1") -> list[int]:
    """Store events of a user, or of a guest's order, and return their positions."""
    payload = {"user_id": str(user.pk) if user else None, "order_id": order_id}
    ids = [
        OutboxEvent.objects.create(name=name, aggregate_id=order_id, payload=payload, occurred_at=clock.now()).pk
        for name in names
    ]
    fan_out(now=clock.now())
    return [OutboxEvent.objects.get(pk=pk).position or 0 for pk in ids]


def positions(events: Any) -> list[int]:
    return [event.position for event in events]


def test_news_are_read_from_where_one_was_and_only_those_that_are_told() -> None:
    user = make_user()
    start = read_news(after=None)
    assert start.events == []
    shipped, _, silent = publish_for(user, "orders.shipped", "payments.dispute_opened", "inventory.stock_ran_low")
    news = read_news(after=start.position)
    assert (positions(news.events), news.position, news.has_more) == ([shipped], silent, False)
    assert read_news(after=news.position) == selectors.News(events=[], position=silent)


def test_an_idle_look_costs_one_statement_and_news_two(django_assert_num_queries: Callable[..., Any]) -> None:
    (position,) = publish_for(make_user(), "orders.shipped")
    with django_assert_num_queries(1):
        read_news(after=position)
    with django_assert_num_queries(2):
        read_news(after=position - 1)


def test_a_heap_of_news_is_read_in_pages_and_none_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "EVENTS_PER_READ", 2)
    start = read_news(after=None).position
    told = publish_for(make_user(), *["orders.shipped", "inventory.stock_ran_low"] * 5)[::2]
    found: list[int] = []
    after, has_more = start, True
    while has_more:
        news = read_news(after=after)
        found, after, has_more = found + positions(news.events), news.position, news.has_more
    assert found == told


def test_a_feed_that_goes_back_is_noticed() -> None:
    (position,) = publish_for(make_user(), "orders.shipped")
    assert read_news(after=position + 5) == selectors.News(events=[], position=position, is_broken=True)


def test_what_was_missed_is_ones_own_and_in_order(django_assert_num_queries: Callable[..., Any]) -> None:
    ada, ben = make_user(), make_user()
    first, second = publish_for(ada, "orders.placed", "notifications.created", order_id="a")
    publish_for(ben, "orders.placed", "notifications.created", order_id="b")
    (third,) = publish_for(ada, "orders.shipped", order_id="a")
    (later,) = publish_for(ada, "orders.delivered", order_id="a")
    with django_assert_num_queries(2):
        missed = read_missed(user_id=str(ada.pk), order_id=None, after=first - 1, until=third)
    assert positions(missed) == [first, second, third]
    assert positions(read_missed(user_id=str(ada.pk), order_id=None, after=first, until=later)) == [
        second,
        third,
        later,
    ]


def test_a_guest_is_told_of_one_order_only() -> None:
    (mine,) = publish_for(None, "orders.placed", order_id="mine")
    (other,) = publish_for(None, "orders.placed", order_id="other")
    assert positions(read_missed(user_id=None, order_id="mine", after=mine - 1, until=other)) == [mine]


def test_what_is_gone_too_long_ago_too_much_or_never_was_is_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    user = make_user()
    told = publish_for(user, *["orders.shipped"] * 4)

    def missed(after: int) -> Any:
        return read_missed(user_id=str(user.pk), order_id=None, after=after, until=told[-1])

    assert missed(told[-1] + 1) is None
    monkeypatch.setattr(selectors, "REPLAYED_MAX", 3)
    assert missed(told[0] - 1) is None
    assert positions(missed(told[0])) == told[1:]
    monkeypatch.setattr(selectors, "REPLAY_WINDOW", 2)
    assert missed(told[0]) is None
    assert positions(missed(told[1])) == told[2:]
    EventSequence.objects.update(gone=told[2])
    assert missed(told[1]) is None
    assert positions(missed(told[2])) == told[3:]


def test_the_stock_of_products_is_that_of_their_variants_on_sale() -> None:
    product, hidden = make_product(stock=4), make_product(is_active=False)
    empty = make_variant(product, stock=None)
    make_variant(product, stock=9, is_active=False)
    unknown = new_id()
    assert stock_of_products([product.pk, hidden.pk, unknown]) == {
        product.pk: {default_variant(product).pk: 4, empty.pk: 0},
        hidden.pk: {},
        unknown: {},
    }


@pytest.mark.parametrize("count", [2, 20])
def test_looking_at_stock_costs_two_statements_however_many(count: int) -> None:
    products = [make_product().pk for _ in range(count)]
    with CaptureQueriesContext(
        connection,
    ) as queries:
        stock_of_products(products)
    assert len(queries) == 2
