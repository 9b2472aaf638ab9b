"""What webhooks do by the clock, and the loop that sends them."""

import datetime as dt

from apps.webhooks.services.dispatcher import Dispatcher
from apps.webhooks.services.upkeep import remove_old_deliveries
from core.events.threads import background
from core.periodic.registry import every

background("webhooks.dispatcher")(Dispatcher)


@every(seconds=3600, name="webhooks.remove_old_deliveries")
def remove_old(now: dt.datetime) -> None:
    """The log of finished webhooks is as long as the feed."""
    remove_old_deliveries(now=now)
