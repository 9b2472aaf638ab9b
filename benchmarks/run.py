"""`python -m benchmarks.run [W1 … W6] [--seconds N]`: measures a fresh shop and prints a table (README.md)."""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks import journeys, shop, statements

WRK = Path(__file__).parent / "wrk"
CONNECTIONS = 16
WORKLOADS = {
    "W1": "list page of 20",
    "W2": "random detail",
    "W3": "search shirt",
    "W4": "add to one of 100 carts",
    "W5": "order journeys",
    "W6": "journeys, same two products",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workloads", nargs="*", default=[], help=", ".join(WORKLOADS))
    parser.add_argument("--seconds", type=float, default=8)
    arguments = parser.parse_args()
    chosen = [entry.upper() for entry in arguments.workloads] or list(WORKLOADS)
    if shutil.which("wrk") is None:
        print("wrk is needed: apt-get install wrk", file=sys.stderr)
        return 1
    data = shop.prepare()
    counts = statements.count(data)
    failed = False
    print(f"{'':4}{'workload':30}{'per second':>12}{'p50 ms':>10}{'p99 ms':>10}{'SQL':>6}{'errors':>8}")
    with shop.running():
        warm_up(data)
        for name in chosen:
            result = measure(name, data, arguments.seconds)
            failed = failed or bool(result["errors"])
            print(
                f"{name:4}{WORKLOADS[name]:30}{result['per_second']:12.1f}{result['p50_ms']:10.2f}"
                f"{result['p99_ms']:10.2f}{counts[name]:>6}{result['errors']:8d}  {note(result)}",
                flush=True,
            )
    return 1 if failed else 0


def warm_up(data: shop.Data) -> None:
    """Let both server processes load their code: the first of them answers while the second still starts."""
    for name in ("W1", "W4"):
        measure(name, data, 2)
    journeys.run(data, seconds=2, hot=False)


def measure(name: str, data: shop.Data, seconds: float) -> dict[str, Any]:
    """Run one workload."""
    if name in {"W5", "W6"}:
        return journeys.run(data, seconds=seconds, hot=name == "W6")
    ids, tokens = shop.RUNTIME_DIR / "ids.txt", shop.RUNTIME_DIR / "tokens.txt"
    ids.write_text("\n".join(data.product_ids) + "\n")
    tokens.write_text("\n".join(data.tokens) + "\n")
    commands = {
        "W1": [f"{shop.BASE}/api/v1/products/"],
        "W2": ["-s", str(WRK / "detail.lua"), shop.BASE, "--", str(ids)],
        "W3": [f"{shop.BASE}/api/v1/products/?search=shirt"],
        "W4": ["-s", str(WRK / "add.lua"), shop.BASE, "--", str(ids), str(tokens)],
    }
    return wrk(seconds, commands[name])


def wrk(seconds: float, arguments: list[str]) -> dict[str, Any]:
    """Run wrk and read its figures."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{int(seconds)}s", "--latency", *arguments]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    sockets = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    return {
        "per_second": float(_found(r"Requests/sec:\s+([\d.]+)", text)),
        "p50_ms": _milliseconds(_found(r"(?m)^ +50%\s+(\S+)$", text)),
        "p99_ms": _milliseconds(_found(r"(?m)^ +99%\s+(\S+)$", text)),
        "errors": int(refused[1]) if refused else 0 + (sum(map(int, sockets.groups())) if sockets else 0),
    }


def note(result: dict[str, Any]) -> str:
    """Return what a journey's row adds: the orders the database holds, and the first failure."""
    if "journeys" not in result:
        return ""
    text = f"{result['journeys']} journeys, {result['orders_in_database']} paid orders in the database"
    return f"{text}; first failure: {result['first_error']}" if result["first_error"] else text


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise SystemExit(f"wrk said something unexpected:\n{text}")
    return match[1]


def _milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}[unit]


if __name__ == "__main__":
    sys.exit(main())
