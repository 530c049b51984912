"""The stream: a thread that keeps a connection, feeds a `Feed` with it, and starts anew when it breaks.

REST stays the truth: the stream only makes it come sooner. Everything works without it.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Sequence
from threading import Event as Flag
from threading import Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from attrs import frozen

from meva_adapters.btcturk.feed import Channel, Event, Feed
from meva_adapters.btcturk.payloads import Payloads
from meva_adapters.btcturk.signing import Signer
from meva_adapters.btcturk.transport import MAX_BODY, check_address
from meva_core.errors import BadInput, MevaError
from meva_core.venue import Book

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

_LOG: Final = logging.getLogger(__name__)
# The library logs whole frames, and a login frame holds the key and a signature.
_SILENT: Final = logging.Logger("stream frames", logging.CRITICAL + 1)


@frozen
class Habits:
    """How the stream behaves, in seconds. The exchange takes 15 new connections a minute."""

    first_pause: float = 1.0
    longest_pause: float = 60.0
    stable: float = 60.0
    session: float = 4 * 3600.0  # order events are known to dry up in long sessions
    open: float = 10.0
    ping: float = 20.0


class Stream:
    """A connection that is kept up from `start` to `close`.

    Events are given to `tell`, in the stream's thread. What `tell` raises is logged; the stream goes on.
    """

    def __init__(
        self,
        url: str,
        payloads: Payloads,
        joins: Sequence[tuple[Channel, str]],
        now: Callable[[], int],
        *,
        tell: Callable[[Event], None] = lambda event: None,
        signer: Signer | None = None,
        habits: Habits | None = None,
    ) -> None:
        """`now` is the exchange's time in microseconds.

        Raises BadInput for an address that may not be used.
        """
        self._url = check_address(url, secure="wss", plain="ws")
        self._feed = Feed(payloads, joins, signer)
        self._now = now
        self._tell = tell
        self._habits = habits or Habits()
        self._lock = Lock()
        self._stop = Flag()
        self._connected = Flag()
        self._thread = Thread(target=self._run, name="btcturk stream", daemon=True)
        self.connections = 0

    def start(self) -> None:
        """Begin. Raises BadInput if the library that this needs is not installed."""
        try:
            import websockets.sync.client  # noqa: F401
        except ModuleNotFoundError:
            raise BadInput(
                "the stream needs websockets, which is not installed", action="pip install 'meva[stream]'"
            ) from None
        self._thread.start()

    def close(self) -> None:
        """End, and wait for the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    @property
    def is_connected(self) -> bool:
        """Whether a connection stands."""
        return self._connected.is_set()

    def book(self, symbol: str) -> Book | None:
        """Return a book as it stands, None while there is no connection or the book is not complete."""
        if not self._connected.is_set():
            return None
        now = self._now()
        with self._lock:
            return self._feed.book(symbol, now)

    def _run(self) -> None:
        pause = self._habits.first_pause
        while not self._stop.is_set():
            began = monotonic()
            try:
                self._session()
            except Exception as error:  # noqa: BLE001 - whatever broke the connection, the next may stand
                _LOG.warning("the stream broke off (%s); anew in %.0f s", _words(error), pause)
            finally:
                self._connected.clear()
            if monotonic() - began >= self._habits.stable:
                pause = self._habits.first_pause
            self._stop.wait(pause)
            pause = min(pause * 2, self._habits.longest_pause)

    def _session(self) -> None:
        """Hold one connection until it breaks, is old, or we are to stop."""
        from websockets.sync.client import connect

        # Our own socket: the library then follows no redirect, which could lead a login elsewhere.
        parts = urlsplit(self._url)
        port = parts.port or (443 if parts.scheme == "wss" else 80)
        raw = socket.create_connection((parts.hostname or "", port), timeout=self._habits.open)
        with connect(
            self._url,
            sock=raw,
            proxy=None,
            compression=None,
            max_size=MAX_BODY,
            open_timeout=self._habits.open,
            ping_interval=self._habits.ping,
            ping_timeout=self._habits.ping,
            close_timeout=2,
            logger=_SILENT,
        ) as connection:
            self._converse(connection)

    def _converse(self, connection: ClientConnection) -> None:
        now = self._now()
        with self._lock:
            opening = self._feed.opening(now // 1000)
        for text in opening:
            connection.send(text)
        self.connections += 1
        self._connected.set()
        ends = monotonic() + self._habits.session
        while not self._stop.is_set() and monotonic() < ends:
            try:
                frame = connection.recv(timeout=0.2)
            except TimeoutError:
                continue  # nothing new: pings tell whether somebody is there
            now = self._now()
            with self._lock:
                events, answers = self._feed.receive(frame, now)
            for answer in answers:
                connection.send(answer)
            for event in events:
                self._hand_on(event)

    def _hand_on(self, event: Event) -> None:
        try:
            self._tell(event)
        except Exception:  # noqa: BLE001 - a listener's fault is not the stream's
            _LOG.exception("an event of the stream was not taken")


def _words(error: Exception) -> str:
    """Name an error; messages of the library may quote what was sent."""
    return str(error) if isinstance(error, MevaError) else type(error).__name__
