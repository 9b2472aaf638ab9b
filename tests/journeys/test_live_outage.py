"""A live process that cannot read the feed yet: who is known waits, and is told to come again, not that one is a
stranger."""

from collections.abc import Iterator

import psycopg
import pytest

from core.events.models import EventSequence
from tests.apps.live.listening import Listener
from tests.journeys.test_live import registered, start_live
from tests.journeys.test_sale import Visitor
from tests.running_shop import RunningShop

pytestmark = [pytest.mark.slow, pytest.mark.postgres]


@pytest.fixture
def customer(shop: RunningShop) -> Visitor:
    return registered(shop)


@pytest.fixture
def feed_out_of_reach(shop: RunningShop, customer: Visitor) -> Iterator[psycopg.Connection]:
    """A live process that began while somebody holds the feed's table. Ends the holding when it is rolled back."""
    before = dict(shop.environment)
    shop.environment["LIVE_AUTHENTICATION_SECONDS"] = "4"
    with psycopg.connect(shop.database_url) as holder:
        holder.execute(f"LOCK TABLE {EventSequence._meta.db_table} IN ACCESS EXCLUSIVE MODE")
        start_live(shop)
        yield holder
    shop.kill("live")
    shop.environment = before


def test_a_good_token_is_not_called_bad_while_the_database_does_not_answer(
    shop: RunningShop, customer: Visitor, feed_out_of_reach: psycopg.Connection
) -> None:
    with Listener(shop.live_port, token=customer.access) as by_subprotocol, Listener(shop.live_port) as by_message:
        by_message.say(type="authenticate", token=customer.access)
        with Listener(shop.live_port) as stranger:
            assert [line.until_closed() for line in (by_subprotocol, by_message, stranger)] == [1013, 1013, 4401]

    feed_out_of_reach.rollback()

    with Listener(shop.live_port, open_timeout=30) as line:
        assert line.enter(token=customer.access)["type"] == "ready"
