"""GET /api/v1/orders/{id}/invoice/ and the back office."""

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.invoices.models import Invoice
from apps.invoices.services.issuing import issue_invoice
from apps.orders.models import Order
from core import clock
from core.events.worker import deliver_all_due
from core.ids import new_id
from tests.apps.invoices.papers import pages_of
from tests.apps.orders.making import checkout, fill_cart, guest, make_order
from tests.factories import default_variant, make_product, make_user, make_variant
from tests.http import ApiClient

pytestmark = pytest.mark.django_db
Signed = Callable[[User], ApiClient]


@pytest.fixture
def order(customer: User) -> Order:
    """Return an order whose invoice the worker has made."""
    return with_invoice(make_order(user=customer, payment_method="cod"))


def with_invoice(order: Order) -> Order:
    deliver_all_due()
    return order


def invoice_of(client: ApiClient, order: Order, **headers: str) -> HttpResponse:
    return client.get(f"orders/{order.pk}/invoice/", **headers)


def assert_problem(response: HttpResponse, status: int, code: str) -> None:
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == code


def test_the_owner_gets_the_invoice_as_a_pdf_to_keep(api_as: Signed, customer: User, order: Order) -> None:
    response = invoice_of(api_as(customer), order)
    assert response.status_code == 200
    assert response["Content-Type"] == "application/pdf"
    number = Invoice.objects.get(order=order).full_number
    assert response["Content-Disposition"] == f'attachment; filename="{number}.pdf"'
    assert response["Cache-Control"] == "private, no-store"
    (text,) = pages_of(response.content)
    assert number in text
    assert order.order_number in text
    assert "Total USD 20.00" in text


def test_the_same_invoice_is_the_same_bytes(api_as: Signed, customer: User, order: Order) -> None:
    client = api_as(customer)
    assert invoice_of(client, order).content == invoice_of(client, order).content
    assert Invoice.objects.count() == 1


def test_a_client_may_ask_for_pdf_and_still_gets_problems_as_json(api_as: Signed, customer: User, order: Order) -> None:
    client = api_as(customer)
    assert invoice_of(client, order, Accept="application/pdf").status_code == 200
    pending = make_order(user=customer)
    assert_problem(invoice_of(client, pending, Accept="application/pdf"), 409, "invoice_not_ready")


def test_before_confirmation_there_is_no_invoice(api_as: Signed, customer: User) -> None:
    pending = make_order(user=customer)
    assert_problem(invoice_of(api_as(customer), pending), 409, "invoice_not_ready")
    assert not Invoice.objects.exists()


def test_a_guest_gets_it_with_the_orders_token_only(api: ApiClient) -> None:
    owner, _ = guest()
    placed = checkout(None, fill_cart(owner, (default_variant(make_product()), 1)), payment_method="cod")
    assert placed.order_token is not None
    deliver_all_due()
    assert invoice_of(api, placed.order, X_Order_Token=placed.order_token).status_code == 200
    assert_problem(invoice_of(api, placed.order, X_Order_Token="x" * 43), 404, "order_not_found")
    assert_problem(invoice_of(api, placed.order), 401, "not_authenticated")


def test_an_admin_gets_it_and_others_are_told_there_is_none(
    api_as: Signed, admin: User, seller: User, customer: User
) -> None:
    product = make_product(seller=seller)
    order = with_invoice(make_order((default_variant(product), 1), user=customer, payment_method="cod"))
    assert invoice_of(api_as(admin), order).status_code == 200
    assert_problem(invoice_of(api_as(make_user()), order), 404, "order_not_found")
    assert_problem(invoice_of(api_as(seller), order), 404, "order_not_found")
    assert_problem(api_as(customer).get(f"orders/{new_id()}/invoice/"), 404, "order_not_found")


@pytest.mark.parametrize("count", [1, 20])
def test_it_takes_few_statements_however_many_lines_there_are(
    api_as: Signed, customer: User, count: int, django_assert_max_num_queries: Any, django_assert_num_queries: Any
) -> None:
    product = make_product(stock=100)
    goods = [(make_variant(product, stock=9), 1) for _ in range(count)]
    order = make_order(*goods, user=customer, payment_method="cod")
    client = api_as(customer)
    with django_assert_max_num_queries(9):
        assert invoice_of(client, order).status_code == 202
    deliver_all_due()
    with django_assert_num_queries(2):
        assert invoice_of(client, order).status_code == 200


# --- The back office ------------------------------------------------------------------------------
@pytest.fixture
def office(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def test_invoices_are_found_and_downloaded_in_the_back_office_and_not_edited(office: Client, order: Order) -> None:
    invoice = issue_invoice(order=order, now=clock.now())
    issue_invoice(order=make_order(payment_method="cod"), now=clock.now())
    changelist = reverse("admin:invoices_invoice_changelist")
    for search in (invoice.full_number, order.order_number, order.email):
        page = office.get(changelist, {"q": search})
        assert page.status_code == 200
        assert [found.pk for found in page.context["cl"].result_list] == [invoice.pk]
    change = reverse("admin:invoices_invoice_change", args=[invoice.pk])
    assert invoice.full_number in office.get(change).content.decode()
    assert office.post(change, {"number": "9"}).status_code == 403
    assert office.get(reverse("admin:invoices_invoice_add")).status_code == 403
    assert office.get(reverse("admin:invoices_invoicesequence_changelist")).status_code == 200
    document = office.get(reverse("admin:invoices_invoice_pdf", args=[invoice.pk]))
    assert document["Content-Type"] == "application/pdf"
    assert invoice.full_number in pages_of(document.content)[0]


def test_the_back_offices_download_is_for_those_who_may_look_at_invoices(order: Order) -> None:
    invoice = issue_invoice(order=order, now=clock.now())
    path = reverse("admin:invoices_invoice_pdf", args=[invoice.pk])
    clerk = make_user(role="admin")
    assert not clerk.is_superuser
    client = Client()
    client.force_login(clerk)
    assert client.get(path).status_code == 404
    client.force_login(make_user())
    assert client.get(path).status_code == 302
