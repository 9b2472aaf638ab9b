"""A whole shop in processes of its own, for journeys and crash tests: server, worker, database, mail folder.

The database follows the run: a SQLite file, or a fresh PostgreSQL database beside DATABASE_URL's.
"""

import contextlib
import dataclasses
import email
import email.message
import email.policy
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from tests import demo_data
from tests.nursery import Forked, Nursery
from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60.0


@dataclasses.dataclass
class Answer:
    """A status, the parsed body and the headers (by lower-case name)."""

    status: int
    body: Any
    headers: dict[str, str]
    raw: bytes


class RunningShop:
    """Starts, asks, kills and inspects a shop. One `with_quick_starts` forks its processes instead of loading each."""

    def __init__(self, folder: Path, *, with_quick_starts: bool = False, **environment: str) -> None:
        self.folder = folder
        self.port, self.live_port = free_port(), free_port()
        self.database_url = fresh_database(folder)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "PYTEST_"))},
            "DJANGO_SETTINGS_MODULE": "config.settings.local",
            "ENV_FILE": os.devnull,
            "SECRET_KEY": "journeys-" + "k" * 60,
            "DATABASE_URL": self.database_url,
            "PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "RUNTIME_DIR": str(folder / "var"),
            "REQUESTS_AT_ONCE": "4",  # of the server's twelve: the others are for who waits
            "THROTTLE_ENABLED": "false",
            "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "SIMULATED_SETTLE_SECONDS": "1",
            "SIMULATED_WEBHOOK_SECRET": "whsec_journeys",
            **environment,
        }
        self.processes: dict[str, subprocess.Popen[bytes] | Forked] = {}
        self.log = (folder / "shop.log").open("ab")
        self.nursery = Nursery(self.environment, self.log) if with_quick_starts else None

    def make_demo_data(self) -> None:
        """Fill the empty database, with this shop's settings."""
        self.manage("migrate", "--verbosity", "0")
        self.manage("seed_demo")

    def manage(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run manage.py in the shop's environment."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=self.environment, capture_output=True, text=True
        )
        if check and done.returncode:
            raise AssertionError(
                f"manage.py {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
            )
        return done

    def start(self, name: str, *, ahead_seconds: float = 0.0) -> None:
        """Start "server", "live" (its WebSockets), "worker", or, with a broker, "relay", "celery" and "beat".

        Only a shop with quick starts can give a process a clock that is ahead.
        """
        command = {
            "server": [
                sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1",
                "--port", str(self.port), "--workers", "2", "--blocking-threads", "12", "--log-level", "warning",
                "--no-ws", "config.wsgi:application",
            ],
            "live": [
                sys.executable, "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1",
                "--port", str(self.live_port), "--workers", "1", "--log-level", "warning", "config.asgi:application",
            ],
            "worker": [sys.executable, "manage.py", "worker"],
            "relay": [sys.executable, "manage.py", "relay"],
            "celery": [
                sys.executable, "-m", "celery", "-A", "config", "worker", "--concurrency", "2",
                "--without-mingle", "--without-gossip",
            ],
            "beat": [sys.executable, "-m", "celery", "-A", "config", "beat"],
        }[name]  # fmt: skip
        if self.nursery:
            self.processes[name] = self.nursery.start(command, ahead_seconds=ahead_seconds)
            return
        assert not ahead_seconds
        self.processes[name] = subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdout=self.log, stderr=self.log, start_new_session=True
        )

    def start_all(self) -> None:
        for name in ("server", *self.background):
            self.start(name)
        self.wait_until_ready()

    @property
    def background(self) -> tuple[str, ...]:
        """What does the background work: three processes with a broker, one without."""
        return ("relay", "celery", "beat") if self.environment.get("CELERY_BROKER_URL") else ("worker",)

    def kill(self, name: str) -> None:
        """kill -9 the process and everything it started."""
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for name in list(self.processes):
            self.kill(name)
        if self.nursery:
            self.nursery.close()
        self.log.close()

    def wait_until_ready(self) -> None:
        self.wait_for(lambda: self.ask("GET", "/readyz").status == 200, START_SECONDS)

    def wait_for(self, condition: Any, seconds: float = 30.0) -> None:
        """Poll until the condition holds. Raises AssertionError with the log's end when it does not in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if condition():
                    return
            time.sleep(0.1)
        tail = (self.folder / "shop.log").read_text(errors="replace")[-3000:]
        raise AssertionError(f"not within {seconds} s; the shop's log ends:\n{tail}")

    def ask(self, method: str, path: str, data: Any = None, **headers: str) -> Answer:
        """Send one request on a connection of its own. Raises OSError or HTTPException when the line breaks."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        named = {name.replace("_", "-"): value for name, value in headers.items() if value}
        if data is not None:
            named["Content-Type"] = "application/json"
        try:
            connection.request(method, path, None if data is None else json.dumps(data), named)
            response = connection.getresponse()
            raw = response.read()
        finally:
            connection.close()
        found = {name.lower(): value for name, value in response.getheaders()}
        is_json = "json" in found.get("content-type", "")
        return Answer(response.status, json.loads(raw) if is_json and raw else None, found, raw)

    def mails(self) -> Iterator[email.message.EmailMessage]:
        """Yield every mail in the sink."""
        for path in sorted((self.folder / "var" / "mail").glob("*.log")):
            for part in path.read_bytes().split(b"-" * 79 + b"\n"):
                if part.strip():
                    yield email.message_from_bytes(part, policy=email.policy.default)  # type: ignore[misc]


def fresh_database(folder: Path) -> str:
    """Return the URL of an empty database of the kind this run is about."""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        return f"sqlite:///{folder / 'shop.sqlite3'}"
    parts = urlsplit(url)
    name = f"{parts.path.strip('/')}_{folder.name}_{os.getpid()}".replace("-", "_").lower()
    url = urlunsplit(parts._replace(path=f"/{name}"))
    demo_data.create_database(url)
    return url


@contextlib.contextmanager
def running_shop(folder: Path, *, with_quick_starts: bool = False, **environment: str) -> Iterator[RunningShop]:
    """Give a shop with the demo data, started; everything is gone afterwards."""
    shop = RunningShop(folder, with_quick_starts=with_quick_starts, **environment)
    try:
        demo_data.provide(database_url=shop.database_url, media=folder / "var" / "media", make=shop.make_demo_data)
        shop.start_all()
        yield shop
    finally:
        shop.stop()
        demo_data.drop_database(shop.database_url)
