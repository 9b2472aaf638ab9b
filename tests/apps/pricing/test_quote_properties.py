"""What holds for every quote (promises.md I3 and row 6)."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.pricing.quotes import Destination, Discount, PricedLine, Quote, TaxRule
from apps.pricing.services.quoting import quote
from apps.shipping.rating import ShippingOption
from core import money
from core.money import ZERO
from tests.apps.pricing.goods import HERE, line, option, rate, tax

pytestmark = pytest.mark.blind
MAX_UNITS = 10**7
CATEGORIES = ("", "books", "food")


@st.composite
def amounts(draw: st.DrawFn, currency: str) -> Decimal:
    return draw(st.integers(0, MAX_UNITS)) * money.quantum(currency)


@st.composite
def lines(draw: st.DrawFn, currency: str) -> PricedLine:
    return line(
        draw(amounts(currency)),
        draw(st.integers(1, 1000)),
        tax_category=draw(st.sampled_from(CATEGORIES)),
        is_taxable=draw(st.booleans()),
        requires_shipping=draw(st.booleans()),
        weight_grams=draw(st.integers(0, 50_000)),
    )


@st.composite
def discounts(draw: st.DrawFn, currency: str) -> Discount:
    percent = draw(st.decimals(0, 150, places=2))
    return Discount(
        name="less", code=draw(st.sampled_from(["", "LESS"])), percent=percent, amount=draw(amounts(currency))
    )


@st.composite
def tax_rules(draw: st.DrawFn) -> TaxRule:
    return tax(
        str(draw(st.decimals(0, 2, places=5))),
        state=draw(st.sampled_from(["", HERE.state, "elsewhere"])),
        tax_category=draw(st.sampled_from([*CATEGORIES, "shipping"])),
        applies_to_shipping=draw(st.booleans()),
    )


@st.composite
def options(draw: st.DrawFn, currency: str) -> ShippingOption:
    free_over = draw(st.none() | amounts(currency))
    return option(rate(str(draw(amounts(currency))), free_over=free_over, currency=currency))


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """Everything quote() takes."""
    currency = draw(st.sampled_from(["JPY", "USD", "KWD"]))
    return {
        "lines": draw(st.lists(lines(currency), min_size=1, max_size=100)),
        "destination": draw(st.sampled_from([HERE, HERE, HERE, Destination(country="FR"), None])),
        "option": draw(st.none() | options(currency)),
        "tax_rules": draw(st.lists(tax_rules(), max_size=6)),
        "codes": draw(st.lists(st.sampled_from(["LESS", "less", "NOPE"]), max_size=3)),
        "discounts": draw(st.lists(discounts(currency), max_size=4)),
        "currency": currency,
        "prices_include_tax": draw(st.booleans()),
    }


def check(asked: dict[str, Any]) -> None:
    quoted = quote(asked.pop("lines"), **asked)
    check_sums(quoted)
    check_bounds(quoted)
    check_lines(quoted)
    check_exactness(quoted)
    check_steps(quoted)


def check_sums(quoted: Quote) -> None:
    on_top = ZERO if quoted.prices_include_tax else quoted.tax_amount
    assert quoted.total_amount == quoted.subtotal - quoted.discount_amount + quoted.shipping_cost + on_top
    assert quoted.subtotal == sum(line.line_total for line in quoted.lines)
    assert quoted.discount_amount == sum(line.discount_amount for line in quoted.lines)
    assert quoted.tax_amount == sum(line.tax_amount for line in quoted.lines) + quoted.shipping_tax_amount


def check_bounds(quoted: Quote) -> None:
    assert quoted.total_amount >= 0
    assert 0 <= quoted.discount_amount <= quoted.subtotal
    assert quoted.shipping_tax_amount >= 0
    if quoted.prices_include_tax:
        assert quoted.tax_amount <= quoted.total_amount


def check_lines(quoted: Quote) -> None:
    for entry in quoted.lines:
        charged = entry.line_total - entry.discount_amount
        assert 0 <= entry.discount_amount <= entry.line_total
        assert entry.net_amount + entry.tax_amount == entry.gross_amount
        assert (entry.gross_amount if quoted.prices_include_tax else entry.net_amount) == charged
        exact_tax = entry.net_amount * entry.tax_rate
        # Rounding the net amount of a price with tax moves the tax by up to (1 + rate) / 2 units.
        slack = money.quantum(quoted.currency) * (1 + entry.tax_rate) / 2
        assert abs(entry.tax_amount - exact_tax) <= slack


def check_exactness(quoted: Quote) -> None:
    figures = [quoted.subtotal, quoted.discount_amount, quoted.shipping_cost, quoted.tax_amount, quoted.total_amount]
    for entry in quoted.lines:
        figures += [entry.line_total, entry.discount_amount, entry.tax_amount, entry.net_amount, entry.gross_amount]
    for amount in figures:
        assert type(amount) is Decimal
        assert amount == money.quantize(amount, quoted.currency)


def check_steps(quoted: Quote) -> None:
    by_rule = {rule: sum(step.amount for step in quoted.steps if step.rule == rule) for rule in RULES}
    assert {step.rule for step in quoted.steps} <= set(RULES)
    assert by_rule["goods.subtotal"] == quoted.subtotal
    assert by_rule["discount.code"] == quoted.discount_amount
    assert by_rule["shipping.method"] - by_rule["shipping.free_over"] == quoted.shipping_cost
    assert by_rule["tax.rate"] + by_rule["tax.shipping"] == quoted.tax_amount
    assert all(step.amount >= 0 and (step.applied or not step.amount) and step.reason for step in quoted.steps)


RULES = (
    "goods.subtotal",
    "discount.code",
    "shipping.method",
    "shipping.free_over",
    "tax.rate",
    "tax.exempt",
    "tax.none",
    "tax.shipping",
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(asked=requests())
def test_every_quote_adds_up(asked: dict[str, Any]) -> None:
    check(asked)


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(asked=requests())
def test_ten_thousand_quotes_add_up(asked: dict[str, Any]) -> None:
    check(asked)
