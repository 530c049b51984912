"""The time of an emulator whose clock moves on command, for a program that goes by it.

Whoever waits moves the clock on, and its markets with it: a day of cycles then takes minutes, and what a
program sees does not depend on how fast it is.
"""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException
from math import ceil
from threading import Lock
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit

from meva_core.errors import BadInput, Unavailable, VenueReason

_PATH: Final = "/_emulator/clock"
_MOST_MS: Final = 600_000
"""A clock moves by so much at once."""
_PATIENCE_SECONDS: Final = 120.0
"""Of the machine's own, for one answer: markets of many pairs take long to move."""
_HELD_SECONDS: Final = 0.02
"""So long an answer stands, of the machine's own: the time stands still, but for what others move it on."""
_ACTION: Final = "name one in BTCTURK_BASE_URL that `meva emulator serve --clock manual` began"


class FollowedClock:
    """What `SystemClock` is over the machine's time. May be used by several threads.

    Everything raises Unavailable where the emulator does not answer.
    """

    def __init__(self, address: str) -> None:
        """`address` is that of the emulator's REST. Raises BadInput for what has no clock on command."""
        parts = urlsplit(address)
        if parts.scheme != "http" or parts.hostname is None:
            raise BadInput(f"BTCTURK_BASE_URL={address} is no emulator's address", action=_ACTION)
        self._address = address
        self._connection = HTTPConnection(parts.hostname, parts.port or 80, timeout=_PATIENCE_SECONDS)
        self._lock = Lock()
        self._told = 0, float("-inf")
        status, told = self._asked("GET")
        if status != 200 or not told.get("manual"):
            self.close()
            raise BadInput(f"{address} has no clock on command", action=_ACTION)

    def close(self) -> None:
        """Close the connection; another question would open it again."""
        self._connection.close()

    def micros(self) -> int:
        """Return microseconds since 1970-01-01 UTC."""
        return self._milliseconds() * 1000

    def monotonic(self) -> float:
        """Return seconds, which never go back."""
        return self._milliseconds() / 1000

    def sleep(self, seconds: float) -> None:
        """Let so much time pass. Of those who wait at a time none waits for another."""
        now = self._milliseconds()
        ends = now + ceil(seconds * 1000)
        while now < ends:
            now = self._time(*self._asked("POST", until=min(ends, now + _MOST_MS)))

    def _milliseconds(self) -> int:
        time, at = self._told
        return time if monotonic() - at < _HELD_SECONDS else self._time(*self._asked("GET"))

    def _time(self, status: int, told: Any) -> int:
        if status != 200 or type(told.get("time")) is not int:
            raise self._lost(f"HTTP {status}")
        time = max(int(told["time"]), self._told[0])  # a thread may hear of it late
        self._told = time, monotonic()
        return time

    def _asked(self, method: str, **body: int) -> tuple[int, Any]:
        """Return the status and the document that answer; without one it is empty."""
        with self._lock:
            try:
                headers = {"Content-Type": "application/json"} if body else {}
                self._connection.request(method, _PATH, json.dumps(body) if body else None, headers)
                reply = self._connection.getresponse()
                status, data = reply.status, reply.read()
            except BaseException as error:
                # The next question begins anew, on another: what of this one was not sent yet stays in it.
                self._connection.close()
                self._connection = HTTPConnection(
                    self._connection.host, self._connection.port, timeout=_PATIENCE_SECONDS
                )
                if not isinstance(error, OSError | HTTPException):
                    raise  # an interrupt
                raise self._lost(str(error)) from None
        try:
            told = json.loads(data)
        except ValueError:
            told = None
        return status, told if isinstance(told, dict) else {}

    def _lost(self, why: str) -> Unavailable:
        return Unavailable(
            f"the clock of the emulator at {self._address} does not answer: {why}",
            action="see whether the emulator still runs",
            reason=VenueReason.UNREACHABLE,
        )
