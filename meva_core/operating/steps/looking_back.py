"""What was made before a process began and its file does not have: a backup was restored.

What rests is in the list of open orders. What has ended may be in no list of fills yet, and what it moved
would be taken for a person's, and bought or sold again. So each pair is asked for all orders since the newest
cycle that the file has: in a process's first cycle, before anything is decided, and once more after a while,
since a list may lack what was made last. A pair that does not answer rests, for as long as fills may be late;
what is left to ask goes on with the book, from process to process.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

from attrs import define, evolve, field, frozen

from meva_core.errors import BadInput, VenueError
from meva_core.live_book.alarms import Alarm
from meva_core.live_book.attribution import Ours, Whose, hidden_by, of_order
from meva_core.operating.records.carried import Unlooked
from meva_core.operating.records.file import File
from meva_core.operating.steps.finding import found_again
from meva_core.ports import Account
from meva_core.venue import OrdersUnread, UnreadOrder, VenueOrder

_DAY: Final = 86_400
"""How far one list of all orders may reach."""
_DAYS: Final = 7
"""How many of them are asked for of a pair. What filled of older ones has been shown."""
_SPARE: Final = 60
"""By which clocks may be off that orders were made by."""
_AGAIN: Final = 120
"""After so many seconds a list that was told is looked at once more."""
FIRST_SECONDS: Final = 600
"""For how long after a process's first cycle what was made before it may be in no list of fills yet."""


def to_look_at(
    before: Mapping[str, Unlooked], pairs: Iterable[str], since: int, time: int, *, starts: bool
) -> dict[str, Unlooked]:
    """Return what is to be learnt of pairs in a cycle, by pair: what is left from `before`, and where a
    process `starts` of all of these, from `since` on; times in seconds."""
    if not starts:
        return dict(before)
    found = dict(before)
    for symbol in pairs:
        known = before.get(symbol, Unlooked(since=since, asked=time))
        is_over = known.told and time - known.asked > FIRST_SECONDS
        found[symbol] = Unlooked(since=min(known.since, since), asked=time if is_over else known.asked)
    return found


@frozen
class Lacked:
    """What the file lacked: the alarms of what was taken in, what of each pair is still `left` to learn, and
    of which of them nobody knows yet whether the file lacks something, `unread`. `notes` are for people."""

    alarms: tuple[Alarm, ...] = ()
    left: Mapping[str, Unlooked] = field(factory=dict)
    unread: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


@define(kw_only=True)
class LookingBack:
    """Looks for orders of ours that the file does not have. `ours` says whose some are (`ours_among`), `time`
    is the cycle's, `first` that of the process's first one, in seconds. `between` is called before each
    pair."""

    account: Account
    file: File
    ours: Callable[[Sequence[VenueOrder | UnreadOrder]], Ours]
    time: int
    first: int
    between: Callable[[], None] = lambda: None
    _alarms: list[Alarm] = field(factory=list, init=False)
    _notes: list[str] = field(factory=list, init=False)

    def lacked(
        self, listed: Sequence[VenueOrder], pairs: Mapping[str, Unlooked], tradable: Collection[str]
    ) -> Lacked:
        """Take in what rests, and what was made in pairs, as far as that is asked for in this cycle; of those
        that are not `tradable` nothing can be. Each pair fails alone. Raises StoreError."""
        self._alarms += found_again(self.file, listed, self.ours(listed))
        left, unread = dict[str, Unlooked](), set[str]()
        for symbol, one in sorted(pairs.items()):
            age = self.time - one.asked
            was_asked = symbol in tradable and self._is_due(one, age)
            is_told = was_asked and self._is_told(symbol, one.since)
            if not (one.told and age >= _AGAIN and (is_told or age > FIRST_SECONDS)):
                left[symbol] = evolve(one, told=one.told or is_told)
            if not (one.told or is_told) and age <= FIRST_SECONDS:
                unread.add(symbol)
        return Lacked(tuple(self._alarms), left, frozenset(unread), tuple(self._notes))

    def _is_due(self, one: Unlooked, age: int) -> bool:
        if one.told:
            return age >= _AGAIN
        return age <= FIRST_SECONDS or self.time == self.first

    def _is_told(self, symbol: str, since: int) -> bool:
        """Take in what was made in a pair, and return whether that is all of it."""
        end = self.first + _SPARE
        start = max(since - _SPARE, end - _DAYS * _DAY)
        try:
            spans = [self._orders(symbol, at, min(at + _DAY, end)) for at in range(start, end, _DAY)]
        except (VenueError, BadInput) as error:
            self._notes.append(f"{symbol}: its orders of before cannot be read: {error}")
            return False
        hidden = [row for listed, rows in spans for row in self._taken_in(listed, rows)]
        self._notes += (f"an order of before cannot be read, and may be ours: {row.why}" for row in hidden)
        return not hidden

    def _orders(
        self, symbol: str, start: int, end: int
    ) -> tuple[Sequence[VenueOrder], Sequence[UnreadOrder]]:
        try:
            return self.account.all_orders(symbol, start, end), ()
        except OrdersUnread as error:
            return error.orders, error.unread

    def _taken_in(self, listed: Sequence[VenueOrder], rows: Sequence[UnreadOrder]) -> list[UnreadOrder]:
        """Take in orders, and have the desk look for those of a name of ours of which there is a further one.
        Return the rows that may be ours."""
        ours = self.ours((*listed, *rows))
        self._alarms += found_again(self.file, listed, ours)
        owners = (of_order(order, ours) for order in listed)
        self.file.look_again(one.order for one in owners if one.whose is Whose.NAMESAKE and one.order)
        return [row for row in rows if hidden_by([row], ours)]
