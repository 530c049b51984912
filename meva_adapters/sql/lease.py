"""Who holds a book: one process at a time, by a row of `process_instances` with an end that it moves on.

The row of a book is `book:NAME`. A holder moves its end on every few seconds, from a thread of its own. One
that cannot do so any more is taken over: at once where this process can see that it is dead, else when the
row has expired. Clocks and judgements may be wrong, so nothing hangs on them alone: each cycle's unit of
work calls `check` before it writes, and the row must then still bear its holder's token.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import TracebackType
from typing import Any, Final, Protocol, Self

from attrs import define, field, frozen

from meva_adapters.sql.addresses import Target
from meva_adapters.sql.store import writer
from meva_adapters.system import events
from meva_adapters.system.process import Process, started_at, this_process
from meva_core.errors import LeaseHeld, LeaseLost, StoreError
from meva_core.ids import told_time
from meva_core.ports import Clock, Reads, UnitOfWork

EXPIRES_AFTER: Final = 30
BEATS_EVERY: Final = 5
"""Seconds."""
_TABLE: Final = "process_instances"
_COLUMNS: Final = (
    "instance_id", "pid", "db_path", "started_at_epoch", "heartbeat_at_epoch", "status", "ended_at_epoch",
    "book", "token", "host", "process_started", "boot_id", "pid_namespace",
    "acquired_at", "heartbeat_at", "expires_at",
)  # fmt: skip
_LOG: Final = logging.getLogger(__name__)


class Standing(StrEnum):
    """How a row of a book stands, as the row's `status` has it once it is over."""

    ACTIVE = "active"
    ENDED = "ended"  # given back
    DEAD = "dead"  # its process was gone
    EXPIRED = "expired"  # nobody moved its end on


class Units(Protocol):
    """A database that can be written: `name` is how messages call it."""

    name: str

    def unit(self) -> AbstractContextManager[UnitOfWork]:
        """Begin a unit of work that holds the write lock."""


@frozen
class Holding:
    """A row of a book: who holds it, or held it last."""

    book: str
    token: str
    process: Process
    acquired: datetime
    beaten: datetime
    expires: datetime
    status: str

    def standing(self, asker: Process, now: datetime, began: Callable[[int], int | None]) -> Standing:
        """Return how it stands for a process that asks at a time; `began` tells when the process of a number
        began, None when there is none.

        A process that shares our numbers is dead when its own is gone, is ours, or began at another time.
        """
        if self.status != Standing.ACTIVE:
            return Standing(self.status)
        if asker.sees(self.process):
            pid = self.process.pid
            if pid == asker.pid or began(pid) != self.process.started:
                return Standing.DEAD
        return Standing.ACTIVE if now < self.expires else Standing.EXPIRED


def holding(reads: Reads, book: str) -> Holding | None:
    """Return the row of a book, None when nobody ever held it."""
    found = next(reads.rows(_TABLE, _COLUMNS, where={"instance_id": _row_of(book)}), None)
    if found is None:
        return None
    row: Mapping[str, Any] = dict(zip(_COLUMNS, found, strict=True))
    process = Process(row["host"], row["pid"], row["process_started"], row["boot_id"], row["pid_namespace"])
    acquired, beaten, expires = (row[name] for name in ("acquired_at", "heartbeat_at", "expires_at"))
    return Holding(book, row["token"], process, acquired, beaten, expires, row["status"])


def check(work: UnitOfWork, book: str, token: str, last_time: int | None) -> None:
    """Make sure that a book is still ours and stands where we left it, within the unit of work that goes on
    with it.

    `last_time` is the time of its last cycle, seconds, None before the first. Raises LeaseLost, after which
    the unit is not to be committed.
    """
    _require_ours(work, book, token)
    there = last_time_of(work, book)
    if there != last_time:
        raise _lost(book, f"its last cycle is that of {_when(there)}, ours was that of {_when(last_time)}")


def _require_ours(reads: Reads, book: str, token: str) -> None:
    asked = reads.rows(_TABLE, ("token", "status"), where={"instance_id": _row_of(book)})
    if next(asked, None) == (token, Standing.ACTIVE):  # asked in every unit of work
        return
    found = holding(reads, book)
    if found is None:
        raise _lost(book, "its lease is no longer on record")
    if found.token != token or found.status != Standing.ACTIVE:
        raise _lost(book, f"{named(found.process)} has had it since {_shown(found.acquired)}")


def last_time_of(reads: Reads, book: str) -> int | None:
    """Return the time of a book's last stored cycle, seconds; None before the first."""
    run_id = next(reads.rows("stage7_books", ("run_id",), where={"book": book}), (None,))[0]
    last = next(reads.rows("stage7_runs", ("last_ts",), where={"run_id": run_id}), (None,))[0]
    return None if last is None else int(last.timestamp())


@define
class Lease:
    """A book that this process holds until it gives it back, or another takes it over."""

    book: str
    token: str
    process: Process
    _store: Units
    _clock: Clock
    _acquired: datetime
    took_over: Holding | None = None
    """Who had not given it back."""
    expires: datetime | None = field(default=None, init=False)
    """When it ends, as far as that is stored; None once it is given back."""

    def check(self, work: UnitOfWork, last_time: int | None) -> None:
        """Make sure that the book is ours and stands where we left it; raises LeaseLost. See `check`."""
        check(work, self.book, self.token, last_time)

    def require(self, work: Reads) -> None:
        """Make sure that the book is ours, within a unit of work; raises LeaseLost, after which the unit is
        not to be committed."""
        _require_ours(work, self.book, self.token)

    def is_ours(self, reads: Reads) -> bool:
        """Whether the book is ours, as a view of the database has it."""
        found = holding(reads, self.book)
        return found is not None and found.token == self.token and found.status == Standing.ACTIVE

    def renew(self, work: UnitOfWork) -> datetime:
        """Move the end of the lease on, and return it; raises LeaseLost when it is no longer ours."""
        _require_ours(work, self.book, self.token)
        return self._write(work, Standing.ACTIVE)

    def beat(self) -> None:
        """Move the end on in a unit of work of its own."""
        with self._store.unit() as work:
            expires = self.renew(work)
            work.commit()
        self.expires = expires

    def release(self) -> None:
        """Give the book back; a lease that is no longer ours is let be."""
        with self._store.unit() as work:
            found = holding(work, self.book)
            if found is not None and found.token == self.token:
                self._write(work, Standing.ENDED)
                work.commit()
        self.expires = None

    def _write(self, work: UnitOfWork, status: Standing) -> datetime:
        now = _now(self._clock)
        expires = now + timedelta(seconds=EXPIRES_AFTER)
        given = Holding(self.book, self.token, self.process, self._acquired, now, expires, status)
        work.upsert(_TABLE, _stored(_row_of(self.book), given, self._store.name, now))
        return expires


@define
class Leases:
    """Takes books for this process, in one database."""

    store: Units
    clock: Clock
    process: Process = field(factory=this_process)
    began: Callable[[int], int | None] = started_at
    new_token: Callable[[], str] = field(default=lambda: secrets.token_hex(16))
    monotonic: Callable[[], float] = time.monotonic
    """Seconds on a clock that never goes back."""

    def take(self, book: str) -> Lease:
        """Hold a book from now on.

        Raises LeaseHeld, naming the holder, while another process holds it. One that is dead or whose lease
        has expired is taken over, and what was its row stays on record.
        """
        with self.store.unit() as work:
            now, found = _now(self.clock), holding(work, book)
            over = None
            if found is not None:
                standing = found.standing(self.process, now, self.began)
                if standing is Standing.ACTIVE:
                    raise _held(found, self.store.name)
                if found.status == Standing.ACTIVE:
                    over = found
                    row = _stored(f"{_row_of(book)}:{found.token}", found, self.store.name, found.beaten)
                    ended = {"status": standing.value, "ended_at_epoch": int(now.timestamp())}
                    work.upsert(_TABLE, row | ended)
            lease = Lease(book, self.new_token(), self.process, self.store, self.clock, now, over)
            expires = lease._write(work, Standing.ACTIVE)
            work.commit()
        lease.expires = expires
        return lease

    def take_when_free(self, book: str, waiting: Callable[[str], None]) -> Lease:
        """Hold a book as `take` does, after the time in which a lease expires that nobody moves on, if need
        be; `waiting` is called again and again until then, with what `take` said, and waits.

        The time of day has no part in how long that is: a step of it would end the wait at once, or hours
        later.
        """
        until = self.monotonic() + EXPIRES_AFTER + 1
        while True:
            try:
                return self.take(book)
            except LeaseHeld as error:
                if self.monotonic() >= until:
                    raise
                waiting(str(error))


class Heartbeat:
    """Moves the end of a lease on, from a thread of its own, until it is left or the lease is lost.

    The lease must be of a store of its own: a unit of work of the loop's store may last for long.
    """

    def __init__(
        self,
        lease: Lease,
        *,
        seconds: float = BEATS_EVERY,
        clocks: Sequence[Callable[[], float]] = (time.time, time.monotonic),
    ) -> None:
        self._lease, self._seconds, self._clocks = lease, seconds, clocks
        self._beaten = self._times()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"lease of {lease.book}", daemon=True)
        self.lost: LeaseLost | None = None
        """Why the lease is no longer ours."""

    def _beat(self) -> None:
        while not self._over.wait(self._seconds):
            began = self._times()
            try:
                self._lease.beat()
                self._beaten = began
            except LeaseLost as error:
                self.lost = error
                return
            except StoreError as error:  # the next beat may come through, and the cycle checks for itself
                said = f"the lease of book {self._lease.book} was not moved on: {error}"
                events.LEASE_NOT_KEPT.log(_LOG, said)

    def _times(self) -> tuple[float, ...]:
        return tuple(clock() for clock in self._clocks)

    def age(self) -> float:
        """Return for how many seconds the lease has not been moved on, by the clock that says most: the time
        of day may be set back, and a machine that slept may not have counted it."""
        return max(now - then for now, then in zip(self._times(), self._beaten, strict=True))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()


@contextmanager
def held(
    database: Target,
    book: str,
    clock: Clock,
    *,
    waiting: Callable[[str], None] | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[tuple[Lease, Heartbeat]]:
    """Hold a book while this lasts, through connections of its own; raises LeaseHeld as `take` does, with
    `waiting` as `take_when_free`, for seconds of `monotonic`.

    A lease that cannot be given back at the end, since the database does not write, expires.
    """
    with writer(database) as store:
        leases = Leases(store, clock, monotonic=monotonic)
        lease = leases.take(book) if waiting is None else leases.take_when_free(book, waiting)
        try:
            with Heartbeat(lease) as heart:
                yield lease, heart
        finally:
            try:
                lease.release()
            except StoreError as error:
                said = f"the lease of book {book} was not given back, it expires: {error}"
                events.LEASE_NOT_KEPT.log(_LOG, said)


def named(process: Process) -> str:
    """Return a process for a message."""
    return f"process {process.pid} on {process.host}"


def _row_of(book: str) -> str:
    return f"book:{book}"


def _stored(instance_id: str, given: Holding, database: str, now: datetime) -> dict[str, Any]:
    """Return a holding as its row; the columns of the earlier system that must be there are filled."""
    over = given.status != Standing.ACTIVE
    return {
        "instance_id": instance_id,
        "pid": given.process.pid,
        "db_path": database,
        "started_at_epoch": int(given.acquired.timestamp()),
        "heartbeat_at_epoch": int(given.beaten.timestamp()),
        "status": str(given.status),
        "ended_at_epoch": int(now.timestamp()) if over else None,
        "book": given.book,
        "token": given.token,
        "host": given.process.host,
        "process_started": given.process.started,
        "boot_id": given.process.boot_id,
        "pid_namespace": given.process.pid_namespace,
        "acquired_at": given.acquired,
        "heartbeat_at": given.beaten,
        "expires_at": given.expires,
    }


def _now(clock: Clock) -> datetime:
    micros = clock.micros()
    return datetime.fromtimestamp(micros // 10**6, UTC) + timedelta(microseconds=micros % 10**6)


def _shown(moment: datetime) -> str:
    return told_time(int(moment.timestamp()))


def _when(time: int | None) -> str:
    return "none" if time is None else told_time(time)


def _held(found: Holding, database: str) -> LeaseHeld:
    from meva_core.stages.book_runs import RESERVED  # here: most processes never have to say so

    # `meva run stage3` and `stage4` know no other book: there is one of an account, and one dry one of each.
    others = "wait until its lease has ended" if found.book in RESERVED else "name another book with --book"
    return LeaseHeld(
        f"book {found.book} of {database} is held by {named(found.process)} since {_shown(found.acquired)}; "
        f"its lease ends {_shown(found.expires)} unless it is moved on; nothing was written",
        action=f"end that process, or {others}",
        expires=found.expires,
    )


def _lost(book: str, what: str) -> LeaseLost:
    return LeaseLost(
        f"book {book} is no longer ours: {what}; nothing of this cycle was written",
        action="`meva books` shows who holds it; end all but one, then start again",
    )
