"""`manage.py migrate` on PostgreSQL gives up a lock soon, says so, and leaves nothing half done."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.demo_data import drop_database
from tests.running_shop import ROOT, fresh_database

pytestmark = pytest.mark.postgres
BEFORE, NEXT = "0002_number_events_and_feed_sinks", "0003_say_what_the_feed_has_lost"
MIGRATE = [sys.executable, "manage.py", "migrate", "core"]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[str]:
    """A database where the next migration of the ground is one that adds a column."""
    url = fresh_database(tmp_path)
    done = migrate(url, BEFORE)
    assert done.returncode == 0, done.stderr
    yield url
    drop_database(url)


def migrate(url: str, name: str) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "PYTEST_"))}
    settings = {
        "DJANGO_SETTINGS_MODULE": "config.settings.local",
        "ENV_FILE": os.devnull,
        "SECRET_KEY": "migrate-" + "k" * 60,
        "DATABASE_URL": url,
        "DATABASE_LOCK_TIMEOUT_MS": "0",  # whatever the shop itself has: here it would wait for ever
    }
    return subprocess.run(
        [*MIGRATE, name], cwd=ROOT, env=variables | settings, capture_output=True, text=True, timeout=300
    )


def applied(connection: psycopg.Connection) -> list[str]:
    found = connection.execute("SELECT name FROM django_migrations WHERE app = 'core' ORDER BY name").fetchall()
    return [name for (name,) in found]


def columns(connection: psycopg.Connection) -> set[str]:
    found = connection.execute("SELECT column_name FROM information_schema.columns WHERE table_name LIKE 'core_%'")
    return {name for (name,) in found.fetchall()}


def test_a_table_that_somebody_holds_is_not_waited_for_and_nothing_is_half_done(database: str) -> None:
    with psycopg.connect(database, application_name="a long report") as reader:
        reader.execute("SELECT * FROM core_event_sequence")  # and does not end its transaction
        with psycopg.connect(database) as other:
            before = applied(other), columns(other)
        refused = migrate(database, NEXT)
        assert refused.returncode == 1
        assert (
            f"CommandError: core.{NEXT} was not applied: others held a lock that it needs for more than 2 s. "
            "Nothing of it is done" in refused.stderr
        )
        assert f"process {reader.info.backend_pid} (a long report, idle in transaction, for " in refused.stderr
        assert "Traceback" not in refused.stderr
        with psycopg.connect(database) as other:
            assert (applied(other), columns(other)) == before

    assert migrate(database, NEXT).returncode == 0
    with psycopg.connect(database) as other:
        assert applied(other)[-1] == NEXT
        assert len(columns(other) - before[1]) == 1
