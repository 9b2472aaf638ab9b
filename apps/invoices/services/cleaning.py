"""Removes files that no invoice refers to: who stores a file may die before its row is written."""

import datetime as dt
import logging
from collections.abc import Iterator, Sequence

from django.core.files.storage import Storage

from apps.invoices.models import InvoiceDocument
from apps.invoices.services.documents import FOLDER, document_storage

KEEP = dt.timedelta(days=1)  # whoever has just stored a file is about to write its row
NAMES_PER_ROUND = 500
logger = logging.getLogger("shop.invoices")


def remove_orphans(*, now: dt.datetime) -> int:
    """Files of invoices that no row names are gone once they are a day old. Returns how many.

    A file that is stored anew at this very moment may go with them: it is missed and made again when it is asked for.
    """
    storage, count = document_storage(), 0
    for names in _stored_names(storage):
        for name in _orphans(storage, names, stored_before=now - KEEP):
            storage.delete(name)
            count += 1
    if count:
        logger.info("orphaned documents removed", extra={"count": count})
    return count


def _stored_names(storage: Storage) -> Iterator[Sequence[str]]:
    """Yield all names, a round at a time."""
    try:
        folders, _ = storage.listdir(FOLDER)
    except FileNotFoundError:
        return
    for folder in folders:
        names = [f"{FOLDER}/{folder}/{name}" for name in storage.listdir(f"{FOLDER}/{folder}")[1]]
        yield from (names[start : start + NAMES_PER_ROUND] for start in range(0, len(names), NAMES_PER_ROUND))


def _orphans(storage: Storage, names: Sequence[str], *, stored_before: dt.datetime) -> Iterator[str]:
    known = set(InvoiceDocument.objects.filter(name__in=names).values_list("name", flat=True))
    for name in names:
        if name not in known and storage.get_modified_time(name) < stored_before:
            yield name
