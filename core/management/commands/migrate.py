"""manage.py migrate: Django's, which on PostgreSQL waits two seconds for a lock and then lets everybody else pass."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration

LOCK_TIMEOUT_MS = 2_000
_LOCK_NOT_AVAILABLE = "55P03"
_OLDEST_TRANSACTIONS = """
    SELECT pid, application_name, state, extract(epoch FROM now() - xact_start)::int FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
    ORDER BY xact_start LIMIT 3
"""


class Command(migrate.Command):
    """A migration that waits for a table has everybody who comes after it wait as well. So it gives up soon.

    What runs outside a transaction (indexes built beside the traffic) may take its time: it stops nobody.
    """

    def handle(self, *args: Any, **options: Any) -> None:
        self.connection = connections[options["database"]]
        self.running: Migration | None = None
        if self.connection.vendor != "postgresql":
            super().handle(*args, **options)
            return
        with self._short_locks():
            try:
                super().handle(*args, **options)
            except OperationalError as error:
                if getattr(error.__cause__, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                    raise
                raise CommandError(_advice(self.running, self.connection)) from error

    def migration_progress_callback(self, action: str, migration: Any = None, fake: bool = False) -> None:
        if migration is not None:
            self.running = migration
        if action == "apply_start" and self.connection.vendor == "postgresql":
            _execute(self.connection, "RESET statement_timeout" if migration.atomic else "SET statement_timeout = 0")
        super().migration_progress_callback(action, migration, fake)

    @contextmanager
    def _short_locks(self) -> Iterator[None]:
        _execute(self.connection, f"SET lock_timeout = {LOCK_TIMEOUT_MS}")
        try:
            yield
        finally:
            if self.connection.connection is not None and self.connection.is_usable():
                _execute(self.connection, "RESET lock_timeout")
                _execute(self.connection, "RESET statement_timeout")


def _execute(connection: BaseDatabaseWrapper, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _advice(running: Migration | None, connection: BaseDatabaseWrapper) -> str:
    with connection.cursor() as cursor:
        cursor.execute(_OLDEST_TRANSACTIONS)
        found = [f"process {pid} ({name}, {state}, for {seconds} s)" for pid, name, state, seconds in cursor.fetchall()]
    return (
        f"{running or 'The first migration'} was not applied: others held a lock that it needs for more than "
        f"{LOCK_TIMEOUT_MS // 1000} s. Nothing of it is done, those before it stay applied, and the shop goes on as it "
        f"was. Run migrate again; if that does not help, end what holds the lock. "
        f"The oldest open transactions: {'; '.join(found) or 'none any more'}."
    )
