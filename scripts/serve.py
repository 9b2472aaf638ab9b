"""Serves a local shop: prepares the database, then runs the web server and the background work until Ctrl-C.

The background work is one worker, or a relay with Celery's worker and beat where CELERY_BROKER_URL names a broker.
Called by scripts/shop.py inside the virtual environment, with host and port. A child that dies is started again; when
it dies at once several times, everything stops with a message. Children die with this process, however it ends.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import django  # noqa: E402
from django.core.exceptions import ImproperlyConfigured  # noqa: E402
from django.core.management import call_command  # noqa: E402

STOP_SECONDS = 15
READY_SECONDS = 60
FAST_DEATH_SECONDS = 5
FAST_DEATHS_ALLOWED = 3
PAGES = (
    ("/", "where everything is"),
    ("/api/docs/", "API documentation, to try"),
    ("/admin/", "back office: admin@example.com"),
)


class Child:
    """One process of the shop, started again when it dies."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name, self.command = name, command
        self.fast_deaths = 0
        self.start()

    def start(self) -> None:
        self.started = time.monotonic()
        # A session of its own: the terminal's Ctrl-C comes to us alone, and we stop the children in order.
        self.process = subprocess.Popen(
            self.command, cwd=ROOT, start_new_session=True, preexec_fn=die_with_parent if os.name == "posix" else None
        )

    def has_died(self) -> bool:
        return self.process.poll() is not None

    def restart(self) -> bool:
        """Start again; False when it keeps dying at once."""
        fast = time.monotonic() - self.started < FAST_DEATH_SECONDS
        self.fast_deaths = self.fast_deaths + 1 if fast else 0
        if self.fast_deaths >= FAST_DEATHS_ALLOWED:
            return False
        say(f"The {self.name} ended with code {self.process.returncode}; starting it again.")
        self.start()
        return True

    def stop(self) -> None:
        if not self.has_died():
            self.process.terminate()

    def wait_or_kill(self, deadline: float) -> None:
        try:
            self.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def main(host: str, port: str) -> int:
    live_port = find_live_port(host, port)
    try:
        prepare()
    except ImproperlyConfigured as error:
        print(f"The settings are not right: {error}", file=sys.stderr)
        return 1
    stopping = Stopping()
    children = [Child("web server", server_command(host, port))]
    children += [Child(name, command) for name, command in background_commands().items()]
    if live_port:
        children.append(Child("live updates", live_command(host, live_port)))
    try:
        if not wait_until_ready(host, port, stopping, children):
            return 0 if stopping.asked else 1
        announce(host, port, os.environ["LIVE_URL"] if live_port else "")
        return watch(children, stopping)
    finally:
        stop(children)


class Stopping:
    """Becomes true when somebody asks the shop to stop (Ctrl-C, SIGTERM, a closed terminal)."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
            signal.signal(number, self._ask)

    def _ask(self, *_: object) -> None:
        self.asked = True


def prepare() -> None:
    """Bring the database, the static files and the sample data up to date. Seconds when nothing is to do."""
    say("Preparing the database …")
    django.setup()
    from django.conf import settings

    Path(settings.RUNTIME_DIR).mkdir(parents=True, exist_ok=True)
    call_command("migrate", verbosity=0, interactive=False)
    call_command("collectstatic", verbosity=0, interactive=False)
    if os.environ.get("SAMPLE_DATA", "true").lower() not in {"0", "false", "no"}:
        say("Looking after the sample data …")
        call_command("seed_demo", verbosity=1)


def server_command(host: str, port: str) -> list[str]:
    processes = os.environ.get("WEB_CONCURRENCY") or ("2" if has_database_server() else "1")
    threads = str(web_threads())
    return [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", host, "--port", port,
        "--workers", processes, "--blocking-threads", threads, "--blocking-threads-idle-timeout", "600",
        "--log-level", "warning", "--no-ws", "--respawn-failed-workers", "--workers-kill-timeout", "10",
        "config.wsgi:application",
    ]  # fmt: skip


def web_threads() -> int:
    """Return how many threads one server process has."""
    return int(os.environ.get("WEB_THREADS") or ("2" if has_database_server() else "4"))


def has_database_server() -> bool:
    """SQLite takes one writer at a time: it gets one process, with more threads."""
    return bool(os.environ.get("DATABASE_URL"))


def find_live_port(host: str, port: str) -> str:
    """Return where the live updates listen and note their address for the start page; "" when that is not free."""
    live_port = os.environ.get("LIVE_PORT") or str(int(port) + 1)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(live_port)))
        except (OSError, OverflowError, ValueError):
            say(f"Port {live_port} is not free: there are no live updates. Choose another by LIVE_PORT.")
            return ""
    os.environ.setdefault("LIVE_URL", f"ws{address(host, live_port).removeprefix('http')}/ws/notifications/")
    return live_port


def live_command(host: str, port: str) -> list[str]:
    """Return the WebSocket server: one process, which holds the connections and reads for all of them."""
    return [
        sys.executable, "-m", "granian", "--interface", "asgi", "--host", host, "--port", port, "--workers", "1",
        "--log-level", "warning", "--workers-kill-timeout", "10", "config.asgi:application",
    ]  # fmt: skip


def background_commands() -> dict[str, list[str]]:
    """Return what does the background work, by name: with a broker three processes, without one the embedded worker."""
    from django.conf import settings

    manage, celery = (
        [sys.executable, str(ROOT / "manage.py")],
        [sys.executable, "-m", "celery", "--quiet", "-A", "config"],
    )
    if not settings.CELERY_BROKER_URL:
        return {"worker": [*manage, "worker"]}
    processes = os.environ.get("CELERY_CONCURRENCY") or "2"
    return {
        "relay": [*manage, "relay"],
        "Celery worker": [*celery, "worker", "--concurrency", processes, "--without-mingle", "--without-gossip"],
        "Celery beat": [*celery, "beat"],
    }


def wait_until_ready(host: str, port: str, stopping: Stopping, children: list[Child]) -> bool:
    """Wait until the shop answers; False when it does not come up."""
    *others, last = (child.name for child in children)
    say(f"Starting the {', the '.join(others)} and the {last} …")
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and not stopping.asked:
        if answers(f"{address(host, port)}/readyz"):
            return True
        if children[0].has_died():
            print("The web server could not start; its message stands above.", file=sys.stderr)
            return False
        time.sleep(0.1)
    if not stopping.asked:
        print(f"The shop did not answer within {READY_SECONDS} seconds.", file=sys.stderr)
    return False


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


def announce(host: str, port: str, live_url: str) -> None:
    base = address(host, port)
    say(f"Ready: {base}")
    for path, what in PAGES:
        say(f"  {base}{path:<12} {what}")
    if live_url:
        say(f"  {live_url}  live updates, by WebSocket (docs/live.md)")
    say("Stop it with Ctrl-C.")


def watch(children: list[Child], stopping: Stopping) -> int:
    while not stopping.asked:
        for child in children:
            if child.has_died() and not child.restart():
                print(f"The {child.name} does not stay up; its messages stand above.", file=sys.stderr)
                return 1
        time.sleep(0.2)
    say("Stopping …")
    return 0


def stop(children: list[Child]) -> None:
    for child in children:
        child.stop()
    deadline = time.monotonic() + STOP_SECONDS
    for child in children:
        child.wait_or_kill(deadline)


def address(host: str, port: str) -> str:
    """Return the URL people open: an address that listens everywhere is reached by localhost."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"


def die_with_parent() -> None:
    """In the child, before exec: let the kernel stop it when this process is gone (Linux only)."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
