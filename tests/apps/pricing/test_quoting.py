"""quote(): which rule applies, what it comes to, and what is said about it."""

import uuid
from decimal import Decimal

import pytest

from apps.pricing.errors import NoShippingMethod
from apps.pricing.quotes import Destination, Quote, Step
from tests.apps.pricing.goods import HERE, amount_off, figures, line, option, percent_off, price, rate, tax


def steps_of(quoted: Quote, rule: str) -> list[Step]:
    return [step for step in quoted.steps if step.rule == rule]


def test_a_line_keeps_what_it_was_and_gets_its_figures() -> None:
    variant_id, product_id = uuid.uuid4(), uuid.uuid4()
    shirt = line("9.99", 3, variant_id=variant_id, product_id=product_id, name="Shirt - Small", sku="S-1")
    quoted = price([shirt], tax_rules=[tax("0.0825")], discounts=[percent_off(10)])
    (entry,) = quoted.lines
    assert (entry.variant_id, entry.product_id, entry.name, entry.sku) == (
        variant_id,
        product_id,
        "Shirt - Small",
        "S-1",
    )
    assert (entry.quantity, entry.unit_price, entry.line_total) == (3, Decimal("9.99"), Decimal("29.97"))
    assert (entry.discount_amount, entry.tax_rate, entry.tax_amount) == (
        Decimal("3.00"),
        Decimal("0.0825"),
        Decimal("2.23"),
    )
    assert (entry.net_amount, entry.gross_amount) == (Decimal("26.97"), Decimal("29.20"))


def test_an_empty_cart_costs_nothing() -> None:
    assert figures(price([])) == "subtotal 0.00, discount 0.00, shipping 0.00, tax 0.00, total 0.00"


# --- Discounts ------------------------------------------------------------------------------------
def test_an_unknown_code_changes_nothing_and_says_so() -> None:
    quoted = price([line("10.00")], codes=["SPRING", "SPRING", "x"])
    assert quoted.total_amount == Decimal("10.00")
    assert [(step.applied, step.reason, step.amount) for step in steps_of(quoted, "discount.code")] == [
        (False, "The code 'SPRING' is not known", 0),
        (False, "The code 'x' is not known", 0),
    ]


def test_a_known_code_is_found_whatever_its_case_and_applies_once() -> None:
    quoted = price([line("10.00")], codes=["spring"], discounts=[percent_off(10, code="SPRING")])
    assert [(step.applied, step.amount) for step in steps_of(quoted, "discount.code")] == [(True, Decimal("1.00"))]


def test_discounts_come_off_one_after_the_other_and_never_take_more_than_is_left() -> None:
    quoted = price([line("10.00"), line("20.00")], discounts=[percent_off(50), amount_off("20.00"), amount_off("1.00")])
    assert [step.amount for step in steps_of(quoted, "discount.code")] == [Decimal("15.00"), Decimal("15.00"), 0]
    assert [step.applied for step in steps_of(quoted, "discount.code")] == [True, True, False]
    assert [entry.discount_amount for entry in quoted.lines] == [Decimal("10.00"), Decimal("20.00")]
    assert quoted.total_amount == 0


def test_a_discount_is_split_over_the_lines_to_the_cent() -> None:
    quoted = price([line("3.33"), line("3.33"), line("3.34")], discounts=[amount_off("1.00")])
    assert [entry.discount_amount for entry in quoted.lines] == [Decimal("0.33"), Decimal("0.33"), Decimal("0.34")]


# --- Shipping -------------------------------------------------------------------------------------
def test_shipping_is_by_the_weight_of_what_is_sent() -> None:
    light, heavy = rate("4.00", max_weight_grams=2000), rate("9.00", min_weight_grams=2000)
    lines = [line("1.00", 3), line("1.00", requires_shipping=False, weight_grams=9000)]
    assert price(lines, option=option(light, heavy)).shipping_cost == Decimal("4.00")
    quoted = price([line("1.00", 4)], option=option(light, heavy))
    assert quoted.shipping_cost == Decimal("9.00")
    assert (quoted.shipping_method_code, quoted.shipping_method_name) == ("standard", "Standard")
    assert steps_of(quoted, "shipping.method") == [
        Step(rule="shipping.method", applied=True, reason="Standard, 2000 g", amount=Decimal("9.00"))
    ]


def test_sending_is_free_from_the_discounted_subtotal_on() -> None:
    chosen = option(rate("4.90", free_over="50.00"))
    reached = price([line("50.00")], option=chosen)
    assert reached.shipping_cost == 0
    assert steps_of(reached, "shipping.free_over")[0].amount == Decimal("4.90")
    missed = price([line("60.00")], option=chosen, discounts=[amount_off("10.01")])
    assert missed.shipping_cost == Decimal("4.90")
    (step,) = steps_of(missed, "shipping.free_over")
    assert (step.applied, step.reason, step.amount) == (False, "Free from 50.00 USD: 0.01 USD to go", 0)


def test_a_method_that_does_not_go_there_is_refused() -> None:
    with pytest.raises(NoShippingMethod):
        price([line("1.00")], option=option(rate(country="US")))
    with pytest.raises(NoShippingMethod):
        price([line("1.00")], option=option(rate(max_weight_grams=500)))


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"destination": None, "option": option(rate())}, "The destination is not known yet"),
        ({"option": None}, "The shop has no shipping methods: sending is free"),
    ],
)
def test_nothing_is_charged_for_sending_where_it_cannot_be_known(asked: dict[str, object], reason: str) -> None:
    quoted = price([line("1.00")], **asked)
    assert (quoted.shipping_cost, quoted.shipping_method_code) == (0, "")
    assert [(step.applied, step.reason) for step in steps_of(quoted, "shipping.method")] == [(False, reason)]


def test_what_is_not_sent_is_not_charged_for_sending() -> None:
    quoted = price([line("1.00", requires_shipping=False)], option=option(rate(country="US")))
    assert (quoted.shipping_cost, quoted.shipping_method_code) == (0, "")
    assert steps_of(quoted, "shipping.method")[0].reason == "Nothing in the cart is sent"


# --- Tax ------------------------------------------------------------------------------------------
def test_the_most_specific_tax_rule_wins() -> None:
    country, category = tax("0.10", name="Country"), tax("0.20", name="Category", tax_category="books")
    state = tax("0.30", name="State", state="by ")
    both = tax("0.40", name="Both", state="BY", tax_category="books")
    book, thing = line("1.00", tax_category="books"), line("1.00", tax_category="toys")

    def rates(*rules: object) -> list[Decimal]:
        return [entry.tax_rate for entry in price([book, thing], tax_rules=rules).lines]

    assert rates(country, category, state, both) == [Decimal("0.40"), Decimal("0.30")]
    assert rates(country, category, state) == [Decimal("0.30"), Decimal("0.30")]
    assert rates(country, category) == [Decimal("0.20"), Decimal("0.10")]
    assert rates(category) == [Decimal("0.20"), Decimal(0)]
    assert rates(tax("0.10", country="FR"), tax("0.10", state="BW")) == [Decimal(0), Decimal(0)]


def test_every_tax_rule_leaves_a_step_also_when_it_did_not_apply() -> None:
    rules = [tax("0.19"), tax("0.07", name="Books", tax_category="books"), tax("0.2", name="FR", country="FR")]
    quoted = price([line("10.00", 2), line("1.00", is_taxable=False)], tax_rules=rules)
    assert [(step.applied, step.reason, step.amount, step.rate) for step in steps_of(quoted, "tax.rate")] == [
        (True, "VAT (19 %) on 1 line", Decimal("3.80"), Decimal("0.19")),
        (False, "Books (7 %): no line of its kind, or a more specific rate came first", 0, Decimal("0.07")),
        (False, "FR (20 %): for another place", 0, Decimal("0.2")),
    ]
    assert [step.reason for step in steps_of(quoted, "tax.exempt")] == ["Not taxable: 1 line"]


def test_lines_without_a_tax_rule_bear_none_and_say_so() -> None:
    quoted = price([line("10.00"), line("1.00")])
    assert quoted.tax_amount == 0
    assert [step.reason for step in steps_of(quoted, "tax.none")] == ["No tax rate for DE: 2 lines"]
    elsewhere = price([line("10.00")], destination=None, tax_rules=[tax("0.19")])
    assert elsewhere.tax_amount == 0
    assert [step.reason for step in steps_of(elsewhere, "tax.none")] == ["The destination is not known yet: 1 line"]


def test_tax_on_top_is_owed_on_the_discounted_line_and_on_shipping() -> None:
    quoted = price(
        [line("10.00", 2), line("5.00")],
        tax_rules=[tax("0.19")],
        option=option(rate("4.90")),
        discounts=[percent_off(10)],
    )
    assert [entry.tax_amount for entry in quoted.lines] == [Decimal("3.42"), Decimal("0.86")]
    assert (quoted.shipping_tax_rate, quoted.shipping_tax_amount) == (Decimal("0.19"), Decimal("0.93"))
    assert figures(quoted) == "subtotal 25.00, discount 2.50, shipping 4.90, tax 5.21, total 32.61"


def test_tax_contained_in_the_prices_adds_nothing_to_the_total() -> None:
    quoted = price([line("9.99", 2)], tax_rules=[tax("0.19")], option=option(rate("4.90")), prices_include_tax=True)
    assert figures(quoted) == "subtotal 19.98, discount 0.00, shipping 4.90, tax 3.97, total 24.88"
    (entry,) = quoted.lines
    assert (entry.net_amount, entry.tax_amount, entry.gross_amount) == (
        Decimal("16.79"),
        Decimal("3.19"),
        Decimal("19.98"),
    )
    assert steps_of(quoted, "tax.rate")[0].reason == "VAT (19 %) contained in 1 line"


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([tax("0.19", applies_to_shipping=False)], "0.00"),
        ([tax("0.19"), tax("0.07", tax_category="shipping")], "0.70"),
        ([tax("0.19"), tax("0.07", tax_category="books")], "1.90"),
        ([tax("0.19"), tax("0.05", state="BY", applies_to_shipping=False)], "0.00"),
        ([], "0.00"),
    ],
)
def test_shipping_bears_the_general_rate_unless_the_rule_says_otherwise(rules: list[object], expected: str) -> None:
    quoted = price([line("1.00", tax_category="books")], tax_rules=rules, option=option(rate("10.00")))
    assert quoted.shipping_tax_amount == Decimal(expected)
    (step,) = steps_of(quoted, "tax.shipping")
    assert (step.applied, step.amount) == (expected != "0.00", Decimal(expected))


def test_the_destination_is_read_from_an_address() -> None:
    assert Destination.of_address({"country": "DE", "state": "BY", "city": "München"}) == HERE


def test_steps_become_plain_data_with_amounts_as_text() -> None:
    quoted = price([line("10.00")], tax_rules=[tax("0.07250")], option=option(rate("4.90")))
    data = {step["rule"]: step for step in quoted.steps_as_data()}
    assert data["tax.shipping"] == {
        "rule": "tax.shipping",
        "applied": True,
        "reason": "VAT (7.25 %)",
        "amount": "0.36",
        "rate": "0.0725",
    }
    assert data["goods.subtotal"]["rate"] is None
    assert [step["rule"] for step in quoted.steps_as_data()] == [
        "goods.subtotal",
        "shipping.method",
        "tax.rate",
        "tax.shipping",
    ]
