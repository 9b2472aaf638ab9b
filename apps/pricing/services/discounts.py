"""Discounts: how much comes off, and off which line."""

from collections.abc import Sequence
from decimal import Decimal

from apps.pricing.quotes import Discount, Step
from core import money
from core.money import ZERO

HUNDRED = Decimal(100)


def apply_discounts(
    totals: Sequence[Decimal], *, discounts: Sequence[Discount], codes: Sequence[str], currency: str
) -> tuple[list[Decimal], list[Step]]:
    """Return each line's discount, and a step for every discount and every code that names none.

    Discounts come off one after the other, each from what the ones before have left, so that a line never falls
    below zero. One discount is split over the lines in proportion to what is left of them (largest remainder).
    """
    left, steps = list(totals), []
    for discount in discounts:
        amount = _amount_of(discount, sum(left, ZERO), currency)
        parts = money.split(amount, left, currency)
        left = [remaining - part for remaining, part in zip(left, parts, strict=True)]
        steps.append(_step_of(discount, amount))
    steps.extend(_steps_of_unknown(codes, discounts))
    return [total - remaining for total, remaining in zip(totals, left, strict=True)], steps


def _amount_of(discount: Discount, left: Decimal, currency: str) -> Decimal:
    wanted = money.quantize(left * discount.percent / HUNDRED + discount.amount, currency)
    return max(ZERO, min(wanted, left))


def _step_of(discount: Discount, amount: Decimal) -> Step:
    if amount == 0:
        return Step(rule="discount.code", applied=False, reason=f"{discount.name}: nothing left to take it from")
    return Step(rule="discount.code", applied=True, reason=discount.name, amount=amount)


def _steps_of_unknown(codes: Sequence[str], discounts: Sequence[Discount]) -> list[Step]:
    known = {discount.code.casefold() for discount in discounts}
    return [
        Step(rule="discount.code", applied=False, reason=f"The code {code!r} is not known")
        for code in dict.fromkeys(codes)
        if code.casefold() not in known
    ]
