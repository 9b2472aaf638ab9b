"""Money that Stripe holds is taken by an admin, once, and only where the order still wants it."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import include, path

from apps.accounts.models import User
from apps.orders.models import Order
from apps.orders.services.cancellation import cancel_order
from apps.payments.api.v2.capture_view import CaptureView
from apps.payments.errors import OrderNotPayable, PaymentNotAuthorised, PaymentNotFound, ProviderUnavailable
from apps.payments.models import Payment
from apps.payments.services.capturing import capture_payment
from core import clock
from core.events.worker import deliver_all_due
from tests.apps.orders.making import make_order
from tests.apps.payments.paying import everything, ledger, money_of, pay
from tests.factories import access_token_of
from tests.fakes.stripe_provider import StripeFake
from tests.http import ApiClient

pytestmark = pytest.mark.django_db


@pytest.fixture
def held(stripe: StripeFake, settings: Any) -> tuple[Order, Payment]:
    """An order whose money Stripe holds for the shop."""
    settings.STRIPE_CAPTURE_METHOD = "manual"
    order = make_order(payment_method="stripe")
    payment = pay(order, "pm_card_visa", provider="stripe")
    assert (payment.status, money_of(order)) == ("processing", ("pending", "pending"))
    return order, payment


def test_held_money_is_taken_in_the_name_of_who_took_it(
    held: tuple[Order, Payment], stripe: StripeFake, admin: User
) -> None:
    order, payment = held
    assert stripe.ledger()[str(payment.pk)]["captured"] == 0
    captured = capture_payment(payment_id=payment.pk, actor=admin, now=clock.now())
    assert (captured.status, money_of(order)) == ("succeeded", ("confirmed", "paid"))
    assert ledger(payment) == [("authorised", "20.00"), ("captured", "20.00")]
    assert payment.entries.get(kind="captured").actor == admin
    assert stripe.ledger()[str(payment.pk)] == {"captured": 2000, "refunded": 0, "charges": 1, "currency": "usd"}


def test_taking_it_again_is_refused_and_nothing_happens(held: tuple[Order, Payment], admin: User) -> None:
    _, payment = held
    capture_payment(payment_id=payment.pk, actor=admin, now=clock.now())
    before = everything()
    with pytest.raises(OrderNotPayable):
        capture_payment(payment_id=payment.pk, actor=admin, now=clock.now())
    assert everything() == before


def test_an_answer_that_was_lost_is_found_by_taking_it_again(
    held: tuple[Order, Payment], stripe: StripeFake, admin: User
) -> None:
    order, payment = held
    stripe.cut_after_accepting(path=f"/v1/payment_intents/{payment.transaction_id}/capture", method="POST")
    with pytest.raises(ProviderUnavailable):
        capture_payment(payment_id=payment.pk, actor=admin, now=clock.now())
    assert money_of(order) == ("pending", "pending")
    assert capture_payment(payment_id=payment.pk, actor=admin, now=clock.now()).status == "succeeded"
    assert stripe.ledger()[str(payment.pk)]["captured"] == 2000


def test_money_for_a_cancelled_order_is_not_taken(held: tuple[Order, Payment], stripe: StripeFake, admin: User) -> None:
    order, payment = held
    cancel_order(order_id=order.pk, actor=None, reason="", now=clock.now())
    before = everything()
    with pytest.raises(OrderNotPayable):
        capture_payment(payment_id=payment.pk, actor=admin, now=clock.now())
    assert everything() == before
    deliver_all_due()
    payment.refresh_from_db()
    assert (payment.status, stripe.ledger()[str(payment.pk)]["captured"]) == ("cancelled", 0)


@pytest.mark.parametrize("method", ["pm_sim_requires_action", "pm_sim_settles_late", "pm_sim_declined"])
def test_what_is_not_authorised_cannot_be_taken(method: str, admin: User) -> None:
    payment = pay(make_order(), method)
    before = everything()
    with pytest.raises(PaymentNotAuthorised):
        capture_payment(payment_id=payment.pk, actor=admin, now=clock.now())
    assert everything() == before


def test_a_payment_that_does_not_exist_cannot_be_taken(admin: User) -> None:
    with pytest.raises(PaymentNotFound):
        capture_payment(payment_id=uuid.uuid4(), actor=admin, now=clock.now())


def test_the_back_office_takes_it(held: tuple[Order, Payment], admin: User) -> None:
    order, payment = held
    client = Client()
    client.force_login(admin)
    data = {"action": "capture", "_selected_action": [str(payment.pk)]}
    assert f"{order.order_number}: succeeded" in client.post("/admin/payments/payment/", data, follow=True).text
    assert money_of(order) == ("confirmed", "paid")


class TestOverHttp:
    """POST /api/v2/payments/{id}/capture/."""

    pytestmark = pytest.mark.urls(__name__)

    def post(self, payment: Payment, user: User | None, key: str = "") -> tuple[int, dict[str, Any]]:
        client = ApiClient(Client(), access=access_token_of(user) if user else "")
        headers = {"Idempotency_Key": key} if key else {}
        answer = client.post(f"/api/v2/payments/{payment.pk}/capture/", **headers)
        return answer.status_code, answer.json()  # type: ignore[attr-defined]

    def test_an_admin_takes_it_and_a_repeat_gets_the_first_answer(
        self, held: tuple[Order, Payment], admin: User, new_key: str
    ) -> None:
        order, payment = held
        first = self.post(payment, admin, new_key)
        assert (first[0], first[1]["status"], first[1]["client_secret"]) == (200, "succeeded", None)
        assert self.post(payment, admin, new_key) == first
        assert money_of(order) == ("confirmed", "paid")
        assert (self.post(payment, admin)[0], self.post(payment, admin)[1]["code"]) == (409, "order_not_payable")

    def test_nobody_else_may(
        self, held: tuple[Order, Payment], customer: User, seller: User, api_as: Callable[[User], ApiClient]
    ) -> None:
        order, payment = held
        before = everything()
        owner = order.user
        assert owner is not None
        assert [self.post(payment, user)[0] for user in (None, owner, customer, seller)] == [401, 403, 403, 403]
        assert everything() == before


urlpatterns = [
    path("api/v2/payments/<uuid:payment_id>/capture/", CaptureView.as_view()),
    path("", include("config.urls")),
]
