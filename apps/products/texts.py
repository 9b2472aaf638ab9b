"""Text as the catalogue keeps it: harmless HTML, and the folded form that search looks in. Pure functions."""

import html
import unicodedata
from collections.abc import Iterable

import nh3


def sanitise_html(text: str) -> str:
    """Return the text without scripts, styles, handlers and unknown tags; running it again changes nothing.

    Text without "<" holds no tag and is kept as it is, so that "Salt & Pepper" stays what was typed.
    """
    return nh3.clean(text) if "<" in text else text


def plain_text(markup: str) -> str:
    """Return what a reader of the HTML sees; tags separate words."""
    if "<" in markup:
        markup = nh3.clean(markup.replace("<", " <"), tags=set())
    return html.unescape(markup)


def fold(text: str) -> str:
    """Return the text without differences of case, accents, width and spacing: "Crème  BRÛLÉE" → "creme brulee".

    Only the Latin, Greek and Cyrillic accents (U+0300 to U+036F) go: the vowel signs of Bengali or Arabic are letters.
    """
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    bare = "".join(sign for sign in decomposed if not "\u0300" <= sign <= "\u036f")
    return " ".join(unicodedata.normalize("NFC", bare).split())


def build_search_text(
    *,
    name: str,
    description: str = "",
    vendor: str = "",
    category_name: str = "",
    tags: Iterable[str] = (),
    skus: Iterable[str | None] = (),
) -> str:
    """Return the folded text a product is found by. Tags and SKUs count as sets: their order changes nothing."""
    parts = [
        name,
        vendor,
        category_name,
        *sorted(set(tags)),
        *sorted({sku for sku in skus if sku}),
        plain_text(description),
    ]
    return fold(" ".join(part for part in parts if part))
