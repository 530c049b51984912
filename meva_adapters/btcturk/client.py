"""Calls of the exchange: within its budgets, signed where private, reads tried again, writes never."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic as system_monotonic
from time import sleep as system_sleep
from typing import Any, Final

from attrs import evolve, field, frozen

from meva_adapters.btcturk.calls import Calls
from meva_adapters.btcturk.clock import Monotonic, VenueClock
from meva_adapters.btcturk.endpoints import CANCEL, SERVER_TIME, Endpoint, Host
from meva_adapters.btcturk.limits import Limits, Patience, Sleep, retry_seconds
from meva_adapters.btcturk.observed import ANSWERED, Observer, Unobserved, outcome_of
from meva_adapters.btcturk.signing import Signer
from meva_adapters.btcturk.times import NOW
from meva_adapters.btcturk.transport import NoAnswer, NotSent, Reply, Request, Transport
from meva_adapters.btcturk.verdicts import Garbled, is_mistimed, read_verdict, write_verdict
from meva_adapters.btcturk.wire import as_whole, member
from meva_adapters.system import events
from meva_core.errors import BadInput, OutcomeUnknown, Refused, Unavailable, VenueError, VenueReason
from meva_core.ports import Clock

MAX_UNAUTHORIZED: Final = 3
"""So many refusals of a key in a row stop all private calls of this host; at 50 the exchange would block our
address."""
PAUSE_SECONDS: Final = 600.0
"""So long they are stopped; then one asks."""
MAX_MISTIMED: Final = 3
"""After so many refusals of a stamp in a row, private calls wait for 1, 2, 4 ... s, up to PAUSE_SECONDS."""
_PASSED: Final = frozenset({200, 400, 404, 422})
"""Statuses of answers that only a key that was taken gets."""
_LOG: Final = logging.getLogger(__name__)

Asked = Callable[[], None]
"""Called right before a write is sent; what it raises keeps the write from being sent."""
Judge = Callable[[Any], None]
"""Looks at the document that answers a read, and raises Refused or Unavailable if it says that it is none."""


@frozen
class Manners:
    """How patient a client is. Seconds; `patience` is all that reads may wait until it is renewed."""

    attempts: int = 3
    backoff: float = 0.25
    patience: float = 30.0
    connect: float = 5.0
    total: float = 15.0
    monotonic: Monotonic = field(default=system_monotonic, repr=False)
    sleep: Sleep = field(default=system_sleep, repr=False)


class Client:
    """One account's, or nobody's, way to the exchange. May be used by several threads."""

    def __init__(
        self,
        base_url: str,
        graph_url: str,
        clock: Clock,
        *,
        signer: Signer | None = None,
        manners: Manners | None = None,
        calls: Calls | None = None,
        observer: Observer | None = None,
    ) -> None:
        """`calls` is where they are counted, by default for this client alone; `observer` hears of them.

        Raises BadInput for addresses that may not be used.
        """
        self._manners = manners or Manners()
        self._hosts = {
            host: Transport(url, connect_seconds=self._manners.connect, total_seconds=self._manners.total)
            for host, url in ((Host.API, base_url), (Host.GRAPH, graph_url))
        }
        self._signer = signer
        self._local = clock
        self.patience = Patience(self._manners.patience, self._manners.sleep, self._manners.monotonic)
        self._observer = observer or Unobserved()
        self._limits = Limits(self._manners.monotonic, self.patience, calls, self._observer)
        self.clock = VenueClock(self._ask_time, clock, self._manners.monotonic, self.patience.wait)
        self._unauthorized = 0
        self._mistimed = 0
        self._closed_until = 0.0

    @property
    def base_url(self) -> str:
        """The address of the REST interface."""
        return self._hosts[Host.API].base_url

    @property
    def manners(self) -> Manners:
        """How patient it is."""
        return self._manners

    def room(self, endpoint: Endpoint) -> int:
        """Return how many calls of an endpoint may be made now without waiting."""
        return self._limits.room(endpoint)

    def count(self, endpoint: Endpoint) -> None:
        """Count a call that is made elsewhere. Raises Unavailable where it may not be made now."""
        with self.patience.until(self._manners.monotonic()):
            self._limits.take(endpoint)

    def block(self, endpoint: Endpoint, retry_after: str | None) -> None:
        """Make no call for as long as an answer's `Retry-After` says."""
        self._limits.block(endpoint, retry_seconds(retry_after, self._local.micros()))

    def close(self) -> None:
        """Close the connections."""
        for transport in self._hosts.values():
            transport.close()

    def read(
        self,
        endpoint: Endpoint,
        query: Mapping[str, object] | None = None,
        judge: Judge = lambda tree: None,
        **place: str,
    ) -> tuple[Any, bytes]:
        """Return the answer's document and its bytes. `place` fills the path.

        Raises Refused, and Unavailable or BadInput (an answer that is no document) after the last attempt.
        What `judge` raises of a document counts as if the answer's status had said it.
        """
        request = Request(endpoint.method, endpoint.path.format(**place), query or {})
        self._check_open(endpoint)
        for attempt in range(1, self._manners.attempts + 1):
            self._limits.take(endpoint)
            if attempt > 1:
                self._observer.repeated(endpoint)
            try:
                return self._read_once(endpoint, request, judge)
            except (Unavailable, Refused, Garbled) as error:
                last = attempt == self._manners.attempts
                if last or not _may_help(error, attempt) or not self._pause(error, attempt):
                    raise
        raise ValueError("a read is attempted at least once")

    def _pause(self, error: VenueError | Garbled, attempt: int) -> bool:
        """Wait before the next attempt, unless `take` will; False if there is no patience left."""
        if isinstance(error, VenueError) and error.reason is VenueReason.RATE_LIMITED:
            return True
        return self.patience.wait(self._manners.backoff * 2 ** (attempt - 1))

    def _read_once(self, endpoint: Endpoint, request: Request, judge: Judge) -> tuple[Any, bytes]:
        try:
            reply = self._exchange(endpoint, request)
        except (NotSent, NoAnswer) as error:
            raise Unavailable(
                f"{self._hosts[endpoint.host].base_url}: {endpoint.method} {endpoint.path}: {error}",
                action="check the network connection and the address",
                reason=VenueReason.UNREACHABLE,
            ) from None
        with self._judged(endpoint, reply):
            tree = read_verdict(endpoint, reply)
            judge(tree)
        return tree, reply.body

    def write(
        self,
        endpoint: Endpoint,
        permit: Asked,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        """Send a write once and return the envelope that accepts it.

        Raises what `permit` raises, Refused, OutcomeUnknown, and Unavailable if nothing was sent.
        """
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        request = Request(endpoint.method, endpoint.path, query or {}, data)
        self._check_open(endpoint)
        self._limits.take(endpoint)
        try:
            reply = self._exchange(endpoint, request, permit)
        except NotSent as error:
            raise Unavailable(
                f"{endpoint.method} {endpoint.path}: nothing was sent: {error}",
                action="check the network connection",
                reason=VenueReason.UNREACHABLE,
            ) from None
        except NoAnswer as error:
            raise OutcomeUnknown(
                f"{endpoint.method} {endpoint.path}: {error}; whether it was done is not known",
                action="look the order up before anything else is done with it",
                reason=VenueReason.UNREACHABLE,
            ) from None
        with self._judged(endpoint, reply):
            return write_verdict(endpoint, reply)

    @contextmanager
    def _judged(self, endpoint: Endpoint, reply: Reply) -> Iterator[None]:
        """Tell the observer what an answer proves, which is looked at meanwhile."""
        try:
            yield
        except (VenueError, Garbled) as error:
            self._observer.called(endpoint, outcome_of(error), reply.seconds)
            raise
        self._observer.called(endpoint, ANSWERED, reply.seconds)

    def _exchange(self, endpoint: Endpoint, request: Request, permit: Asked | None = None) -> Reply:
        """Send one request, and keep in mind what its answer means for later ones."""
        if endpoint.private:
            return self._exchange_signed(endpoint, request, permit)
        return self._sent(endpoint, request)

    def _exchange_signed(self, endpoint: Endpoint, request: Request, permit: Asked | None) -> Reply:
        signer = self._admitted()
        # A cancel rather goes by an offset in doubt than not at all: refused, it has done nothing.
        stamp = self.clock.stamp_by_last_ms() if endpoint is CANCEL else self.clock.stamp_ms()
        mistimed = False
        try:
            signed = evolve(request, auth=signer.stamped(stamp))
            if permit is not None:
                permit()
            reply = self._sent(endpoint, signed)
            reply = evolve(reply, body=signer.hidden_in(reply.body, stamp))
            mistimed = is_mistimed(reply)
            self._judge(reply, signer, mistimed=mistimed)
        finally:  # without an answer, too: the exchange may have taken it
            if mistimed:
                self.clock.refused(stamp)
            else:
                self.clock.took(stamp)
        return reply

    def _sent(self, endpoint: Endpoint, request: Request) -> Reply:
        began = self._manners.monotonic()
        if endpoint is SERVER_TIME:
            self.clock.sending()
        try:
            reply = self._hosts[endpoint.host].exchange(request)
        except (NotSent, NoAnswer) as error:
            self._observer.called(endpoint, outcome_of(error), self._manners.monotonic() - began)
            raise
        reply = evolve(reply, seconds=self._manners.monotonic() - began)
        milliseconds = int(reply.seconds * 1000)
        method, path, status = endpoint.method, endpoint.path, reply.status
        said = f"{method} {path}: HTTP {status} in {milliseconds} ms"
        events.CALL.log(_LOG, said, method=method, path=path, status=status, ms=milliseconds)
        if reply.status == 429:
            self.block(endpoint, reply.retry_after)
        return reply

    def _judge(self, reply: Reply, signer: Signer, *, mistimed: bool) -> None:
        """Count the refusals in a row, of the key and of the stamp apart, and close the door for a while."""
        now = self._manners.monotonic()
        if mistimed:
            self._mistimed += 1
            if self._mistimed >= MAX_MISTIMED:
                doublings = min(self._mistimed - MAX_MISTIMED, 10)
                self._closed_until = now + min(2.0**doublings, PAUSE_SECONDS)
        elif reply.status == 401:
            self._limits.refused(signer.mark)
            self.clock.forget()  # a wrong clock is known to be refused in other words, too
        elif reply.status in _PASSED:
            self._mistimed = 0
            if self._unauthorized:
                self._limits.admitted(signer.mark)

    def _check_open(self, endpoint: Endpoint) -> None:
        """Raise, before a call is counted, where private ones are closed for a while."""
        if not endpoint.private:
            return
        try:
            self._admitted()
        except Unavailable:
            self._observer.withheld(endpoint)
            raise

    def _admitted(self) -> Signer:
        """Return who signs. Raises Unavailable while private calls are closed, with nothing sent, and
        BadInput without a key."""
        if self._signer is None:
            raise BadInput(
                "this call needs an account: BTCTURK_API_KEY and BTCTURK_API_SECRET are not set",
                action="create a key at the exchange and set both",
            )
        self._unauthorized, ago = self._limits.refusals(self._signer.mark)
        left = PAUSE_SECONDS - ago
        if left > 0 and self._unauthorized >= MAX_UNAUTHORIZED:
            raise Unavailable(
                f"the exchange refused the key of {self._unauthorized} private calls in a row: no private "
                f"call is made for another {left:.0f} s, then one",
                action="check the key, its secret and its permissions",
                reason=VenueReason.UNAUTHORIZED,
            )
        left = self._closed_until - self._manners.monotonic()
        if left > 0 and not self.patience.wait(left):
            raise Unavailable(
                f"the exchange refused the time of {self._mistimed} private calls in a row: the next is made "
                f"in {left:.0f} s",
                action="the clock offset is learnt anew by then; end other programs that use this account",
                reason=VenueReason.CLOCK,
            )
        return self._signer

    def _ask_time(self) -> int:
        """Return the exchange's time, ms. An answer that does not tell it is as none, and so is a refusal:
        the clock is asked in the middle of other things, an order among them that is not sent yet, and would
        be taken for refused. Raises Unavailable."""
        try:
            tree, _ = self.read(SERVER_TIME)
            told = as_whole(member(tree, "serverTime"))
            return NOW.checked(told, f"{SERVER_TIME.path}: serverTime")
        except (BadInput, Refused) as error:
            action = "run again later: nothing is signed without the exchange's time"
            raise Unavailable(str(error), action=action, reason=VenueReason.CLOCK) from None
        except (AttributeError, TypeError, ValueError):
            raise Unavailable(
                f"{SERVER_TIME.path}: no 'serverTime' in the answer", reason=VenueReason.CLOCK
            ) from None


def _may_help(error: VenueError | Garbled, attempt: int) -> bool:
    """Whether a read may be asked again: what may pass may, and once what a clock set anew may mend."""
    if isinstance(error, Garbled):
        return True
    if isinstance(error, Unavailable):
        return error.reason is not VenueReason.CLOCK
    return error.reason is VenueReason.CLOCK and attempt == 1
