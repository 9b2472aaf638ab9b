"""Sets a shop up from nothing and runs or tests it. Needs only the standard library of Python 3.11.

python3 scripts/shop.py run      set up, then serve the shop with its worker until Ctrl-C
python3 scripts/shop.py test     set up with the development tools, then run the tests
python3 scripts/shop.py setup    only set up with the development tools
"""

import hashlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
PYTHON_MINIMUM = (3, 11)


def main(arguments: list[str]) -> int:
    """Dispatch; returns the exit code."""
    if sys.version_info < PYTHON_MINIMUM:
        return fail(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]} ({sys.executable}).")
    command, rest = (arguments[0] if arguments else ""), arguments[1:]
    if command == "run":
        return run()
    if command == "test":
        install("dev")
        return subprocess.call(test_command(rest), cwd=ROOT)
    if command == "setup":
        install("dev")
        return 0
    return fail(__doc__ or "")


def run() -> int:
    """Set up and serve; returns when the shop has stopped."""
    host, port = os.environ.get("HOST", "127.0.0.1"), os.environ.get("PORT", "8000")
    if not port.isdigit() or not 0 < int(port) < 65536:
        return fail(f"PORT={port!r} is not a port number.")
    if problem := why_not_free(host, int(port)):
        return fail(
            f"Cannot listen on {host}:{port}: {problem}\nStop what uses it, or choose another: make run PORT=8001"
        )
    install("base")
    write_env_file()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")
    os.environ.setdefault("PUBLIC_URL", f"http://{host}:{port}")
    arguments = [str(VENV_PYTHON), str(ROOT / "scripts" / "serve.py"), host, port]
    sys.stdout.flush()
    os.chdir(ROOT)
    return os.execv(arguments[0], arguments)  # the same process goes on in the virtual environment: Ctrl-C reaches it


def test_command(rest: list[str]) -> list[str]:
    """Return pytest's command line: two workers unless the caller says otherwise."""
    workers = (
        []
        if any(entry.startswith("-n") for entry in rest)
        else ["-n", os.environ.get("TEST_WORKERS", "2"), "--dist", "loadfile", "--no-loadscope-reorder"]
    )
    return [str(VENV_PYTHON), "-m", "pytest", *workers, *rest]


def install(kind: str) -> None:
    """Make .venv and bring it to the locked versions of requirements/<kind>.txt. Does nothing when it is there."""
    lock = ROOT / "requirements" / f"{kind}.txt"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    stamps = {name: VENV / f".installed-{name}" for name in ("base", "dev")}
    if VENV_PYTHON.exists() and digest == _read(stamps[kind]):
        return
    if kind == "base" and VENV_PYTHON.exists() and _read(stamps["dev"]) == _digest("dev"):
        return
    make_venv()
    say(f"Installing the locked dependencies ({lock.relative_to(ROOT)}). This takes a minute the first time …")
    uv = shutil.which("uv")
    pip = [uv, "pip", "install", "--python", str(VENV_PYTHON)] if uv else [str(VENV_PYTHON), "-m", "pip", "install"]
    options = ["--quiet"] if uv else ["--quiet", "--disable-pip-version-check", "--no-input"]
    step([*pip, *options, "--require-hashes", "-r", str(lock)], "The dependencies could not be installed.")
    stamps[kind].write_text(digest)


def make_venv() -> None:
    """Create .venv if it is not there or its Python is gone."""
    if VENV_PYTHON.exists() and subprocess.call([str(VENV_PYTHON), "-c", ""], stderr=subprocess.DEVNULL) == 0:
        return
    say(f"Making the virtual environment {VENV.name} with Python {sys.version.split()[0]} …")
    shutil.rmtree(VENV, ignore_errors=True)
    step(
        [sys.executable, "-m", "venv", str(VENV)],
        "Python's venv module could not make it. On Debian and Ubuntu it is a package of its own: "
        "apt-get install python3-venv",
    )


def write_env_file() -> None:
    """Write .env with random keys for a local shop, once. Every name in it is explained in docs/settings.md."""
    path = ROOT / ".env"
    if path.exists() or os.environ.get("SECRET_KEY"):
        return
    say("Writing .env with a random SECRET_KEY …")
    path.touch(mode=0o600)
    path.write_text(
        "# Settings of this machine's shop; docs/settings.md lists all names. Keep this file to yourself.\n"
        "ENVIRONMENT=local\n"
        f"SECRET_KEY={secrets.token_urlsafe(60)}\n"
        f"SIMULATED_WEBHOOK_SECRET=whsec_{secrets.token_urlsafe(32)}\n"
        "# DATABASE_URL=postgres://user:password@127.0.0.1:5432/shop\n"
        "# REDIS_URL=redis://127.0.0.1:6379/0\n"
        "# CART_STORE=redis\n"
    )


def why_not_free(host: str, port: int) -> str:
    """Return why nobody can listen there, or an empty string."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.strerror or str(error)
    return ""


def step(command: list[str], failure: str) -> None:
    """Run a command; on failure say what it means and leave."""
    code = subprocess.call(command, cwd=ROOT)
    if code:
        sys.exit(fail(failure, code))


def say(text: str) -> None:
    print(text, flush=True)


def fail(text: str, code: int = 1) -> int:
    print(text, file=sys.stderr, flush=True)
    return code


def _read(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


def _digest(kind: str) -> str:
    return hashlib.sha256((ROOT / "requirements" / f"{kind}.txt").read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
