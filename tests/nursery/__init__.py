"""Forks the shop's processes from one that has loaded the shop: a start costs a fork, not two seconds of imports.

What is started this way is what the command line would have started, in a process group of its own; it dies of kill -9
like any other process.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

ROOT = Path(__file__).resolve().parent.parent.parent


class Nursery:
    """The process that is forked. `log` takes what its children write."""

    def __init__(self, environment: dict[str, str], log: BinaryIO) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.nursery"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )

    def start(self, command: list[str], *, ahead_seconds: float = 0.0) -> "Forked":
        """Start `python …` in a process whose clock is so much ahead."""
        assert command[0] == sys.executable, command
        return Forked(self, self._ask({"run": command[1:], "ahead_seconds": ahead_seconds}))

    def wait_for(self, pid: int) -> None:
        """Return when the process has ended."""
        self._ask({"wait": pid})

    def close(self) -> None:
        """End the nursery; its children are to be killed before."""
        self._process.communicate()

    def _ask(self, order: dict[str, object]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        told = self._process.stdout.readline()
        assert told, f"the nursery has ended with {self._process.wait()}"
        return int(told)


class Forked:
    """A process of the shop, as far as subprocess.Popen would be asked about it."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self._nursery, self.pid = nursery, pid

    def wait(self) -> None:
        self._nursery.wait_for(self.pid)
