"""kill -9 at named points: acts of the shop, each in a forked process that dies where the test wants it to.

The points are put around functions in the process that is to die, before it begins: shipped code knows nothing of them.
Fakes of providers run in threads of the parent and are only spoken to over HTTP. The parent itself never does the
shop's work, so that no connection of a provider's client is shared.
"""

import contextlib
import dataclasses
import datetime as dt
import gc
import importlib
import io
import itertools
import json
import os
import pickle
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit
from wsgiref.util import setup_testing_defaults

from django.core.handlers.wsgi import WSGIHandler
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.urls import resolve

from core import clock

R = TypeVar("R")
LONGEST_ACT_SECONDS = 300  # so that nothing hangs for ever; a busy machine needs more than half a minute
application = WSGIHandler()


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    """Where a process dies; `arm` puts the trap there."""

    name: str
    arm: Callable[[], None]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One HTTP request."""

    method: str = "POST"
    path: str
    body: bytes = b""
    headers: dict[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def with_json(cls, path: str, data: object, **headers: str) -> "Ask":
        """A POST of JSON; `Idempotency_Key` is the header of that name."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(path=path, body=json.dumps(data).encode(), headers={"Content-Type": "application/json", **named})


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


# Acts


def crash(act: Callable[[], object], point: Point) -> None:
    """Let a process of its own do `act` and be killed at `point`. Fails if it was not, whatever else became of it."""
    code, told = _in_a_process(act, arm=point.arm)
    assert code == -signal.SIGKILL, f"not killed {point.name}: exit code {code}\n{told!r}"


def crash_if_it_gets_there(act: Callable[[], object], point: Point, *, later: dt.timedelta) -> None:
    """As `crash`, with a clock so much ahead, for an act that may have nothing left to do at the point."""
    code, told = _in_a_process(act, later=later, arm=point.arm)
    assert code in (-signal.SIGKILL, 0), f"exit code {code}\n{told!r}"


def perform(act: Callable[[], R], *, later: dt.timedelta = dt.timedelta(0), arm: Callable[[], None] | None = None) -> R:
    """Return what `act` returns in a process of its own, whose clock is so much ahead. Raises what it raises."""
    code, told = _in_a_process(act, later=later, arm=arm)
    assert code == 0, f"exit code {code}\n{told!r}"
    return told  # type: ignore[return-value]


def send(ask: Ask) -> Answer:
    """Have the shop's WSGI application answer. For use in a process of its own."""
    told: list[Any] = []

    def start_response(line: str, headers: list[tuple[str, str]], exc_info: object = None) -> Callable[[bytes], None]:
        told[:] = [int(line.split()[0]), {name.lower(): value for name, value in headers}]
        return lambda data: None

    parts = application(_environ(ask), start_response)
    try:
        raw = b"".join(parts)
    finally:
        parts.close()
    return Answer(told[0], told[1], raw)


def _environ(ask: Ask) -> dict[str, Any]:
    address = urlsplit(ask.path)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": ask.method,
        "PATH_INFO": address.path,
        "QUERY_STRING": address.query,
        "HTTP_HOST": "testserver",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(ask.body),
        "CONTENT_LENGTH": str(len(ask.body)),
    }
    for name, value in ask.headers.items():
        plain = name.upper().replace("-", "_")
        environ[plain if plain == "CONTENT_TYPE" else f"HTTP_{plain}"] = value
    setup_testing_defaults(environ)
    return environ


def _in_a_process(
    act: Callable[[], object], *, later: dt.timedelta = dt.timedelta(0), arm: Callable[[], None] | None = None
) -> tuple[int, object]:
    """Return the exit code (negative: the signal) and what `act` returned, or the trace of what it raised."""
    connections.close_all()
    resolve("/healthz")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        _live(act, later, arm, write)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        report = pipe.read()
    _, status = os.waitpid(child, 0)
    told, modules = pickle.loads(report) if report else (None, ())
    for name in modules:  # what one process had to load, the next ones find loaded
        importlib.import_module(name)
    return os.waitstatus_to_exitcode(status), told


def _live(act: Callable[[], object], later: dt.timedelta, arm: Callable[[], None] | None, pipe: int) -> NoReturn:
    """Do the act, report, and leave without any of pytest's farewells."""
    code, loaded = 1, set(sys.modules)
    try:
        gc.disable()  # it would copy all of the parent's memory
        signal.alarm(LONGEST_ACT_SECONDS)
        real = clock.now
        clock.now = lambda: real() + later
        if arm is not None:
            arm()
        told, code = act(), 0
    except BaseException:  # noqa: BLE001 - whatever it is, the parent is told
        told = traceback.format_exc()
    try:
        with os.fdopen(pipe, "wb") as stream:
            stream.write(pickle.dumps((told, sorted(sys.modules.keys() - loaded))))
        connections.close_all()
    finally:
        os._exit(code)


# Traps


def die() -> NoReturn:
    """kill -9 of this very process."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("alive after kill -9")


def before(owner: Any, name: str, *, call: int = 1) -> Callable[[], None]:
    """A trap: the process dies when `owner.name` is called (for the so-manieth time)."""

    def make(function: Callable[..., object]) -> Callable[..., object]:
        calls = itertools.count(1)
        return lambda *given, **named: die() if next(calls) == call else function(*given, **named)

    return lambda: _replace(owner, name, make)


def after(owner: Any, name: str, *, call: int = 1) -> Callable[[], None]:
    """A trap: the process dies when `owner.name` has done its work (for the so-manieth time)."""

    def make(function: Callable[..., object]) -> Callable[..., object]:
        calls = itertools.count(1)

        @wraps(function)
        def work_and_die(*given: Any, **named: Any) -> object:
            done = function(*given, **named)
            return die() if next(calls) == call else done

        return work_and_die

    return lambda: _replace(owner, name, make)


def before_commit(owner: Any, name: str, *, call: int = 1) -> Callable[[], None]:
    """A trap: the process dies when the transaction in which `owner.name` was called is about to be committed."""
    return lambda: _trap_commit(owner, name, call=call, is_done=False)


def after_commit(owner: Any, name: str, *, call: int = 1) -> Callable[[], None]:
    """A trap: the process dies when the transaction in which `owner.name` was called has just been committed."""
    return lambda: _trap_commit(owner, name, call=call, is_done=True)


def _trap_commit(owner: Any, name: str, *, call: int, is_done: bool) -> None:
    called: list[str] = []
    commit = BaseDatabaseWrapper._commit

    def make(function: Callable[..., object]) -> Callable[..., object]:
        @wraps(function)
        def work(*given: Any, **named: Any) -> object:
            assert connection.in_atomic_block, f"{name} is called outside of any transaction"
            called.append(name)
            return function(*given, **named)

        return work

    def commit_or_die(database: BaseDatabaseWrapper) -> None:
        if len(called) >= call and not is_done:
            die()
        commit(database)
        if len(called) >= call:
            die()

    _replace(owner, name, make)
    BaseDatabaseWrapper._commit = commit_or_die


def _replace(owner: Any, name: str, make: Callable[[Callable[..., object]], Callable[..., object]]) -> None:
    setattr(owner, name, make(getattr(owner, name)))


# The database


@contextlib.contextmanager
def database_of_several_processes(folder: Path) -> Iterator[None]:
    """Where the test database lives in one process's memory (SQLite), use a copy of it in a file for a while."""
    if connection.vendor != "sqlite":
        yield
        return
    connection.ensure_connection()
    in_memory, name, path = connection.connection, connection.settings_dict["NAME"], folder / "shop.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as copy:
        in_memory.backup(copy)
    connection.connection, connection.settings_dict["NAME"] = None, str(path)
    try:
        yield
    finally:
        connection.close()
        connection.connection, connection.settings_dict["NAME"] = in_memory, name
