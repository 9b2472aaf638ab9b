"""From the text of a cell to a value. Each reader raises BadCell with a reason a person can act on."""

import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import httpx

from core.money import exponent, quantize

MAX_UNITS = 1_000_000_000
MAX_GRAMS = 2_147_483_647
MAX_URL_LENGTH = 2000
CATEGORY_SEPARATOR = ">"
_AMOUNT = re.compile(r"(\d{1,11})(?:\.(\d*))?", re.ASCII)
_NEGATIVE = re.compile(r"-[\d.]+", re.ASCII)
_WHOLE = re.compile(r"\d{1,10}", re.ASCII)
_HANDLE = re.compile(r"[-a-zA-Z0-9_]{1,255}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

CellReader = Callable[[str], Any]


class BadCell(Exception):
    """The cell does not say what its column needs."""


def handle(text: str) -> str:
    """Return the handle, which is the product's slug as it stands."""
    if not text:
        raise BadCell("is missing")
    if not _HANDLE.fullmatch(text):
        raise BadCell("may hold letters A-Z, digits, hyphens and underscores only, 255 at most")
    return text


def line_text(max_length: int, *, required: bool = False) -> CellReader:
    """Return a reader of one line of text."""

    def read(text: str) -> str:
        if required and not text:
            raise BadCell("is missing")
        if _CONTROL.search(text):
            raise BadCell("holds a line break or a control character")
        return _within(text, max_length)

    return read


def long_text(max_length: int) -> CellReader:
    """Return a reader of text of several lines."""

    def read(text: str) -> str:
        if _CONTROL_BUT_LINES.search(text):
            raise BadCell("holds a control character")
        return _within(text, max_length)

    return read


def sku(text: str) -> str | None:
    """Return the SKU, or None when there is none."""
    return line_text(100)(text) or None


def flag(*, if_blank: bool) -> CellReader:
    """Return a reader of TRUE and FALSE in any case."""

    def read(text: str) -> bool:
        if not text:
            return if_blank
        if text.casefold() not in ("true", "false"):
            raise BadCell(f"{_quote(text)} is neither TRUE nor FALSE")
        return text.casefold() == "true"

    return read


def amount(currency: str, *, required: bool = False) -> CellReader:
    """Return a reader of an amount: digits with a point, no more decimals than the currency has, None when blank."""

    def read(text: str) -> Decimal | None:
        if not text:
            if required:
                raise BadCell("is missing")
            return None
        if _NEGATIVE.fullmatch(text):
            raise BadCell(f"{_quote(text)} is negative")
        found = _AMOUNT.fullmatch(text)
        if not found:
            raise BadCell(f"{_quote(text)} is not an amount such as 19.99")
        if len((found[2] or "").rstrip("0")) > exponent(currency):
            raise BadCell(f"{_quote(text)} has more than the {exponent(currency)} decimals of {currency}")
        return quantize(Decimal(text), currency)

    return read


def grams(text: str) -> int:
    """Return the weight in whole grams, rounded half up; 0 when blank."""
    if not text:
        return 0
    if _NEGATIVE.fullmatch(text):
        raise BadCell(f"{_quote(text)} is negative")
    if not _AMOUNT.fullmatch(text):
        raise BadCell(f"{_quote(text)} is not a weight in grams")
    whole = int(Decimal(text).to_integral_value(rounding=ROUND_HALF_UP))
    if whole > MAX_GRAMS:
        raise BadCell(f"{_quote(text)} is more than {MAX_GRAMS:,} grams")
    return whole


def units(text: str) -> int | None:
    """Return a number of units, or None when blank: leave the stock alone."""
    if not text:
        return None
    if _NEGATIVE.fullmatch(text):
        raise BadCell(f"{_quote(text)} is negative")
    if not _WHOLE.fullmatch(text) or int(text) > MAX_UNITS:
        raise BadCell(f"{_quote(text)} is not a whole number up to {MAX_UNITS:,}")
    return int(text)


def position(text: str) -> int | None:
    """Return a place counted from 1, or None when blank."""
    if not text:
        return None
    if not _WHOLE.fullmatch(text) or int(text) < 1:
        raise BadCell(f"{_quote(text)} is not a place such as 1, 2, 3")
    return int(text)


def one_of(*words: str) -> CellReader:
    """Return a reader of one word of a list, in any case; blank means the first."""

    def read(text: str) -> str:
        word = text.casefold() or words[0]
        if word not in words:
            raise BadCell(f"{_quote(text)} is none of: {', '.join(filter(None, words))}")
        return word

    return read


def inventory_policy(text: str) -> None:
    """Accept what refuses to sell more than there is (the newer files say FALSE for it)."""
    word = text.casefold()
    if word in ("continue", "true"):
        raise BadCell("selling more than is in stock is not offered here; write deny")
    if word not in ("", "deny", "false"):
        raise BadCell(f"{_quote(text)} is not a policy; write deny")


def gift_card(text: str) -> None:
    """Refuse gift cards: sold as plain goods they would be worth nothing."""
    if flag(if_blank=False)(text):
        raise BadCell("gift cards are not sold here")


def tags(text: str) -> tuple[str, ...]:
    """Return the words between commas, each once."""
    words = dict.fromkeys(" ".join(word.split()) for word in text.split(","))
    for word in words:
        line_text(100)(word)
        if word and not any(sign.isalnum() for sign in word):
            raise BadCell(f"{_quote(word)} has no letter or digit")
    return tuple(word for word in words if word)


def category_path(text: str) -> tuple[str, ...]:
    """Return the names from the root down: "Home > Garden" is Garden inside Home. Blank: no category."""
    names = [name.strip() for name in line_text(2000)(text).split(CATEGORY_SEPARATOR)] if text else []
    for name in names:
        if not name:
            raise BadCell(f"has nothing before or after a {CATEGORY_SEPARATOR!r}")
        _within(name, 200)
    return tuple(names)


def picture_url(text: str) -> str:
    """Return an http(s) address without credentials, or an empty text."""
    if not text:
        return ""
    if len(text) > MAX_URL_LENGTH:
        raise BadCell(f"is longer than {MAX_URL_LENGTH} characters")
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as error:
        raise BadCell(f"{_quote(text)} is not an address") from error
    if url.scheme not in ("http", "https") or not url.host or not text.isprintable() or " " in text or "\\" in text:
        raise BadCell(f"{_quote(text)} is not an http or https address")
    if url.userinfo:
        raise BadCell("carries a user name or password")
    return text


def _within(text: str, max_length: int) -> str:
    if len(text) > max_length:
        raise BadCell(f"is longer than {max_length:,} characters")
    return text


def _quote(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}…")
