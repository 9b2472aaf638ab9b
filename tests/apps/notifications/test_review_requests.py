"""Customers are asked what they think: each order for itself, nobody against their wish, at the same cost for many."""

import datetime as dt
import smtplib
from collections.abc import Sequence

import pytest
from django.conf import LazySettings
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from apps.notifications.models import OptOut, SentEmail
from apps.notifications.services import review_requests
from apps.notifications.services.review_requests import ask_for_reviews
from apps.orders.models import Order
from core import clock
from tests.apps.notifications.test_mails import sent
from tests.apps.notifications.test_more_mails import delivered

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _asked_after_a_week(settings: LazySettings) -> None:
    settings.REVIEW_REQUEST_DAYS = 7


def refuse(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let the mail server put off these addresses."""
    real = EmailBackend.send_messages

    def send(backend: EmailBackend, messages: Sequence[EmailMessage]) -> int:
        if messages[0].to[0] in addresses:
            raise smtplib.SMTPRecipientsRefused({messages[0].to[0]: (452, b"mailbox full")})
        return real(backend, messages)

    monkeypatch.setattr(EmailBackend, "send_messages", send)


def asked() -> set[str]:
    return {message.to[0] for message in sent("review_request")}


def opt_out(order: Order) -> None:
    OptOut.objects.create(user=order.user, kind="review_request", channel="mail")


def statements(run: int) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert ask_for_reviews(now=clock.now()) == run
    return len(captured)


def test_an_order_that_fails_keeps_no_other_from_being_asked_about(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bad, *good = [delivered(days_ago) for days_ago in (7.5, 7.4, 7.3)]
    with monkeypatch.context() as patched:
        refuse(patched, bad.email)
        assert [ask_for_reviews(now=clock.now()) for _ in range(2)] == [2, 0]
    assert asked() == {order.email for order in good}
    failures = [record.order for record in caplog.records if record.name == "shop.mail"]  # type: ignore[attr-defined]
    assert failures == [bad.order_number] * 2
    assert ask_for_reviews(now=clock.now()) == 1
    assert sorted(m.to[0] for m in sent("review_request")) == sorted(order.email for order in (bad, *good))


def test_a_database_that_fails_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> bool:
        raise OperationalError("gone")

    delivered(7.5)
    monkeypatch.setattr(review_requests, "send_once", fail)
    with pytest.raises(OperationalError, match="gone"):
        ask_for_reviews(now=clock.now())


@pytest.mark.parametrize("count", [3, 12])
def test_those_who_do_not_wish_it_cost_one_statement_however_many_they_are(count: int) -> None:
    for _ in range(count):
        opt_out(delivered(7.5))
    assert statements(run=0) == 1
    assert mail.outbox == []


@pytest.mark.parametrize("count", [3, 12])
def test_those_who_were_asked_cost_two_statements_however_many_they_are(count: int) -> None:
    for _ in range(count):
        delivered(7.5)
    assert ask_for_reviews(now=clock.now()) == count
    assert statements(run=0) == 2


def test_another_wish_and_another_customers_keep_nobody_from_being_asked() -> None:
    order, other = delivered(7.5), delivered(7.5)
    opt_out(other)
    OptOut.objects.create(user=order.user, kind="order_paid", channel="mail")
    OptOut.objects.create(user=order.user, kind="review_request", channel="in_app")
    assert ask_for_reviews(now=clock.now()) == 1
    assert asked() == {order.email}


def test_a_guest_is_asked() -> None:
    order = delivered(7.5)
    Order.objects.filter(pk=order.pk).update(user=None, order_token_hash="a-guest-s")
    assert ask_for_reviews(now=clock.now()) == 1
    assert asked() == {order.email}


def test_the_window_is_read_in_rounds_and_everybody_in_it_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(review_requests, "ORDERS_PER_ROUND", 2)
    orders = [delivered(days_ago) for days_ago in (7.1, 7.5, 8.0, 9.9)]
    same_moment = delivered(7.1)
    Order.objects.filter(pk=same_moment.pk).update(delivered_at=Order.objects.get(pk=orders[1].pk).delivered_at)
    assert ask_for_reviews(now=clock.now()) == 5
    assert asked() == {order.email for order in (*orders, same_moment)}
    assert statements(run=0) == 6  # three rounds


def test_a_run_sends_so_many_mails_and_the_next_one_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(review_requests, "MAILS_PER_RUN", 2)
    for _ in range(3):
        delivered(7.5)
    assert [ask_for_reviews(now=clock.now()) for _ in range(3)] == [2, 1, 0]


def test_a_run_ends_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    delivered(7.5)
    with monkeypatch.context() as patched:
        patched.setattr(review_requests, "LONGEST_RUN_SECONDS", 0.0)
        assert ask_for_reviews(now=clock.now()) == 0
    assert ask_for_reviews(now=clock.now()) == 1


def test_an_address_refused_for_good_is_asked_about_once(monkeypatch: pytest.MonkeyPatch) -> None:
    order, calls = delivered(7.5), []

    def send(backend: EmailBackend, messages: Sequence[EmailMessage]) -> int:
        calls.append(messages[0].to[0])
        raise smtplib.SMTPRecipientsRefused({order.email: (550, b"no such user")})

    monkeypatch.setattr(EmailBackend, "send_messages", send)
    assert [ask_for_reviews(now=clock.now() + dt.timedelta(hours=hour)) for hour in range(3)] == [0, 0, 0]
    assert calls == [order.email]
    assert SentEmail.objects.get(kind="review_request").refusal == "550 no such user"
