"""Invariants find what is wrong, checks find what is misconfigured, the back office shows and asks."""

from collections.abc import Callable, Iterable

import pytest
from django.conf import LazySettings
from django.core import checks
from django.test import Client

from apps.accounts.models import User
from apps.orders.models import Order
from apps.payments import invariants
from apps.payments.models import Payment, Refund, WebhookEvent
from apps.payments.services.refunds import refund_payment
from apps.payments.states import EntryKind
from core import clock
from tests.apps.orders.making import make_order
from tests.apps.payments.paying import message, pay, signed

pytestmark = pytest.mark.django_db
ALL = (
    invariants.state_equals_fold,
    invariants.sums_in_order,
    invariants.one_open_attempt,
    invariants.order_status_equals_fold,
)


def violated() -> set[str]:
    return {check.__name__ for check in ALL if list(check())}


def test_a_busy_cash_desk_violates_nothing() -> None:
    for method in ("", "pm_sim_declined", "pm_sim_requires_action", "pm_sim_settles_late", "pm_sim_settles_twice"):
        pay(make_order(), method)
    pay(make_order(payment_method="cod"), provider="cod")
    refunded = pay(make_order())
    refund_payment(payment_id=refunded.pk, reason="", actor=None, now=clock.now())
    make_order()
    assert violated() == set()


@pytest.mark.parametrize(
    ("damage", "found_by"),
    [
        (lambda p: Payment.objects.update(status="failed"), {"state_equals_fold", "order_status_equals_fold"}),
        (lambda p: Payment.objects.update(captured_amount=19), {"state_equals_fold", "order_status_equals_fold"}),
        (lambda p: Payment.objects.update(ledger_size=0), {"state_equals_fold"}),
        (lambda p: Payment.objects.update(captured_amount=21), {"state_equals_fold", "sums_in_order"}),
        (lambda p: Order.objects.update(payment_status="pending"), {"order_status_equals_fold"}),
        (lambda p: Order.objects.update(payment_status="refunded"), set()),
    ],
)
def test_damage_is_found(damage: Callable[[Payment], object], found_by: set[str]) -> None:
    payment = pay(make_order())
    damage(payment)
    assert violated() == found_by


def test_a_paid_order_without_a_payment_is_found() -> None:
    order = make_order()
    Order.objects.filter(pk=order.pk).update(payment_status="paid")
    assert violated() == {"order_status_equals_fold"}


def errors_of(settings: LazySettings, **changes: object) -> list[str]:
    for name, value in changes.items():
        setattr(settings, name, value)
    return [str(found.id) for found in checks.run_checks(tags=["payments"])]


SIMULATED = "apps.payments.gateways.simulated.SimulatedGateway"


@pytest.mark.parametrize(
    ("gateways", "providers", "expected"),
    [
        ({"simulated": SIMULATED}, ["simulated"], []),
        ({"simulated": SIMULATED}, ["simulated", "another"], ["payments.E001"]),
        ({"simulated": "apps.payments.gateways.nowhere.Gateway"}, ["simulated"], ["payments.E002"]),
        ({"another": SIMULATED}, ["another"], ["payments.E003"]),
        ({"odd": "decimal.Decimal"}, [], ["payments.E003"]),
    ],
)
def test_a_provider_that_cannot_be_used_stops_the_start(
    settings: LazySettings, gateways: dict[str, str], providers: list[str], expected: Iterable[str]
) -> None:
    assert errors_of(settings, PAYMENT_GATEWAYS=gateways, PAYMENT_PROVIDERS=providers) == expected


def test_play_money_is_warned_about_before_a_deployment(settings: LazySettings) -> None:
    found = checks.run_checks(tags=["payments"], include_deployment_checks=True)
    assert [entry.id for entry in found] == ["payments.W001"]


@pytest.fixture
def desk(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def test_the_back_office_shows_everything_and_edits_nothing(desk: Client) -> None:
    payment = pay(make_order(), "pm_sim_requires_action")
    body = message(payment, EntryKind.CAPTURED)
    desk.post("/api/v1/payments/webhook/simulated/", body, content_type="application/json", headers=signed(body))
    refund_payment(payment_id=payment.pk, reason="", actor=None, now=clock.now())
    rows = {
        "payment": payment.pk,
        "paymententry": payment.entries.first().pk,  # type: ignore[union-attr]
        "refund": Refund.objects.get().pk,
        "webhookevent": WebhookEvent.objects.get().pk,
    }
    for model, pk in rows.items():
        assert desk.get(f"/admin/payments/{model}/", {"q": "a"}).status_code == 200
        page = desk.get(f"/admin/payments/{model}/{pk}/change/")
        assert page.status_code == 200
        assert payment.client_secret not in page.content.decode()
        assert desk.get(f"/admin/payments/{model}/add/").status_code == 403
        assert desk.post(f"/admin/payments/{model}/{pk}/delete/", {"post": "yes"}).status_code == 403


def act(desk: Client, action: str, payment: Payment) -> None:
    data = {"action": action, "_selected_action": [str(payment.pk)]}
    assert desk.post("/admin/payments/payment/", data).status_code == 302


def test_the_back_office_asks_the_provider_and_records_cash(desk: Client, admin: User) -> None:
    waiting = pay(make_order(), "pm_sim_requires_action")
    act(desk, "ask_the_provider", waiting)
    waiting.refresh_from_db()
    assert waiting.status == "succeeded"
    cash = pay(make_order(payment_method="cod"), provider="cod")
    act(desk, "record_cash", cash)
    cash.refresh_from_db()
    assert (cash.status, cash.entries.get().actor) == ("succeeded", admin)
