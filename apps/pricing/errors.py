"""Why a price cannot be given."""

from core.errors import InvalidInput, Unprocessable


class NoShippingMethod(Unprocessable):
    """The goods cannot be sent there: no method, or not the one asked for, has a rate for place and weight."""

    code = "no_shipping_method"
    title = "No shipping method reaches this address"


class UnknownShippingMethod(InvalidInput):
    """The shop has no active shipping method of that code."""

    code = "unknown_shipping_method"
    title = "There is no such shipping method"
