"""kill -9 at every named point of a payment, a refund and a webhook: the shop's books equal the provider's.

After each kill the shop is healed in another way: the request comes again with its key, or is killed once more, or
never comes again; the periodic work runs; the provider sends its messages (again). There are ten ways. All are played
with Stripe on PostgreSQL, else the first three; CRASH_REPEATS=10 plays all everywhere.
"""

import dataclasses
import datetime as dt
import os
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar

import pytest
from django.db import transaction

from apps.accounts.models import User
from apps.orders.models import Order, OrderItem
from apps.orders.services.cancellation import cancel_order
from apps.orders.states import OrderStatus, PaymentStatus
from apps.payments.api import paying
from apps.payments.gateways.base import RefundRequest, StartRequest
from apps.payments.gateways.registry import gateway_of
from apps.payments.models import Payment, Refund, WebhookEvent
from apps.payments.services import settlement
from apps.payments.states import EntryKind, InboxState, RefundState
from apps.products.models import ProductVariant
from apps.support.models import Escalation
from core import clock
from core.events.models import OutboxEvent
from core.events.worker import deliver_all_due
from core.idempotency.models import IdempotencyRecord
from core.ids import new_id
from core.invariants import check_freshness, check_invariants
from core.money import to_minor_units
from core.periodic.registry import jobs
from tests import crashing
from tests.apps.orders.making import make_order, stock_of
from tests.apps.payments.paying import money_of
from tests.conftest import on_postgresql
from tests.crashing import (
    Answer,
    Ask,
    Point,
    after,
    after_commit,
    before,
    before_commit,
    crash,
    crash_if_it_gets_there,
    perform,
    send,
)
from tests.factories import access_token_of, default_variant, make_admin, make_product, make_user
from tests.fakes.sslcommerz_provider import SslcommerzFake
from tests.fakes.stripe_provider import StripeFake

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
LEASE_OVER = dt.timedelta(seconds=61)
PATIENCE_SECONDS = 60.0
SOON, LATER = dt.timedelta(minutes=2), dt.timedelta(minutes=4)
CLIENT, KILLED, CLOCK, PROVIDER = "client", "killed again", "clock", "provider"
HEALINGS = (
    (KILLED, CLIENT),
    (CLOCK,),
    (PROVIDER, CLIENT),
    (CLIENT,),
    (PROVIDER,),
    (CLOCK, CLIENT),
    (KILLED, CLOCK, CLIENT),
    (CLOCK, PROVIDER, CLIENT),
    (CLIENT, CLOCK, PROVIDER),
    (PROVIDER, CLOCK),
)
GATEWAYS = {
    "stripe": "apps.payments.gateways.stripe.StripeGateway",
    "sslcommerz": "apps.payments.gateways.sslcommerz.SslcommerzGateway",
}


class Till:
    """A provider with a ledger of its own, as the shop, the payer and the client see it."""

    provider: ClassVar[str]
    method: ClassVar[str] = ""

    def __init__(self, fake: Any) -> None:
        self.fake = fake

    def to_begin(self, order: Order, *, method: str | None = None) -> Ask:
        """The client's request to pay, with its key."""
        chosen = self.method if method is None else method
        data = {"order_id": str(order.pk), "provider": self.provider, "payment_method_id": chosen}
        return self.by(order.user, "/api/v1/payments/process/", data, Idempotency_Key=str(new_id()))

    def to_verify(self, payment: Payment) -> Ask:
        """The client's question what has become of the payment."""
        return self.by(payment.order.user, f"/api/v1/payments/{payment.pk}/verify/")

    def by(self, user: User, path: str, data: object = None, **headers: str) -> Ask:
        """A request of somebody signed in."""
        return Ask.with_json(path, data, Authorization=f"Bearer {access_token_of(user)}", **headers)

    def pay(self, payment: Payment) -> None:
        """The payer pays at the provider's."""
        raise NotImplementedError

    def messages(self, order: Order) -> list[Ask]:
        """All messages the provider has for the shop about this order so far, each signed anew."""
        raise NotImplementedError

    def the_message(self, payment: Payment) -> Ask:
        """The one that says that the payer has paid."""
        raise NotImplementedError

    def note_answered(self, order: Order) -> None:
        """The provider knows that its messages about the order were answered with 2xx."""

    def webhook(self, body: bytes, headers: dict[str, str]) -> Ask:
        return Ask(path=f"/api/v1/payments/webhook/{self.provider}/", body=body, headers=headers)


class StripeTill(Till):
    """The shop confirms on its server with a payment method: its own call takes the money."""

    provider = "stripe"
    method = "pm_card_visa"
    fake: StripeFake

    def pay(self, payment: Payment) -> None:
        if self.fake.show(payment.transaction_id)["status"] != "succeeded":
            self.fake.pay(payment.transaction_id)

    def messages(self, order: Order) -> list[Ask]:
        return [self.webhook(*self.fake.signed(event)) for event in self._events(order)]

    def _events(self, order: Order) -> list[dict[str, Any]]:
        attempts = Payment.objects.filter(order=order).values_list("pk", flat=True)
        intents = [intent["id"] for pk in attempts for intent in self.fake.intents_of(str(pk))]
        return [event for name in intents for event in self.fake.events_of(name)]

    def the_message(self, payment: Payment) -> Ask:
        event = self.fake.events_of(payment.transaction_id, "payment_intent.succeeded")[0]
        return self.webhook(*self.fake.signed(event))

    def note_answered(self, order: Order) -> None:
        for event in self._events(order):
            self.fake.books.get("event", event["id"])["_is_delivered"] = True


class SslcommerzTill(Till):
    """The shop opens a page of the provider's, and the payer pays there."""

    provider = "sslcommerz"
    fake: SslcommerzFake

    def pay(self, payment: Payment) -> None:
        key = payment.session_reference
        if not self.fake.session_of(payment.transaction_id, key).is_paid:
            self.fake.pay(payment.transaction_id, session=key)

    def messages(self, order: Order) -> list[Ask]:
        payments = Payment.objects.filter(order=order).exclude(transaction_id="")
        return [self.the_message(payment) for payment in payments if payment.captured_amount or self._is_paid(payment)]

    def _is_paid(self, payment: Payment) -> bool:
        return self.fake.session_of(payment.transaction_id, payment.session_reference).is_paid

    def the_message(self, payment: Payment) -> Ask:
        return self.webhook(*self.fake.ipn(payment.transaction_id, session=payment.session_reference, status="VALID"))


@pytest.fixture(scope="module", autouse=True)
def _database(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("crashes")
    with django_db_blocker.unblock(), crashing.database_of_several_processes(folder):
        yield


@pytest.fixture
def stripe(settings: Any) -> Iterator[Till]:
    with StripeFake() as fake:
        settings.STRIPE_SECRET_KEY = fake.secret_key
        settings.STRIPE_WEBHOOK_SECRETS = [fake.webhook_secret]
        settings.STRIPE_API_URL = fake.url
        yield from _offered(settings, StripeTill(fake))


@pytest.fixture
def sslcommerz(settings: Any) -> Iterator[Till]:
    with SslcommerzFake() as fake:
        settings.SSLCOMMERZ_STORE_ID, settings.SSLCOMMERZ_STORE_PASSWORD = fake.store_id, fake.store_password
        settings.SSLCOMMERZ_API_URL = fake.url
        yield from _offered(settings, SslcommerzTill(fake))


def _offered(settings: Any, till: Till) -> Iterator[Till]:
    # A stand-in is a thread of this process: on a busy machine it may be long before its turn comes.
    settings.STRIPE_TIMEOUT_SECONDS = settings.SSLCOMMERZ_TIMEOUT_SECONDS = PATIENCE_SECONDS
    settings.PAYMENT_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    settings.PAYMENT_PROVIDERS = [till.provider]
    settings.PAYMENT_GATEWAYS = {**settings.PAYMENT_GATEWAYS, **GATEWAYS}
    gateway_of(till.provider)  # loaded here, its imports are not paid for in every process
    yield till
    assert till.fake.crashes == []


@pytest.fixture(params=["stripe", "sslcommerz"])
def till(request: pytest.FixtureRequest) -> Till:
    """Each provider in turn."""
    return request.getfixturevalue(request.param)


# Points

# The transaction that takes facts in is known by its writing of the ledger.
LEDGER = (settlement, "_write_entries")
Points = dict[str, Callable[[type], Callable[[], None]]]  # a trap for the class of a gateway, by name
PAYMENT_POINTS: Points = {
    "after the attempt's row": lambda gateway: after(Payment, "save"),
    "before the provider's call": lambda gateway: before(gateway, "start"),
    "after the provider's call": lambda gateway: after(gateway, "start"),
    "before COMMIT": lambda gateway: before_commit(*LEDGER),
    "after COMMIT": lambda gateway: after_commit(*LEDGER),
}
REFUND_POINTS: Points = {
    "after the refund's row": lambda gateway: after(Refund, "save"),
    "before the provider's call": lambda gateway: before(gateway, "refund"),
    "after the provider's call": lambda gateway: after(gateway, "refund"),
    "before COMMIT": lambda gateway: before_commit(*LEDGER),
    "after COMMIT": lambda gateway: after_commit(*LEDGER),
}
WEBHOOK_POINTS: Points = {
    "after the signature": lambda gateway: after(gateway, "read_webhook"),
    "after the inbox row": lambda gateway: after(WebhookEvent, "save"),
    "in the middle of applying": lambda gateway: after(*LEDGER),
    "before COMMIT": lambda gateway: before_commit(*LEDGER),
    "after COMMIT, before 2xx": lambda gateway: after_commit(*LEDGER),
}


def point_of(till: Till, points: Points, name: str) -> Point:
    return Point(name, points[name](type(gateway_of(till.provider))))


# Healing


def healings(till: Till) -> Sequence[Sequence[str]]:
    """Return the ways of healing to be played in this run."""
    usual = len(HEALINGS) if till.provider == "stripe" and on_postgresql() else 3
    return HEALINGS[: int(os.environ.get("CRASH_REPEATS", usual))]


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """What the process does that is killed, and what the client does who comes (again)."""

    till: Till
    order: Order
    act: Callable[[], object]
    point: Point
    come_back: Callable[[], object]

    def play(self, steps: Sequence[str]) -> None:
        """Kill, and go through the steps; in the end every message comes (again) and time goes by."""
        crash(self.act, self.point)
        for step in steps:
            self._heal(step)
        messages = self.till.messages(self.order)
        perform(lambda: (deliver(messages), work_by_the_clock()), later=LATER)
        self.till.note_answered(self.order)

    def _heal(self, step: str) -> None:
        if step == KILLED:
            crash_if_it_gets_there(self.act, self.point, later=LEASE_OVER)
        elif step == CLIENT:
            self.come_back()
        elif step == CLOCK:
            perform(work_by_the_clock, later=SOON)
        else:
            perform(partial(deliver, self.till.messages(self.order)))


def come_again(ask: Ask, *, status: int) -> Answer:
    """The client repeats its request when the dead one's lease is over, then again: the same answer is told."""
    first, again = perform(lambda: [send(ask), send(ask)], later=2 * LEASE_OVER)
    assert first.status == status, first.raw
    if "Idempotency-Key" in ask.headers:
        assert (again.status, again.raw, again.headers.get("idempotent-replayed")) == (status, first.raw, "true")
    return first


def work_by_the_clock() -> None:
    """What the shop does by itself is done. For use in a process of its own."""
    for job in jobs().values():
        if job.name.startswith("payments."):
            job.run(clock.now())
    deliver_all_due(clock.now())


def deliver(asks: Sequence[Ask]) -> None:
    """The provider's messages come, each is answered with 200. For use in a process of its own."""
    assert [send(ask).status for ask in asks] == [200] * len(asks)


# What must be true afterwards


def differences(till: Till) -> list[str]:
    """Compare the shop's books with the provider's: captured and refunded per attempt, in minor units."""
    theirs = {name: (book["captured"], book["refunded"]) for name, book in till.fake.ledger().items()}
    ours = {
        str(payment.pk): tuple(
            to_minor_units(amount, payment.currency) for amount in (payment.captured_amount, payment.refunded_amount)
        )
        for payment in Payment.objects.filter(captured_amount__gt=0)
    }
    return [
        f"attempt {name}: captured and refunded {ours.get(name)} here, {theirs.get(name)} there"
        for name in sorted(ours.keys() | theirs.keys())
        if ours.get(name) != theirs.get(name)
    ]


def assert_whole(till: Till) -> None:
    """The books are equal, nothing contradicts itself, no message or event waits, and nobody has to look into it."""
    assert differences(till) == []
    assert [finding for finding in check_invariants() if finding.violations] == []
    findings = [finding for finding in check_freshness(clock.now() + LATER) if finding.violations]
    assert [finding for finding in findings if finding.name != "core.no_stale_idempotency_locks"] == []
    states = set(WebhookEvent.objects.values_list("state", flat=True))
    assert states <= {InboxState.PROCESSED, InboxState.IGNORED}
    assert not Escalation.objects.exists()


def news(order: Order, name: str) -> int:
    return OutboxEvent.objects.filter(aggregate_id=str(order.pk), name=name).count()


def charges(till: Till, order: Order) -> int:
    """How often the payer of the order was charged."""
    attempts = Payment.objects.filter(order=order).values_list("pk", flat=True)
    return sum(till.fake.charge_count(str(pk)) for pk in attempts)


def held_keys() -> int:
    """How many Idempotency-Keys belong to a request that has not ended."""
    return IdempotencyRecord.objects.filter(status=None).count()


# Payments


@pytest.mark.parametrize("name", PAYMENT_POINTS)
def test_a_payment_killed_at_any_point_charges_once_and_is_on_the_books(till: Till, name: str) -> None:
    customer, product = make_user(), make_product(stock=1_000)
    for steps in healings(till):
        order = make_order((default_variant(product), 2), user=customer, payment_method=till.provider)
        kill_a_payment(till, order, name, steps)
        assert_whole(till)
        charged = 1 if CLIENT in steps else charges_without_client(till, name)
        states = (
            (OrderStatus.CONFIRMED, PaymentStatus.PAID) if charged else (OrderStatus.PENDING, PaymentStatus.PENDING)
        )
        assert (charges(till, order), money_of(order), news(order, "orders.paid")) == (charged, states, charged), steps


def kill_a_payment(till: Till, order: Order, name: str, steps: Sequence[str]) -> None:
    ask, held = till.to_begin(order), held_keys()

    def come_back() -> None:
        payment = come_again(ask, status=201).body
        till.pay(Payment.objects.get(pk=payment["id"]))

    Case(till, order, partial(send, ask), point_of(till, PAYMENT_POINTS, name), come_back).play(steps)
    assert held_keys() == held + (CLIENT not in steps), steps


def charges_without_client(till: Till, name: str) -> int:
    """A client who never comes again has paid if the attempt was on record and needs no visit to a page."""
    return int(till.provider == "stripe" and name != "after the attempt's row")


# Webhooks


@pytest.mark.parametrize("name", WEBHOOK_POINTS)
def test_a_message_killed_at_any_point_is_applied_once(till: Till, name: str) -> None:
    customer, product = make_user(), make_product(stock=1_000)
    for steps in healings(till):
        order = make_order((default_variant(product), 2), user=customer, payment_method=till.provider)
        payment = begun(till, order)
        till.pay(payment)
        kill_a_message(till, payment, name, steps)
        assert_whole(till)
        assert (charges(till, order), money_of(order)) == (1, (OrderStatus.CONFIRMED, PaymentStatus.PAID)), steps
        assert news(order, "orders.paid") == 1, steps
        assert payment.entries.filter(kind=EntryKind.CAPTURED).count() == 1, steps


def kill_a_message(till: Till, payment: Payment, name: str, steps: Sequence[str]) -> None:
    message, verify = till.the_message(payment), till.to_verify(payment)

    def come_back() -> None:
        assert come_again(verify, status=200).body["status"] == "succeeded"

    Case(till, payment.order, partial(send, message), point_of(till, WEBHOOK_POINTS, name), come_back).play(steps)


def begun(till: Till, order: Order, *, method: str = "") -> Payment:
    """Return a payment that was begun; without a method it waits for the payer."""
    answer = perform(lambda: send(till.to_begin(order, method=method)))
    assert answer.status == 201, answer.raw
    return Payment.objects.get(pk=answer.body["id"])


# Refunds


@pytest.mark.parametrize("name", REFUND_POINTS)
def test_a_refund_killed_at_any_point_is_paid_out_once_and_is_on_the_books(till: Till, name: str) -> None:
    customer, boss = make_user(), make_admin()
    for steps in healings(till):
        order, variant = paid_order(till, customer)
        kill_a_refund(till, order, boss, name, steps)
        assert_whole(till)
        units = 1 if CLIENT in steps or name != "after the refund's row" else 0
        assert refunds_of(order) == [(Decimal("10.00"), RefundState.SUCCEEDED)] * units, steps
        status = PaymentStatus.PARTIALLY_REFUNDED if units else PaymentStatus.PAID
        assert money_of(order) == (OrderStatus.CONFIRMED, status), steps
        assert (news(order, "payments.refunded"), news(order, "orders.paid")) == (units, 1), steps
        assert OrderItem.objects.get(order=order).refunded_quantity == units, steps
        assert stock_of(variant) == (10, 2 - units), steps


def kill_a_refund(till: Till, order: Order, boss: User, name: str, steps: Sequence[str]) -> None:
    ask, held = to_refund_one_unit(till, order, boss), held_keys()

    def come_back() -> None:
        assert come_again(ask, status=201).body["amount"] == "10.00"

    Case(till, order, partial(send, ask), point_of(till, REFUND_POINTS, name), come_back).play(steps)
    assert held_keys() == held + (CLIENT not in steps), steps


def paid_order(till: Till, customer: User) -> tuple[Order, ProductVariant]:
    """Return an order of two units at 10.00, of ten in stock, that is paid."""
    variant = default_variant(make_product())
    order = make_order((variant, 2), user=customer, payment_method=till.provider)
    payment = begun(till, order, method=till.method)
    if not payment.captured_amount:
        till.pay(payment)
        perform(partial(deliver, [till.the_message(payment)]))
    assert money_of(order) == (OrderStatus.CONFIRMED, PaymentStatus.PAID)
    return order, variant


def to_refund_one_unit(till: Till, order: Order, boss: User) -> Ask:
    item = OrderItem.objects.get(order=order)
    data = {"items": [{"item_id": str(item.pk), "quantity": 1}], "restock": True, "reason": "broken"}
    return till.by(boss, f"/api/v2/orders/{order.pk}/refunds/", data, Idempotency_Key=str(new_id()))


def refunds_of(order: Order) -> list[tuple[Decimal, str]]:
    return list(Refund.objects.filter(payment__order=order).values_list("amount", "state"))


@pytest.mark.parametrize("name", REFUND_POINTS)
def test_money_of_a_cancelled_order_goes_back_once_though_workers_are_killed(stripe: Till, name: str) -> None:
    customer, point = make_user(), point_of(stripe, REFUND_POINTS, name)
    for steps in [(CLOCK,), (PROVIDER,), (KILLED, CLOCK)]:
        order, variant = paid_order(stripe, customer)
        perform(work_by_the_clock)
        cancel_order(order_id=order.pk, actor=None, reason="", now=clock.now())
        Case(stripe, order, work_by_the_clock, point, lambda: None).play(steps)
        assert_whole(stripe)
        assert refunds_of(order) == [(Decimal("20.00"), RefundState.SUCCEEDED)], steps
        assert money_of(order) == (OrderStatus.CANCELLED, PaymentStatus.REFUNDED), steps
        assert (news(order, "payments.refunded"), stock_of(variant)) == (1, (10, 0)), steps


# Controls: with the guard taken away, what is asserted above fails


def test_control_with_a_new_key_for_each_call_the_payer_is_charged_twice(stripe: Till) -> None:
    order = make_order(payment_method="stripe")
    ask = stripe.to_begin(order)
    point = point_of(stripe, PAYMENT_POINTS, "after the provider's call")

    crash(lambda: send(ask), with_trap(point, new_keys))
    perform(lambda: send(ask), later=LEASE_OVER, arm=new_keys)

    assert charges(stripe, order) == 2
    attempt = Payment.objects.get(order=order)
    assert differences(stripe) == [f"attempt {attempt.pk}: captured and refunded (2000, 0) here, (4000, 0) there"]


def test_control_without_the_attempts_own_commit_the_first_charge_is_on_no_book(stripe: Till) -> None:
    order = make_order(payment_method="stripe")
    ask = stripe.to_begin(order)
    point = point_of(stripe, PAYMENT_POINTS, "after the provider's call")

    crash(lambda: send(ask), with_trap(point, one_transaction))
    perform(lambda: send(ask), later=LEASE_OVER, arm=one_transaction)

    attempt = Payment.objects.get(order=order)
    (lost,) = stripe.fake.ledger().keys() - {str(attempt.pk)}
    assert differences(stripe) == [f"attempt {lost}: captured and refunded None here, (2000, 0) there"]


def test_control_with_a_new_key_for_each_call_the_money_goes_back_twice(stripe: Till) -> None:
    order, _ = paid_order(stripe, make_user())
    ask = to_refund_one_unit(stripe, order, make_admin())
    point = point_of(stripe, REFUND_POINTS, "after the provider's call")

    crash(lambda: send(ask), with_trap(point, new_keys))
    perform(lambda: send(ask), later=LEASE_OVER, arm=new_keys)

    attempt = Payment.objects.get(order=order)
    assert differences(stripe) == [f"attempt {attempt.pk}: captured and refunded (2000, 1000) here, (2000, 2000) there"]


def test_control_a_point_that_is_not_reached_is_not_taken_for_a_kill(sslcommerz: Till) -> None:
    with pytest.raises(AssertionError, match="not killed nowhere: exit code 0"):
        crash(lambda: None, Point("nowhere", before(Payment, "save")))


def with_trap(point: Point, arm: Callable[[], None]) -> Point:
    def both() -> None:
        arm()
        point.arm()

    return Point(point.name, both)


def new_keys() -> None:
    """The provider cannot know a repeated call for what it is."""
    StartRequest.key = property(lambda request: new_id().hex)  # type: ignore[assignment,method-assign]
    RefundRequest.key = property(lambda request: new_id().hex)  # type: ignore[assignment,method-assign]


def one_transaction() -> None:
    """Nothing of a payment is committed before all of it is done."""
    paying.start_payment = transaction.atomic(paying.start_payment)
