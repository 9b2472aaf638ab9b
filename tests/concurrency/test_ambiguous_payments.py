"""The provider takes the money and cuts the line, or lets the shop wait: one charge each, and nobody is held up."""

import datetime as dt
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.test import Client

from apps.orders.locks import lock_order
from apps.orders.models import Order
from apps.payments import invariants
from apps.payments.errors import ProviderUnavailable
from apps.payments.models import Payment, PaymentEntry, Refund
from apps.payments.services.inquiries import ask_provider, inquire_open_payments
from apps.payments.services.reconciliation import reconcile
from apps.payments.services.refunds import carry_out_waiting_refunds, refund_payment
from core import clock
from tests.apps.orders.making import make_order
from tests.apps.payments.paying import pay
from tests.apps.payments.reconciliation.lost import HOUR, age, run, use_stripe
from tests.concurrency.test_payment_races import at_once
from tests.factories import default_variant, make_product
from tests.fakes.http_server import Request
from tests.fakes.stripe_provider import StripeFake

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
CARD = "pm_card_visa"
AMBIGUOUS = 250
CLIENTS = 8
INTENTS = "/v1/payment_intents"
SLOW_SECONDS = 60
PATIENT_SECONDS = 50  # longer than a test looks around; then the line is cut
ALL = (
    invariants.state_equals_fold,
    invariants.sums_in_order,
    invariants.one_open_attempt,
    invariants.order_status_equals_fold,
)


@pytest.fixture
def stripe(settings: Any) -> Iterator[StripeFake]:
    with StripeFake() as fake:
        use_stripe(settings, fake)
        yield fake
        assert fake.crashes == []


@pytest.fixture(autouse=True)
def _money_stays_consistent(stripe: StripeFake) -> Iterator[None]:
    yield
    assert [line for check in ALL for line in check()] == []


def make_orders(count: int) -> list[Order]:
    """Return orders of one unit each, at 10.00."""
    variant = default_variant(make_product(stock=count))
    return [make_order((variant, 1), payment_method="stripe") for _ in range(count)]


def pay_all(orders: list[Order]) -> Counter[str]:
    def start(order: Order) -> Callable[[], object]:
        return lambda: pay(order, CARD, provider="stripe").status

    return at_once([start(order) for order in orders], clients=CLIENTS)


def charges(stripe: StripeFake) -> Counter[tuple[int, int, int]]:
    """Count the attempts by what really happened to each: (charges, captured, refunded) in minor units."""
    return Counter((each["charges"], each["captured"], each["refunded"]) for each in stripe.ledger().values())


def paid() -> int:
    return Order.objects.filter(status="confirmed", payment_status="paid").count()


@pytest.mark.slow
def test_five_hundred_ambiguous_charges_become_one_charge_each_within_two_minutes(stripe: StripeFake) -> None:
    """Half of them are found by the clock, some after their second answer was lost as well; half by the command, some
    because it reads the provider's list of events and some because it repeats the start."""
    by_clock, by_command = make_orders(AMBIGUOUS), make_orders(AMBIGUOUS)
    stripe.cut_after_accepting(path=INTENTS, method="POST", times=AMBIGUOUS + 25)
    begun = clock.now()
    assert pay_all(by_clock) == {"ProviderUnavailable": AMBIGUOUS}
    assert (charges(stripe), paid(), PaymentEntry.objects.count()) == ({(1, 1000, 0): AMBIGUOUS}, 0, 0)
    assert tick_until_paid(AMBIGUOUS, since=begun) <= 120

    stripe.cut_after_accepting(path=INTENTS, method="POST", times=AMBIGUOUS)
    assert pay_all(by_command) == {"ProviderUnavailable": AMBIGUOUS}
    forget_events(stripe, but={str(order.pk) for order in by_command[:100]})
    age(HOUR)
    code, told = run()
    assert (code, told["waiting"], told["mismatches"]) == (0, 0, 0)
    assert (told["messages_applied"], told["healed"]) == (100, AMBIGUOUS - 100)

    assert charges(stripe) == {(1, 1000, 0): 2 * AMBIGUOUS}
    assert (paid(), PaymentEntry.objects.filter(kind="captured").count()) == (2 * AMBIGUOUS, 2 * AMBIGUOUS)
    assert pay_all(by_clock[:20]) == {"OrderNotPayable": 20}


def forget_events(stripe: StripeFake, *, but: Collection[str] = ()) -> None:
    """Let the provider list no event but one for each of these orders."""
    for event in stripe.books.events:
        is_told = event["type"] == "payment_intent.succeeded" and event["data"]["object"]["metadata"]["order_id"] in but
        event["_is_delivered"] = not is_told


def tick_until_paid(count: int, *, since: dt.datetime) -> int:
    """Let the clock of the periodic inquiry run, two seconds at a time. Returns how many it took."""
    latest = Payment.objects.order_by("-created_at").values_list("created_at", flat=True)[0]
    offset = int((latest - since).total_seconds())
    for seconds in range(0, 600, 2):
        inquire_open_payments(now=since + dt.timedelta(seconds=offset + seconds))
        if paid() == count:
            return seconds
    raise AssertionError(f"only {paid()} of {count} orders are paid after ten minutes")


def test_control_without_the_key_of_the_attempt_a_repeat_charges_twice(stripe: StripeFake) -> None:
    orders = make_orders(5)
    stripe.cut_after_accepting(path=INTENTS, method="POST", times=5)
    pay_all(orders)
    stripe.forget_idempotency_keys()
    inquire_open_payments(now=clock.now() + HOUR)
    assert charges(stripe) == {(2, 2000, 0): 5}


def test_two_reconciliations_at_once_and_an_impatient_payer_charge_once(stripe: StripeFake) -> None:
    orders = make_orders(20)
    stripe.cut_after_accepting(path=INTENTS, method="POST", times=20)
    pay_all(orders)
    age(HOUR)

    def everything_again() -> str:
        now = clock.now()
        reconcile(now=now, since=now - 48 * HOUR)
        return "reconciled"

    def again(order: Order) -> Callable[[], object]:
        return lambda: pay(order, CARD, provider="stripe").status

    outcomes = at_once([everything_again, everything_again, *(again(order) for order in orders)], clients=CLIENTS)
    assert set(outcomes) <= {"reconciled", "succeeded", "OrderNotPayable", "ProviderUnavailable"}
    assert outcomes["reconciled"] == 2
    assert charges(stripe) == {(1, 1000, 0): 20}
    run()
    assert paid() == 20


def test_refunds_whose_answers_were_lost_are_made_once(stripe: StripeFake) -> None:
    orders = make_orders(40)
    pay_all(orders)
    stripe.cut_after_accepting(path="/v1/refunds", method="POST", times=40)

    def give_back(payment: Payment) -> Callable[[], object]:
        return lambda: refund_payment(payment_id=payment.pk, reason="", actor=None, now=clock.now()).state

    outcomes = at_once([give_back(payment) for payment in Payment.objects.all()], clients=CLIENTS)
    assert outcomes == {"ProviderUnavailable": 40}
    age(HOUR)
    at_once([lambda: run()[0], lambda: carry_out_waiting_refunds(now=clock.now())], clients=2)
    assert charges(stripe) == {(1, 1000, 1000): 40}
    assert Counter(Refund.objects.values_list("state", flat=True)) == {"succeeded": 40}
    assert Counter(Payment.objects.values_list("status", flat=True)) == {"refunded": 40}


class Arrivals:
    """Counts the calls that have reached the provider, so that a test looks while they are there."""

    def __init__(self, stripe: StripeFake, path: str) -> None:
        self._path = path
        self._arrived = threading.Semaphore(0)
        stripe.during_calls(self._note)

    def _note(self, request: Request) -> None:
        if request.path.startswith(self._path):
            self._arrived.release()

    def wait_for(self, count: int) -> None:
        for _ in range(count):
            assert self._arrived.acquire(timeout=20), "a call did not reach the provider"


def open_transactions() -> int:
    """Count the transactions of others that are open on this database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL "
            "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        return int(cursor.fetchone()[0])


def locked_orders(orders: list[Order]) -> int:
    """Count the orders whose row somebody holds."""
    locked = 0
    for order in orders:
        try:
            with transaction.atomic():
                Order.objects.select_for_update(nowait=True).get(pk=order.pk)
        except OperationalError:
            locked += 1
    return locked


def begin_to_refund(order: Order) -> object:
    payment = Payment.objects.get(order=order)
    return refund_payment(payment_id=payment.pk, reason="", actor=None, now=clock.now())


def ask(order: Order) -> object:
    return ask_provider(payment=Payment.objects.select_related("order").get(order=order), now=clock.now())


@pytest.mark.parametrize(
    ("act", "path", "is_paid"),
    [
        (lambda order: pay(order, CARD, provider="stripe"), INTENTS, False),
        (begin_to_refund, "/v1/refunds", True),
        (ask, f"{INTENTS}/pi_", True),
    ],
    ids=["pay", "refund", "ask"],
)
def test_while_the_provider_keeps_us_waiting_nothing_is_locked_and_the_catalogue_is_read(
    act: Callable[[Order], object], path: str, is_paid: bool, stripe: StripeFake, settings: Any
) -> None:
    orders = make_orders(CLIENTS)
    if is_paid:
        pay_all(orders)
    settings.STRIPE_TIMEOUT_SECONDS = PATIENT_SECONDS
    stripe.slow(SLOW_SECONDS, path=path, times=CLIENTS)
    arrivals = Arrivals(stripe, path)
    with ThreadPoolExecutor(CLIENTS) as pool:
        calls = [pool.submit(in_own_connection, act, order) for order in orders]
        arrivals.wait_for(CLIENTS)
        seen = (open_transactions(), locked_orders(orders))
        answers = {Client().get("/api/v1/products/").status_code for _ in range(10)}
        are_waiting = not any(call.done() for call in calls)
        stripe.hang_up()
        outcomes = Counter(type(call.exception()).__name__ for call in calls)
    assert (seen, answers, are_waiting) == ((0, 0), {200}, True)
    assert outcomes == {ProviderUnavailable.__name__: CLIENTS}


def test_a_provider_that_takes_a_minute_costs_the_payer_the_time_out_and_no_more(
    stripe: StripeFake, settings: Any
) -> None:
    (order,) = make_orders(1)
    settings.STRIPE_TIMEOUT_SECONDS = 1
    stripe.slow(SLOW_SECONDS, path=INTENTS)
    begun = time.monotonic()
    with pytest.raises(ProviderUnavailable):
        pay(order, CARD, provider="stripe")
    assert 1 <= time.monotonic() - begun < SLOW_SECONDS / 2
    assert Payment.objects.get().status == "pending"


def test_control_a_call_inside_a_transaction_is_seen_to_hold_the_order(stripe: StripeFake, settings: Any) -> None:
    (order,) = make_orders(1)
    settings.STRIPE_TIMEOUT_SECONDS = PATIENT_SECONDS
    stripe.slow(SLOW_SECONDS, path=INTENTS)
    arrivals = Arrivals(stripe, INTENTS)

    def pay_under_lock(locked: Order) -> object:
        with transaction.atomic():
            lock_order(locked.pk)
            return pay(locked, CARD, provider="stripe")

    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(in_own_connection, pay_under_lock, order)
        arrivals.wait_for(1)
        seen = (open_transactions(), locked_orders([order]))
        stripe.hang_up()
        assert isinstance(call.exception(), ProviderUnavailable)
    assert seen == (1, 1)


def in_own_connection(act: Callable[[Order], object], order: Order) -> object:
    try:
        return act(order)
    finally:
        connection.close()
