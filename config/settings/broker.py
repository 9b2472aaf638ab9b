"""Settings of the message broker, read from the environment variables of docs/settings.md. Part of `base`.

Without CELERY_BROKER_URL there is none, and `manage.py worker` does all background work. How Celery is told of these
stands in config/celery.py: a web server never imports Celery.
"""

from config import env
from config.settings import environment  # noqa: F401  # the .env file comes first

CELERY_BROKER_URL = env.service_url("CELERY_BROKER_URL", ("amqp", "amqps", "redis", "rediss"))
CELERY_APP = "config.celery.app"
BROKER_PREFIX = env.text("BROKER_PREFIX", "shop.")  # of every queue: two shops may share a broker
OUTBOX_ALARM_SECONDS = env.integer("OUTBOX_ALARM_SECONDS", 120, minimum=1)
