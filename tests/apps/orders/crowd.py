"""Many at once on real connections, and ways to take a guard away so that a test can be seen to fail."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from django.db import connection

_ROW_LOCK = re.compile(r"\s+FOR (NO KEY )?UPDATE( OF [\w\", ]+)?( SKIP LOCKED| NOWAIT)?", re.IGNORECASE)


def at_once(tasks: Sequence[Callable[[], Any]], *, clients: int) -> list[Any]:
    """Run the tasks with so many clients, all let go at one moment; return each task's result or its exception."""
    barrier, waiting, results = threading.Barrier(clients), iter(enumerate(tasks)), [None] * len(tasks)
    lock = threading.Lock()

    def client() -> None:
        connection.ensure_connection()
        barrier.wait(30)
        while True:
            with lock:
                number, task = next(waiting, (-1, None))
            if task is None:
                break
            try:
                results[number] = task()
            except Exception as error:  # noqa: BLE001 - the outcome is what is looked at
                results[number] = error
        connection.close()

    _run([client] * clients)
    return results


def side_by_side(rounds: int, *actors: Callable[[int], Any]) -> list[list[Any]]:
    """Let every actor do round 0 at one moment, then round 1 …; return what each came to, by actor and round."""
    barrier = threading.Barrier(len(actors))

    def play(actor: Callable[[int], Any]) -> list[Any]:
        outcomes: list[Any] = []
        connection.ensure_connection()
        for number in range(rounds):
            barrier.wait(60)
            try:
                outcomes.append(actor(number))
            except Exception as error:  # noqa: BLE001 - the outcome is what is looked at
                outcomes.append(error)
        connection.close()
        return outcomes

    with ThreadPoolExecutor(len(actors)) as pool:
        return list(pool.map(play, actors))


def in_another_connection(task: Callable[[], Any]) -> threading.Thread:
    """Start the task beside the caller's transaction; join the thread to wait for it."""

    def run() -> None:
        try:
            task()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@contextmanager
def without_row_locks() -> Iterator[None]:
    """In this thread, SELECT … FOR UPDATE reads without locking: the guard is away."""

    def strip(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        return execute(
            _ROW_LOCK.sub("", sql) if sql.lstrip().upper().startswith("SELECT") else sql, params, many, context
        )

    with connection.execute_wrapper(strip):
        yield


@contextmanager
def no_new_deadlocks() -> Iterator[None]:
    """Fails if the database had to break a deadlock meanwhile. The block closes its other connections itself."""
    before = _deadlocks()
    yield
    time.sleep(0.2)  # sessions that ended report as they go
    assert _deadlocks() == before


def _deadlocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def _run(targets: Sequence[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
