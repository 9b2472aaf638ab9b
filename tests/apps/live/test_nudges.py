"""Nudges between live processes: welcome, and never needed."""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings

from apps.live import nudges
from apps.live.nudges import Nudges


def on_redis(settings: LazySettings, url: str) -> None:
    config = {"hosts": [url], "prefix": "shop-live-tests"}
    layer = {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": config}
    settings.CHANNEL_LAYERS = {"nudges": layer}


def with_two_processes(scene: Callable[[Nudges, asyncio.Event, list[asyncio.Task[None]]], Any]) -> None:
    """Run the scene with one who tells and one who listens."""

    async def play() -> None:
        teller, listener, woken = Nudges(), Nudges(), asyncio.Event()
        tasks = teller.start(lambda: None) + listener.start(woken.set)
        try:
            await scene(teller, woken, tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(play())


async def nudge_until_heard(teller: Nudges, woken: asyncio.Event, _: list[asyncio.Task[None]]) -> None:
    async with asyncio.timeout(10):
        while not woken.is_set():  # the listener may have come later than the first
            teller.tell()
            await asyncio.wait([asyncio.ensure_future(woken.wait())], timeout=0.1)


def test_a_nudge_is_heard_in_memory(settings: LazySettings) -> None:
    settings.CHANNEL_LAYERS = {"nudges": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    with_two_processes(nudge_until_heard)


@pytest.mark.redis
def test_a_nudge_is_heard_over_redis(settings: LazySettings) -> None:
    on_redis(settings, os.environ["REDIS_URL"])
    with_two_processes(nudge_until_heard)


@pytest.mark.parametrize("is_frozen", [True, False])
def test_a_redis_that_is_away_or_hangs_is_let_be(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, is_frozen: bool
) -> None:
    monkeypatch.setattr(nudges, "LONGEST_CALL_SECONDS", 0.3)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        if is_frozen:
            deaf.listen()  # takes connections and never answers
        on_redis(settings, f"redis://127.0.0.1:{deaf.getsockname()[1]}/0")

        async def nudge(teller: Nudges, woken: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
            teller.tell()
            async with asyncio.timeout(10):
                while "nudges do not get through" not in caplog.text:
                    await asyncio.sleep(0.05)
            assert not woken.is_set()
            assert not any(task.done() for task in tasks)

        with_two_processes(nudge)
