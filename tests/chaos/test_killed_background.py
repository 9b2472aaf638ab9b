"""kill -9 at the named points of the background work: relay, worker, mail and sweeper lose and double nothing."""

import datetime as dt
import json
import smtplib
from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from django.core.mail import EmailMultiAlternatives

from apps.orders.models import Order
from apps.orders.services import expiry
from apps.orders.services.moves import OrderMoves
from apps.orders.states import OrderStatus
from core import clock
from core.events import fanout, leasing, tasks, worker
from core.events.fanout import fan_out
from core.events.forwarding import FORWARD_LEASE, Forwarder
from core.events.leasing import LEASE_SECONDS
from core.events.models import DeliveryState, OutboxDelivery, OutboxEvent
from core.invariants import check_invariants
from tests.apps.orders.making import make_order, stock_of
from tests.chaos.report import note, scale
from tests.chaos.smtp import MailServer
from tests.core import broker_kit
from tests.crashing import Point, after, after_commit, before, before_commit, crash, perform

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
LEASE_OVER = dt.timedelta(seconds=LEASE_SECONDS + 1)
BROKER_LEASE_OVER = FORWARD_LEASE + dt.timedelta(seconds=1)
UNPAID_TOO_LONG = dt.timedelta(hours=2)
REPEATS = range(scale(1, 10))
ORDERS = 3


@pytest.fixture
def post(settings: LazySettings) -> Iterator[MailServer]:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with MailServer() as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        yield server


@pytest.fixture
def broker(settings: LazySettings) -> Iterator[None]:
    broker_kit.use_broker(settings, broker_kit.broker_url("rabbitmq"))
    yield
    broker_kit.forget_broker()


WORKER_POINTS = {
    "in fan-out, after SELECT": before(fanout, "_place"),
    "in fan-out, before COMMIT": before_commit(fanout, "_place"),
    "in fan-out, after COMMIT": after_commit(fanout, "_place"),
    "worker after receive": after(worker, "lease_due"),
    "worker after effect, before ack": before(leasing, "finish"),
}
MAIL_POINTS = {
    "mail before SMTP": before(EmailMultiAlternatives, "send"),
    "mail inside SMTP, before DATA": before(smtplib.SMTP, "data"),
    "mail inside SMTP, after DATA": after(smtplib.SMTP, "data"),
    "mail after SMTP, before mark": after(EmailMultiAlternatives, "send"),
}
SWEEPER_POINTS = {
    "sweeper after SELECT": before(expiry, "_expire"),
    "sweeper before COMMIT": before_commit(OrderMoves, "write"),
    "sweeper after COMMIT": after_commit(OrderMoves, "write"),
    "sweeper mid-batch": after(expiry, "_expire"),
}
RELAY_POINTS = {
    "relay after SELECT, before publish": before(Forwarder, "_send"),
    "relay mid-batch": after(Forwarder, "_publish"),
    "relay after publish": after(Forwarder, "_send"),
}
TASK_POINTS = {
    "task after receive": after(tasks, "claim"),
    "task after effect, before ack": before(tasks, "finish"),
}


@pytest.mark.parametrize("repeat", REPEATS)
@pytest.mark.parametrize("point", WORKER_POINTS | MAIL_POINTS)
def test_a_worker_killed_twice_sends_each_mail_under_one_name(post: MailServer, point: str, repeat: int) -> None:
    arm, kills = (WORKER_POINTS | MAIL_POINTS)[point], 2
    orders = [make_order(payment_method="cod") for _ in range(ORDERS)]
    for round_number in range(kills):
        if round_number and point.endswith("after COMMIT"):
            continue  # it is done: nobody comes there again
        crash(lambda: _work(LEASE_OVER * round_number), Point(point, arm))  # noqa: B023 - called at once
    perform(worker.deliver_all_due, later=LEASE_OVER * kills)

    _expect_all_delivered()
    copies = post.message_ids()
    assert len([name for name in copies if "order_confirmation" in name]) == len(orders)
    assert max(copies.values()) <= 1 + kills
    note("12", f"{point}: {kills} kills, {len(copies)} mails, at most {max(copies.values())} copies of one")


@pytest.mark.parametrize("repeat", REPEATS)
@pytest.mark.parametrize("point", SWEEPER_POINTS)
def test_a_killed_sweeper_cancels_each_order_once(point: str, repeat: int) -> None:
    orders = [make_order() for _ in range(ORDERS)]
    crash(lambda: _sweep(UNPAID_TOO_LONG), Point(point, SWEEPER_POINTS[point]))
    cancelled = _cancelled(orders)
    assert len(cancelled) == (1 if point in ("sweeper after COMMIT", "sweeper mid-batch") else 0)
    perform(lambda: _sweep(UNPAID_TOO_LONG))

    assert len(_cancelled(orders)) == ORDERS
    told = OutboxEvent.objects.filter(name="orders.cancelled").values_list("aggregate_id", flat=True)
    assert sorted(told) == sorted(str(order.pk) for order in orders)
    for order in orders:
        line = order.items.get()
        assert stock_of(line.variant)[1] == 0
    assert _violations() == []
    note("12", f"{point}: {ORDERS} orders cancelled once")


@pytest.mark.rabbitmq
@pytest.mark.parametrize("repeat", REPEATS)
@pytest.mark.parametrize("point", RELAY_POINTS)
def test_a_killed_relay_forwards_again(broker: None, post: MailServer, point: str, repeat: int) -> None:
    orders = [make_order(payment_method="cod") for _ in range(ORDERS)]
    fan_out(now=clock.now())
    for queue in broker_kit.QUEUES:
        assert broker_kit.waiting(queue) == 0
    crash(_forward, Point(point, RELAY_POINTS[point]))
    perform(_take_all)  # what the dead relay had sent is good
    _end_leases(BROKER_LEASE_OVER)
    perform(_forward)
    perform(_take_all)
    perform(worker.deliver_all_due)  # what handlers have published

    _expect_all_delivered()
    assert len([name for name in post.message_ids() if "order_confirmation" in name]) == len(orders)
    assert set(post.message_ids().values()) == {1}
    note("12", f"{point}: {len(post.copies)} mails, none twice")


@pytest.mark.rabbitmq
@pytest.mark.parametrize("repeat", REPEATS)
@pytest.mark.parametrize("point", TASK_POINTS)
def test_a_killed_task_is_taken_up_when_its_lease_is_over(
    broker: None, post: MailServer, point: str, repeat: int
) -> None:
    orders = [make_order(payment_method="cod") for _ in range(ORDERS)]
    fan_out(now=clock.now())
    perform(_forward)
    crash(_take_all, Point(point, TASK_POINTS[point]))
    perform(_take_all)
    _end_leases(BROKER_LEASE_OVER)
    perform(_forward)
    perform(_take_all)
    perform(worker.deliver_all_due)

    _expect_all_delivered()
    copies = post.message_ids()
    assert len([name for name in copies if "order_confirmation" in name]) == len(orders)
    assert max(copies.values()) <= 2
    note("12", f"{point}: {len(copies)} mails, at most {max(copies.values())} copies of one")


# Acts, for processes that may be killed


def _work(later: dt.timedelta) -> None:
    real = clock.now
    clock.now = lambda: real() + later
    worker.deliver_all_due()


def _sweep(later: dt.timedelta) -> int:
    return expiry.expire_unpaid_orders(now=clock.now() + later)


def _forward() -> None:
    forwarder = Forwarder()
    forwarder.forward(now=clock.now())
    forwarder.close()


def _take_all() -> None:
    """Do what Celery's workers do with the messages that are there."""
    for queue in broker_kit.QUEUES:
        while broker_kit.waiting(queue):
            (delivery, attempts), *_ = json.loads(broker_kit.take(queue).body)
            tasks.run_delivery(delivery, attempts)


# What must be true


def _end_leases(later: dt.timedelta) -> None:
    """Let time go by for whoever holds a delivery."""
    for delivery in OutboxDelivery.objects.filter(state=DeliveryState.PENDING).exclude(leased_until=None):
        assert delivery.leased_until is not None
        delivery.leased_until -= later
        delivery.save(update_fields=["leased_until"])


def _expect_all_delivered() -> None:
    assert set(OutboxDelivery.objects.values_list("state", flat=True)) == {DeliveryState.DONE}
    assert not OutboxEvent.objects.filter(dispatched_at=None).exists()
    assert _violations() == []


def _violations() -> list[str]:
    """Return what does not hold."""
    return [line for finding in check_invariants() for line in finding.violations]


def _cancelled(orders: list[Order]) -> list[Order]:
    return list(Order.objects.filter(pk__in=[order.pk for order in orders], status=OrderStatus.CANCELLED))
