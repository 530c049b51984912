"""What a cycle on the live market asks for, and what it is told: plain values, one measure at a time.

A row has two times: the exchange's stamp, by which its age counts, and the time of the cycle that first had
it, `known`, by which it is aligned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

if TYPE_CHECKING:
    from meva_core.venue import Metadata

BOOK: Final = "book"
TICKER: Final = "ticker"
BAR60: Final = "bar60"
"""Kinds of rows. That of a bar names its interval in seconds."""


def bars_kind(seconds: int) -> str:
    """Return the kind of rows that a strategy's bars of so many seconds are.

    Where that is a minute they stand beside BAR60: only they may come after later ones.
    """
    return f"bars{seconds}"


def past_kind(seconds: int) -> str:
    """Return the kind of rows that say since when a symbol's bars of so many seconds were asked for, by their
    stamp and without cells."""
    return f"past{seconds}"


HISTORY_BARS: Final = 200
"""So many minutes of bars are asked for and kept at least, whatever the lookback: a later run of the book may
have a longer one, and a bar that is older than one that is known is not taken any more."""


@frozen
class SeenRow:
    """A row as a dataset's file would hold it.

    `known` is in seconds, `stamp` in microseconds. `cells` are plain texts in the order of the columns: of a
    book best_bid, best_ask, bid_qty, ask_qty, each empty where there is none; of a ticker last, high, low,
    volume in the base currency, and quote_volume where the exchange gives it; of a bar open, high, low,
    close, volume.
    """

    known: int
    kind: str
    symbol: str
    stamp: int
    cells: tuple[str, ...]

    def known_at(self, time: int) -> SeenRow:
        """Return the row as known from a time on, in seconds."""
        return SeenRow(time, self.kind, self.symbol, self.stamp, self.cells)


class TouchFrom(IntEnum):
    """Where a symbol's best bid and ask came from in a cycle; CARRIED: there is no newer one than before."""

    CARRIED = 0
    BOOK = 1
    STREAM = 2
    TICKER = 3


@frozen(kw_only=True)
class BarsWanted:
    """The bars that a strategy looks at: the newest `most` of `seconds` each, of each symbol.

    `last` has the newest one of each symbol as it was first seen, `past` says since when a symbol's were
    asked for, seconds.
    """

    seconds: int
    most: int
    last: Mapping[str, SeenRow] = field(factory=dict)
    past: Mapping[str, int] = field(factory=dict)


@frozen(kw_only=True)
class Asking:
    """What one measure is to bring.

    `symbols` are those that the user configured, `candidates` all that rows are wanted of; where metadata
    come in this measure, `among` (default: the same) says which those are by them. Books and bars are asked
    for in this order: `first` (held, or with open orders), `then` (selected last), `symbols`, and the others
    in turn. `last_bars` has the last bar of a minute by symbol, as it was first seen, `touches_since` the
    stamp of the last touch, in microseconds: only what is newer is of use. `lookback` is how many closes the
    measures take, `own_bars` are those that a strategy looks at, None where it needs none, `grids` the steps
    of prices by symbol. Without answers the measure ends after `deadline_seconds`.

    `since_last_seconds` is how long ago the book's last cycle was, None for its first: so much of the budgets
    may be used. It and all else here come from what is stored, so that one process for all cycles and one for
    each ask the same, and count the same.
    """

    symbols: Sequence[str]
    candidates: Sequence[str]
    lookback: int
    deadline_seconds: float
    first: Sequence[str] = ()
    then: Sequence[str] = ()
    last_bars: Mapping[str, SeenRow] = field(factory=dict)
    touches_since: Mapping[str, int] = field(factory=dict)
    grids: Mapping[str, Decimal] = field(factory=dict)
    own_bars: BarsWanted | None = None
    rules_due: bool = False
    since_last_seconds: int | None = None
    among: Callable[[Metadata], Sequence[str]] | None = None

    def bar_since(self, symbol: str) -> int:
        """Return the stamp of the last bar of a symbol, in microseconds; -1 where none is known."""
        last = self.last_bars.get(symbol)
        return -1 if last is None else last.stamp


@frozen(kw_only=True)
class Answers:
    """What one measure brought.

    `time` is the cycle's, in seconds: the first one at or after the last answer used, by the exchange's
    clock; without any answer, after the deadline. `metadata` is None where none were asked for, or none
    came. `rows` are known as of `time`, each symbol's newest of each kind, bars in time order; whether one
    says something new is for whoever aligns them. `touch_from` has each candidate's.

    `learnt` is when the exchange's time was asked for last, by our clock, `offset` how far it was ahead,
    `round_trip` how long that took, in microseconds; `offset_is_old` says that it could not be asked again
    when it should have been. `failures` counts what went wrong, as `book:unreachable`, and `clock_skew` and
    `bar_changed`; `durations` are in microseconds by part.
    """

    time: int
    rows: tuple[SeenRow, ...]
    offset: int
    round_trip: int
    learnt: int
    metadata: Metadata | None = None
    offset_is_old: bool = False
    touch_from: Mapping[str, TouchFrom] = field(factory=dict)
    failures: Mapping[str, int] = field(factory=dict)
    durations: Mapping[str, int] = field(factory=dict)
