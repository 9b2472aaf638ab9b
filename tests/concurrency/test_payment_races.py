"""Payments at once, on real connections; each guard with a control that goes wrong without it."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection
from django.test import Client

from apps.orders.errors import InvalidTransition
from apps.orders.models import Order
from apps.orders.services.cancellation import cancel_order
from apps.payments import invariants
from apps.payments.errors import OrderNotPayable, RefundTooLarge
from apps.payments.events import SurplusReceived
from apps.payments.gateways.base import Fact, StartRequest, StartResult
from apps.payments.gateways.simulated import SimulatedGateway
from apps.payments.handlers import return_surplus
from apps.payments.models import Payment, PaymentEntry, Refund, WebhookEvent
from apps.payments.services.attempts import open_attempt
from apps.payments.services.refunds import refund_payment, return_money_owed
from apps.payments.services.settlement import apply_facts
from apps.payments.states import EntryKind
from core import clock
from core.events.registry import Envelope
from core.events.worker import deliver_all_due
from tests.apps.orders.making import make_order
from tests.apps.payments.paying import message, money_of, pay, signed
from tests.factories import access_token_of

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
CLIENTS = 24
WEBHOOK = "/api/v1/payments/webhook/simulated/"


@pytest.fixture(autouse=True)
def _money_stays_consistent(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "control" in request.node.name:
        return
    checks = (
        invariants.state_equals_fold,
        invariants.sums_in_order,
        invariants.one_open_attempt,
        invariants.order_status_equals_fold,
    )
    assert [line for check in checks for line in check()] == []


def at_once(tasks: Sequence[Callable[[], object]], *, clients: int = CLIENTS) -> Counter[str]:
    """Run the tasks on real connections, `clients` at a time; count their outcomes (what they return, or the error)."""

    def outcome_of(task: Callable[[], object]) -> str:
        try:
            return str(task())
        except Exception as error:  # noqa: BLE001 - the outcome is what is counted
            return type(error).__name__

    with ThreadPoolExecutor(clients) as pool:
        outcomes = Counter(pool.map(outcome_of, tasks))
        barrier = threading.Barrier(clients)

        def hang_up() -> None:
            barrier.wait()
            connection.close()

        for future in [pool.submit(hang_up) for _ in range(clients)]:
            future.result()
    return outcomes


class Charges:
    """The provider's own ledger: which keys it was asked to charge, and how often."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def start(self, gateway: SimulatedGateway, request: StartRequest) -> StartResult:
        self.keys.append(request.key)
        time.sleep(0.002)
        return _start(gateway, request)


_start = SimulatedGateway.start


@pytest.fixture
def charges() -> Iterator[Charges]:
    watched = Charges()
    with patch.object(SimulatedGateway, "start", lambda gateway, request: watched.start(gateway, request)):
        yield watched


def request_to_pay(order: Order, key: str | None = None) -> Callable[[], int]:
    headers = {"Authorization": f"Bearer {access_token_of(order.user)}"}  # type: ignore[arg-type]
    if key is not None:
        headers["Idempotency-Key"] = key
    data = {"order_id": str(order.pk), "provider": "simulated"}

    def send() -> int:
        return (
            Client()
            .post("/api/v1/payments/process/", data, content_type="application/json", headers=headers)
            .status_code
        )

    return send


def test_a_hundred_requests_with_one_key_are_one_payment(charges: Charges, new_key: str) -> None:
    order = make_order()
    outcomes = at_once([request_to_pay(order, new_key)] * 100)
    assert set(outcomes) <= {"201", "409"}
    assert outcomes["201"] >= 1
    assert (Payment.objects.count(), PaymentEntry.objects.count(), len(charges.keys)) == (1, 1, 1)
    assert money_of(order) == ("confirmed", "paid")
    assert {request_to_pay(order, new_key)() for _ in range(20)} == {201}
    assert len(charges.keys) == 1


def test_a_hundred_requests_without_a_key_charge_once(charges: Charges) -> None:
    order = make_order()
    outcomes = at_once([request_to_pay(order)] * 100)
    assert set(outcomes) <= {"201", "409"}
    assert outcomes["201"] >= 1
    assert (Payment.objects.count(), PaymentEntry.objects.count()) == (1, 1)
    assert len(set(charges.keys)) == 1
    assert money_of(order) == ("confirmed", "paid")


def test_control_looking_before_paying_charges_twice() -> None:
    """Without the order's lock and the unique key of open attempts, everybody who looks in time opens an attempt."""
    order = make_order()
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX one_open_payment_per_order")
    try:

        def look_and_pay() -> str:
            if Payment.objects.filter(order=order).exists():
                return "seen"
            time.sleep(0.05)
            open_attempt(order=order, provider="simulated", now=clock.now())
            return "opened"

        outcomes = at_once([look_and_pay] * 24)
        assert outcomes["opened"] > 1
    finally:
        Payment.objects.all().delete()
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE UNIQUE INDEX one_open_payment_per_order ON payments_payment (order_id) "
                "WHERE status IN ('pending', 'processing', 'requires_action')"
            )


def post(body: bytes) -> Callable[[], str]:
    headers = signed(body)

    def send() -> str:
        answer = Client().post(WEBHOOK, body, content_type="application/json", headers=headers)
        return f"{answer.status_code} {answer.json().get('status')}"

    return send


def test_one_message_fifty_times_at_once_has_one_effect() -> None:
    order = make_order()
    payment = pay(order, "pm_sim_requires_action")
    assert at_once([post(message(payment, EntryKind.CAPTURED))] * 50) == {"200 processed": 50}
    assert (WebhookEvent.objects.count(), PaymentEntry.objects.filter(kind="captured").count()) == (1, 1)
    assert money_of(order) == ("confirmed", "paid")


def test_one_charge_told_in_fifty_messages_at_once_is_one_charge() -> None:
    order = make_order()
    payment = pay(order, "pm_sim_requires_action")
    bodies = [message(payment, EntryKind.CAPTURED, f"evt_{number}") for number in range(50)]
    assert at_once([post(body) for body in bodies]) == {"200 processed": 50}
    assert (WebhookEvent.objects.count(), PaymentEntry.objects.filter(kind="captured").count()) == (50, 1)
    payment.refresh_from_db()
    assert payment.captured_amount == order.total_amount


def test_control_without_the_orders_lock_one_charge_is_written_more_than_once() -> None:
    """Without lock and unique keys every reader finds an empty ledger, and every one of them writes."""
    payment = pay(make_order(), "pm_sim_requires_action")

    def look_and_write(number: int) -> Callable[[], str]:
        def write() -> str:
            if PaymentEntry.objects.filter(payment=payment, kind="captured").exists():
                return "seen"
            time.sleep(0.05)
            PaymentEntry.objects.create(
                payment=payment,
                kind="captured",
                amount=payment.amount,
                currency="USD",
                reference=f"ch_{number}",
                occurred_at=clock.now(),
            )
            return "written"

        return write

    assert at_once([look_and_write(number) for number in range(24)])["written"] > 1


def test_an_answer_a_message_and_an_inquiry_at_once_are_one_charge(charges: Charges) -> None:
    orders = [make_order() for _ in range(8)]
    payments = [pay(order, "pm_sim_requires_action") for order in orders]
    tasks: list[Callable[[], object]] = []
    for payment in payments:
        headers = {"Authorization": f"Bearer {access_token_of(payment.order.user)}"}  # type: ignore[arg-type]
        path = f"/api/v1/payments/{payment.pk}/verify/"
        tasks += [post(message(payment, EntryKind.CAPTURED, f"evt_{payment.pk}"))] * 2
        tasks += [lambda p=path, h=headers: Client().post(p, headers=h).status_code] * 2  # type: ignore[misc]
    assert at_once(tasks) == {"200 processed": 16, "200": 16}
    assert PaymentEntry.objects.filter(kind="captured").count() == 8
    assert {money_of(order) for order in orders} == {("confirmed", "paid")}


def test_refunds_at_once_sum_to_what_was_paid() -> None:
    payment = pay(make_order())

    def give_back() -> str:
        refund = refund_payment(payment_id=payment.pk, amount=Decimal("3.00"), reason="", actor=None, now=clock.now())
        return str(refund.state)

    assert at_once([give_back] * 20) == {"succeeded": 6, RefundTooLarge.__name__: 14}
    payment.refresh_from_db()
    assert (payment.refunded_amount, Refund.objects.count()) == (Decimal("18.00"), 6)


def test_control_refunds_that_look_without_a_lock_exceed_what_was_paid() -> None:
    payment = pay(make_order())

    def look_and_give() -> str:
        given = sum(Refund.objects.filter(payment=payment).values_list("amount", flat=True))
        if given + 3 > payment.amount:
            return "refused"
        time.sleep(0.02)
        Refund.objects.create(payment=payment, amount=3, currency="USD")
        return "given"

    assert at_once([look_and_give] * 24)["given"] > 6


def test_a_cancelled_order_is_refunded_once_however_many_ask() -> None:
    order = make_order()
    payment = pay(order)
    cancel_order(order_id=order.pk, actor=None, reason="", now=clock.now())
    at_once([lambda: len(return_money_owed(order_id=order.pk, now=clock.now()))] * 16)
    payment.refresh_from_db()
    assert (payment.status, Refund.objects.count(), PaymentEntry.objects.filter(kind="refunded").count()) == (
        "refunded", 1, 1,
    )  # fmt: skip


def test_paying_and_cancelling_at_once_end_in_one_legal_state() -> None:
    orders = [make_order() for _ in range(20)]

    def cancel(order: Order) -> Callable[[], object]:
        return lambda: cancel_order(order_id=order.pk, actor=None, reason="", now=clock.now()).status

    def start(order: Order) -> Callable[[], object]:
        return lambda: pay(order).status

    tasks = [task for order in orders for task in (start(order), cancel(order))]
    outcomes = at_once(tasks)
    assert set(outcomes) <= {"succeeded", "cancelled", OrderNotPayable.__name__, InvalidTransition.__name__}
    deliver_all_due()
    states = {money_of(order) for order in orders}
    assert states <= {("cancelled", "pending"), ("cancelled", "refunded")}


def test_two_providers_at_once_leave_one_open_attempt() -> None:
    orders = [make_order(payment_method="cod") for _ in range(10)]
    tasks: list[Callable[[], Any]] = []
    for order in orders:
        tasks.append(lambda o=order: pay(o, provider="cod").provider)  # type: ignore[misc]
        tasks.append(lambda o=order: pay(o, "pm_sim_requires_action").provider)  # type: ignore[misc]
    outcomes = at_once(tasks)
    assert set(outcomes) <= {"cod", "simulated", "PaymentInProgress"}
    assert Payment.objects.open().count() == 10


def test_no_row_is_locked_while_the_provider_is_called() -> None:
    order = make_order()
    seen: list[tuple[bool, int]] = []

    def start(gateway: SimulatedGateway, request: StartRequest) -> StartResult:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"
            )
            seen.append((connection.in_atomic_block, cursor.fetchone()[0]))
        return _start(gateway, request)

    with patch.object(SimulatedGateway, "start", start):
        pay(order)
    assert seen == [(False, 0)]


def test_a_surplus_that_is_heard_of_by_two_workers_goes_back_once() -> None:
    order = make_order()
    payment = pay(order)
    charge = Fact(
        kind=EntryKind.CAPTURED,
        amount=payment.amount,
        currency=payment.currency,
        reference="ch_second",
        occurred_at=clock.now(),
    )
    apply_facts(payment=payment, facts=[charge], now=clock.now())
    news = SurplusReceived(order_id=str(order.pk), payment_id=str(payment.pk), amount="20.00", currency="USD")
    envelope = Envelope(event_id="e", handler="h", occurred_at="", request_id="", attempt=1)
    at_once([lambda: return_surplus(news, envelope)] * 16)
    payment.refresh_from_db()
    assert (payment.status, payment.captured_amount, payment.refunded_amount) == ("succeeded", 40, 20)
    assert Refund.objects.count() == 1
