"""The market of a live cycle: rows pushed as they become known, by the code that aligns those of files.

So live and replay cannot differ in what is the newest row known by then. Filled with the rows that a database
kept, an alignment goes on as the one that took them first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Final

import numpy as np
from attrs import frozen

from meva_adapters.replay.format.faults import FaultList
from meva_adapters.replay.format.layout import CANDLES, KINDS, KNOWN, ORDERBOOK, TICKER, VOLUME
from meva_adapters.replay.format.lines import LineReader, plain_amount, stored_columns
from meva_adapters.replay.format.rows import Rows
from meva_adapters.replay.newest import Newest, NewestBook, NewestCandle, NewestTicker
from meva_core import live_market
from meva_core.amounts import E8
from meva_core.errors import BadInput
from meva_core.live_market import SeenRow
from meva_core.market import MICROS, Market, empty_market

FOLDERS: Final = {
    live_market.BOOK: ORDERBOOK,
    live_market.TICKER: TICKER,
    live_market.BAR60: CANDLES,
}
"""Which kind of file holds the rows of a kind."""


class Alignment:
    """The newest rows of all symbols of a market. Times grow from call to call.

    `lookback` is how many closes the measures take.
    """

    def __init__(self, lookback: int) -> None:
        if lookback < 1:
            raise ValueError("lookback must be at least 1")
        self._make: dict[str, Callable[[], Newest]] = {
            live_market.BOOK: NewestBook,
            live_market.TICKER: NewestTicker,
            live_market.BAR60: lambda: NewestCandle(lookback),
        }
        self._lines: dict[str, dict[str, _Line]] = {kind: {} for kind in self._make}
        self._readers: dict[tuple[str, int], _Cells] = {}
        self._fresh: dict[str, set[str]] = {kind: set() for kind in self._make}
        """The symbols by kind of which a row came that the last market does not show."""
        self._shown: tuple[tuple[str, ...], Market] | None = None
        """The last market, with its symbols."""

    def take(self, rows: Iterable[SeenRow]) -> list[SeenRow]:
        """Take rows in the order in which they became known, and return those that say something new: whose
        stamp is later than that of the last row of their kind and symbol.

        Raises BadInput, with none taken, for cells that cannot be read, and for a row that was known
        before one that was taken.
        """
        taken: list[SeenRow] = []
        fresh: dict[tuple[int, str, int], dict[str, list[SeenRow]]] = {}
        newest: dict[tuple[str, str], tuple[int, SeenRow]] = {}
        for row in rows:
            if row.kind not in self._lines:
                raise BadInput(f"{row.symbol}: {row.kind!r} is no kind of row; expected {', '.join(FOLDERS)}")
            part, last = newest.get((row.kind, row.symbol)) or (0, self._last(row))
            if last is not None and row.known < last.known:
                raise BadInput(
                    f"{row.kind} of {row.symbol}: known at {row.known} s, before the row that was known at "
                    f"{last.known} s"
                )
            if last is None or row.stamp > last.stamp:
                part += last is not None and len(row.cells) != len(last.cells)
                newest[row.kind, row.symbol] = (part, row)
                lines = fresh.setdefault((part, row.kind, len(row.cells)), {})
                lines.setdefault(row.symbol, []).append(row)
                taken.append(row)
        tables = [
            (kind, lines, self._reader(kind, cells).table(lines))
            for (_, kind, cells), lines in sorted(fresh.items(), key=itemgetter(0))
        ]
        for kind, lines, table in tables:
            self._push(kind, lines, table)
        return taken

    def _push(self, kind: str, lines: Mapping[str, Sequence[SeenRow]], table: Rows) -> None:
        """Push the rows of each symbol, which stand in the table one symbol after the other."""
        made, places, start = [], [], 0
        for symbol, rows in lines.items():
            known = self._lines[kind].get(symbol)
            newest = known.newest if known else self._make[kind]()
            self._lines[kind][symbol] = _Line(newest, rows[-1])
            self._fresh[kind].add(symbol)
            made.append(newest)
            places.append(slice(start, start := start + len(rows)))
        if candles := [newest for newest in made if isinstance(newest, NewestCandle)]:
            NewestCandle.take_side_by_side(candles, [table.only(here) for here in places])
            return
        known, columns = made[0].derive(table)
        for newest, here in zip(made, places, strict=True):
            newest.push(known[here], {name: column[here] for name, column in columns.items()})

    def _last(self, row: SeenRow) -> SeenRow | None:
        line = self._lines[row.kind].get(row.symbol)
        return line.last if line else None

    def _reader(self, kind: str, cells: int) -> _Cells:
        if (kind, cells) not in self._readers:
            self._readers[kind, cells] = _Cells(kind, cells)
        return self._readers[kind, cells]

    def market(self, time: int, symbols: Sequence[str]) -> Market:
        """Return the market at `time` in seconds, one row; `symbols` are its columns, in sorted order.

        A symbol without rows has nothing in its columns. No row stands in for one of another kind.
        """
        places = {symbol: at for at, symbol in enumerate(symbols)}
        market = empty_market(1, len(symbols))
        if self._shown is not None and self._shown[0] == tuple(symbols):
            for column, before in zip(market, self._shown[1], strict=True):
                column[...] = before
            fresh = self._fresh
        else:
            fresh = {kind: set(lines) for kind, lines in self._lines.items()}
        market.time[:] = time
        times = np.array([time * MICROS], dtype=np.int64)
        for kind, lines in self._lines.items():
            for symbol in fresh[kind].intersection(places):
                newest = lines[symbol].newest
                newest.fill(times, market, places[symbol])
                if newest.last_known <= times[0]:
                    self._fresh[kind].discard(symbol)
        self._shown = tuple(symbols), market
        return market

    def since(self, kind: str) -> dict[str, int]:
        """Return the stamp of the last row of a kind by symbol, in microseconds."""
        return {symbol: row.stamp for symbol, row in self.last(kind).items()}

    def last(self, kind: str) -> dict[str, SeenRow]:
        """Return the last row of a kind by symbol, as it was taken."""
        return {symbol: line.last for symbol, line in self._lines[kind].items()}


@frozen
class _Line:
    """The rows of one symbol and kind."""

    newest: Newest
    last: SeenRow


class _Cells:
    """Rows of one kind with so many cells as columns, by the reader of files."""

    def __init__(self, kind: str, cells: int) -> None:
        of_files = KINDS[FOLDERS[kind]]
        known = next((bare for bare in of_files.bare_headers if len(bare) == cells + 1), None)
        if known is None:
            expected = " or ".join(", ".join(bare[1:]) for bare in of_files.bare_headers)
            raise BadInput(f"{kind}: {cells} cells; expected {expected}")
        self._kind = kind
        self._columns = known[1:]
        self._names = [name for column in self._columns for name in stored_columns(column)]
        self._faults = FaultList(kind)
        self._reader = LineReader((*known, KNOWN), of_files.prices, self._faults)

    def table(self, lines: Mapping[str, Sequence[SeenRow]]) -> Rows:
        """Return the rows, one symbol after the other. Raises BadInput as the reader of files does."""
        table: list[list[int]] = []
        for symbol, rows in lines.items():
            table += [self._amounts(row, number) for number, row in enumerate(rows, 1)]
            if self._faults.errors:
                raise self._refusal(symbol)
        stamps, known, *amounts = np.ascontiguousarray(np.array(table, dtype=np.int64).T)
        values = dict(zip(self._names, amounts, strict=True))
        return Rows(np.arange(1, len(table) + 1), stamps, {**values, KNOWN: known})

    def _amounts(self, row: SeenRow, number: int) -> list[int]:
        found = [row.stamp, row.known * MICROS]
        for column, cell in zip(self._columns, row.cells, strict=True):
            value = plain_amount(cell)
            if value is None:
                found.extend(self._reader.amount(column, cell.encode(), number))
            elif column == VOLUME:
                found.extend(divmod(value, E8))
            else:
                found.append(value)
        return found

    def _refusal(self, symbol: str) -> BadInput:
        problems = [fault.problem() for fault in self._faults.errors]
        message = f"{self._kind} of {symbol}: {self._faults.errors[0]}"
        self._faults.errors.clear()
        return BadInput(message, problems=problems)
