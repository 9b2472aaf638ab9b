"""Tax: which rate a line bears, and how much that is."""

import dataclasses
from collections.abc import Sequence
from decimal import Decimal

from apps.pricing.quotes import Destination, PricedLine, Step, TaxRule
from core import money
from core.money import ZERO, format_share

SHIPPING_CATEGORY = "shipping"  # a rule of this tax category is more specific for the cost of sending
ONE = Decimal(1)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TaxTerms:
    """Under which law a quote is taxed."""

    rules: Sequence[TaxRule]
    destination: Destination | None
    currency: str
    prices_include_tax: bool


def tax_lines(
    lines: Sequence[PricedLine], charged: Sequence[Decimal], *, terms: TaxTerms
) -> tuple[list[Decimal], list[Decimal], list[Step]]:
    """Return each line's rate and tax on what is charged for it, and a step for every rule, used or not."""
    chosen = [find_rule(terms, tax_category=line.tax_category) if line.is_taxable else None for line in lines]
    rates = [rule.rate if rule else ZERO for rule in chosen]
    amounts = [tax_on(amount, rate=rate, terms=terms) for amount, rate in zip(charged, rates, strict=True)]
    steps = [_step_of(rule, chosen=chosen, amounts=amounts, terms=terms) for rule in terms.rules]
    return rates, amounts, [*steps, *_steps_of_untaxed(lines, chosen, terms)]


def tax_shipping(cost: Decimal, *, terms: TaxTerms) -> tuple[Decimal, Decimal, Step]:
    """Return the rate and tax on the cost of sending, and its step."""
    rule = find_rule(terms, tax_category=SHIPPING_CATEGORY)
    if not cost:
        return ZERO, ZERO, Step(rule="tax.shipping", applied=False, reason="Sending costs nothing")
    if rule is None:
        return ZERO, ZERO, Step(rule="tax.shipping", applied=False, reason=_why_none(terms))
    if not rule.applies_to_shipping:
        reason = f"{_name(rule)} leaves sending untaxed"
        return ZERO, ZERO, Step(rule="tax.shipping", applied=False, reason=reason)
    amount = tax_on(cost, rate=rule.rate, terms=terms)
    return rule.rate, amount, Step(rule="tax.shipping", applied=True, reason=_name(rule), amount=amount, rate=rule.rate)


def find_rule(terms: TaxTerms, *, tax_category: str) -> TaxRule | None:
    """Return the most specific rule: state and category, state, category, country; None when none fits."""
    fitting = [rule for rule in terms.rules if _is_for(rule, terms) and rule.tax_category in ("", tax_category)]
    return max(fitting, key=lambda rule: (bool(rule.state), bool(rule.tax_category)), default=None)


def tax_on(charged: Decimal, *, rate: Decimal, terms: TaxTerms) -> Decimal:
    """Return the tax on an amount, rounded half up once.

    Prices without tax: charged x rate. Prices with tax: charged - charged / (1 + rate), where the net amount is what
    is rounded, so that net + tax is exactly what is charged.
    """
    if not rate:
        return ZERO
    if terms.prices_include_tax:
        return charged - money.quantize(charged / (ONE + rate), terms.currency)
    return money.quantize(charged * rate, terms.currency)


def _is_for(rule: TaxRule, terms: TaxTerms) -> bool:
    place = terms.destination
    if place is None or rule.country != place.country:
        return False
    return not rule.state or rule.state.strip().casefold() == place.state.strip().casefold()


def _step_of(rule: TaxRule, *, chosen: Sequence[TaxRule | None], amounts: Sequence[Decimal], terms: TaxTerms) -> Step:
    mine = [amount for amount, used in zip(amounts, chosen, strict=True) if used is rule]
    if not mine:
        return Step(rule="tax.rate", applied=False, reason=f"{_name(rule)}: {_why_not(rule, terms)}", rate=rule.rate)
    where = "contained in" if terms.prices_include_tax else "on"
    reason = f"{_name(rule)} {where} {_lines(len(mine))}"
    return Step(rule="tax.rate", applied=True, reason=reason, amount=sum(mine, ZERO), rate=rule.rate)


def _steps_of_untaxed(lines: Sequence[PricedLine], chosen: Sequence[TaxRule | None], terms: TaxTerms) -> list[Step]:
    exempt = sum(not line.is_taxable for line in lines)
    ruleless = sum(line.is_taxable and rule is None for line, rule in zip(lines, chosen, strict=True))
    steps = []
    if exempt:
        steps.append(Step(rule="tax.exempt", applied=True, reason=f"Not taxable: {_lines(exempt)}"))
    if ruleless:
        steps.append(Step(rule="tax.none", applied=False, reason=f"{_why_none(terms)}: {_lines(ruleless)}"))
    return steps


def _why_not(rule: TaxRule, terms: TaxTerms) -> str:
    if terms.destination is None:
        return "the destination is not known yet"
    if not _is_for(rule, terms):
        return "for another place"
    return "no line of its kind, or a more specific rate came first"


def _why_none(terms: TaxTerms) -> str:
    if terms.destination is None:
        return "The destination is not known yet"
    return f"No tax rate for {terms.destination.country}"


def _name(rule: TaxRule) -> str:
    return f"{rule.name} ({format_share(rule.rate)})"


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"
