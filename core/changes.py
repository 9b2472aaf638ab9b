"""Change counters shared by all processes of one machine: how a cached answer knows that it is stale.

A small memory-mapped file holds a table of counters. Whoever commits a change bumps the slots of the objects it
touched; whoever caches an answer remembers the slots it was made from and compares before serving it. Reading is
a memory access, no SQL and no network. Other machines are not told: there a cached answer lives for its time limit
(`CATALOGUE_CACHE_SECONDS`) at most. See docs/adr on catalogue caching.

Slots are chosen by hash, so two objects may share one: that costs a needless rebuild, never a stale answer.
"""

import mmap
import struct
import threading
import zlib
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.db import transaction

SLOTS = 8192
_SLOT = struct.Struct("<Q")
_SIZE = SLOTS * _SLOT.size


class ChangeCounters:
    """The table of counters in one file. Safe to open from any number of processes."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            if file.seek(0, 2) < _SIZE:
                file.truncate(_SIZE)
            self._map = mmap.mmap(file.fileno(), _SIZE)
        self._lock = threading.Lock()

    def read(self, slots: Iterable[int]) -> tuple[int, ...]:
        """Return the present counters of the slots, in their order."""
        unpack, table, width = _SLOT.unpack_from, self._map, _SLOT.size
        return tuple(unpack(table, slot * width)[0] for slot in slots)

    def snapshot(self) -> bytes:
        """Return the whole table as it is now, for values_in(): taken before a read whose slots show only after it."""
        return self._map[:_SIZE]

    def bump(self, slots: Iterable[int]) -> None:
        """Make every answer built from these slots stale, now.

        Two processes that bump one slot at the same instant may count once: the counter still changes, which is
        all a reader looks for.
        """
        with self._lock:
            for slot in set(slots):
                offset = slot * _SLOT.size
                _SLOT.pack_into(self._map, offset, (_SLOT.unpack_from(self._map, offset)[0] + 1) & 0xFFFFFFFFFFFFFFFF)

    def bump_on_commit(self, slots: Iterable[int]) -> None:
        """Bump after the surrounding transaction has committed (at once outside one)."""
        chosen = frozenset(slots)
        transaction.on_commit(lambda: self.bump(chosen))


def slot(kind: str, key: object = "") -> int:
    """Return the slot of an object, for example slot("product", product.id)."""
    return zlib.crc32(f"{kind}:{key}".encode()) % SLOTS


def values_in(snapshot: bytes, slots: Iterable[int]) -> tuple[int, ...]:
    """Return the counters of the slots as they were when the snapshot was taken."""
    unpack, width = _SLOT.unpack_from, _SLOT.size
    return tuple(unpack(snapshot, slot * width)[0] for slot in slots)


_counters: ChangeCounters | None = None
_counters_lock = threading.Lock()


def counters() -> ChangeCounters:
    """Return this process's view of the machine's table (`RUNTIME_DIR`/changes.bin)."""
    global _counters
    if _counters is None:
        with _counters_lock:
            if _counters is None:
                _counters = ChangeCounters(Path(settings.RUNTIME_DIR) / "changes.bin")
    return _counters
