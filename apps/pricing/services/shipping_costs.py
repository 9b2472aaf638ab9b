"""What sending a cart costs."""

import dataclasses
from collections.abc import Sequence
from decimal import Decimal

from apps.pricing.errors import NoShippingMethod
from apps.pricing.quotes import Destination, PricedLine, Step
from apps.shipping.rating import Rate, ShippingOption, find_rate
from core import money
from core.money import ZERO, format_amount


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ShippingCharge:
    """The cost of sending, by which method ("" when none was needed), and why."""

    cost: Decimal = ZERO
    method_code: str = ""
    method_name: str = ""
    steps: tuple[Step, ...]


def needs_shipping(lines: Sequence[PricedLine]) -> bool:
    """Tell whether anything in the cart is sent."""
    return any(line.requires_shipping for line in lines)


def parcel_weight_grams(lines: Sequence[PricedLine]) -> int:
    """Return the weight of what is sent."""
    return sum(line.weight_grams * line.quantity for line in lines if line.requires_shipping)


def charge_shipping(
    lines: Sequence[PricedLine],
    *,
    option: ShippingOption | None,
    destination: Destination | None,
    discounted_subtotal: Decimal,
    currency: str,
) -> ShippingCharge:
    """Return the cost of sending the lines by an option.

    Free when nothing is sent, the destination is not known yet, or there is no option (a shop without methods).
    Raises NoShippingMethod when the option has no rate for the destination and weight.
    """
    if not needs_shipping(lines):
        return _not_charged("Nothing in the cart is sent")
    if destination is None:
        return _not_charged("The destination is not known yet")
    if option is None:
        return _not_charged("The shop has no shipping methods: sending is free")
    weight = parcel_weight_grams(lines)
    rate = find_rate(option, country=destination.country, weight_grams=weight)
    if rate is None:
        raise NoShippingMethod(f"{option.name} does not take {weight} g to {destination.country}")
    price = money.quantize(rate.price, currency)
    step = Step(rule="shipping.method", applied=True, reason=f"{option.name}, {weight} g", amount=price)
    waived = _free_over(rate, price=price, discounted_subtotal=discounted_subtotal, currency=currency)
    return ShippingCharge(
        cost=ZERO if waived and waived.applied else price,
        method_code=option.code,
        method_name=option.name,
        steps=(step, waived) if waived else (step,),
    )


def _not_charged(reason: str) -> ShippingCharge:
    return ShippingCharge(steps=(Step(rule="shipping.method", applied=False, reason=reason),))


def _free_over(rate: Rate, *, price: Decimal, discounted_subtotal: Decimal, currency: str) -> Step | None:
    if rate.free_over is None:
        return None
    rule, reason = "shipping.free_over", f"Free from {format_amount(rate.free_over, currency)} {currency}"
    if discounted_subtotal >= rate.free_over:
        return Step(rule=rule, applied=True, reason=reason, amount=price)
    missing = format_amount(rate.free_over - discounted_subtotal, currency)
    return Step(rule=rule, applied=False, reason=f"{reason}: {missing} {currency} to go")
