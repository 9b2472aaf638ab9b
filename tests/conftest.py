"""Fixtures for all tests. A test that needs PostgreSQL or Redis is marked so.

On SQLite the `postgres` tests are left out (the suite runs again on PostgreSQL, where they must run). `redis` tests run
wherever REDIS_URL is set, `rabbitmq` tests wherever CELERY_TEST_AMQP_URL is; `.ci/run` sets both.
"""

import os
import uuid
from collections.abc import Callable

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from apps.accounts.models import User
from tests import emptying, factories
from tests.http import ApiClient

# What a property says does not depend on how busy the machine is.
hypothesis_settings.register_profile("shop", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("shop")
emptying.install()


def on_postgresql() -> bool:
    return settings.DATABASES["default"]["ENGINE"].endswith("postgresql")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this run's services cannot carry, as deselected, never as skipped; heavy files come first."""

    def runs_here(item: pytest.Item) -> bool:
        if item.get_closest_marker("postgres") and not on_postgresql():
            return False
        if item.get_closest_marker("blind") and on_postgresql():
            return False
        if item.get_closest_marker("rabbitmq") and not os.environ.get("CELERY_TEST_AMQP_URL"):
            return False
        return not (item.get_closest_marker("redis") and not os.environ.get("REDIS_URL"))

    left_out = [item for item in items if not runs_here(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if runs_here(item)]
    heavy = {item.path for item in items if item.get_closest_marker("slow") or item.get_closest_marker("blind")}
    items.sort(key=lambda item: item.path not in heavy)  # begun last, one file would keep one worker busy alone


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """With FAIL_ON_SKIP set, a skipped test fails the run: a missing service must not look like success."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("FAIL_ON_SKIP") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True)
def _refusals_leave_the_test_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service joins the open transaction without a savepoint; inside a test's own transaction it gets one.

    Otherwise the first refusal would end the transaction that the whole test runs in, and it could look at nothing
    afterwards.
    """
    enter = transaction.Atomic.__enter__

    def enter_with_savepoint(block: transaction.Atomic) -> None:
        outer = transaction.get_connection(block.using).atomic_blocks
        if outer and all(open_block._from_testcase for open_block in outer):
            block.savepoint = True
        enter(block)

    monkeypatch.setattr(transaction.Atomic, "__enter__", enter_with_savepoint)


@pytest.fixture
def api() -> ApiClient:
    """A client of /api/v1/ without an account."""
    return ApiClient(Client())


@pytest.fixture
def customer(db: None) -> User:
    return factories.make_user()


@pytest.fixture
def admin(db: None) -> User:
    return factories.make_admin()


@pytest.fixture
def seller(db: None) -> User:
    return factories.make_seller()


@pytest.fixture
def api_as() -> Callable[[User], ApiClient]:
    """A client of /api/v1/ signed in as the given account."""
    return lambda user: ApiClient(Client(), access=factories.access_token_of(user))


@pytest.fixture
def new_key() -> str:
    """A fresh Idempotency-Key."""
    return f"test-{uuid.uuid4()}"
