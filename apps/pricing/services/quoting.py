"""Quotes: what a cart would cost at a destination, and why (docs/algorithms/pricing.md)."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from django.conf import settings

from apps.pricing.errors import NoShippingMethod, UnknownShippingMethod
from apps.pricing.quotes import Destination, Discount, PricedLine, Quote, QuotedLine, Step, TaxRule
from apps.pricing.selectors import list_tax_rules
from apps.pricing.services.discounts import apply_discounts
from apps.pricing.services.shipping_costs import ShippingCharge, charge_shipping, needs_shipping, parcel_weight_grams
from apps.pricing.services.taxes import TaxTerms, tax_lines, tax_shipping
from apps.shipping.rating import ShippingOption, find_rate
from apps.shipping.selectors import list_shipping_options
from core import money
from core.errors import FieldError
from core.money import ZERO


def price_order(
    *,
    lines: Sequence[PricedLine],
    address: Mapping[str, str] | None,
    shipping_method: str | None,
    codes: Sequence[str] = (),
) -> Quote:
    """Return the quote of an order in the store's currency, by the shop's methods and rates of this moment.

    Two statements; fewer when there is no address yet or nothing is sent. Without a `shipping_method` the first
    method by position that goes there is taken; a shop without active methods sends for nothing. Raises
    UnknownShippingMethod (400, field shipping_method) for a code the shop does not have, NoShippingMethod (422) when
    the method asked for, or every method, has no rate for the place and weight.
    """
    destination = None if address is None else Destination.of_address(address)
    return quote(
        lines,
        destination=destination,
        option=_choose_option(lines, destination=destination, code=shipping_method),
        tax_rules=() if destination is None else list_tax_rules(destination=destination),
        codes=codes,
        currency=settings.STORE_CURRENCY,
        prices_include_tax=settings.PRICES_INCLUDE_TAX,
    )


def quote(
    lines: Sequence[PricedLine],
    *,
    destination: Destination | None,
    option: ShippingOption | None,
    tax_rules: Sequence[TaxRule],
    codes: Sequence[str] = (),
    discounts: Sequence[Discount] = (),
    currency: str,
    prices_include_tax: bool,
) -> Quote:
    """Return what the lines cost, with one step per rule. Pure: the same input gives the same quote.

    Order: line totals, discounts, shipping (free-over looks at the discounted subtotal), tax per line and on
    shipping. `discounts` are those already granted; a code that names none of them yields a step and changes nothing.
    Raises NoShippingMethod when `option` has no rate for the destination and weight.
    """
    totals = [money.quantize(line.unit_price * line.quantity, currency) for line in lines]
    reductions, discount_steps = apply_discounts(totals, discounts=discounts, codes=codes, currency=currency)
    charged = [total - reduction for total, reduction in zip(totals, reductions, strict=True)]
    shipping = charge_shipping(
        lines, option=option, destination=destination, discounted_subtotal=sum(charged, ZERO), currency=currency
    )
    terms = TaxTerms(rules=tax_rules, destination=destination, currency=currency, prices_include_tax=prices_include_tax)
    rates, taxes, tax_steps = tax_lines(lines, charged, terms=terms)
    quoted = [
        _quoted_line(line, total, reduction, rate, tax, prices_include_tax)
        for line, total, reduction, rate, tax in zip(lines, totals, reductions, rates, taxes, strict=True)
    ]
    steps = [_subtotal_step(lines, totals), *discount_steps, *shipping.steps, *tax_steps]
    return _sum_up(quoted, shipping=shipping, terms=terms, steps=steps)


def _choose_option(
    lines: Sequence[PricedLine], *, destination: Destination | None, code: str | None
) -> ShippingOption | None:
    if not needs_shipping(lines) or (destination is None and not code):
        return None
    options = list_shipping_options(country=destination.country if destination else None)
    if code:
        return _find_option(options, code)
    if destination is None or not options:
        return None
    weight = parcel_weight_grams(lines)
    for option in options:
        if find_rate(option, country=destination.country, weight_grams=weight):
            return option
    raise NoShippingMethod(f"No method takes {weight} g to {destination.country}")


def _find_option(options: Sequence[ShippingOption], code: str) -> ShippingOption:
    for option in options:
        if option.code == code:
            return option
    fault = FieldError("shipping_method", UnknownShippingMethod.code, "The shop has no shipping method of this code.")
    raise UnknownShippingMethod(errors=(fault,))


def _quoted_line(
    line: PricedLine, total: Decimal, reduction: Decimal, rate: Decimal, tax: Decimal, prices_include_tax: bool
) -> QuotedLine:
    return QuotedLine(
        variant_id=line.variant_id,
        product_id=line.product_id,
        name=line.name,
        sku=line.sku,
        quantity=line.quantity,
        unit_price=line.unit_price,
        weight_grams=line.weight_grams,
        tax_category=line.tax_category,
        is_taxable=line.is_taxable,
        requires_shipping=line.requires_shipping,
        line_total=total,
        discount_amount=reduction,
        tax_rate=rate,
        tax_amount=tax,
        prices_include_tax=prices_include_tax,
    )


def _subtotal_step(lines: Sequence[PricedLine], totals: Sequence[Decimal]) -> Step:
    units = sum(line.quantity for line in lines)
    return Step(
        rule="goods.subtotal", applied=True, reason=f"Lines: {len(lines)}, units: {units}", amount=sum(totals, ZERO)
    )


def _sum_up(lines: Sequence[QuotedLine], *, shipping: ShippingCharge, terms: TaxTerms, steps: Sequence[Step]) -> Quote:
    subtotal = sum((line.line_total for line in lines), ZERO)
    discount_amount = sum((line.discount_amount for line in lines), ZERO)
    shipping_tax_rate, shipping_tax, shipping_tax_step = tax_shipping(shipping.cost, terms=terms)
    tax_amount = sum((line.tax_amount for line in lines), shipping_tax)
    on_top = ZERO if terms.prices_include_tax else tax_amount
    return Quote(
        lines=tuple(lines),
        subtotal=subtotal,
        discount_amount=discount_amount,
        shipping_cost=shipping.cost,
        shipping_tax_rate=shipping_tax_rate,
        shipping_tax_amount=shipping_tax,
        tax_amount=tax_amount,
        total_amount=subtotal - discount_amount + shipping.cost + on_top,
        currency=terms.currency,
        prices_include_tax=terms.prices_include_tax,
        shipping_method_code=shipping.method_code,
        shipping_method_name=shipping.method_name,
        steps=(*steps, shipping_tax_step),
    )
