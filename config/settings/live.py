"""Settings of the live updates, read from the environment variables of docs/settings.md. Part of `base`."""

from typing import Any

from config import env
from config.settings import environment  # noqa: F401  # the .env file comes first

LIVE_URL = env.text("LIVE_URL")  # what the start page shows; `make run` fills it in
LIVE_POLL_SECONDS = float(env.decimal("LIVE_POLL_SECONDS", "0.3"))
LIVE_CHECK_SECONDS = env.integer("LIVE_CHECK_SECONDS", 15, minimum=1)  # how often tokens and sign-ins are looked at
LIVE_AUTHENTICATION_SECONDS = env.integer("LIVE_AUTHENTICATION_SECONDS", 10, minimum=1)
LIVE_CONNECTIONS_MAX = env.integer("LIVE_CONNECTIONS_MAX", 5_000, minimum=1)  # of one process
LIVE_STRANGERS_PER_NETWORK = env.integer("LIVE_STRANGERS_PER_NETWORK", 50, minimum=1)  # have not said who they are
LIVE_CONNECTIONS_PER_USER = env.integer("LIVE_CONNECTIONS_PER_USER", 10, minimum=1)


def _channel_layers() -> dict[str, dict[str, Any]]:
    redis = env.service_url("REDIS_URL", ("redis", "rediss", "unix"))
    if not redis:
        return {"nudges": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    config = {"hosts": [redis], "prefix": "shop-live"}
    return {"nudges": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": config}}


CHANNEL_LAYERS = _channel_layers()
