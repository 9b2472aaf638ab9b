"""What parts of an order are worth: any portions, in any order, come to what was paid, to the last unit."""

import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.orders.models import Order, OrderItem
from apps.orders.services.line_values import value_of_line, value_of_shipping, value_of_units
from apps.pricing.quotes import Quote
from apps.pricing.services.quoting import quote
from core import money
from core.money import ZERO
from tests.apps.pricing.goods import amount_off, line, option, price, rate, tax
from tests.apps.pricing.test_quote_properties import requests


def order_of(quoted: Quote) -> tuple[Order, list[OrderItem]]:
    """Return the order a quote would become, unsaved."""
    order = Order(
        currency=quoted.currency, total_amount=quoted.total_amount, prices_include_tax=quoted.prices_include_tax
    )
    items = [
        OrderItem(
            quantity=line.quantity,
            total=line.line_total,
            discount_amount=line.discount_amount,
            tax_amount=line.tax_amount,
        )
        for line in quoted.lines
    ]
    return order, items


def portions_of(quantity: int, rng: random.Random) -> list[int]:
    """Return a quantity in random portions, a few single units among them."""
    portions: list[int] = []
    while left := quantity - sum(portions):
        portions.append(1 if rng.random() < 0.3 and len(portions) < 50 else rng.randint(1, left))
    return portions


def refunds_in_any_order(order: Order, items: list[OrderItem], rng: random.Random) -> list[Decimal]:
    """Refund every unit of every line, portions of all lines mixed; return what each refund came to."""
    wanted = [(item, units) for item in items for units in portions_of(item.quantity, rng)]
    rng.shuffle(wanted)
    refunded: list[Decimal] = []
    for item, units in wanted:
        refunded.append(value_of_units(order=order, item=item, taken=item.refunded_quantity, units=units))
        item.refunded_quantity += units
    return refunded


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(asked=requests(), rng=st.randoms())
def test_any_portions_in_any_order_come_to_the_total_exactly(asked: dict[str, Any], rng: random.Random) -> None:
    order, items = order_of(quote(asked.pop("lines"), **asked))

    refunded = refunds_in_any_order(order, items, rng)
    shipping = value_of_shipping(order=order, items=items)

    assert sum(refunded, shipping) == order.total_amount
    assert min([shipping, *refunded]) >= 0
    assert all(amount == money.quantize(amount, order.currency) for amount in [shipping, *refunded])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(asked=requests(), rng=st.randoms())
def test_the_portions_of_one_line_come_to_the_line_exactly(asked: dict[str, Any], rng: random.Random) -> None:
    order, [item, *_] = order_of(quote(asked.pop("lines"), **asked))

    assert sum(refunds_in_any_order(order, [item], rng), ZERO) == value_of_line(order=order, item=item)


@pytest.mark.parametrize(
    ("currency", "total", "singly"),
    [
        ("USD", "10.00", ["3.33", "3.34", "3.33"]),
        ("JPY", "100", ["33", "34", "33"]),
        ("KWD", "1.000", ["0.333", "0.334", "0.333"]),
        ("USD", "0.01", ["0.00", "0.01", "0.00"]),
        ("USD", "0.00", ["0.00", "0.00", "0.00"]),
    ],
)
def test_three_units_of_a_line_that_does_not_divide(currency: str, total: str, singly: list[str]) -> None:
    order = Order(currency=currency, total_amount=Decimal(total))
    item = OrderItem(quantity=3, total=Decimal(total))

    found = [value_of_units(order=order, item=item, taken=taken, units=1) for taken in range(3)]

    assert [str(amount) for amount in found] == singly


def test_discount_is_taken_off_and_tax_on_top_is_added() -> None:
    order, [item] = order_of(price([line("30.00", 2)], discounts=[amount_off("10.00")], tax_rules=[tax("0.1")]))

    assert (item.total, item.discount_amount, item.tax_amount) == (60, 10, 5)
    assert value_of_units(order=order, item=item, taken=0, units=1) == Decimal("27.50")
    assert value_of_units(order=order, item=item, taken=0, units=2) == order.total_amount == 55


def test_tax_that_prices_contain_is_not_added_again() -> None:
    order, [item] = order_of(price([line("11.00", 2)], tax_rules=[tax("0.1")], prices_include_tax=True))

    assert item.tax_amount == 2
    assert value_of_units(order=order, item=item, taken=0, units=2) == order.total_amount == 22


@pytest.mark.parametrize(("included", "worth"), [(False, "5.50"), (True, "5.00")])
def test_shipping_is_worth_what_it_cost_with_its_tax(included: bool, worth: str) -> None:
    quoted = price([line("10.00")], option=option(rate("5.00")), tax_rules=[tax("0.1")], prices_include_tax=included)
    order, items = order_of(quoted)

    assert value_of_shipping(order=order, items=items) == Decimal(worth)


@pytest.mark.parametrize(("taken", "units"), [(0, 4), (3, 1), (2, 2), (-1, 1), (1, -1)])
def test_units_that_the_line_does_not_have_are_a_bug(taken: int, units: int) -> None:
    order = Order(currency="USD", total_amount=Decimal(10))

    with pytest.raises(ValueError):
        value_of_units(order=order, item=OrderItem(quantity=3, total=Decimal(10)), taken=taken, units=units)
