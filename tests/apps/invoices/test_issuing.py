"""issue_invoice(): one for each confirmed order, numbered without gaps, frozen."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from apps.invoices.content import InvoiceContent, TaxRow
from apps.invoices.errors import InvoiceNotReady
from apps.invoices.invariants import (
    every_series_has_a_sequence,
    numbers_are_gapless,
    sequence_is_at_the_last_number,
)
from apps.invoices.models import Invoice, InvoiceSequence
from apps.invoices.services.composing import address_lines, compose_content
from apps.invoices.services.issuing import issue_invoice
from apps.orders.models import Order, OrderItem
from apps.orders.states import OrderStatus
from apps.pricing.models import TaxRate
from apps.pricing.services.quoting import quote
from core import clock
from core.events.models import OutboxDelivery
from core.events.worker import deliver_all_due
from core.transactions import atomic
from tests.apps.orders.making import force_move, make_order, make_order_in
from tests.apps.pricing.goods import HERE, line, option, percent_off, rate, tax
from tests.factories import default_variant, make_product, make_shipping, make_variant

NOON = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)


def make_confirmed_order(*goods: Any) -> Order:
    return make_order(*goods, payment_method="cod")


def violations() -> list[str]:
    return [*numbers_are_gapless(), *sequence_is_at_the_last_number(), *every_series_has_a_sequence()]


@pytest.mark.django_db
def test_a_confirmed_order_gets_the_next_number_of_the_year() -> None:
    invoices = [issue_invoice(order=make_confirmed_order(), now=NOON) for _ in range(3)]
    assert [invoice.full_number for invoice in invoices] == ["INV-2026-000001", "INV-2026-000002", "INV-2026-000003"]
    following = issue_invoice(order=make_confirmed_order(), now=NOON.replace(year=2027))
    assert following.full_number == "INV-2027-000001"
    assert violations() == []


@pytest.mark.django_db
def test_asking_again_gives_the_first_invoice() -> None:
    order = make_confirmed_order()
    first = issue_invoice(order=order, now=NOON)
    again = issue_invoice(order=order, now=NOON + dt.timedelta(days=400))
    assert (again.pk, again.content) == (first.pk, Invoice.objects.get().content)
    assert InvoiceSequence.objects.get().last_number == 1


@pytest.mark.django_db
def test_the_content_says_what_was_bought_by_whom_for_how_much(settings: Any) -> None:
    settings.INVOICE_ISSUER_TAX_ID = "US-1"
    TaxRate.objects.create(name="Texas", country="US", state="TX", rate=Decimal("0.0825"))
    make_shipping(price="5.00")
    shirt = make_product(name="Shirt", price="19.99", stock=5)
    small = make_variant(shirt, price="17.99", name="Small", sku="SHIRT-S")
    order = make_confirmed_order((small, 2), (default_variant(make_product(name="Cap", price="9.50")), 1))
    invoice = issue_invoice(order=order, now=NOON)
    content = InvoiceContent.from_data(Invoice.objects.get().content)
    assert (content.number, content.issued_at) == (invoice.full_number, "2026-11-20T12:00:00+00:00")
    assert content.order_number == order.order_number
    assert content.issuer == ("Demo Shop", "1 Market Street, Springfield")
    assert content.issuer_tax_id == "US-1"
    assert content.buyer == ("Ada Lovelace", "1 Analytical Way", "Austin, TX 78701", "US")
    assert content.shipped_to == content.buyer
    assert (content.buyer_email, content.payment_method, content.shipping_method) == (order.email, "cod", "Standard")
    assert [(entry.name, entry.sku, entry.quantity, entry.unit_price, entry.total) for entry in content.lines] == [
        ("Shirt - Small", "SHIRT-S", 2, "17.99", "35.98"),
        ("Cap", "", 1, "9.50", "9.50"),
    ]
    assert {entry.tax_rate for entry in content.lines} == {"8.25 %"}
    assert content.taxes == (TaxRow(rate="8.25 %", net="50.48", tax="4.16", gross="54.64"),)
    assert (content.subtotal, content.shipping_cost, content.tax_amount, content.total_amount, content.currency) == (
        "45.48",
        "5.00",
        "4.16",
        "54.64",
        "USD",
    )


@pytest.mark.django_db
def test_an_issued_invoice_stays_as_it_is(settings: Any) -> None:
    order = make_confirmed_order()
    before = issue_invoice(order=order, now=NOON).content
    settings.INVOICE_ISSUER = "Another Shop"
    Order.objects.filter(pk=order.pk).update(email="other@example.com")
    OrderItem.objects.filter(order=order).update(name="Something else")
    assert InvoiceContent.from_data(issue_invoice(order=order, now=NOON).content) == InvoiceContent.from_data(before)
    invoice = Invoice.objects.get()
    with pytest.raises(TypeError):
        invoice.save()
    with pytest.raises(TypeError):
        invoice.delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        Invoice.objects.update(number=7)
    assert Invoice.objects.get().number == 1


@pytest.mark.django_db
def test_before_it_is_confirmed_an_order_has_no_invoice_and_uses_no_number() -> None:
    order = make_order()
    with pytest.raises(InvoiceNotReady):
        issue_invoice(order=order, now=NOON)
    force_move(order, OrderStatus.CANCELLED)
    with pytest.raises(InvoiceNotReady):
        issue_invoice(order=order, now=NOON)
    assert not Invoice.objects.exists()
    assert not InvoiceSequence.objects.exists()


@pytest.mark.django_db
def test_a_cancelled_order_keeps_the_invoice_it_had_and_gets_no_new_one() -> None:
    order, other = make_confirmed_order(), make_confirmed_order()
    invoice = issue_invoice(order=order, now=NOON)
    force_move(order, OrderStatus.CANCELLED)
    force_move(other, OrderStatus.CANCELLED)
    assert issue_invoice(order=order, now=NOON).pk == invoice.pk
    with pytest.raises(InvoiceNotReady):
        issue_invoice(order=other, now=NOON)
    assert violations() == []


@pytest.mark.django_db
@pytest.mark.parametrize("status", [OrderStatus.SHIPPED, OrderStatus.DELIVERED, OrderStatus.RETURNED])
def test_an_order_that_has_gone_on_still_gets_its_invoice(status: OrderStatus) -> None:
    assert issue_invoice(order=make_order_in(status), now=NOON).number == 1


@pytest.mark.django_db(transaction=True)
def test_an_issue_that_is_rolled_back_leaves_no_gap() -> None:
    order, other = make_confirmed_order(), make_confirmed_order()
    with pytest.raises(RuntimeError, match="power cut"), atomic():
        assert issue_invoice(order=order, now=NOON).number == 1
        raise RuntimeError("power cut")
    assert not Invoice.objects.exists()
    assert issue_invoice(order=other, now=NOON).number == 1
    assert issue_invoice(order=order, now=NOON).number == 2
    assert violations() == []


@pytest.mark.django_db(transaction=True)
def test_confirmation_issues_the_invoice_in_its_order_and_twice_does_no_harm() -> None:
    orders = [make_confirmed_order() for _ in range(3)]
    pending = make_order()
    deliver_all_due()
    assert [invoice.order_id for invoice in Invoice.objects.order_by("number")] == [order.pk for order in orders]
    OutboxDelivery.objects.filter(handler="invoices.issue_invoice").update(state="pending", due_at=clock.now())
    deliver_all_due()
    assert Invoice.objects.count() == 3
    assert not Invoice.objects.filter(order=pending).exists()
    assert OutboxDelivery.objects.filter(handler="invoices.issue_invoice", state="done").count() == 3


@pytest.mark.django_db(transaction=True)
def test_an_order_cancelled_before_its_confirmation_is_handled_needs_no_invoice() -> None:
    order = make_confirmed_order()
    force_move(order, OrderStatus.CANCELLED)
    deliver_all_due()
    assert not Invoice.objects.exists()
    assert OutboxDelivery.objects.get(handler="invoices.issue_invoice").state == "done"


@pytest.mark.django_db
def test_gaps_and_a_sequence_that_ran_off_are_found() -> None:
    for _ in range(2):
        issue_invoice(order=make_confirmed_order(), now=NOON)
    InvoiceSequence.objects.update(last_number=5)
    assert violations() == ["INV-2026: the sequence is at 5, the last invoice is 2"]
    issue_invoice(order=make_confirmed_order(), now=NOON)
    assert violations() == ["INV-2026: 3 invoices, but numbers from 1 to 6"]
    InvoiceSequence.objects.all().delete()
    assert "INV-2026: it has invoices and no sequence" in violations()


# --- Content --------------------------------------------------------------------------------------
def test_an_address_becomes_the_lines_of_a_label() -> None:
    address = {"full_name": "Ada", "address_line1": "1 Way", "address_line2": "Flat 2", "city": "Austin", "state": "TX"}
    assert address_lines({**address, "postal_code": "78701", "country": "US"}) == (
        "Ada",
        "1 Way",
        "Flat 2",
        "Austin, TX 78701",
        "US",
    )
    assert address_lines({"address_line1": "one line of text", "city": "", "country": "US"}) == (
        "one line of text",
        "US",
    )


@hypothesis(max_examples=200, deadline=None)
@given(
    prices=st.lists(
        st.tuples(st.integers(0, 10**6), st.integers(1, 9), st.sampled_from(["", "books", "none"])),
        min_size=1,
        max_size=8,
    ),
    share=st.decimals(0, 1, places=5),
    percent=st.integers(0, 100),
    shipping_taxed=st.booleans(),
    prices_include_tax=st.booleans(),
    currency=st.sampled_from(["USD", "JPY", "KWD"]),
)
def test_the_rows_by_tax_rate_add_up_to_the_total(
    prices: list[tuple[int, int, str]],
    share: Decimal,
    percent: int,
    shipping_taxed: bool,
    prices_include_tax: bool,
    currency: str,
) -> None:
    quoted = quote(
        [line(Decimal(units), count, tax_category=kind, is_taxable=kind != "none") for units, count, kind in prices],
        destination=HERE,
        option=option(rate("49", currency=currency)),
        tax_rules=[tax(str(share), applies_to_shipping=shipping_taxed), tax("0.07", tax_category="books")],
        discounts=[percent_off(percent)],
        currency=currency,
        prices_include_tax=prices_include_tax,
    )
    order = Order(
        currency=currency,
        subtotal=quoted.subtotal,
        discount_amount=quoted.discount_amount,
        shipping_cost=quoted.shipping_cost,
        tax_amount=quoted.tax_amount,
        total_amount=quoted.total_amount,
        prices_include_tax=prices_include_tax,
        pricing_steps=quoted.steps_as_data(),
        shipping_address={},
        billing_address={},
        created_at=NOON,
    )
    items = [
        OrderItem(
            name=entry.name,
            quantity=entry.quantity,
            unit_price=entry.unit_price,
            discount_amount=entry.discount_amount,
            tax_rate=entry.tax_rate,
            tax_amount=entry.tax_amount,
            total=entry.line_total,
            currency=currency,
        )
        for entry in quoted.lines
    ]
    content = compose_content(order=order, items=items, number="INV-1", issued_at=NOON)
    if not content.taxes:
        assert quoted.tax_amount == 0
        return
    assert sum(Decimal(row.gross) for row in content.taxes) == quoted.total_amount
    assert sum(Decimal(row.tax) for row in content.taxes) == quoted.tax_amount
    assert all(Decimal(row.net) + Decimal(row.tax) == Decimal(row.gross) for row in content.taxes)
    assert len({row.rate for row in content.taxes}) == len(content.taxes)
