"""Nudges between live processes: who sees news first lets the others look at once instead of a moment later.

They go through the channel layer: Redis where there is one, else memory, where nobody else listens. Nothing depends on
them; a layer that is away or hangs is let be for a while.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from channels.layers import get_channel_layer

LAYER = "nudges"  # not "default": Channels would give every connection a channel of its own there
GROUP = "live"
LONGEST_CALL_SECONDS = 1.0
PAUSE_SECONDS = 10.0
logger = logging.getLogger("shop.live")


class Nudges:
    """Tells the other processes, and listens to them."""

    def __init__(self) -> None:
        self._wanted = asyncio.Event()

    def start(self, wake: Callable[[], None]) -> list[asyncio.Task[None]]:
        """Return the running tasks: one listens and calls `wake`, one tells."""
        return [asyncio.create_task(_again_and_again(self._listen, wake)), asyncio.create_task(self._tell_on_demand())]

    def tell(self) -> None:
        """Let the others know soon that there are news."""
        self._wanted.set()

    async def _listen(self, wake: Callable[[], None]) -> None:
        layer = _layer()
        async with asyncio.timeout(LONGEST_CALL_SECONDS):
            channel = await layer.new_channel()
            await layer.group_add(GROUP, channel)
        while True:
            await layer.receive(channel)
            wake()

    async def _tell_on_demand(self) -> None:
        await _again_and_again(self._tell_next)

    async def _tell_next(self) -> None:
        await self._wanted.wait()
        self._wanted.clear()
        async with asyncio.timeout(LONGEST_CALL_SECONDS):
            await _layer().group_send(GROUP, {"type": "nudge", "at": time.time()})


async def _again_and_again(step: Callable[..., Any], *arguments: Any) -> None:
    while True:
        try:
            await step(*arguments)
        except Exception:
            logger.warning("nudges do not get through; looking less often will do", exc_info=True)
            await asyncio.sleep(PAUSE_SECONDS)


def _layer() -> Any:
    return get_channel_layer(LAYER)
