"""Migrations beside the traffic: an index is built while somebody writes, a rule is checked later."""

import contextlib
from collections.abc import Iterator

import psycopg
import pytest
from django.db import IntegrityError, OperationalError, connection, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from core import clock
from core.events.models import SinkCursor
from core.migration_operations import AddCheckBesideTraffic, AddIndexBesideTraffic, ValidateCheck

pytestmark = pytest.mark.django_db(transaction=True)
INDEX, CHECK = "tests_cursor_by_position", "tests_cursor_not_negative"
TABLE = SinkCursor._meta.db_table
ADD_INDEX = AddIndexBesideTraffic("sinkcursor", models.Index(fields=["position", "failures"], name=INDEX))
ADD_CHECK = AddCheckBesideTraffic("sinkcursor", models.CheckConstraint(condition=models.Q(failures__lt=5), name=CHECK))
VALIDATE = ValidateCheck("sinkcursor", CHECK)


@pytest.fixture
def state() -> ProjectState:
    return MigrationLoader(connection).project_state()


@pytest.fixture(autouse=True)
def _as_it_was(state: ProjectState) -> Iterator[None]:
    yield
    after = state.clone()
    for operation, names in ((ADD_INDEX, indexes()), (ADD_CHECK, checks())):
        if names:
            changed = after.clone()
            operation.state_forwards("core", changed)
            with connection.schema_editor(atomic=False) as editor:
                operation.database_backwards("core", editor, changed, after)


def run(operation: Operation, state: ProjectState) -> ProjectState:
    after = state.clone()
    operation.state_forwards("core", after)
    with connection.schema_editor(atomic=False) as editor:
        operation.database_forwards("core", editor, state, after)
    return after


def constraints() -> dict[str, dict[str, object]]:
    with connection.cursor() as cursor:
        return connection.introspection.get_constraints(cursor, TABLE)


def indexes() -> list[str]:
    return [name for name in constraints() if name == INDEX]


def checks() -> list[str]:
    return [name for name in constraints() if name == CHECK]


def add_cursor(name: str, *, failures: int) -> None:
    SinkCursor.objects.create(sink=name, position=0, due_at=clock.now(), failures=failures)


def test_an_index_and_a_rule_are_made_on_either_database(state: ProjectState) -> None:
    with_index = run(ADD_INDEX, state)
    with_check = run(ADD_CHECK, with_index)
    run(VALIDATE, with_check)
    assert (indexes(), checks()) == ([INDEX], [CHECK])
    with pytest.raises(IntegrityError):
        add_cursor("tests", failures=5)
    assert not SinkCursor.objects.filter(sink="tests").exists()


@pytest.mark.postgres
def test_old_rows_are_looked_at_by_the_second_step(state: ProjectState) -> None:
    add_cursor("old", failures=7)
    after = run(ADD_CHECK, state)
    with pytest.raises(IntegrityError):
        add_cursor("new", failures=7)
    with pytest.raises(IntegrityError):
        run(VALIDATE, after)
    SinkCursor.objects.filter(sink="old").update(failures=0)
    run(VALIDATE, after)


@pytest.mark.postgres
def test_an_index_is_built_beside_writers_and_a_broken_attempt_is_made_good(state: ProjectState) -> None:
    add_cursor("theirs", failures=0)
    with contextlib.closing(psycopg.connect(**connection.get_connection_params() | {"cursor_factory": None})) as writer:
        writer.execute(f"UPDATE {TABLE} SET failures = 1 WHERE sink = 'theirs'")
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = 300")
        with pytest.raises(OperationalError):
            run(ADD_INDEX, state)
        SinkCursor.objects.create(sink="ours", position=0, due_at=clock.now())  # nobody waits for the builder
        writer.rollback()
    with connection.cursor() as cursor:
        cursor.execute("RESET lock_timeout")
    assert not _is_valid()

    run(ADD_INDEX, state)

    assert _is_valid()


def _is_valid() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [INDEX])
        found = cursor.fetchone()
    return found is not None and found[0]
