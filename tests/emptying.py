"""Emptying the test database after a test whose transactions were real.

Django's `flush` truncates every table and makes all permissions anew: a second or two on PostgreSQL, after each of
hundreds of tests. Here only what has rows is emptied, where the database's user may. What the migrations' own signals
wrote (content types and permissions) stays, as `flush` would write the same again.
"""

from typing import Any

from django.db import connection, transaction
from django.test import TransactionTestCase

KEPT = {"django_migrations", "django_content_type", "auth_permission"}
_flush = TransactionTestCase._fixture_teardown


def install() -> None:
    """Let transactional tests end so."""
    TransactionTestCase._fixture_teardown = _empty_database


def _empty_database(test: TransactionTestCase) -> None:
    with connection.cursor() as cursor:
        may_delete = _may_delete_from_ledgers(cursor)
    if not may_delete:
        _flush(test)
        return
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SET LOCAL session_replication_role = replica"
            )  # no triggers: ledgers refuse to be deleted from
        for table in _tables_with_rows(cursor):
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")


def _may_delete_from_ledgers(cursor: Any) -> bool:
    if connection.vendor != "postgresql":
        return True
    cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    return bool(cursor.fetchone()[0])


def _tables_with_rows(cursor: Any) -> list[str]:
    """Return the tables to be emptied. One statement, after the list of tables was asked for once."""
    names = sorted(set(connection.introspection.django_table_names(only_existing=True, include_views=False)) - KEPT)
    questions = (f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {connection.ops.quote_name(name)})" for name in names)
    cursor.execute(" UNION ALL ".join(questions))
    return [name for (name,) in cursor.fetchall()]
