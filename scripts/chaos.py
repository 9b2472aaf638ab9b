"""Runs the chaos proofs in full and writes var/chaos/report.md. Called by `make chaos`; docs/reliability.md explains.

Needs PostgreSQL, Redis and RabbitMQ (the variables below say where) and the programs of PostgreSQL and Redis, of which
the proofs start copies of their own. About 40 minutes. Arguments are passed on to pytest: `make chaos ARGS="-k redis"`.
"""

import os
import platform
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / "var" / "chaos" / "report.md"
SERVICES = {
    "DATABASE_URL": "postgres://postgres@127.0.0.1:5432/shop",
    "REDIS_URL": "redis://127.0.0.1:6379/15",
    "CELERY_TEST_AMQP_URL": "amqp://guest:guest@127.0.0.1:5672//",
}
PROOFS = ("tests/chaos", "tests/concurrency/test_kill_nine.py")


def main(arguments: list[str]) -> int:
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    begun = time.strftime("%Y-%m-%d %H:%M %Z")
    REPORT.write_text(f"# Chaos, {begun}\n\n{platform.platform()}, {os.cpu_count()} cores.\n\n", encoding="utf-8")
    environment = {
        **SERVICES,
        "KILLS": "200",
        **os.environ,
        "CHAOS": "full",
        "CHAOS_REPORT": str(REPORT),
        "FAIL_ON_SKIP": "1",
    }
    command = [sys.executable, "-m", "pytest", "-s", "--tb=short", *arguments, *PROOFS]
    code = subprocess.run(command, cwd=ROOT, env=environment).returncode
    with REPORT.open("a", encoding="utf-8") as report:
        report.write(f"\n{'Everything held.' if code == 0 else 'SOMETHING DID NOT HOLD: see the output.'}\n")
    print(f"The report: {REPORT}")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
