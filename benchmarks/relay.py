"""`python -m benchmarks.relay [embedded redis rabbitmq] [--events N]`: how fast the outbox is with each engine.

Events per second: N events are committed while the engine runs; from the first delivery that is done to the last.
Idle latency: one event at a time in a quiet shop, from its publication to the end of its handler.
"""

import argparse
import datetime as dt
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import shop

REDIS_URL = os.environ.get("BENCH_REDIS_URL", "redis://127.0.0.1:6379/14")
AMQP_URL = os.environ.get("BENCH_AMQP_URL", "amqp://guest:guest@127.0.0.1:5672//")
BROKERS = {"embedded": "", "redis": REDIS_URL, "rabbitmq": AMQP_URL}
EVENTS_PER_TRANSACTION = 100
SINGLE_EVENTS = 40


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engines", nargs="*", default=list(BROKERS), metavar="ENGINE", help=", ".join(BROKERS))
    parser.add_argument("--events", type=int, default=3_000)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        return measure(arguments.engines[0], arguments.events)
    print(f"{'engine':12}{'events/s':>10}{'idle p50 ms':>14}{'idle p95 ms':>14}", flush=True)
    for engine in arguments.engines:
        shop.recreate_database()
        command = [sys.executable, "-m", "benchmarks.relay", engine, "--measure", "--events", str(arguments.events)]
        if subprocess.call(command, cwd=shop.ROOT, env=environment(engine)):
            return 1
    return 0


def environment(engine: str) -> dict[str, str]:
    return {
        **shop.environment(),
        "CELERY_BROKER_URL": BROKERS[engine],
        "BROKER_PREFIX": "bench-relay.",
        "SIMULATED_WEBHOOK_SECRET": "",
        "LOG_LEVEL": "WARNING",
    }


def measure(engine: str, events: int) -> int:
    """In a process of its own: publish, let the engine work, print one line."""
    from django.core.management import call_command

    from benchmarks.relay_engine import Measured
    from core.events.models import DeliveryState, OutboxDelivery
    from core.events.publishing import publish
    from core.transactions import atomic

    def done() -> int:
        return OutboxDelivery.objects.filter(state=DeliveryState.DONE).count()

    def tell(*numbers: int) -> None:
        with atomic():
            publish(*(Measured(number=number) for number in numbers))

    call_command("migrate", verbosity=0)
    with running(engine):
        tell(0)
        wait_for(lambda: done() == 1)  # everything is up
        for first in range(1, events, EVENTS_PER_TRANSACTION):
            tell(*range(first, min(first + EVENTS_PER_TRANSACTION, events)))
        wait_for(lambda: done() == events)
        rate = rate_of(OutboxDelivery.objects.values_list("finished_at", flat=True)[1:])
        for number in range(SINGLE_EVENTS):
            time.sleep(random.uniform(0.3, 0.8))
            tell(events + number)
        wait_for(lambda: done() == events + SINGLE_EVENTS)
    newest = OutboxDelivery.objects.order_by("-event__id")[:SINGLE_EVENTS]
    pairs = newest.values_list("finished_at", "event__occurred_at")
    waits = sorted((finished - occurred).total_seconds() * 1000 for finished, occurred in pairs if finished)
    print(f"{engine:12}{rate:10.0f}{statistics.median(waits):14.0f}{waits[int(len(waits) * 0.95)]:14.0f}", flush=True)
    return 0


def rate_of(moments: Iterator[dt.datetime]) -> float:
    """Return how many were done per second between the first and the last."""
    ordered = sorted(moments)
    return (len(ordered) - 1) / (ordered[-1] - ordered[0]).total_seconds()


def wait_for(condition) -> None:  # type: ignore[no-untyped-def]
    until = time.monotonic() + 300
    while not condition():
        if time.monotonic() > until:
            raise SystemExit("not within five minutes")
        time.sleep(0.1)


@contextmanager
def running(engine: str) -> Iterator[None]:
    """Run the engine's processes: one worker, or one relay and two Celery processes."""
    own = [sys.executable, "-m", "benchmarks.relay_engine"]
    celery = [
        sys.executable,
        "-m",
        "celery",
        "--quiet",
        "-A",
        "benchmarks.relay_engine",
        "worker",
        "--concurrency",
        "2",
    ]
    commands = [[*own, "worker"]]
    if BROKERS[engine]:
        commands = [[*own, "relay"], [*celery, "--without-mingle", "--without-gossip"]]
    with (shop.RUNTIME_DIR / "relay.log").open("w") as log:
        processes = [subprocess.Popen(command, cwd=shop.ROOT, stdout=log, stderr=log) for command in commands]
        try:
            yield
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(30)


if __name__ == "__main__":
    sys.exit(main())
