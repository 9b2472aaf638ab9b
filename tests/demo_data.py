"""The demo data of running shops: made once for each database server and test process, then copied.

Migrating an empty database and drawing the products' pictures takes longer than many a test that begins with them.
"""

import atexit
import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

_kept: dict[str, tuple[str, Path]] = {}  # a database and a folder of media, by where the database is


def provide(*, database_url: str, media: Path, make: Callable[[], None]) -> None:
    """Fill an empty database, which nobody is connected to, and a folder of media that is not there yet.

    `make` does so the first time.
    """
    server = urlsplit(database_url).netloc
    if server in _kept:
        database, pictures = _kept[server]
        _copy_database(database, database_url)
        shutil.copytree(pictures, media)
        return
    make()
    _kept[server] = _keep(database_url, media)


def drop_database(url: str) -> None:
    """Remove a PostgreSQL database; a SQLite file goes with its folder."""
    if url.startswith("postgres"):
        _command(url, 'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def create_database(url: str) -> None:
    """Make an empty PostgreSQL database, whatever was there before; a SQLite file comes by itself."""
    if url.startswith("postgres"):
        drop_database(url)
        _command(url, 'CREATE DATABASE "{name}"')


def _keep(database_url: str, media: Path) -> tuple[str, Path]:
    """Put copies aside for as long as this process lives."""
    folder = Path(tempfile.mkdtemp(prefix="demo-data-"))
    parts = urlsplit(database_url)
    url = urlunsplit(parts._replace(path=f"{parts.path}_demo"))
    if parts.scheme == "sqlite":
        url = f"sqlite:///{folder / 'shop.sqlite3'}"
    _copy_database(database_url, url)
    shutil.copytree(media, folder / "media")
    atexit.register(_forget, url, folder)
    return url, folder / "media"


def _copy_database(source: str, target: str) -> None:
    if source.startswith("sqlite"):
        paths = (url.removeprefix("sqlite:///") for url in (source, target))
        with contextlib.ExitStack() as stack:
            here, there = (stack.enter_context(contextlib.closing(sqlite3.connect(path))) for path in paths)
            here.backup(there)
        return
    drop_database(target)
    _command(target, 'CREATE DATABASE "{name}" TEMPLATE "' + _name(source) + '"')


def _forget(url: str, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(psycopg.OperationalError):  # a server of one test only is gone by now
        drop_database(url)


def _command(url: str, command: str) -> None:
    server = urlunsplit(urlsplit(url)._replace(path="/postgres"))
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(command.format(name=_name(url)))  # type: ignore[arg-type]


def _name(url: str) -> str:
    return urlsplit(url).path.strip("/")
