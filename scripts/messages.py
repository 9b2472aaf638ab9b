"""Writes or checks locale/*/LC_MESSAGES/django.{po,mo}: `python scripts/messages.py write|check`.

`write` collects the texts of mails and notifications from the code, keeps what is translated and compiles it; what is
new stands there with an empty translation. `check` fails when a text is not translated or a file is not up to date.
"""

import datetime as dt
import io
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

from babel.messages.catalog import Catalog, Message  # noqa: E402
from babel.messages.extract import DEFAULT_KEYWORDS, extract  # noqa: E402
from babel.messages.mofile import write_mo  # noqa: E402
from babel.messages.pofile import read_po, write_po  # noqa: E402
from django.utils.translation.template import templatize  # noqa: E402

LANGUAGES = ("bn", "de")
SOURCES = ROOT / "apps" / "notifications"
NO_DATE = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)  # the same texts give the same bytes on every day
HEADER = "# Translations of mails and notifications. Written by `make messages`, filled in by hand."


def main(command: str) -> int:
    stale: list[str] = []
    for language in LANGUAGES:
        catalog = updated(language)
        folder = path_of(language).parent
        files = {"django.po": po_bytes(catalog), "django.mo": mo_bytes(catalog)}
        for name, content in files.items():
            path = folder / name
            if command == "write":
                folder.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            elif not path.exists() or path.read_bytes() != content:
                stale.append(f"{path.relative_to(ROOT)} differs from the code. Run `make messages`.")
        stale += [f"{language}: not translated: {message.id!r}" for message in untranslated(catalog)]
    print("\n".join(stale), file=sys.stderr, end="\n" if stale else "")
    return 1 if stale else 0


def path_of(language: str) -> Path:
    """Return where a language's texts are."""
    return ROOT / "locale" / language / "LC_MESSAGES" / "django.po"


def updated(language: str) -> Catalog:
    """Return the language's catalogue with exactly the texts of the code; what was translated stays so."""
    path = path_of(language)
    old = read_po(io.BytesIO(path.read_bytes()), locale=language) if path.exists() else Catalog(locale=language)
    new = Catalog(locale=language, project="shop-engine", header_comment=HEADER, fuzzy=False)
    for place, text, context in sorted(texts(), key=lambda found: (str(found[1]), found[2] or "", found[0])):
        known = old.get(text if isinstance(text, str) else text[0], context)
        translation = known.string if known else ""
        new.add(text, translation, locations=[(place, 0)], context=context)
    return new


def texts() -> Iterator[tuple[str, str | tuple[str, str], str | None]]:
    """Yield (file, text or (singular, plural), context) for every text that is translated."""
    for path in sorted(SOURCES.rglob("*")):
        if path.suffix not in {".py", ".html", ".txt"}:
            continue
        source = path.read_text()
        if path.suffix != ".py":
            source = re.sub(r"^\s+", "", templatize(source, origin=str(path)), flags=re.MULTILINE)
        found = extract("python", io.BytesIO(source.encode()), keywords=DEFAULT_KEYWORDS)
        for _, text, _, context in found:
            yield str(path.relative_to(ROOT)), text, context


def untranslated(catalog: Catalog) -> list[Message]:
    """Return the texts without a translation, or without one of their plural forms."""

    def is_missing(message: Message) -> bool:
        strings = message.string if isinstance(message.string, tuple | list) else (message.string,)
        return message.fuzzy or not all(strings)

    return [message for message in catalog if message.id and is_missing(message)]


def po_bytes(catalog: Catalog) -> bytes:
    """Return the file people edit: the same texts always give the same bytes."""
    buffer = io.BytesIO()
    write_po(buffer, catalog, width=100, sort_output=True, omit_header=False, include_lineno=False)
    lines = buffer.getvalue().decode().splitlines(keepends=True)
    dated = ("POT-Creation-Date", "PO-Revision-Date", "Generated-By", "Last-Translator", "Language-Team")
    return "".join(line for line in lines if not line.startswith(tuple(f'"{name}' for name in dated))).encode()


def mo_bytes(catalog: Catalog) -> bytes:
    """Return the file the shop reads."""
    buffer = io.BytesIO()
    plain = read_po(io.BytesIO(po_bytes(catalog)), locale=catalog.locale)
    plain.creation_date = plain.revision_date = NO_DATE
    write_mo(buffer, plain)
    return buffer.getvalue()


if __name__ == "__main__":
    if sys.argv[1:] not in (["write"], ["check"]):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
