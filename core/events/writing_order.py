"""The order in which events were written, as the database counted them: no publisher's clock has a say in it.

An event's id begins with the time of the machine that wrote it, and two machines never agree to the millisecond. The
database's count is causal: whoever writes about a thing after somebody else has waited for that one's row lock, so its
events are counted later. On PostgreSQL the count is the column `written`, filled by a sequence at INSERT (events from
before there was one have 0 and come first, by id); SQLite has one writer at a time and counts in `rowid`.
"""

from typing import Any

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BigIntegerField, Func, QuerySet

from core.events.models import OutboxEvent


class _Count(Func):
    """The database's count of an event. It is no field of the model: nobody writes it."""

    arity = 0
    output_field = BigIntegerField()

    def as_sql(
        self, compiler: Any, connection: BaseDatabaseWrapper, *args: Any, **kwargs: Any
    ) -> tuple[str, tuple[str | int, ...]]:
        return f'"core_outbox_event"."{_column(connection)}"', ()


def in_order_of_writing(events: QuerySet[OutboxEvent]) -> QuerySet[OutboxEvent]:
    """Return the events, the first written first."""
    return events.order_by(_Count(), "id")


def order_of_writing() -> str:
    """Return what SQL that reads core_outbox_event writes behind ORDER BY."""
    return f"{_column(connection)}, id"


def _column(connection: BaseDatabaseWrapper) -> str:
    return "written" if connection.vendor == "postgresql" else "rowid"
