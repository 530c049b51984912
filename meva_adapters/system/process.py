"""Which process this is, so that another can tell whether it still lives.

A number alone does not tell: the system gives it out again, and another container or another host has the
same ones. Where there is no /proc, nothing can be told, and only its own words say that a process lives.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Final

from attrs import frozen

_PROC: Final = Path("/proc")
_STATE: Final = 0
_STARTED: Final = 19
"""Places of the fields of `stat` behind the name, which may hold anything."""
_ENDED: Final = frozenset("ZXx")


@frozen
class Process:
    """A process, among all that ever were: `started` is in clock ticks since its host's boot, None where the
    system does not say; `boot_id` and `pid_namespace` are then empty."""

    host: str
    pid: int
    started: int | None = None
    boot_id: str = ""
    pid_namespace: str = ""

    def sees(self, other: Process) -> bool:
        """Whether this process and another share their numbers: the same boot and namespace."""
        ours, theirs = (self.boot_id, self.pid_namespace), (other.boot_id, other.pid_namespace)
        return all(ours) and ours == theirs


def this_process(proc: Path = _PROC) -> Process:
    """Return the process that asks."""
    pid = os.getpid()
    try:
        boot_id = (proc / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        pid_namespace = os.readlink(proc / "self/ns/pid")
    except OSError:
        return Process(socket.gethostname(), pid)
    return Process(socket.gethostname(), pid, started_at(pid, proc), boot_id, pid_namespace)


def started_at(pid: int, proc: Path = _PROC) -> int | None:
    """Return when the process of a number in this namespace began, in clock ticks since the host's boot; None
    when there is none, or it has ended and nobody has asked how."""
    try:
        stat = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[_STATE] in _ENDED else int(fields[_STARTED])
