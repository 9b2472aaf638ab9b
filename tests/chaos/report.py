"""Figures of a run, one line each, for whoever reads the report; `make chaos` says where it goes."""

import os
from pathlib import Path

IS_FULL = os.environ.get("CHAOS") == "full"


def scale(short: int, full: int) -> int:
    """Return how much of something this run does: CI runs the short form."""
    return full if IS_FULL else short


def note(row: str, line: str) -> None:
    """Print the figure, and add it to the report when there is one."""
    print(f"row {row}: {line}")
    if path := os.environ.get("CHAOS_REPORT"):
        with Path(path).open("a", encoding="utf-8") as report:
            report.write(f"- **{row}** {line}\n")
