"""A program that has imported Meva, and used it, and forks a process for each command line it is sent. See
`started.py`.

python forking.py FD      commands come over the socket FD; at its end all that still runs is killed

It has no threads, so that it may fork. A child leaves by `main`, as a program of its own would. The children
have what they begin themselves forked off here, too, see `forked.py`: over a socket that all of them have.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import random
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from pkgutil import walk_packages
from runpy import run_module
from selectors import EVENT_READ, DefaultSelector
from typing import Any, NamedTuple, NoReturn

import forked
import numpy

USED = (
    "alembic.command",
    "requests",
    "rich.console",
    "structlog",
    "websockets",
    "sqlalchemy.dialects.sqlite",
)
USED += (
    "meva_adapters.emulator.server.serving",
    "meva_adapters.strategies.listed",
    "meva_adapters.text_codec",
)
USED += (
    "meva_adapters.sql.from_columns",
    "meva_adapters.system.account_lock",
    "meva_adapters.system.kill_file",
)
WHOLE = ("meva_adapters.btcturk", "meva_cli", "meva_core.alerts", "meva_core.live_book")
WHOLE += ("meva_core.live_history", "meva_core.operating", "meva_core.operational", "meva_core.stages")
"""Packages of which commands import one module or another when they do something."""
MOST = 1 << 18
"""Bytes of an order: a command line and an environment."""


class Child(NamedTuple):
    """A child that runs: a descriptor that is readable when it has ended, and where that is told."""

    pid: int
    told: socket.socket


def import_all() -> None:
    """Import what commands import, at their start or when they do something."""
    for package in map(import_module, WHOLE):
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith(".__main__"):  # it runs a command
                import_module(module.name)
    for name in (*USED, *forked.MODULES, *forked.MODULES.values()):
        import_module(name)
    for name in forked.MODULES:  # it is run as a program: what it imports is there, and it is not
        del sys.modules[name]


def serve(orders: socket.socket, of_children: socket.socket) -> dict[str, Any]:
    """Fork a child for each order, and say how each ended. Returns in the children, with their order."""
    running: dict[int, Child] = {}
    with DefaultSelector() as selector:
        for source in (orders, of_children):
            selector.register(source, EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fd in running:
                    selector.unregister(key.fd)
                    _say_how_it_ended(key.fd, running.pop(key.fd))
                    continue
                text, descriptors, _, _ = socket.recv_fds(key.fileobj, MOST, 4)  # type: ignore[arg-type]
                if not text:
                    for child in running.values():
                        os.kill(child.pid, signal.SIGKILL)
                    os._exit(0)
                *streams, reply = descriptors
                pid = os.fork()
                if pid == 0:
                    selector.close()
                    for descriptor in (reply, *running):
                        os.close(descriptor)
                    for other in (orders, of_children, *(child.told for child in running.values())):
                        other.close()
                    order: dict[str, Any] = json.loads(text)
                    _become(order, streams)
                    return order
                for descriptor in streams:
                    os.close(descriptor)
                ended, told = os.pidfd_open(pid), socket.socket(fileno=reply)
                running[ended] = Child(pid, told)
                selector.register(ended, EVENT_READ)
                told.send(str(pid).encode())


def _say_how_it_ended(descriptor: int, child: Child) -> None:
    os.close(descriptor)
    _, status = os.waitpid(child.pid, 0)
    with suppress(OSError):  # nobody waits for it any more
        child.told.send(str(os.waitstatus_to_exitcode(status)).encode())
    child.told.close()


def _become(order: dict[str, Any], streams: list[int]) -> None:
    """Take on what a new process would have: streams, folder, environment, arguments, signals, chance."""
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    time.tzset()
    sys.argv = ["-c", *order["arguments"]]
    sys.path[:1] = [""] if "module" not in order else order["env"]["PYTHONPATH"].split(os.pathsep)
    if "module" in order:
        os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    random.seed()
    numpy.random.seed()


def _leave(code: int) -> NoReturn:
    """Do what Python does at its end, but for taking apart what was imported, which takes half a second."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # it was closed, or nobody reads it
            stream.flush()
    os._exit(code)


def _run(program: Callable[[], object]) -> int:
    """Run a program and return the exit code that it ends with."""
    try:
        program()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:  # noqa: BLE001 - Python itself takes all
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        return 1
    return 0


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # it ends with who started it
        signal.signal(number, signal.SIG_IGN)
    import_all()
    import_module("warmed").warm_up()
    numpy.random.seed()  # the first time it takes longer than a child
    assert threading.active_count() == 1
    gc.freeze()
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    order = serve(socket.socket(fileno=int(sys.argv[1])), there)
    if "module" in order:
        _leave(_run(partial(run_module, order["module"], run_name="__main__", alter_sys=True)))
    from meva_cli.app import main

    forked.fork(setattr, lambda: here)
    _leave(_run(main))
