"""Settings of those who are told of every event, read from the environment variables of docs/settings.md.

A sink is in EVENT_SINKS if it is to be fed: webhooks always, Kafka when its brokers are named.
"""

from config import env
from config.settings import environment  # noqa: F401  # the .env file comes first

WEBHOOK_TIMEOUT_SECONDS = 5.0
WEBHOOK_REQUIRE_HTTPS: bool = env.flag(
    "WEBHOOK_REQUIRE_HTTPS", default=env.text("ENVIRONMENT", "local") == "production"
)
WEBHOOK_ALLOWED_PORTS: list[str] = env.words("WEBHOOK_ALLOWED_PORTS", "80,443")
WEBHOOK_ALLOWED_NETWORKS: list[str] = env.words("WEBHOOK_ALLOWED_NETWORKS")  # private ones, of receivers of your own

KAFKA_TIMEOUT_MAX = 45  # well within the minute for which one process alone feeds a sink (core.events.sinks.LEASE)
KAFKA_BOOTSTRAP_SERVERS: str = env.text("KAFKA_BOOTSTRAP_SERVERS")
KAFKA_TOPIC_PREFIX: str = env.text("KAFKA_TOPIC_PREFIX", "shop")
KAFKA_TIMEOUT_SECONDS: int = env.integer("KAFKA_TIMEOUT_SECONDS", 10, minimum=1, maximum=KAFKA_TIMEOUT_MAX)
KAFKA_SECURITY_PROTOCOL: str = env.choice(
    "KAFKA_SECURITY_PROTOCOL", "plaintext", ("plaintext", "ssl", "sasl_plaintext", "sasl_ssl")
)
KAFKA_SASL_MECHANISM: str = env.text("KAFKA_SASL_MECHANISM")
KAFKA_SASL_USERNAME: str = env.text("KAFKA_SASL_USERNAME")
KAFKA_SASL_PASSWORD: str = env.text("KAFKA_SASL_PASSWORD")

EVENT_SINKS: dict[str, str] = {"webhooks": "apps.webhooks.sinks.webhooks.WebhookSink"}
if KAFKA_BOOTSTRAP_SERVERS:
    EVENT_SINKS["kafka"] = "apps.webhooks.sinks.kafka.KafkaSink"
