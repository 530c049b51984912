"""What the core asks of the world: small protocols, in the core's words.

An adapter is whatever fits. The docstrings are the contract.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from meva_core.errors import BadInput

if TYPE_CHECKING:  # what only reads a history needs no columns
    from meva_core.live_market import Answers, Asking, SeenRow
    from meva_core.market import Market
    from meva_core.rules import SymbolRules
    from meva_core.strategy.as_seen import CellReader
    from meva_core.strategy.bars import BarReader
    from meva_core.stretches.stored import StoredStretch
    from meva_core.venue import (
        Accepted,
        Balance,
        Book,
        Candle,
        Metadata,
        NewOrder,
        Ticker,
        Trade,
        VenueFill,
        VenueFlow,
        VenueOrder,
    )


class Clock(Protocol):
    """The time of day of the machine. Never part of a decision or of a fingerprint."""

    def micros(self) -> int:
        """Return microseconds since 1970-01-01 UTC."""


class Progress(Protocol):
    """Someone who may want to watch long work. Nothing depends on whether anyone does."""

    def start(self, total: int | None, label: str) -> None:
        """Say that work of `total` equal steps begins, and what it is; None where nobody knows how many. A
        second start begins anew.
        """

    def advance(self, steps: int) -> None:
        """Say that so many more steps are done."""

    def done(self) -> None:
        """Say that the work has ended, finished or not. May be called again."""


class Reads(Protocol):
    """One consistent view of the stored history. Amounts are Decimals, times aware and in UTC, digests bytes.

    Cycles of the earlier system, which knew no runs, are the run `legacy`.
    """

    def runs(self) -> list[dict[str, Any]]:
        """Return all runs, oldest first, as columns of stage7_runs."""

    def run(self, run_id: str) -> dict[str, Any] | None:
        """Return one run, None when there is none of that id."""

    def state(self, run_id: str) -> dict[str, Any] | None:
        """Return what a run's next cycle needs (`cycle_id`, `ts`, `state_json`), None before its first."""

    def rows(
        self,
        table: str,
        columns: Sequence[str],
        *,
        run_id: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        where: Mapping[str, Any] | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> Iterator[tuple[Any, ...]]:
        """Yield rows in time order, then by key, as tuples of `columns`, without holding them all.

        `start` and `end` are inclusive, `where` maps columns to the values they must have, or to a frozenset
        of values of which they must have one.
        """

    def newest(
        self,
        table: str,
        columns: Sequence[str],
        *,
        where: Mapping[str, Any],
        of: str,
        each: Collection[str],
        most: int = 1,
    ) -> Iterator[tuple[Any, ...]]:
        """Yield the last `most` rows in time for each value of the column `of` that is one of `each`, as
        tuples of `columns` and in no order; `where` maps columns to the values they must have.

        Only for a table that is found so, by its key: `stage7_rows`. A KeyError means any other.
        """

    def stretches(
        self,
        run_id: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        newest_first: bool = False,
    ) -> Iterator[StoredStretch]:
        """Yield the stretches of a run that have a cycle in [start, end], in time order, one at a time.

        Whether one is what its checksum says is for whoever opens it; raises StoreCorrupt for one whose
        values are not even of their kinds.
        """

    def as_stored(
        self,
        table: str,
        columns: Sequence[str],
        *,
        run_id: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Iterator[tuple[Any, ...]]:
        """Yield the rows that a table itself holds, in time order, then by key; amounts and times as stored
        text, so that it can be compared letter for letter with what should be there.
        """

    def count(self) -> dict[str, int]:
        """Return the number of rows of every table."""


class UnitOfWork(Reads, Protocol):
    """Writes that are stored whole or not at all. Leaving without `commit` undoes them."""

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """Insert rows, tuples in which amounts and times are stored text; return how many.

        A key that is there already raises IdTaken, whatever its content.
        """

    def update(
        self, table: str, key: str | Sequence[str], columns: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> int:
        """Update rows given as (key, values of `columns`...); one that is not there raises StoreError.

        `key` may name several columns; a row then begins with a value for each.
        """

    def upsert(self, table: str, values: Mapping[str, Any]) -> None:
        """Insert one row, or update the one with its key."""

    def delete(
        self, table: str, *, run_id: str, start: datetime | None = None, end: datetime | None = None
    ) -> int:
        """Take away the rows of one run within a window of time, both ends inclusive; return how many.

        Rows that others refer to raise StoreError, as do those of the earlier system, which had no runs.
        """

    def remove(self, table: str, key: str, values: Sequence[Any]) -> int:
        """Take away the rows of one of Meva's own tables whose `key` is one of `values`; return how many.

        Rows of the earlier system raise StoreError.
        """

    def commit(self) -> None:
        """Make all of it permanent, or raise and leave nothing."""


class Store(Protocol):
    """A database. One unit of work at a time; views may be open beside it."""

    def read(self) -> AbstractContextManager[Reads]:
        """Hold a view that what is committed meanwhile does not change."""

    def take(self, run_id: str) -> None:
        """Hold a run until the store is closed or the process ends; raises StoreBusy when another has it."""

    def unit(self) -> AbstractContextManager[UnitOfWork]:
        """Begin a unit of work; raises StoreBusy when another process holds the database."""


class TextCodec(Protocol):
    """Long texts as few bytes, and back."""

    def pack(self, text: str) -> bytes:
        """Return a text, packed."""

    def unpack(self, packed: bytes) -> str:
        """Return the text that was packed; raises StoreCorrupt for bytes that are none."""


class MarketHistory(Protocol):
    """Recorded markets, read in windows of cycles without looking ahead."""

    def windows(
        self, times: Any, lookback: int, cycles: int = 8192, symbols: Sequence[str] | None = None
    ) -> Iterator[Market]:
        """Yield the market at `times` (int64 seconds, increasing) in groups of at most `cycles`.

        Each cell is the newest value stamped at or before its cycle. `lookback` is how many closes the
        measures take, `symbols` which columns there are, in sorted order.
        """


class BarHistory(Protocol):
    """Recorded candles as bars on the full grid of their interval."""

    def base_of(self, seconds: int | None) -> int:
        """Return the interval, seconds, of the candles that bars of `seconds` are made of; None asks for the
        candles' own. Raises BadInput for candles that lie on no grid."""

    def bars(self, symbols: Sequence[str], since: int) -> BarReader:
        """Return what reads the candles of these symbols as bars, each known when it was complete or, for all
        symbols together, recorded; forward, from the one complete at `since`, seconds."""

    def cells(self, symbols: Sequence[str], base: int) -> CellReader | None:
        """Return what reads the bars of `base` seconds that a live run was shown, by when it knew each; None
        where it was shown none of these."""


BadBar = Callable[[int, BadInput], None]
"""Told of a bar that cannot be read: its end in microseconds, and what is wrong with it."""


class MarketData(Protocol):
    """What anyone may ask an exchange. Times are microseconds of the exchange's clock.

    Every call may raise Unavailable (ask again later), Refused (asking again will not help, such as for a
    pair that does not exist), or BadInput (an answer that cannot be read); nothing has changed then.
    """

    def now(self) -> int:
        """Return the exchange's time."""

    def ticker(self, symbol: str) -> Ticker:
        """Return the last 24 hours of one pair; Refused if there is no such pair."""

    def tickers(self) -> Mapping[str, Ticker]:
        """Return the tickers of all pairs by symbol, sorted; rows that cannot be read are left out."""

    def book(self, symbol: str) -> Book:
        """Return the order book, best price first on both sides, each price once; a side may be empty."""

    def trades(self, symbol: str) -> Sequence[Trade]:
        """Return the newest public trades, oldest first, each id once. How many is the exchange's choice.

        Those that cannot be read are left out, with a warning.
        """

    def candles(
        self,
        symbol: str,
        interval_seconds: int,
        start: int,
        end: int,
        unreadable: BadBar | None = None,
    ) -> Sequence[Candle]:
        """Return the bars that were complete at times in (start, end], in seconds, oldest first, each once.

        Bars in which nothing traded may be absent; the forming bar is never there. No bars, or a pair that
        does not exist: nothing. A bar that cannot be read is left out, and `unreadable` is told; without one
        it is logged. BadInput for an interval that the exchange does not have.
        """


class LiveMarket(Protocol):
    """The market as it is now, measured once a cycle."""

    def measure(self, asking: Asking) -> Answers:
        """Return what the exchange shows, asked within its budgets and the deadline.

        A failure costs its own answer, and is counted; an answer that comes after the deadline is kept for
        the next measure. Raises Unavailable with reason CLOCK if the exchange's time cannot be told.
        """


class Alignment(Protocol):
    """The newest rows of a market, as replay aligns them: what is known by then. Times never go back."""

    def take(self, rows: Iterable[SeenRow]) -> Sequence[SeenRow]:
        """Take rows in the order in which they became known, and return those that say something new.

        Raises BadInput, with none taken, for cells that cannot be read.
        """

    def since(self, kind: str) -> Mapping[str, int]:
        """Return the stamp of the last row of a kind by symbol, in microseconds."""

    def last(self, kind: str) -> Mapping[str, SeenRow]:
        """Return the last row of a kind by symbol, as it was taken."""

    def market(self, time: int, symbols: Sequence[str]) -> Market:
        """Return the market at a time in seconds, one row; `symbols` are its columns, in sorted order."""


class RulesSource(Protocol):
    """The exchange's rules for its pairs."""

    def metadata(self) -> Metadata:
        """Return the exchange's description of its pairs, asked for now. Raises as MarketData does."""

    def rules(self, symbols: Sequence[str]) -> Sequence[SymbolRules]:
        """Return the rules of these symbols, in their order, from metadata not older than the source's limit.

        Every symbol gets a status and a reason; raises only what `metadata` raises.
        """


class Account(Protocol):
    """What one account's owner may ask. All of it may lag behind what just happened.

    Raises as MarketData does, and Refused with reason UNAUTHORIZED for a key that may not ask. An order or a
    fill, of what was asked for, that cannot be read is BadInput for the whole answer: its absence would be
    taken for a proof. Rows of other pairs and orders cost nothing.
    """

    def balances(self) -> Mapping[str, Balance]:
        """Return what is held by asset, sorted; an asset that is absent was not told, which is not zero.

        A balance below zero is among them. One that cannot be read is left out, with a warning.
        """

    def open_orders(self, symbol: str | None = None) -> Sequence[VenueOrder]:
        """Return the open orders of one pair, or of all, by id. Orders of an unknown state are among them.

        OrdersUnread, a BadInput, has those that can be read where some cannot.
        """

    def all_orders(self, symbol: str, start: int, end: int) -> Sequence[VenueOrder]:
        """Return the orders of a pair that came about at times in [start, end], by id, each once.

        `start` and `end` are seconds. Unavailable with reason INCOMPLETE if the exchange's pages do not end.
        """

    def order(self, order_id: str) -> VenueOrder | None:
        """Return one order, None if the exchange knows none of that id."""

    def fills(self, symbol: str, start: int, end: int) -> Sequence[VenueFill]:
        """Return all fills of a pair stamped in [start, end], oldest first, each once.

        `start` and `end` are microseconds. Unavailable with reason INCOMPLETE if the exchange holds some
        back.
        """

    def order_fills(self, order_id: str) -> Sequence[VenueFill]:
        """Return all fills of one order, as `fills` does; fills may come seconds after they happened.

        Whether they are all, `booking.missing_quantity` tells.
        """

    def flows(self, start: int, end: int) -> Sequence[VenueFlow]:
        """Return the money and coins that came or went otherwise than by trading, stamped in [start, end],
        oldest first, each once.

        `start` and `end` are microseconds. What is not confirmed yet has not come. A list may show one late,
        or never, so that one is absent says nothing; one that cannot be read is left out, with a warning.
        Unavailable with reason INCOMPLETE as with `fills`.
        """


class Permit(Protocol):
    """Whether something may be sent to an exchange, asked when it is signed and right before it is sent.

    What it raises, a MevaError, keeps it from being sent.
    """

    def submit(self, order: NewOrder) -> None:
        """Ask for an order."""

    def cancel(self, order_id: str) -> None:
        """Ask for an order to be canceled."""


class Venue(Protocol):
    """Where orders are placed. Nothing here is ever sent twice by itself."""

    def submit(self, order: NewOrder) -> Accepted:
        """Place an order that is on the exchange's grid already.

        Refused: nothing rests there. Unavailable, BadInput: nothing was sent, the latter also for an asset
        whose balance was below zero, or not readable, when it was read last. OutcomeUnknown: it may rest
        there; `find` it under its client id and do not submit it again.
        """

    def cancel(self, order_id: str) -> None:
        """Ask for an order to be canceled; returning is an acceptance, fills may still come.

        Refused with reason UNKNOWN_ORDER or NOT_CANCELABLE: it had ended, or never was. OutcomeUnknown: it
        may be canceled or not.
        """

    def find(self, symbol: str, client_id: str, since: int) -> Sequence[VenueOrder]:
        """Return every order of ours under this client id that is open, or came about soon after, by id.

        `since` is in seconds, and soon means within a day and a minute of it: nobody reads years. The
        exchange does not keep client ids unique: there may be several. None is no proof: an order may show
        up only seconds after it was accepted. NotShown if a fill names an order that is not shown. Raises
        as Account does.
        """
