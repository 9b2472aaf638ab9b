"""Cells that a spreadsheet would run as a formula are written with an apostrophe in front, and read without it.

A cell that begins with an apostrophe itself gets one more, so nothing is lost: restore(defuse(text)) == text.
The reason: a product called `=HYPERLINK(…)` must not act in the spreadsheet of whoever opens the export (ASVS 1.2.10).
"""

APOSTROPHE = "'"
_DANGEROUS = "=+-@\t\r\n＝＋－＠"


def defuse(text: str) -> str:
    """Return the text as it is written into the file."""
    return APOSTROPHE + text if text and text[0] in _DANGEROUS + APOSTROPHE else text


def restore(text: str, *, is_code: bool = False) -> str:
    """Return what a cell of the file means.

    Only an apostrophe that must be ours is dropped: `'90s shirt` of a foreign file stays as it is. In a column of
    codes (SKU, barcode) one before a digit goes too: spreadsheets put it there to save leading zeros.
    """
    if len(text) < 2 or text[0] != APOSTROPHE:
        return text
    follower = text[1]
    if follower in _DANGEROUS or follower == APOSTROPHE or (is_code and follower.isdigit()):
        return text[1:]
    return text
