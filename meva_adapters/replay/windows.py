"""Aligning recorded rows with cycle times: the newest row stamped at or before each, in bounded memory.

A stream holds one block of one file and the row before it. A window of cycles is filled block by block: a block gives
every cycle from its first stamp on its newest row, and the next block overwrites those from its own first stamp on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from meva_adapters.replay.faults import FaultList, bad_dataset
from meva_adapters.replay.files import SourceFile, whole_lines
from meva_adapters.replay.layout import KINDS
from meva_adapters.replay.lines import LineReader
from meva_adapters.replay.reading import read_rows
from meva_adapters.replay.rows import Rows
from meva_adapters.replay.stamps import MICROS
from meva_adapters.replay.wide import RunningVolume, quote_volume, range_extremes
from meva_core.amounts import ABSENT
from meva_core.market import closes_measures

DAY: Final = 86400 * MICROS
Columns = dict[str, Any]


class Stream:
    """The rows of one file as derived columns, read forward once.

    `fill` gives each cycle the newest row at or before its time; cycle times only grow from call to call.
    """

    def __init__(self, source: SourceFile, kind: str, columns: tuple[str, ...], block: int) -> None:
        self._source = source
        self._blocks = _rows(source, kind, columns, block)
        self._ts: Any = np.zeros(0, dtype=np.int64)
        self._columns: Columns = {}
        self._ended = False

    def fill(self, times: Any, out: Columns) -> None:
        """Write the columns for `times` (microseconds) into the views `out`; cells before the first row stay."""
        at = 0
        while True:
            if len(self._ts):
                self._give(times[at:], {name: view[at:] for name, view in out.items()})
            # A row with the stamp of the last one may follow in the next block, so equality reads on.
            if self._ended or (len(self._ts) and self._ts[-1] > times[-1]):
                return
            if len(self._ts):
                at = int(np.searchsorted(times, self._ts[-1]))
            self._advance()

    def _give(self, times: Any, out: Columns) -> None:
        rows = np.searchsorted(self._ts, times, side="right") - 1
        first = int(np.searchsorted(rows, 0))
        self._assign(times[first:], rows[first:], {name: view[first:] for name, view in out.items()})

    def _assign(self, times: Any, rows: Any, out: Columns) -> None:
        for name, view in out.items():
            view[:] = self._columns[name][rows]

    def _advance(self) -> None:
        block = next(self._blocks, None)
        if block is None:
            self._ended = True
            return
        stamps, columns = self._derive(block)
        if len(self._ts):
            columns = {
                name: np.concatenate((self._columns[name][-1:], column)) for name, column in columns.items()
            }
            stamps = np.concatenate((self._ts[-1:], stamps))
        self._ts, self._columns = stamps, columns

    def _derive(self, block: Rows) -> tuple[Any, Columns]:
        raise NotImplementedError


class BookStream(Stream):
    """Best bid and ask, with sizes where they were recorded."""

    def _derive(self, block: Rows) -> tuple[Any, Columns]:
        values, nothing = block.values, np.full(len(block.ts), ABSENT, dtype=np.int64)
        return block.ts, {
            "book_ts": block.ts,
            "bid": values["best_bid"],
            "ask": values["best_ask"],
            "bid_qty": values.get("bid_qty", nothing),
            "ask_qty": values.get("ask_qty", nothing),
        }


class TickerStream(Stream):
    """The exchange's figures of the last 24 hours. Without a quote volume it is volume times last."""

    def _derive(self, block: Rows) -> tuple[Any, Columns]:
        values = block.values
        if "quote_volume" in values:
            volume, saturated = values["quote_volume"], np.zeros(len(block.ts), dtype=np.int64)
        else:
            volume, saturated = quote_volume(values["volume_whole"], values["volume_rest"], values["last"])
        return block.ts, {
            "ticker_ts": block.ts,
            "last": values["last"],
            "high": values["high"],
            "low": values["low"],
            "quote_volume": volume,
            "volume_saturated": saturated,
        }


class CandleStream(Stream):
    """The measures of the last closes, stamped when each candle was complete."""

    def __init__(
        self,
        source: SourceFile,
        kind: str,
        columns: tuple[str, ...],
        block: int,
        *,
        lookback: int,
        shift: int,
    ) -> None:
        super().__init__(source, kind, columns, block)
        self._lookback = lookback
        self._shift = shift
        self._closes: Any = np.zeros(0, dtype=np.int64)

    def _derive(self, block: Rows) -> tuple[Any, Columns]:
        stamps = block.ts + self._shift
        closes = np.concatenate((self._closes, block.values["close"]))
        known = len(self._closes)
        count, check, deviation = closes_measures(closes, self._lookback)
        self._closes = closes[max(0, len(closes) - self._lookback + 1) :]
        return stamps, {
            "close_ts": stamps,
            "closes": count[known:],
            "closes_check": check[known:],
            "deviation": deviation[known:],
        }


class DayStream(CandleStream):
    """Candles that stand in for a ticker: last = close, and the figures of the candles in (t - 24 h, t]."""

    def __init__(
        self,
        source: SourceFile,
        kind: str,
        columns: tuple[str, ...],
        block: int,
        *,
        lookback: int,
        shift: int,
    ) -> None:
        super().__init__(source, kind, columns, block, lookback=lookback, shift=shift)
        nothing = np.zeros(0, dtype=np.int64)
        self._day: Columns = dict.fromkeys(("ts", "high", "low", "volume_whole", "volume_rest"), nothing)
        self._sums = RunningVolume(nothing, nothing)

    def _derive(self, block: Rows) -> tuple[Any, Columns]:
        stamps, columns = super()._derive(block)
        fresh = {"ts": stamps, **block.values}
        # A cycle that this block serves comes after the last row before it, so older rows are not asked for again.
        start = (
            int(np.searchsorted(self._day["ts"], self._day["ts"][-1:] - DAY, side="right")[0])
            if len(self._day["ts"])
            else 0
        )
        self._day = {name: np.concatenate((old[start:], fresh[name])) for name, old in self._day.items()}
        self._sums = RunningVolume(self._day["volume_whole"], self._day["volume_rest"])
        return stamps, columns | {"ticker_ts": stamps, "last": block.values["close"]}

    def _assign(self, times: Any, rows: Any, out: Columns) -> None:
        super()._assign(times, rows, {name: view for name, view in out.items() if name in self._columns})
        start = np.searchsorted(self._day["ts"], times - DAY, side="right")
        end = np.searchsorted(self._day["ts"], times, side="right")
        out["quote_volume"][:], out["volume_saturated"][:] = quote_volume(
            *self._sums.between(start, end), out["last"]
        )
        some = np.flatnonzero(end > start)
        out["high"][:] = ABSENT
        out["low"][:] = ABSENT
        out["high"][some], out["low"][some] = range_extremes(
            self._day["high"], self._day["low"], start[some], end[some]
        )


def _rows(source: SourceFile, kind: str, columns: tuple[str, ...], block_size: int) -> Iterator[Rows]:
    """Yield the rows of a file that was validated, block by block."""
    faults = FaultList(source.name)
    slow = LineReader(columns, KINDS[kind].prices, faults)
    line = 2
    for number, block in enumerate(whole_lines(source, block_size)):
        body = block if number else block.partition(b"\n")[2]
        if not body:
            continue
        rows = read_rows(body, columns, line, slow)
        if faults.errors:
            raise bad_dataset(source.name, faults.errors)
        line += body.count(b"\n")
        yield rows
