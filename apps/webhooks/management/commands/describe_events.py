"""manage.py describe_events: writes what the events hold into docs/events.md and the snapshot of the tests."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.webhooks.catalogue import SchemaChanged, as_markdown, describe_events, require_new_versions

PAGE = Path("docs") / "events.md"
SNAPSHOT = Path("tests") / "contracts" / "event_schemas.json"
BEGIN, END = "<!-- events: begin -->", "<!-- events: end -->"


class Command(BaseCommand):
    """Prints the description; with --write, brings the page and the snapshot up to date."""

    help = "Describes every event: version, fields and types."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--write", action="store_true", help=f"write {PAGE} and {SNAPSHOT}")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["write"]:
            self.stdout.write(as_markdown())
            return
        root = Path(settings.BASE_DIR)
        try:
            write_snapshot(root / SNAPSHOT)
        except SchemaChanged as error:
            raise CommandError(str(error)) from error
        write_page(root / PAGE)


def write_snapshot(path: Path) -> None:
    """Bring the snapshot up to date. Raises SchemaChanged when a payload has changed and its version has not."""
    after = describe_events()
    require_new_versions(json.loads(path.read_text()) if path.exists() else {}, after)
    path.write_text(json.dumps(after, indent=2, sort_keys=True) + "\n")


def write_page(path: Path) -> None:
    """Replace what stands between the two marks."""
    before, _, rest = path.read_text().partition(BEGIN)
    _, _, behind = rest.partition(END)
    path.write_text(page_of(before, behind))


def page_of(before: str, behind: str) -> str:
    """Return the page with the present description between its marks."""
    return f"{before}{BEGIN}\n\n{as_markdown()}\n{END}{behind}"
