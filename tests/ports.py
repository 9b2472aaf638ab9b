"""Ports for servers that a test starts in processes of their own."""

import os
import random
import socket

FIRST, LAST = 20_000, 31_999  # below those that the system gives to outgoing connections, which come and go
_WORKERS = 4
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
_mine = range(FIRST + _worker, LAST + 1, _WORKERS)
_position = random.SystemRandom().randrange(len(_mine))


def free_port() -> int:
    """Return a port of the loopback address where nobody listens: another one at each call."""
    global _position
    for _ in _mine:
        _position = (_position + 1) % len(_mine)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", _mine[_position]))
            except OSError:
                continue
            return _mine[_position]
    raise RuntimeError(f"no port from {FIRST} to {LAST} is free")
