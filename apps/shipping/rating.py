"""What a parcel costs: the shop's shipping options as plain values, and the pure choice of a rate."""

import dataclasses
from collections.abc import Sequence
from decimal import Decimal


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A price for one country ("" is every country without a rate of its own) and weight bracket [min, max)."""

    country: str
    min_weight_grams: int
    max_weight_grams: int | None
    price: Decimal
    free_over: Decimal | None
    currency: str

    def holds(self, weight_grams: int) -> bool:
        """Tell whether a parcel of this weight falls into the bracket."""
        return self.min_weight_grams <= weight_grams and (
            self.max_weight_grams is None or weight_grams < self.max_weight_grams
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ShippingOption:
    """An active way to send, with the rates that were asked for."""

    code: str
    name: str
    description: str
    rates: tuple[Rate, ...]


def find_rate(option: ShippingOption, *, country: str, weight_grams: int) -> Rate | None:
    """Return the option's rate for a parcel, or None when it does not go there or is too heavy.

    A country with a rate of its own never falls back to the rates for everywhere, whatever the weight. Where
    brackets overlap, the one that begins highest wins.
    """
    own = [rate for rate in option.rates if rate.country == country]
    candidates = own or [rate for rate in option.rates if not rate.country]
    fitting = [rate for rate in candidates if rate.holds(weight_grams)]
    return max(fitting, key=lambda rate: rate.min_weight_grams, default=None)


def find_cheapest_rate(option: ShippingOption, *, country: str) -> Rate | None:
    """Return the lowest rate of any weight for a country, or None when the option does not go there."""
    own = [rate for rate in option.rates if rate.country == country]
    candidates: Sequence[Rate] = own or [rate for rate in option.rates if not rate.country]
    return min(candidates, key=lambda rate: (rate.price, rate.min_weight_grams), default=None)
