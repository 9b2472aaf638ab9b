"""Parameters read and checked as strictly as the provider does it: unknown ones are refused, not ignored."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from tests.fakes.stripe_provider.errors import invalid

Params = Mapping[str, Any]

SMALLEST_AMOUNT = 50
LARGEST_AMOUNT = 99_999_999
_METADATA_KEYS, _METADATA_KEY_LENGTH, _METADATA_LENGTH = 50, 40, 500


def refuse_unknown(params: Params, known: Collection[str]) -> None:
    """Return when each parameter is one of `known` (or `expand`)."""
    for name in params:
        if name not in known and name != "expand":
            raise invalid(f"Received unknown parameter: {name}", param=name, code="parameter_unknown")


def text(params: Params, name: str, *, required: bool = False) -> str:
    """Return a text, "" when it is not given."""
    value = params.get(name, "")
    if not isinstance(value, str):
        raise invalid(f"Invalid string: {name}", param=name)
    if required and not value:
        raise invalid(f"Missing required param: {name}.", param=name, code="parameter_missing")
    return value


def integer(params: Params, name: str, *, required: bool = False) -> int | None:
    """Return a whole number, None when it is not given."""
    value = text(params, name, required=required)
    if not value:
        return None
    if re.fullmatch(r"-?[0-9]{1,18}", value) is None:
        raise invalid(f"Invalid integer: {value}", param=name, code="parameter_invalid_integer")
    return int(value)


def flag(params: Params, name: str) -> bool:
    """Return a yes or no, no when it is not given."""
    return choice(params, name, ("true", "false"), default="false") == "true"


def choice(params: Params, name: str, values: Collection[str], *, default: str = "") -> str:
    """Return one of `values`."""
    value = text(params, name) or default
    if value and value not in values:
        raise invalid(f"Invalid {name}: must be one of {', '.join(values)}", param=name)
    return value


def texts(params: Params, name: str) -> list[str]:
    """Return a list of texts."""
    value = params.get(name, [])
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise invalid("Invalid array", param=name)
    return value


def tree(params: Params, name: str) -> dict[str, Any]:
    """Return a nested object as sent."""
    value = params.get(name, {})
    if not isinstance(value, dict):
        raise invalid("Invalid object", param=name)
    return value


def amount(params: Params) -> int:
    """Return an amount of money in minor units that can be charged."""
    value = integer(params, "amount", required=True) or 0
    if value < SMALLEST_AMOUNT:
        raise invalid("Amount is below the least that can be charged.", param="amount", code="amount_too_small")
    if value > LARGEST_AMOUNT:
        raise invalid("Amount must be no more than 99999999.", param="amount", code="amount_too_large")
    return value


def currency(params: Params) -> str:
    """Return the currency in lower case."""
    value = text(params, "currency", required=True).lower()
    if re.fullmatch(r"[a-z]{3}", value) is None:
        raise invalid(f"Invalid currency: {value}.", param="currency")
    return value


def metadata(params: Params) -> dict[str, str]:
    """Return the metadata, within the provider's limits."""
    given = tree(params, "metadata")
    if len(given) > _METADATA_KEYS:
        raise invalid("Metadata has more than 50 keys", param="metadata")
    for key, value in given.items():
        if len(key) > _METADATA_KEY_LENGTH or not isinstance(value, str) or len(value) > _METADATA_LENGTH:
            raise invalid("Metadata keys have up to 40 and values up to 500 characters", param=f"metadata[{key}]")
    return dict(given)
