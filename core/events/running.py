"""Running deliveries: the event is rebuilt, its handler called, the outcome written down."""

import datetime as dt
import logging
import time
import traceback
from collections.abc import Callable, Sequence

from django.db import InterfaceError, OperationalError, connection

from core import clock, context
from core.events import leasing
from core.events.leasing import Leased
from core.events.registry import DEFAULT_MAX_ATTEMPTS, Envelope, Event, Registration, find_handler

MARK_EVERY_SECONDS = 0.1
logger = logging.getLogger("shop.events")


class CannotDeliver(Exception):
    """This code does not know the handler, or the handler does not know the event."""


def run_all(
    leased: Sequence[Leased], *, now: dt.datetime | None = None, is_stopping: Callable[[], bool] = lambda: False
) -> int:
    """Run the deliveries of one lease; return how many are done.

    Those whose turn comes too late for their lease, or after the worker was told to stop, are handed back. What quick
    handlers have done is marked together, every tenth of a second: who dies in between lets them be called twice.
    """
    done: list[Leased] = []
    count, marked_at = 0, time.monotonic()
    try:
        for position, delivery in enumerate(leased):
            if is_stopping() or (now or clock.now()) >= delivery.start_before:
                leasing.hand_back(leased[position:])
                break
            if run(delivery, now=now):
                done.append(delivery)
            if time.monotonic() - marked_at >= MARK_EVERY_SECONDS:
                finished, done = done, []
                count += leasing.finish(finished, now=now or clock.now())
                marked_at = time.monotonic()
    finally:
        count += leasing.finish(done, now=now or clock.now())
    return count


def run(leased: Leased, *, now: dt.datetime | None = None) -> bool:
    """Call the handler, outside any transaction, under the request id of whoever published the event.

    Returns whether it succeeded. One that raises is tried again later; after its last attempt the delivery is dead.
    Raises only when the database is gone: then the lease runs out and the delivery is tried again.
    """
    token = context.request_id.set(leased.request_id)
    try:
        if leased.attempt > _max_attempts(leased):
            leasing.bury(leased, attempts=leased.attempt - 1, error=_died_too_often(leased), now=now or clock.now())
            return False
        registration = _registration(leased)
        registration.run(_event(leased, registration.event), _envelope(leased))
    except Exception as error:  # noqa: BLE001 - whatever a handler raises is that handler's failure alone
        _refuse_without_database(error)
        _note_failure(leased, error, now=now or clock.now())
        return False
    finally:
        context.request_id.reset(token)
    return True


def _registration(leased: Leased) -> Registration:
    registration = find_handler(leased.handler)
    if registration is None:
        raise CannotDeliver(f"no handler is called {leased.handler}")
    if registration.event.name != leased.event_name:
        raise CannotDeliver(f"{leased.handler} answers {registration.event.name}, not {leased.event_name}")
    return registration


def _event(leased: Leased, kind: type[Event]) -> Event:
    try:
        return kind(**leased.payload)
    except TypeError as error:
        raise CannotDeliver(f"the payload on record does not fit {kind.__name__}: {error}") from error


def _envelope(leased: Leased) -> Envelope:
    return Envelope(
        event_id=str(leased.event_id),
        handler=leased.handler,
        occurred_at=leased.occurred_at.isoformat(),
        request_id=leased.request_id,
        attempt=leased.attempt,
    )


def _refuse_without_database(error: Exception) -> None:
    """Raise the error again when it is the database that is gone: no outcome could be written."""
    if isinstance(error, OperationalError | InterfaceError) and not connection.is_usable():
        raise error


def _note_failure(leased: Leased, error: Exception, *, now: dt.datetime) -> None:
    last = _max_attempts(leased)
    is_dead = leased.attempt >= last
    if is_dead:
        leasing.bury(leased, attempts=leased.attempt, error=_text_of(error), now=now)
    else:
        delay = leasing.retry_delay_seconds(leased.attempt)
        leasing.retry_later(leased, error=_text_of(error), delay_seconds=delay, now=now)
    logger.error(
        "handler failed",
        exc_info=error,
        extra={
            "handler": leased.handler,
            "event": leased.event_name,
            "event_id": str(leased.event_id),
            "attempt": leased.attempt,
            "max_attempts": last,
            "dead": is_dead,
        },
    )


def _max_attempts(leased: Leased) -> int:
    registration = find_handler(leased.handler)
    return registration.max_attempts if registration else DEFAULT_MAX_ATTEMPTS


def _died_too_often(leased: Leased) -> str:
    return f"{leased.attempt - 1} attempts were begun and the last one was never finished: its process died or hung"


def _text_of(error: Exception) -> str:
    if isinstance(error, CannotDeliver):
        return str(error)
    return "".join(traceback.format_exception(error)).strip()
