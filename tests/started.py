"""Commands as processes of their own, forked off one that has imported Meva: each is there at once.

To others such a process is one like any: it has an id, an exit code, pipes, signals, locks, a folder and an
environment. How Python starts up is not seen; tests of that start it themselves.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TextIO

from meva_core.settings import VARIABLES


class Started:
    """A process that runs `meva`; used as `subprocess.Popen` is, with text."""

    def __init__(self, pid: int, told: socket.socket, stdout: TextIO | None, stderr: TextIO | None) -> None:
        self.pid, self.stdout, self.stderr = pid, stdout, stderr
        self.returncode: int | None = None
        self._told = told

    def poll(self) -> int | None:
        """Return how it ended, None while it runs."""
        with suppress(BlockingIOError):
            self._hear(0.0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return how it ended. Raises TimeoutExpired if it has not within so many seconds."""
        try:
            return self._hear(timeout)
        except (TimeoutError, BlockingIOError):
            raise subprocess.TimeoutExpired("meva", timeout or 0.0) from None

    def _hear(self, timeout: float | None) -> int:
        if self.returncode is None:
            self._told.settimeout(timeout)
            self.returncode = int(self._told.recv(16))
            self._told.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Return what it writes until it ends. Raises TimeoutExpired if it has not within so many seconds."""
        with ThreadPoolExecutor(2) as readers:
            out, err = (readers.submit(_rest_of, stream) for stream in (self.stdout, self.stderr))
            try:
                told = out.result(timeout), err.result(timeout)
                self.wait(timeout)
            except TimeoutError:
                self.kill()  # so that the readers end
                raise subprocess.TimeoutExpired("meva", timeout or 0.0) from None
        return told


def _rest_of(stream: TextIO | None) -> str:
    if stream is None:
        return ""
    with stream:
        return stream.read()


def start(
    *arguments: object,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stderr: int | None = subprocess.PIPE,
) -> Started:
    """Start `meva` with a command line, its stdout a pipe, in this folder and environment if none is given.

    Without PIPE as its `stderr` it has that of the tests.
    """
    own = dict(os.environ if env is None else env)
    order = {"arguments": [str(a) for a in arguments], "cwd": str(cwd or Path.cwd()), "env": own}
    out, err = os.pipe(), os.pipe() if stderr == subprocess.PIPE else None
    with open(os.devnull) as nothing:
        pid, told = begun(server(), order, (nothing.fileno(), out[1], err[1] if err else 2))
    for pipe in (out, err):
        if pipe is not None:
            os.close(pipe[1])
    return Started(pid, told, open(out[0]), open(err[0]) if err else None)


def begun(
    orders: socket.socket, order: Mapping[str, Any], streams: tuple[int, int, int]
) -> tuple[int, socket.socket]:
    """Have a process forked, with these streams; return its id, and where it is told how it ended."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with there:
        socket.send_fds(orders, [json.dumps(order).encode()], [*streams, there.fileno()])
    pid = here.recv(16)
    assert pid, "the program that forks commands has ended; python tests/forking.py 0 says why"
    return int(pid), here


def run(
    *arguments: object, cwd: Path | None = None, env: Mapping[str, str] | None = None, timeout: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """Run `meva` with a command line to its end."""
    process = start(*arguments, cwd=cwd, env=env)
    out, err = process.communicate(timeout)
    assert process.returncode is not None
    return subprocess.CompletedProcess(["meva", *map(str, arguments)], process.returncode, out, err)


@cache
def server() -> socket.socket:
    """Start the program that forks, once for the tests of a worker; it ends with the worker's socket."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    program = [sys.executable, str(Path(__file__).with_name("forking.py")), str(there.fileno())]
    plain = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    with there:
        server = subprocess.Popen(
            program,
            pass_fds=[there.fileno()],
            env=plain,
            cwd=Path(__file__).parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def stop() -> None:
        here.close()
        server.wait()

    atexit.register(stop)
    return here
