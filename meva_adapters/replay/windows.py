"""Aligning recorded rows with cycle times: the newest row known at or before each, in bounded memory.

A row is known from its stamp on or, where the file says so, from when whoever recorded it had it; how old it
is goes by its stamp in any case.

A stream holds one block of one file and the row before it. A window of cycles is filled block by block: each
block gives every cycle from its first stamp on its newest row, and the next block overwrites those from its
own on.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from meva_adapters.replay.checking.reading import FileFacts, checked_blocks
from meva_adapters.replay.format.layout import KNOWN
from meva_adapters.replay.format.rows import Rows
from meva_adapters.replay.format.wide import RunningVolume, quote_volume, range_extremes
from meva_core.amounts import ABSENT
from meva_core.market import MICROS, Market, closes_measures

_DAY: Final = 86400 * MICROS
Columns = dict[str, Any]


class Stream:
    """The rows of one file as columns of the market, read forward once. Cycle times grow from call to
    call."""

    reads: frozenset[str]
    """Columns of the file that are needed, where it has them."""
    gives: tuple[str, ...]
    """Columns of the market that are filled."""

    def __init__(self, facts: FileFacts, block_size: int) -> None:
        wanted = tuple(name for name in facts.columns if name in ("ts", KNOWN) or name in self.reads)
        self._blocks = checked_blocks(facts, wanted, block_size)
        self._known: Any = np.zeros(0, dtype=np.int64)
        self._columns: Columns = {}
        self._ended = False

    def fill(self, times: Any, market: Market, symbol: int) -> None:
        """Fill the cells of one symbol for `times` in microseconds; those before the first row stay as they
        are."""
        out = {name: getattr(market, name)[:, symbol] for name in self.gives}
        at = 0
        while True:
            if len(self._known):
                self._give(times[at:], {name: cells[at:] for name, cells in out.items()})
                # A row known with the last one may follow in the next block, so equality reads on.
                if self._known[-1] > times[-1]:
                    return
                at = int(np.searchsorted(times, self._known[-1]))
            if self._ended:
                return
            self._advance()

    def _give(self, times: Any, out: Columns) -> None:
        rows = np.searchsorted(self._known, times, side="right") - 1
        first = int(np.searchsorted(rows, 0))
        self._assign(times[first:], rows[first:], {name: cells[first:] for name, cells in out.items()})

    def _assign(self, times: Any, rows: Any, out: Columns) -> None:
        """Write for each of `times` the row of that number, which is there."""
        for name, column in self._columns.items():
            out[name][:] = column[rows]

    def _advance(self) -> None:
        block = next(self._blocks, None)
        if block is None:
            self._ended = True
            return
        stamps, columns = self._derive(block)
        known = block.values.get(KNOWN, stamps)
        if len(self._known):
            known = np.concatenate((self._known[-1:], known))
            columns = {
                name: np.concatenate((self._columns[name][-1:], column)) for name, column in columns.items()
            }
        self._known, self._columns = known, columns

    def _derive(self, block: Rows) -> tuple[Any, Columns]:
        """Return when each row was complete, in microseconds, and what it says in columns of the market."""
        raise NotImplementedError


class BookStream(Stream):
    """Best bid and ask, with sizes where they were recorded."""

    reads = frozenset({"best_bid", "best_ask", "bid_qty", "ask_qty"})
    gives = ("book_ts", "bid", "ask", "bid_qty", "ask_qty")

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

    gives = ("ticker_ts", "last", "high", "low", "quote_volume", "volume_saturated")

    def __init__(self, facts: FileFacts, block_size: int) -> None:
        volume = "quote_volume" if "quote_volume" in facts.columns else "volume"
        self.reads = frozenset({"last", "high", "low", volume})
        super().__init__(facts, block_size)

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
    """The measures of the last `lookback` closes. `shift` is how much later than its stamp a candle was
    complete."""

    reads = frozenset({"close"})
    gives: tuple[str, ...] = ("close_ts", "closes", "closes_check", "deviation")

    def __init__(self, facts: FileFacts, block_size: int, *, lookback: int, shift: int) -> None:
        super().__init__(facts, block_size)
        self._lookback = lookback
        self._shift = shift
        self._closes: Any = np.zeros(0, dtype=np.int64)

    def _derive(self, block: Rows) -> tuple[Any, Columns]:
        stamps = block.ts + self._shift
        known = len(self._closes)
        closes = np.concatenate((self._closes, block.values["close"]))
        count, check, deviation = closes_measures(closes, self._lookback)
        self._closes = closes[max(0, len(closes) - self._lookback + 1) :]
        return stamps, {
            "close_ts": stamps,
            "closes": count[known:],
            "closes_check": check[known:],
            "deviation": deviation[known:],
        }


class DayStream(CandleStream):
    """Candles that stand in for a ticker: last = close, the rest from the candles in (t - 24 h, t]."""

    reads = frozenset({"high", "low", "close", "volume"})
    gives = (*CandleStream.gives, *TickerStream.gives)

    def __init__(self, facts: FileFacts, block_size: int, *, lookback: int, shift: int) -> None:
        super().__init__(facts, block_size, lookback=lookback, shift=shift)
        nothing = np.zeros(0, dtype=np.int64)
        kept = ("ts", KNOWN, "high", "low", "volume_whole", "volume_rest")
        self._day: Columns = dict.fromkeys(kept, nothing)
        self._volume = RunningVolume(nothing, nothing)

    def _derive(self, block: Rows) -> tuple[Any, Columns]:
        stamps, columns = super()._derive(block)
        fresh = {"ts": stamps, KNOWN: stamps, **block.values}
        # This block serves no cycle before the last row, so a day before that is all that can be asked for.
        old = self._day["ts"]
        since = min(old[-1], self._day[KNOWN][-1]) - _DAY if len(old) else 0
        start = int(np.searchsorted(old, since, side="right"))
        self._day = {name: np.concatenate((kept[start:], fresh[name])) for name, kept in self._day.items()}
        self._volume = RunningVolume(self._day["volume_whole"], self._day["volume_rest"])
        return stamps, columns | {"ticker_ts": stamps, "last": block.values["close"]}

    def _assign(self, times: Any, rows: Any, out: Columns) -> None:
        super()._assign(times, rows, out)
        day = self._day
        end = np.searchsorted(day[KNOWN], times, side="right")
        start = np.minimum(np.searchsorted(day["ts"], times - _DAY, side="right"), end)
        volume, saturated = quote_volume(*self._volume.between(start, end), out["last"])
        out["quote_volume"][:], out["volume_saturated"][:] = volume, saturated
        traded = np.flatnonzero(end > start)
        extremes = range_extremes(day["high"], day["low"], start[traded], end[traded])
        for name, extreme in zip(("high", "low"), extremes, strict=True):
            out[name][:] = ABSENT
            out[name][traded] = extreme
