"""Is it alive, may it take traffic, and how are its parts? Plain views: no sign-in, no throttle, no DRF."""

import logging
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse

from core import clock
from core.api.plain_views import read_only
from core.api.renderers import to_json
from core.events.lateness import outbox_ages
from core.figures import OK, PartCheck, health_parts

logger = logging.getLogger("shop.health")
PARTS_THAT_MUST_WORK = frozenset({"database"})


@read_only
def alive(request: HttpRequest) -> HttpResponse:
    """The process answers. Touches nothing else."""
    return _json({"status": "ok"}, 200)


@read_only
def ready(request: HttpRequest) -> HttpResponse:
    """The process may take traffic: the database answers."""
    state = _database()
    return _json({"status": state}, 200 if state == "ok" else 503)


@read_only
def health_check(request: HttpRequest) -> HttpResponse:
    """The state of each part; 503 when a part the shop cannot do without is gone."""
    parts = {"database": _database()}
    if parts["database"] == OK:
        parts["outbox"] = _outbox()
        parts |= {name: _registered(name, check) for name, check in health_parts().items()}
    if settings.REDIS_URL:
        parts["redis"] = _redis()
    ailing = [name for name, state in parts.items() if state != OK]
    status = OK if not ailing else "down" if PARTS_THAT_MUST_WORK & set(ailing) else "degraded"
    return _json(
        {"status": status, "parts": parts, "environment": settings.ENVIRONMENT},
        503 if status == "down" else 200,
    )


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError):
        logger.warning("the database does not answer", exc_info=True)
        return "down"
    return "ok"


def _outbox() -> str:
    return "late" if outbox_ages(clock.now()).is_late else OK


def _registered(name: str, check: PartCheck) -> str:
    """Ask an app about its part: one that cannot tell must not take the shop out of traffic."""
    try:
        return check(clock.now())
    except (DatabaseError, InterfaceError):
        logger.warning("a part cannot tell how it is", exc_info=True, extra={"part": name})
        return "unknown"


def _redis() -> str:
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1) as client:
            client.ping()
    except (redis.RedisError, OSError):
        logger.warning("Redis does not answer", exc_info=True)
        return "down"
    return "ok"


def _json(body: dict[str, Any], status: int) -> HttpResponse:
    response = HttpResponse(to_json(body), status=status, content_type="application/json")
    response["Cache-Control"] = "no-store"
    if status == 503:
        response["Retry-After"] = "2"
    return response
