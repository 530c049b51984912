"""Connections with one deadline for the whole answer.

A socket's time-out starts anew with every byte, so a server that drips never trips it. Here the answer, its
headers and its body, is read through a file that gives each read only what is left of the time.
"""

from __future__ import annotations

import io
import socket
from http.client import HTTPException, HTTPResponse
from time import monotonic
from typing import Any, Final

from requests.adapters import HTTPAdapter
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

_MOST_INTERIM: Final = 10
"""So many interim answers may come before the one that counts."""
_SWITCHING: Final = 101
"""Other words than HTTP follow; nobody asked for them."""


class _TimedReads(io.RawIOBase):
    """The bytes of a socket until a moment of the monotonic clock, then TimeoutError."""

    def __init__(self, source: socket.socket, deadline: float) -> None:
        self._source = source
        self._deadline = deadline
        # The file that http.client would read from: it keeps the socket open until the answer is read.
        self._hold = source.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._deadline - monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._source.settimeout(left)
        return self._source.recv_into(buffer)

    def close(self) -> None:
        self._hold.close()
        super().close()


class _TimedResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        # urllib3 set the socket's time-out to what is left of the total when it asked for the answer.
        left = sock.gettimeout()
        self.fp.close()
        self.fp = io.BufferedReader(_TimedReads(sock, monotonic() + (60.0 if left is None else left)))

    def begin(self) -> None:
        """Read the head of the answer, past those of interim ones, of which http.client knows 100 alone: one
        that is taken for the answer leaves the answer to the next request.

        Raises HTTPException, which closes the connection, for 101 and for interim answers without an end.
        """
        for _ in range(_MOST_INTERIM):
            super().begin()
            if self.status >= 200:
                return
            if self.status == _SWITCHING:
                break
            self.headers = self.msg = None  # type: ignore[assignment]  # as before it has begun
        raise HTTPException(f"status {self.status} is no answer")


class _Connection(HTTPConnection):
    response_class = _TimedResponse


class _SecureConnection(HTTPSConnection):
    response_class = _TimedResponse

    def connect(self) -> None:
        """Connect, or raise the one error that proves that no request was sent: TLS comes before it."""
        try:
            super().connect()
        except OSError as error:
            raise NewConnectionError(self, f"no TLS connection: {error}") from error


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class DeadlineAdapter(HTTPAdapter):
    """What a requests session sends through. Never retries, and keeps to `urllib3.Timeout(total=...)`."""

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        """Make pools of connections with a deadline."""
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
