"""Taking back all that rests at an exchange, as far as it can be taken back in a given time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from attrs import define, field, frozen

from meva_core.errors import BadInput, MevaError, StoreCorrupt, StoreError, VenueError
from meva_core.live.desk import Desk
from meva_core.live.inquiry import Settled
from meva_core.live.live_orders import Record, records, resting
from meva_core.live.owner import ACCOUNT
from meva_core.live.standing import CANCELABLE, MAY_REST, Standing
from meva_core.operating.guards.permit import NotPermitted
from meva_core.ports import Reads


@frozen
class Left:
    """An order of ours that may rest at the exchange still, a row that cannot be read as one, or what could
    not be looked for; and why."""

    name: str
    why: str


@frozen
class Canceled:
    """What came of it: the names of orders that were canceled, what may rest still, and the names of those
    that had filled before they could be; `elsewhere` are those that another process has seen to."""

    ended: tuple[str, ...]
    left: tuple[Left, ...]
    filled: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()


_CUT_SHORT: Final = "the program was told to end before this was asked for"
_NOT_SAID: Final = "the exchange has not said that it ended"
_UNPLACED: Final = "neither our name for it nor the exchange's number is on record"
_UNKNOWN: Final = "its number at the exchange is not known, and looking for its name brought none"


def cancel_open(
    desk: Desk,
    waits: Callable[[], bool],
    stops: Callable[[], bool] = lambda: False,
    finds: Callable[[], None] = lambda: None,
    is_late: Callable[[], bool] = lambda: False,
) -> Canceled:
    """Ask for every order of ours that may rest to be canceled, again and again, until none may.

    What has a number is canceled before anything is asked: asking may take long, and an order that has ended
    is no worse for it. Then what may rest is asked for, and at last all that `settle` asks for, and what
    rests at the exchange and is not on record (`finds` takes it in); what comes to light is canceled each
    time.

    `waits` waits a moment between two rounds, and returns False once there is no more time; `stops` says,
    once the outcome of a call is stored, that no other one is to be made, `is_late` that nothing more is to
    be asked; cancels go all the same. Each order is canceled by itself, unless one may not be: then none may.
    Raises StoreError where what comes of it cannot be recorded.
    """
    taking = _Taking(desk, stops, is_late)
    taking.cancel()
    is_whole = False
    while not taking.is_cut_short:
        taking.look(finds if is_whole else None)
        taking.cancel()
        is_over = is_whole and not taking.resting()
        if is_over or taking.is_shut or taking.is_cut_short or (taking.has_met and not waits()):
            break
        is_whole = True
    return taking.came_to()


@define
class _Taking:
    """Orders that are being taken back: `why` says of those that may rest what kept them there."""

    desk: Desk
    stops: Callable[[], bool]
    is_late: Callable[[], bool]
    is_shut: bool = False
    """Nothing may be sent: neither this cancel nor another."""
    is_cut_short: bool = False
    why: dict[str, str] = field(factory=dict)
    unread: list[Left] = field(factory=list)
    _met: dict[int, str] = field(factory=dict)

    @property
    def has_met(self) -> bool:
        """Whether anything was there to be taken back."""
        return bool(self._met)

    def resting(self) -> list[Record]:
        """Return what may rest now."""
        with self.desk.store.read() as view:
            found = [one for one in resting(view, self.desk.owner) if isinstance(one, Record)]
        self._met |= {record.stored: record.label for record in found}
        return found

    def cancel(self) -> None:
        """Ask for all to be canceled that has a number and was not asked for."""
        for record in self.resting():
            if self.is_shut or self.is_cut_short:
                break
            if record.order_id is None:
                self.why.setdefault(record.label, _UNPLACED if record.client_id is None else "")
            elif record.standing in CANCELABLE and record.standing is not Standing.CANCEL_REQUESTED:
                if self.stops():
                    self.is_cut_short = True
                    self.why = {one.label: _CUT_SHORT for one in self.resting()} | self.why
                else:
                    self.why[record.label], self.is_shut = _asked(self.desk, record)

    def look(self, finds: Callable[[], None] | None) -> None:
        """Ask what became of what may rest; with `finds` of all that is due, and what the file lacks."""
        due = self.desk.due()
        self.unread = [Left("a row that cannot be read", one.alarm) for one in due.unreadable]
        for one in due.orders:
            if self.stops() or self.is_late():
                return
            if finds is not None or one.record.standing in MAY_REST:
                self._hear(self.desk.ask(one.record, check=finds is not None))
        if finds is None or self.is_late():
            return
        try:
            finds()
        except (VenueError, BadInput, StoreCorrupt) as error:  # a damaged book keeps nothing from ending
            self.unread.append(Left("orders that are not on record", f"they cannot be looked for: {error}"))

    def _hear(self, settled: Settled) -> None:
        record = settled.record
        if record is None:
            return
        is_unknown = record.standing in MAY_REST and record.order_id is None and record.client_id is not None
        if settled.alarm or is_unknown:
            self.why[record.label] = settled.alarm or _UNKNOWN
        elif not self.is_shut:  # what kept an earlier cancel, or look, does not any more
            self.why.pop(record.label, None)

    def came_to(self) -> Canceled:
        """Return what came of it."""
        left = {record.label for record in self.resting()}
        shown = (Left(name, self.why.get(name) or _NOT_SAID) for name in sorted(left))
        filled = _filled(self.desk, self._met)
        ended = {*self._met.values()} - left - filled
        return Canceled(tuple(sorted(ended)), (*shown, *self.unread), tuple(sorted(filled)))


def resting_of(view: Reads) -> list[str]:
    """Return the names of the orders of the account that may rest at the exchange."""
    return [*how_they_rest(view)]


def how_they_rest(view: Reads) -> dict[str, tuple[Standing, int]]:
    """Return the orders of the account that may rest at the exchange, by their names: where each stands, and
    since when, in microseconds."""
    found = [one for one in resting(view, ACCOUNT) if isinstance(one, Record)]
    return {one.label: (one.standing, one.updated) for one in sorted(found, key=lambda one: one.label)}


@define
class Progress:
    """Whether to go on waiting for another process that takes orders back: as long as something happened
    within the last `still` seconds, and for `most` seconds in all. Times are of a monotonic clock."""

    still: float
    most: float
    began: float
    _seen: object = None
    _moved: float = field(init=False)

    @_moved.default
    def _not_yet(self) -> float:
        return self.began

    def goes_on(self, seen: object, now: float) -> bool:
        """Take in how things stand now."""
        if seen != self._seen:
            self._seen, self._moved = seen, now
        return now - self._moved < self.still and now - self.began < self.most


def _filled(desk: Desk, rows: Iterable[int]) -> set[str]:
    """Return the names of those orders that have filled whole."""
    with desk.store.read() as view:
        found = [record for row in rows for record in records(view, desk.owner, id=row)]
    return {record.label for record in found if record.standing is Standing.FILLED}


def _asked(desk: Desk, record: Record) -> tuple[str, bool]:
    """Ask for one order to be canceled; return what kept it, and whether no other may be asked for."""
    try:
        asked = desk.cancel(record.client_id, order_id=None if record.client_id else record.order_id)
    except StoreError:
        raise
    except MevaError as error:
        return str(error), isinstance(error, NotPermitted)
    return asked.alarm, False
