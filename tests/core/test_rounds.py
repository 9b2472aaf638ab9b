"""What is over goes, however much of it there is, and never much of it in one statement."""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import LoginSession, RefreshToken, User
from apps.accounts.services.housekeeping import SESSION_DAYS, forget_old_sign_ins
from apps.notifications.models import Notification
from apps.notifications.services.inbox import forget_old
from core import clock, rounds
from core.idempotency import keys
from core.idempotency.models import IdempotencyRecord
from core.ids import new_id
from tests.factories import make_user

pytestmark = pytest.mark.django_db
NOW = clock.now()
LONG_AGO = NOW - dt.timedelta(days=1000)
MORE_THAN_TWO_ROUNDS = 2 * rounds.ROWS_PER_ROUND + 500


def make_sessions(count: int, user: User, created_at: dt.datetime) -> list[LoginSession]:
    rows = [LoginSession(user=user, created_at=created_at) for _ in range(count)]
    return LoginSession.objects.bulk_create(rows)


def make_tokens(count: int) -> None:
    """Tokens that are over, of one session, and one that is good."""
    (session,) = make_sessions(1, make_user(), NOW)
    times = {"session": session, "issued_at": LONG_AGO}
    RefreshToken.objects.bulk_create(
        [RefreshToken(**times, expires_at=LONG_AGO, used_at=LONG_AGO) for _ in range(count)]
        + [RefreshToken(**times, expires_at=NOW + dt.timedelta(days=1))]
    )


def make_old_sessions(count: int) -> None:
    user = make_user()
    make_sessions(count, user, NOW - dt.timedelta(days=SESSION_DAYS, seconds=1))
    make_sessions(1, user, NOW)


def make_notifications(count: int) -> None:
    user = make_user()
    ages = [LONG_AGO] * count + [NOW]
    Notification.objects.bulk_create(
        Notification(user=user, kind="order_paid", event_id=uuid.uuid4(), created_at=age) for age in ages
    )


def make_keys(count: int) -> None:
    ends = [LONG_AGO] * count + [NOW + dt.timedelta(seconds=1)]
    IdempotencyRecord.objects.bulk_create(
        IdempotencyRecord(scope_hash=new_id().hex, fingerprint="f", status=201, created_at=LONG_AGO, expires_at=end)
        for end in ends
    )


def deletes_in(captured: CaptureQueriesContext, model: type[Model]) -> int:
    table = model._meta.db_table
    return sum(query["sql"].startswith(f'DELETE FROM "{table}"') for query in captured.captured_queries)


CHORES: list[Any] = [
    pytest.param(make_tokens, lambda: forget_old_sign_ins(now=NOW), RefreshToken, id="refresh tokens"),
    pytest.param(make_old_sessions, lambda: forget_old_sign_ins(now=NOW), LoginSession, id="sign-ins"),
    pytest.param(make_notifications, lambda: forget_old(now=NOW), Notification, id="notifications"),
    pytest.param(make_keys, lambda: keys.purge_expired(NOW), IdempotencyRecord, id="idempotency keys"),
]


@pytest.mark.parametrize(("make", "chore", "model"), CHORES)
def test_one_run_removes_all_that_is_over_in_three_rounds(
    make: Callable[[int], None], chore: Callable[[], int], model: type[Model]
) -> None:
    make(MORE_THAN_TWO_ROUNDS)
    with CaptureQueriesContext(connection) as captured:
        assert chore() == MORE_THAN_TWO_ROUNDS
    assert model._default_manager.count() == 1
    assert deletes_in(captured, model) >= 3
    assert chore() == 0


def test_no_round_is_larger_than_it_may_be() -> None:
    make_keys(7)
    over = IdempotencyRecord.objects.filter(expires_at__lt=NOW).order_by("expires_at")
    with CaptureQueriesContext(connection) as captured:
        assert rounds.delete_in_rounds(over, size=3) == 7
    assert deletes_in(captured, IdempotencyRecord) == 3
    assert IdempotencyRecord.objects.count() == 1
