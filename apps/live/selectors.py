"""Reads for the live updates: news for all clients at once, what one client missed, the stock of watched goods."""

import dataclasses
import uuid
from collections.abc import Collection

from apps.inventory.selectors import available_units
from apps.live.shapes import LIVE_EVENTS, LiveEvent, shape
from apps.products.models import ProductVariant
from core.events.feed import StoredEvent, feed_bounds, last_position, read_feed
from core.events.models import OutboxEvent

EVENTS_PER_READ = 500
REPLAYED_MAX = 500  # events that one client is told again; who missed more reads the shop anew
REPLAY_WINDOW = 20_000  # positions that are searched for them: a bound on what a reconnect costs
PRODUCTS_PER_READ = 500


@dataclasses.dataclass(frozen=True, slots=True)
class News:
    """What came after a position, and the position up to which all is known now.

    `is_broken` tells that the feed goes back behind the position asked for: the database is not the one it was.
    """

    events: list[LiveEvent]
    position: int
    has_more: bool = False
    is_broken: bool = False


def read_news(*, after: int | None) -> News:
    """Return the next live events after a position; None asks for the present position only. At most two statements."""
    last = last_position()
    if after is None or last <= after:
        return News(events=[], position=last, is_broken=after is not None and last < after)
    stored = read_feed(after=after, limit=EVENTS_PER_READ, names=LIVE_EVENTS)
    reached = stored[-1].position if stored else after
    has_more = len(stored) == EVENTS_PER_READ
    return News(
        events=[shape(event) for event in stored],
        position=reached if has_more else max(reached, last),  # the others up to `last` are of no concern here
        has_more=has_more,
    )


def read_missed(*, user_id: str | None, order_id: str | None, after: int, until: int) -> list[LiveEvent] | None:
    """Return a user's, or a guest's order's, live events between two positions, in order. Two statements.

    None when they cannot all be told: some are gone, or it is too long ago.
    """
    gone, last = feed_bounds()
    if after < gone or after > last or until - after > REPLAY_WINDOW:
        return None
    events = OutboxEvent.objects.filter(position__gt=after, position__lte=until, name__in=LIVE_EVENTS)
    mine = events.filter(payload__user_id=user_id) if user_id else events.filter(payload__order_id=order_id)
    columns = [field.name for field in dataclasses.fields(StoredEvent)]
    rows = mine.order_by("position").values_list(*columns)[: REPLAYED_MAX + 1]
    missed = [shape(StoredEvent(*row)) for row in rows]
    return missed if len(missed) <= REPLAYED_MAX else None


def stock_of_products(product_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, dict[uuid.UUID, int]]:
    """Return the available units of each variant on sale, by product. Two statements per 500 products."""
    wanted = sorted(product_ids)
    found: dict[uuid.UUID, dict[uuid.UUID, int]] = {product_id: {} for product_id in wanted}
    for start in range(0, len(wanted), PRODUCTS_PER_READ):
        variants = ProductVariant.objects.filter(
            product__in=wanted[start : start + PRODUCTS_PER_READ], is_active=True, product__is_active=True
        )
        product_of = dict(variants.order_by().values_list("pk", "product_id"))
        for variant_id, units in available_units(product_of).items():
            found[product_of[variant_id]][variant_id] = units
    return found
