"""Finds what may be a card's number in a text: such a thing is kept out of rows, answers and logs."""

import re
from collections.abc import Iterator
from itertools import accumulate, takewhile

# Digits of any script with blanks, dots or hyphens between them, that are no part of a longer word: a UUID, a token or
# a key may hold such a run by chance.
_GAP = r"(?:[\s.+\u2010-\u2015-]|%20)"
_START = r"(?:(?<!\w)(?<!\w[.-])|(?<=\\[nrt]))"  # the latter: a line break as repr() writes it
_RUN = re.compile(rf"{_START}\d(?:{_GAP}{{0,2}}\d){{12,60}}(?!\w|[.-]\w)")
_BETWEEN_GROUPS = re.compile(rf"{_GAP}+")
_LENGTHS = range(13, 20)
_FIRST_DIGITS = "23456"  # of the networks that issue payment cards (ISO/IEC 7812)
_DOUBLED = "0516273849"  # each digit stands at the sum of the digits of its double: 8 at 1 + 6
MASK = "[card number]"


def holds_card_number(text: str) -> bool:
    """Tell whether a part of the text may be a card's number: 13 to 19 digits whose Luhn check digit is right."""
    return any(_holds_number(run[0]) for run in _RUN.finditer(text))


def mask_card_numbers(text: str) -> str:
    """Return the text with MASK in place of all that may be a card's number, and of the digits right beside it."""
    return _RUN.sub(lambda run: MASK if _holds_number(run[0]) else run[0], text)


def passes_luhn(digits: str) -> bool:
    """Tell whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    return (sum(map(int, digits[::-2])) + sum(map(_DOUBLED.index, digits[-2::-2]))) % 10 == 0


def _holds_number(run: str) -> bool:
    """True if some groups of the run, one after the other, make a card's number: a date or a CVC may stand beside."""
    groups = [str(int(f"1{group}"))[1:] for group in _BETWEEN_GROUPS.split(run)]
    return any(_is_number(digits) for first in range(len(groups)) for digits in _beginning_at(groups, first))


def _beginning_at(groups: list[str], first: int) -> Iterator[str]:
    longest = _LENGTHS.stop
    return takewhile(lambda digits: len(digits) < longest, accumulate(groups[first : first + longest]))


def _is_number(digits: str) -> bool:
    return len(digits) in _LENGTHS and digits[0] in _FIRST_DIGITS and passes_luhn(digits)
