"""Ready answers kept in this process: bytes, the change counters they were made under, and how long they last."""

import dataclasses
import gzip
import threading
from collections import OrderedDict
from collections.abc import Sequence

from core.changes import ChangeCounters, values_in

GZIP_FROM_BYTES = 500
GZIP_LEVEL = 6


@dataclasses.dataclass(slots=True, eq=False)
class Answer:
    """One body with its validator. `seen` are the counters of `slots` from before the body's data were read.

    Times are seconds of a monotonic clock. `gzipped` is made when first asked for.
    """

    body: bytes
    etag: str
    slots: tuple[int, ...]
    seen: tuple[int, ...]
    made_at: float
    fresh_until: float
    gzipped: bytes | None = None

    def compressed(self) -> bytes:
        """Return the body in gzip, the same bytes every time."""
        if self.gzipped is None:
            self.gzipped = gzip.compress(self.body, compresslevel=GZIP_LEVEL, mtime=0)
        return self.gzipped

    def is_unchanged(self, counters: ChangeCounters) -> bool:
        """Tell whether nothing the body shows has been changed on this machine since its data were read."""
        return counters.read(self.slots) == self.seen


def make_answer(
    *, body: bytes, etag: str, slots: Sequence[int], snapshot: bytes, now: float, max_age_seconds: float
) -> Answer:
    """Return an answer; `snapshot` is the counters' table from before the body's data were read."""
    chosen = tuple(dict.fromkeys(slots))
    return Answer(
        body=body,
        etag=etag,
        slots=chosen,
        seen=values_in(snapshot, chosen),
        made_at=now,
        fresh_until=now + max_age_seconds,
    )


class AnswerCache:
    """The least recently used answers go first, by number and by the bytes they hold. Safe to share by threads."""

    def __init__(self, *, max_entries: int, max_bytes: int) -> None:
        self._max_entries, self._max_bytes = max_entries, max_bytes
        self._answers: OrderedDict[object, Answer] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, key: object) -> Answer | None:
        """Return the answer kept under a key, stale or not."""
        with self._lock:
            answer = self._answers.get(key)
            if answer is not None:
                self._answers.move_to_end(key)
            return answer

    def put(self, key: object, answer: Answer) -> None:
        """Keep an answer, unless it alone would fill an eighth of the room."""
        with self._lock:
            self._forget(key)
            if _size(answer) * 8 > self._max_bytes:
                return
            self._answers[key] = answer
            self._bytes += _size(answer)
            while len(self._answers) > self._max_entries or self._bytes > self._max_bytes:
                self._forget(next(iter(self._answers)))

    def drop(self, key: object) -> None:
        """Forget one answer, if it is kept."""
        with self._lock:
            self._forget(key)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._answers.clear()
            self._bytes = 0

    def _forget(self, key: object) -> None:
        answer = self._answers.pop(key, None)
        if answer is not None:
            self._bytes -= _size(answer)


def _size(answer: Answer) -> int:
    """Return the room an answer takes: its gzip form is counted from the start, as a third of the body."""
    return len(answer.body) * 4 // 3 + 500
