"""`python -m tests.nursery`: loads the shop once, then forks what it is told to.

Reads one JSON object a line and answers each with a line: {"run": arguments, "ahead_seconds": …} with the new process's
id, {"wait": id} with the same id once that process has ended.
"""

import datetime as dt
import gc
import json
import os
import runpy
import sys
import traceback
from typing import NoReturn

import granian.cli  # noqa: F401 - loaded here, for all children
from django.urls import resolve

import config.wsgi  # noqa: F401 - loads settings, models and middleware
from core import clock


def serve() -> None:
    """Do what the lines of stdin say until they end."""
    resolve("/healthz")  # loads every view
    gc.freeze()  # children need not copy what never goes away
    for line in sys.stdin:
        order = json.loads(line)
        if "run" in order:
            answer = _fork(order["run"], dt.timedelta(seconds=order["ahead_seconds"]))
        else:
            answer, _ = os.waitpid(order["wait"], 0)
        print(answer, flush=True)


def _fork(arguments: list[str], ahead: dt.timedelta) -> int:
    child = os.fork()
    if child == 0:
        _become(arguments, ahead)
    os.setpgid(child, child)  # here too: who hears of the child may kill its group at once
    return child


def _become(arguments: list[str], ahead: dt.timedelta) -> NoReturn:
    """Be what `python *arguments` would be, but for the loading."""
    code = 1
    try:
        os.setpgid(0, 0)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        real = clock.now
        clock.now = lambda: real() + ahead
        _run(arguments)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - whatever it is, the log is told
        traceback.print_exc()
    finally:
        os._exit(code)


def _run(arguments: list[str]) -> None:
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")


serve()
