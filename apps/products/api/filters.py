"""What a list of products may be narrowed and ordered by: an allow-list, read strictly."""

import dataclasses
import re
import unicodedata
import uuid
from collections.abc import Callable, Collection
from decimal import Decimal

from django.http import QueryDict

from apps.products.texts import fold
from core.errors import FieldError, InvalidInput

PAGE_PARAMETERS = frozenset({"page", "page_size"})
FILTER_PARAMETERS = frozenset({"category", "min_price", "max_price", "in_stock", "search", "ordering"})
ORDERINGS: dict[str, tuple[str, str]] = {
    "price": ("price", "id"),
    "-price": ("-price", "-id"),
    "created_at": ("created_at", "id"),
    "-created_at": ("-created_at", "-id"),
    "name": ("name", "id"),
    "-name": ("-name", "-id"),
}
NEWEST = "-created_at"
SEARCH_LENGTH = 200
SEARCH_WORDS = 20
_AMOUNT = re.compile(r"[0-9]{1,11}(\.[0-9]{1,3})?\Z", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.ASCII | re.IGNORECASE)
_SLUG = re.compile(r"[-a-zA-Z0-9_]{1,200}\Z", re.ASCII)
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


@dataclasses.dataclass(frozen=True, slots=True)
class ProductFilter:
    """One reading of the query string. `category` is an id or a slug, `words` are folded, None asks for nothing."""

    category: uuid.UUID | str | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    in_stock: bool | None = None
    words: tuple[str, ...] = ()
    ordering: str = NEWEST


def read_filter(query: QueryDict) -> ProductFilter:
    """Return the filter a query string asks for. An empty value asks for nothing.

    Raises InvalidInput naming every parameter that is unknown, given twice or ill-formed.
    """
    faults = unknown_parameters(query, FILTER_PARAMETERS | PAGE_PARAMETERS)
    values: dict[str, object] = {}
    for name, (field, read) in _READERS.items():
        raw = query.get(name, "")
        if not raw:
            continue
        try:
            values[field] = read(raw)
        except ValueError as error:
            faults.append(FieldError(name, "invalid", str(error)))
    if faults:
        raise InvalidInput("Some query parameters are not valid.", errors=tuple(faults))
    return ProductFilter(**values)  # type: ignore[arg-type]


def check_parameters(query: QueryDict, known: Collection[str]) -> None:
    """Raise InvalidInput unless every parameter is known and given once."""
    faults = unknown_parameters(query, known)
    if faults:
        raise InvalidInput("Some query parameters are not valid.", errors=tuple(faults))


def unknown_parameters(query: QueryDict, known: Collection[str]) -> list[FieldError]:
    """Return a fault for every parameter that is not known or is given twice."""
    faults = []
    for name, values in query.lists():
        if name not in known:
            faults.append(FieldError(name[:100], "unknown_parameter", "There is no such parameter."))
        elif len(values) > 1:
            faults.append(FieldError(name, "repeated", "Give this parameter once."))
    return faults


def _read_category(raw: str) -> uuid.UUID | str:
    if _UUID.match(raw):
        return uuid.UUID(raw)
    if not _SLUG.match(raw):
        raise ValueError("The id or the slug of a category is expected.")
    return raw


def _read_amount(raw: str) -> Decimal:
    if not _AMOUNT.match(raw):
        raise ValueError("An amount such as 19.99 is expected.")
    return Decimal(raw)


def _read_flag(raw: str) -> bool:
    if raw.lower() not in _FLAGS:
        raise ValueError("true or false is expected.")
    return _FLAGS[raw.lower()]


def _read_words(raw: str) -> tuple[str, ...]:
    if len(raw) > SEARCH_LENGTH:
        raise ValueError(f"At most {SEARCH_LENGTH} characters can be searched for.")
    if any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in raw if sign not in "\t\r\n"):
        raise ValueError("Control characters are not allowed.")
    words = tuple(dict.fromkeys(fold(raw).split()))
    if len(words) > SEARCH_WORDS:
        raise ValueError(f"At most {SEARCH_WORDS} words can be searched for.")
    return words


def _read_ordering(raw: str) -> str:
    if raw not in ORDERINGS:
        raise ValueError(f"One of {', '.join(ORDERINGS)} is expected.")
    return raw


_READERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "category": ("category", _read_category),
    "min_price": ("min_price", _read_amount),
    "max_price": ("max_price", _read_amount),
    "in_stock": ("in_stock", _read_flag),
    "search": ("words", _read_words),
    "ordering": ("ordering", _read_ordering),
}
