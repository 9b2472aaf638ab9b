"""manage.py verify_invariants: does the data still tell one story?"""

import datetime as dt
import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from core import clock
from core.invariants import Finding, check_freshness, check_invariants

LATE_SECONDS = 60
LINES_SHOWN = 20


class Command(BaseCommand):
    """Runs every invariant and prints what it found. Exit code 0 when all hold, 1 on any drift.

    Work that has been waiting for more than a minute is only a warning, because it may be that no worker runs. With
    --max-age it counts as drift after that many seconds.
    """

    help = "Checks what must always be true of the data; exit code 1 on any drift."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--max-age", type=int, metavar="SECONDS", help="work waiting for longer is drift too")
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")

    def handle(self, *args: Any, **options: Any) -> None:
        max_age = options["max_age"]
        since = clock.now() - dt.timedelta(seconds=LATE_SECONDS if max_age is None else max_age)
        findings = list(check_invariants())
        late = list(check_freshness(since))
        drift, warnings = (findings, late) if max_age is None else (findings + late, [])
        is_clean = not any(finding.violations for finding in drift)
        if options["json"]:
            self.stdout.write(_as_json(drift, warnings, is_clean=is_clean))
        else:
            self._print(drift, warnings, is_clean=is_clean)
        if not is_clean:
            sys.exit(1)

    def _print(self, drift: list[Finding], warnings: list[Finding], *, is_clean: bool) -> None:
        for finding in drift:
            self._print_finding(finding, bad=self.style.ERROR("DRIFT"))
        for finding in warnings:
            self._print_finding(finding, bad=self.style.WARNING("late "))
        broken = sum(1 for finding in drift if finding.violations)
        self.stdout.write("All invariants hold." if is_clean else f"{broken} of {len(drift)} invariants are broken.")

    def _print_finding(self, finding: Finding, *, bad: str) -> None:
        self.stdout.write(f"{bad if finding.violations else 'ok   '} {finding.name}")
        for line in finding.violations[:LINES_SHOWN]:
            self.stdout.write(f"        {line}")
        if len(finding.violations) > LINES_SHOWN:
            self.stdout.write(f"        ... and {len(finding.violations) - LINES_SHOWN} more")


def _as_json(drift: list[Finding], warnings: list[Finding], *, is_clean: bool) -> str:
    return json.dumps(
        {
            "clean": is_clean,
            "invariants": {finding.name: finding.violations for finding in drift},
            "warnings": {finding.name: finding.violations for finding in warnings},
        },
        indent=2,
    )
