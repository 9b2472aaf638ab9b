"""The shop that is measured: a fresh PostgreSQL database with known data, and its processes."""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

ROOT = Path(__file__).resolve().parent.parent
HOST, PORT = "127.0.0.1", int(os.environ.get("BENCH_PORT", "8765"))
BASE = f"http://{HOST}:{PORT}"
DATABASE_URL = os.environ.get("BENCH_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/shop_bench")
RUNTIME_DIR = ROOT / "var" / "bench"
SERVER_PROCESSES = 2
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "config.settings.local",
    "ENV_FILE": os.devnull,
    "SECRET_KEY": "benchmarks-only-" + "x" * 60,
    "DATABASE_URL": DATABASE_URL,
    "RUNTIME_DIR": str(RUNTIME_DIR),
    "THROTTLE_ENABLED": "false",
    "ACCESS_TOKEN_MINUTES": "600",
    "EMAIL_BACKEND": os.environ.get("BENCH_EMAIL_BACKEND", "django.core.mail.backends.dummy.EmailBackend"),
}


@dataclasses.dataclass(frozen=True)
class Data:
    """What the load generators need to know."""

    product_ids: list[str]
    tokens: list[str]


def recreate_database() -> None:
    """Drop and make the database of DATABASE_URL."""
    parts = urlsplit(DATABASE_URL)
    name = parts.path.strip("/")
    with psycopg.connect(urlunsplit(parts._replace(path="/postgres")), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')


def prepare() -> Data:
    """Fill the database in a process of its own; returns ids and access tokens."""
    (RUNTIME_DIR / "static").mkdir(parents=True, exist_ok=True)
    recreate_database()
    command = [sys.executable, "-m", "benchmarks.seed"]
    output = subprocess.run(command, cwd=ROOT, env=environment(), check=True, capture_output=True, text=True).stdout
    return Data(**json.loads(output.splitlines()[-1]))


def environment() -> dict[str, str]:
    return {**os.environ, **ENVIRONMENT}


@contextlib.contextmanager
def running() -> Iterator[None]:
    """Run two server processes and the worker for the time of the block."""
    log = (RUNTIME_DIR / "bench.log").open("w")
    threads = os.environ.get("WEB_THREADS", "2")
    server = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", HOST, "--port", str(PORT),
        "--workers", str(SERVER_PROCESSES), "--blocking-threads", threads, "--blocking-threads-idle-timeout", "600",
        "--log-level", "warning", "--no-ws", "config.wsgi:application",
    ]  # fmt: skip
    worker = [sys.executable, "manage.py", "worker"]
    processes = [
        subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=log, stderr=log, start_new_session=True)
        for command in (server, worker)
    ]
    try:
        wait_until_ready()
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def wait_until_ready() -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{BASE}/readyz", timeout=1) as answer:
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise SystemExit("The shop did not start; see var/bench/bench.log")
