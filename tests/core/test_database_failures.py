"""Which failures of the database pass, and what their answer is called: `busy` or `unavailable`."""

import sqlite3
from pathlib import Path

import pytest
from django.db import InterfaceError, NotSupportedError, OperationalError, connection, transaction

from apps.accounts.models import User
from core.api.database_failures import database_refusal, is_passing_failure
from core.errors import Busy, Unavailable


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_statement_that_takes_too_long_is_busy() -> None:
    with pytest.raises(OperationalError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 10")
        cursor.execute("SELECT pg_sleep(60)")
    assert type(database_refusal(caught.value)) is Busy


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_row_held_too_long_is_busy(admin: User) -> None:
    stranger = connection.copy()
    try:
        with stranger.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT id FROM accounts_user WHERE id = %s FOR UPDATE", [admin.pk])
        with pytest.raises(OperationalError) as caught, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT id FROM accounts_user WHERE id = %s FOR UPDATE NOWAIT", [admin.pk])
    finally:
        stranger.close()
    assert type(database_refusal(caught.value)) is Busy


def test_a_file_that_somebody_writes_is_busy(tmp_path: Path) -> None:
    writer, other = (sqlite3.connect(tmp_path / "shop.sqlite3", timeout=0, isolation_level=None) for _ in "12")
    writer.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError) as caught:
        other.execute("BEGIN IMMEDIATE")
    error = OperationalError("database is locked")
    error.__cause__ = caught.value
    assert type(database_refusal(error)) is Busy


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
def test_a_database_that_is_away_is_unavailable(kind: type[Exception]) -> None:
    error = kind("connection refused")
    assert is_passing_failure(error)
    assert type(database_refusal(error)) is Unavailable


@pytest.mark.parametrize("error", [NotSupportedError("no such thing"), ValueError("a bug")])
def test_a_bug_does_not_pass(error: Exception) -> None:
    assert not is_passing_failure(error)
