"""A payer who comes back from SSLCommerz is led to the shop front; what the browser brings changes nothing."""

import datetime as dt

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils.dateparse import parse_datetime

from apps.orders.models import Order
from apps.payments.gateways.sslcommerz_names import name_of
from apps.payments.models import Payment
from apps.payments.services.inquiries import inquire_open_payments
from core import clock
from core.ids import new_id
from tests.apps.orders.making import make_order
from tests.apps.payments.paying import everything, money_of, pay
from tests.apps.payments.sslcommerz.messages import encode
from tests.fakes.sslcommerz_provider import SslcommerzFake

pytestmark = pytest.mark.django_db
PATH = "/api/v1/payments/return/sslcommerz/"
FORM = "application/x-www-form-urlencoded"
FRONT = "https://front.example"


@pytest.fixture
def order() -> Order:
    return make_order()


@pytest.fixture
def payment(fake: SslcommerzFake, order: Order, settings) -> Payment:
    settings.STOREFRONT_URL = f"{FRONT}/"
    return pay(order, provider="sslcommerz")


def come_back(body: bytes = b"", outcome: str = "success", path: str = PATH, **headers: str) -> HttpResponse:
    browser = Client(enforce_csrf_checks=True, headers={"Origin": "null", "Accept": "text/html", **headers})
    return browser.post(f"{path}{outcome}/", body, content_type=FORM)  # type: ignore[return-value]


def led_to(response: HttpResponse) -> str:
    assert (response.status_code, response.content) == (303, b"")
    return response["Location"]


def asked_at(payment: Payment) -> dt.datetime | None:
    return Payment.objects.values_list("next_inquiry_at", flat=True).get(pk=payment.pk)


@pytest.mark.parametrize("outcome", ["success", "fail", "cancel"])
def test_a_payer_is_led_to_the_shop_front_with_the_payment_and_the_outcome(outcome, fake, order, payment):
    end = {"success": fake.pay, "fail": fake.fail, "cancel": fake.cancel}[outcome]
    end(payment.transaction_id)
    url, form = fake.browser_return(payment.transaction_id)

    response = come_back(encode(form), outcome)

    assert url == f"http://127.0.0.1:8000{PATH}{outcome}/"
    assert led_to(response) == f"{FRONT}/checkout/return?payment={payment.pk}&order={order.pk}&outcome={outcome}"
    assert response["Cache-Control"] == "private, no-store"
    assert response["Referrer-Policy"] == "no-referrer"


def test_a_cross_site_form_needs_no_token_and_no_cookie(payment):
    response = come_back(f"tran_id={payment.transaction_id}".encode())

    assert f"payment={payment.pk}" in led_to(response)
    assert not response.cookies


def test_a_browser_that_follows_a_link_is_led_on_too(payment):
    response = Client().get(f"{PATH}cancel/", {"tran_id": payment.transaction_id})

    assert f"payment={payment.pk}" in led_to(response)


@pytest.mark.parametrize("path", ["/api/payments/return/sslcommerz/"])
def test_the_unversioned_door_leads_on_too(path, payment):
    assert f"payment={payment.pk}" in led_to(come_back(f"tran_id={payment.transaction_id}".encode(), path=path))


@pytest.mark.parametrize("outcome", ["success", "fail", "cancel"])
def test_coming_back_changes_nothing_but_when_the_provider_is_asked(outcome, fake, order, payment):
    fake.pay(payment.transaction_id)
    Payment.objects.filter(pk=payment.pk).update(next_inquiry_at=clock.now() + dt.timedelta(hours=6))
    before, calls = everything_but_the_time(payment), len(fake.calls)

    come_back(f"tran_id={payment.transaction_id}&status=VALID&val_id=x&amount=1".encode(), outcome)

    assert everything_but_the_time(payment) == before
    assert len(fake.calls) == calls
    assert money_of(order) == ("pending", "pending")
    assert asked_at(payment) <= clock.now()


def everything_but_the_time(payment: Payment) -> str:
    kept = asked_at(payment)
    Payment.objects.filter(pk=payment.pk).update(next_inquiry_at=None)
    digest = everything()
    Payment.objects.filter(pk=payment.pk).update(next_inquiry_at=kept)
    return digest


def test_the_worker_asks_at_once_and_the_order_is_paid(fake, order, payment):
    fake.pay(payment.transaction_id)
    assert inquire_open_payments(now=clock.now()) == 0, "it was to be asked later"

    come_back(f"tran_id={payment.transaction_id}".encode())

    assert inquire_open_payments(now=clock.now()) == 1
    assert money_of(order) == ("confirmed", "paid")


def test_a_payment_nobody_is_to_ask_about_stays_so(fake, payment):
    Payment.objects.filter(pk=payment.pk).update(next_inquiry_at=None)
    before = everything()

    assert f"payment={payment.pk}" in led_to(come_back(f"tran_id={payment.transaction_id}".encode()))

    assert everything() == before


def test_one_that_is_overdue_is_not_put_off(fake, payment):
    due = parse_datetime("2026-01-01T00:00:00Z")
    Payment.objects.filter(pk=payment.pk).update(next_inquiry_at=due)

    come_back(f"tran_id={payment.transaction_id}".encode())

    assert asked_at(payment) == due


def test_a_payment_of_another_provider_is_not_named(order, payment):
    other = pay(make_order(), "pm_sim_requires_action")

    assert led_to(come_back(f"tran_id={name_of(other.pk)}".encode())) == f"{FRONT}/checkout/return?outcome=success"


GARBAGE = {
    "nothing": b"",
    "no name": b"status=VALID",
    "a foreign name": b"tran_id=5E121A0D01F92",
    "an unknown name": f"tran_id={name_of(new_id())}".encode(),
    "NUL": b"tran_id=%00",
    "half a character": b"tran_id=%ed%a0%80",
    "JSON": b'{"tran_id": 1}',
    "bytes": bytes(range(256)),
    "many fields": b"&".join(b"tran_id=%d" % number for number in range(101)),
    "a header": b"tran_id=x%0d%0aSet-Cookie:a=b",
    "another place": b"tran_id=//evil.example&outcome=//evil.example&next=https://evil.example",
    "too much": b"tran_id=" + b"0" * 70_000,
}


@pytest.mark.parametrize("body", GARBAGE.values(), ids=GARBAGE)
def test_garbage_leads_to_the_shop_front_without_a_payment(body, payment):
    before = everything()

    assert led_to(come_back(body)) == f"{FRONT}/checkout/return?outcome=success"
    assert led_to(Client().get(f"{PATH}success/", QUERY_STRING=body.decode("latin-1"))) == (
        f"{FRONT}/checkout/return?outcome=success"
    )
    assert everything() == before


@pytest.mark.parametrize("headers", [{"Accept": "image/png"}, {"Accept": "nonsense"}, {"Content-Length": "-5"},
                                     {"Authorization": "Bearer nonsense"}, {"Content-Length": "²"}])  # fmt: skip
def test_strange_headers_do_no_harm(headers, payment):
    assert led_to(come_back(f"tran_id={payment.transaction_id}".encode(), **headers)).startswith(f"{FRONT}/checkout/")


@pytest.mark.parametrize("path", ["succes/", "success", "../success/", "%2e%2e/", "SUCCESS/"])
def test_other_outcomes_do_not_exist(path, payment):
    response = Client().post(PATH + path)

    assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_other_methods_are_refused(method, payment):
    response = Client().generic(method, f"{PATH}success/")

    assert (response.status_code, response["Content-Type"]) == (405, "application/problem+json")


def test_without_a_shop_front_of_its_own_the_shop_itself_is_led_to(fake, payment, settings):
    settings.STOREFRONT_URL = settings.PUBLIC_URL

    assert led_to(come_back()) == "http://127.0.0.1:8000/checkout/return?outcome=success"
