"""manage.py reconcile_payments: ask every provider what the shop may have missed, and heal it."""

import dataclasses
import datetime as dt
import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.payments.figures import UNEXPLAINED
from apps.payments.services.reconciliation import Report, reconcile
from apps.support.models import Escalation
from core import clock

HOURS = 48
LINES_SHOWN = 20
PROGRESS_EVERY = 100


class Command(BaseCommand):
    """Reconciles and prints what was done. Exit code 0 when all money is explained; 1 when a provider was away, or a
    mismatch or a failed refund waits for a person's decision."""

    help = "Asks the payment providers about what may have been lost; exit code 1 if something stays unexplained."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--hours", type=int, default=HOURS, help=f"how far to look back (default {HOURS})")
        parser.add_argument("--provider", help="ask only this one")
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")

    def handle(self, *args: Any, **options: Any) -> None:
        provider, hours = options["provider"], options["hours"]
        if provider is not None and provider not in settings.PAYMENT_GATEWAYS:
            raise CommandError(f"One of {', '.join(settings.PAYMENT_GATEWAYS)} is expected, not {provider}.")
        if hours < 1:
            raise CommandError("--hours is at least 1.")
        now = clock.now()
        report = reconcile(
            now=now, since=now - dt.timedelta(hours=hours), provider=provider, on_progress=self._tell_progress
        )
        cases = list(Escalation.objects.unresolved().filter(kind__in=UNEXPLAINED).select_related("order"))
        is_clean = not cases and not report.waiting
        if options["json"]:
            self.stdout.write(_as_json(report, cases, is_clean=is_clean))
        else:
            self._print(report, cases, is_clean=is_clean)
        if not is_clean:
            sys.exit(1)

    def _tell_progress(self, done: int, total: int) -> None:
        """Tell on stderr, so that the answer on stdout stays one JSON object where that was asked for."""
        if done and done % PROGRESS_EVERY == 0:
            self.stderr.write(f"{done} of {total} payments asked")

    def _print(self, report: Report, cases: list[Escalation], *, is_clean: bool) -> None:
        self.stdout.write(f"payments asked: {report.asked}, healed: {report.healed}")
        self.stdout.write(f"messages applied: {report.messages_applied}")
        self.stdout.write(f"refunds carried out: {report.refunds_carried_out}")
        self.stdout.write(f"without an answer: {report.waiting}, contradictions: {report.mismatches}")
        for case in cases[:LINES_SHOWN]:
            number = f"order {case.order.order_number}: " if case.order else ""
            self.stdout.write(f"{self.style.ERROR('OPEN')} {number}{case.title} ({case.reference}) {case.detail}")
        if len(cases) > LINES_SHOWN:
            self.stdout.write(f"     ... and {len(cases) - LINES_SHOWN} more")
        self.stdout.write("All money is explained." if is_clean else "Not all money is explained.")


def _as_json(report: Report, cases: list[Escalation], *, is_clean: bool) -> str:
    told = [
        {"kind": case.kind, "reference": case.reference, "title": case.title, "detail": case.detail} for case in cases
    ]
    return json.dumps({"clean": is_clean, **dataclasses.asdict(report), "cases": told}, indent=2)
