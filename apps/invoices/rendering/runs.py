"""Text as runs: what can be handed to one font in one direction, in the order in which it stands on the page.

A line may mix scripts. The Unicode bidirectional algorithm (UAX 9) tells in which order its parts are seen; fonts
tell how far one run can go. Shaping, the joining of Arabic letters and the forming of Bengali conjuncts, happens inside
a run and needs whole words.
"""

import dataclasses
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby

from fpdf.bidi import BidiParagraph, auto_detect_base_direction
from fpdf.enums import TextDirection

from apps.invoices.rendering.fonts import BASE, family_of, signs_of

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
LEFT_TO_RIGHT_MARK, RIGHT_TO_LEFT_MARK = "\u200e", "\u200f"
_JOINERS = "\u200c\u200d"
_MARKS_OF_DIRECTION = f"{LEFT_TO_RIGHT_MARK}{RIGHT_TO_LEFT_MARK}\u061c"
_RIGHT_TO_LEFT = {"R", "AL", "AN"}


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """Text of one font and direction, in the order it is read. `needs_shaping`: glyphs depend on their neighbours."""

    text: str
    family: str
    is_right_to_left: bool
    needs_shaping: bool


def clean(text: str) -> str:
    """Return the text as it can be printed: composed, on one line, without controls; unknown signs are marked.

    Directional overrides and embeddings go: a name must not reorder what stands next to it.
    """
    return "".join(_printable(unicodedata.normalize("NFC", " ".join(text.split()))))


@lru_cache(maxsize=1024)
def runs_of(line: str) -> tuple[Run, ...]:
    """Return the runs of one cleaned line from left to right."""
    families = list(_families_of(line))
    placed = _order_of_sight(line) if _has_right_to_left(line) else [(index, 0) for index in range(len(line))]
    runs = []
    for (family, level), signs in groupby(placed, key=lambda entry: (families[entry[0]], entry[1])):
        indexes = [index for index, _ in signs]
        is_right_to_left = level % 2 == 1
        text = "".join(line[index] for index in (reversed(indexes) if is_right_to_left else indexes))
        text = text.translate(dict.fromkeys(map(ord, _MARKS_OF_DIRECTION)))
        if text:
            runs.append(Run(text, family, is_right_to_left, is_right_to_left or family != BASE or _has_marks(text)))
    return tuple(runs)


def in_direction_of(text: str, lines: Sequence[str]) -> list[str]:
    """Return lines broken from a text, marked so that each is ordered in the direction of the whole."""
    if not _has_right_to_left(text):
        return list(lines)
    mark = RIGHT_TO_LEFT_MARK if is_right_to_left(text) else LEFT_TO_RIGHT_MARK
    return [mark + line for line in lines]


def is_right_to_left(text: str) -> bool:
    """Tell whether the first letter (or mark) with a direction is of a right-to-left script."""
    return bool(auto_detect_base_direction(text) == TextDirection.RTL)


def _printable(text: str) -> Iterator[str]:
    for sign in text:
        if sign in _JOINERS or sign in _MARKS_OF_DIRECTION:
            yield sign
        elif unicodedata.category(sign) in {"Cc", "Cf"} or "\ufe00" <= sign <= "\ufe0f":
            continue
        else:
            yield sign if family_of(sign) else UNKNOWN


def _order_of_sight(line: str) -> list[tuple[int, int]]:
    """Return (index, embedding level) of every sign, from left to right as seen."""
    paragraph = BidiParagraph(line, preserve_bn_chars=True)
    seen = paragraph.get_reordered_characters()
    return [(character.character_index, character.embedding_level) for character in seen]


def _families_of(line: str) -> Iterator[str]:
    """Yield the family of each sign. Blanks, points and marks stay with the word before them where its font can."""
    current = BASE
    for sign in line:
        if not (_follows(sign) and ord(sign) in signs_of(current)):
            current = family_of(sign) or current
        yield current


def _follows(sign: str) -> bool:
    return unicodedata.category(sign)[0] in "ZPM" or sign in _JOINERS


def _has_right_to_left(text: str) -> bool:
    return any(unicodedata.bidirectional(sign) in _RIGHT_TO_LEFT for sign in text)


def _has_marks(text: str) -> bool:
    return any(unicodedata.category(sign) in {"Mn", "Mc"} for sign in text)
