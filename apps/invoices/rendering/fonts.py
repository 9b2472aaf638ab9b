"""The fonts in the repository, and which of them can write a sign."""

from functools import cache, lru_cache
from pathlib import Path

from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

FOLDER = Path(__file__).resolve().parent.parent / "fonts"
BASE = "noto"
ARABIC = "notoarabic"
BENGALI = "notobengali"
REGULAR_FILES = {
    BASE: FOLDER / "NotoSans-Regular.ttf",
    ARABIC: FOLDER / "NotoSansArabic-Regular.ttf",
    BENGALI: FOLDER / "NotoSansBengali-Regular.ttf",
}
BOLD_FILE = FOLDER / "NotoSans-Bold.ttf"  # of the base family; the other scripts have no headings to write


@cache
def signs_of(family: str) -> frozenset[int]:
    """Return the code points a family has. Read from the file once per process."""
    with TTFont(REGULAR_FILES[family], lazy=True) as font:
        return frozenset(font.getBestCmap())


@lru_cache(maxsize=4096)
def family_of(sign: str) -> str | None:
    """Return the family that writes a sign, the base family first; None when none of them can."""
    return next((family for family in REGULAR_FILES if ord(sign) in signs_of(family)), None)
