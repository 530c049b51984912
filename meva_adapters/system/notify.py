"""What systemd is told of a service that runs with `Type=notify`: that it is ready, and that it is alive.

The protocol is one datagram of `NAME=value` lines to the socket that NOTIFY_SOCKET names (sd_notify(3)).
Without that variable nobody is told.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import Final

from attrs import field, frozen

_THIRD: Final = 3


@frozen
class Supervisor:
    """Whoever started this process and wants to hear of it; nobody, where `address` is None.

    `seconds` is how often it wants to hear that the process is alive, at least; None for never.
    """

    address: str | None = None
    seconds: float | None = field(default=None)

    def ready(self) -> None:
        """Say that the service has begun."""
        self._send("READY=1")

    def alive(self) -> None:
        """Say that the service is alive. It waits for nobody and raises nothing, since it is said between
        orders: whoever does not hear of it acts on that."""
        if self.seconds is not None:
            with suppress(OSError):
                self._send("WATCHDOG=1", waits=False)

    def _send(self, text: str, *, waits: bool = True) -> None:
        if self.address is None:
            return
        # A name that begins with @ is in the abstract namespace, where the first byte is 0.
        name = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.setblocking(waits)
            told.sendto(text.encode(), name)


def supervisor() -> Supervisor:
    """Return whoever the environment names; a watchdog that is meant for another process is none."""
    address = os.environ.get("NOTIFY_SOCKET") or None
    micros, process = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID")
    meant = process in (None, "", str(os.getpid()))
    number = int(micros) if micros.isascii() and micros.isdigit() else 0
    seconds = number / 1_000_000 / _THIRD if number and meant else None
    return Supervisor(address, seconds)
