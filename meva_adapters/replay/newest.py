"""The newest row known by then: rows of one symbol and kind in, columns of the market out.

A row is known from its stamp on or, where that is said, from when whoever recorded it had it; how old it is
goes by its stamp in any case. Whoever has rows pushes them in blocks, those of a file and those of a live
market alike, and asks for times that grow from call to call. Only what a later time may see is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from meva_adapters.replay.format.layout import KNOWN
from meva_adapters.replay.format.rows import Rows
from meva_adapters.replay.format.wide import RunningVolume, quote_volume, range_extremes
from meva_core.amounts import ABSENT
from meva_core.market import MICROS, Market, closes_measures

_DAY: Final = 86400 * MICROS
Columns = dict[str, Any]


class Newest:
    """The rows of one symbol and kind, pushed in the order in which they became known."""

    reads: frozenset[str]
    """Columns of the rows that are needed, where they have them."""
    gives: tuple[str, ...]
    """Columns of the market that are filled."""
    _by_row = True
    """Whether each time is filled with what one row says, and nothing is made of several."""

    def __init__(self) -> None:
        self._known: Any = np.zeros(0, dtype=np.int64)
        self._columns: Columns = {}
        self._waiting: list[tuple[Any, Columns]] = []

    @classmethod
    def needs(cls, columns: tuple[str, ...]) -> frozenset[str]:
        """Return which columns of rows that have `columns` are needed, besides their times."""
        return cls.reads

    @property
    def last_known(self) -> int | None:
        """When the last row was known, in microseconds; None before the first."""
        known = self._waiting[-1][0] if self._waiting else self._known
        return int(known[-1]) if len(known) else None

    def take(self, block: Rows) -> None:
        """Take rows, at least one, which became known after those before, or with the last of them."""
        self.push(*self.derive(block))

    def push(self, known: Any, columns: Columns) -> None:
        """Take rows as `derive` gives them."""
        self._waiting.append((known, columns))

    def derive(self, block: Rows) -> tuple[Any, Columns]:
        """Return when each row was known, in microseconds, and what it says in columns of the market."""
        stamps, columns = self._derive(block)
        return block.values.get(KNOWN, stamps), columns

    def fill(self, times: Any, market: Market, symbol: int, first: int = 0) -> None:
        """Fill the cells of one symbol for `times` in microseconds, from number `first` on.

        Cells of times before the first row stay as they are.
        """
        wanted = times[first:]
        if self._waiting:
            self._join(wanted[0])
        rows = self._known.searchsorted(wanted, side="right") - 1
        seeing = 0 if rows[0] >= 0 else int(rows.searchsorted(0))
        if seeing == len(wanted):
            return
        if len(wanted) == 1 and self._by_row:  # as in a live market, each time, for every symbol
            row = rows[0]
            for name, column in self._columns.items():
                getattr(market, name)[first, symbol] = column[row]
        else:
            out = {name: getattr(market, name)[first + seeing :, symbol] for name in self.gives}
            self._assign(wanted[seeing:], rows[seeing:], out)
        if last := int(rows[-1]):
            self._known = self._known[last:]
            self._columns = {name: column[last:] for name, column in self._columns.items()}

    def _join(self, time: int) -> None:
        """Take up the rows that wait, and let go of those that no time from `time` on sees."""
        if self._waiting[-1][0][0] <= time:  # as in a live market each time
            blocks = self._waiting[-1:]
        else:
            blocks = [(self._known, self._columns), *self._waiting] if len(self._known) else self._waiting
            since = max((at for at, (known, _) in enumerate(blocks) if known[0] <= time), default=0)
            blocks = blocks[since:]
        self._waiting = []
        if len(blocks) == 1:
            ((self._known, self._columns),) = blocks
            return
        self._known = np.concatenate([known for known, _ in blocks])
        self._columns = {
            name: np.concatenate([columns[name] for _, columns in blocks]) for name in blocks[0][1]
        }

    def _assign(self, times: Any, rows: Any, out: Columns) -> None:
        """Write for each of `times` the row of that number, which is there."""
        for name, column in self._columns.items():
            out[name][:] = column[rows]

    def _derive(self, block: Rows) -> tuple[Any, Columns]:
        """Return when each row was complete, in microseconds, and what it says in columns of the market."""
        raise NotImplementedError


class NewestBook(Newest):
    """Best bid and ask, with sizes where they were recorded. A side may be empty."""

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


class NewestTicker(Newest):
    """The exchange's figures of the last 24 hours. Without a quote volume it is volume times last."""

    gives = ("ticker_ts", "last", "high", "low", "quote_volume", "volume_saturated")

    @classmethod
    def needs(cls, columns: tuple[str, ...]) -> frozenset[str]:
        """Return which columns are needed: of the two volumes one."""
        return frozenset({"last", "high", "low", "quote_volume" if "quote_volume" in columns else "volume"})

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


class NewestCandle(Newest):
    """The measures of the last `lookback` closes. `shift` is how much later than its stamp a candle was
    complete."""

    reads = frozenset({"close"})
    gives: tuple[str, ...] = ("close_ts", "closes", "closes_check", "deviation")

    def __init__(self, lookback: int, shift: int = 0) -> None:
        super().__init__()
        self._lookback = lookback
        self._shift = shift
        self._closes: Any = np.zeros(0, dtype=np.int64)

    @staticmethod
    def take_side_by_side(newest: Sequence[NewestCandle], blocks: Sequence[Rows]) -> None:
        """Have each take a block, as `take` does; those that have equally many closes are measured at once.

        All have one lookback.
        """
        alike: dict[tuple[int, int], list[tuple[NewestCandle, Rows]]] = {}
        for one, block in zip(newest, blocks, strict=True):
            alike.setdefault((len(one._closes), len(block.ts)), []).append((one, block))
        for (before, _), lines in alike.items():
            closes = np.stack([one._with(block) for one, block in lines], axis=1)
            count, *measures = closes_measures(closes, lines[0][0]._lookback)
            for at, (one, block) in enumerate(lines):
                columns = one._measured(block, before, closes[:, at], count, *(of[:, at] for of in measures))
                one.push(block.values.get(KNOWN, columns["close_ts"]), columns)

    def _derive(self, block: Rows) -> tuple[Any, Columns]:
        before, closes = len(self._closes), self._with(block)
        columns = self._measured(block, before, closes, *closes_measures(closes, self._lookback))
        return columns["close_ts"], columns

    def _with(self, block: Rows) -> Any:
        """Return the closes that were kept, and those of a block."""
        return np.concatenate((self._closes, block.values["close"]))

    def _measured(
        self, block: Rows, before: int, closes: Any, count: Any, check: Any, deviation: Any
    ) -> Columns:
        """Keep the closes that later windows need; return what the rows of a block say, behind so many."""
        self._closes = closes[max(0, len(closes) - self._lookback + 1) :].copy()
        return {
            "close_ts": block.ts + self._shift,
            "closes": count[before:],
            "closes_check": check[before:],
            "deviation": deviation[before:],
        }


class NewestDay(NewestCandle):
    """Candles that stand in for a ticker: last = close, the rest from the candles in (t - 24 h, t].

    Where nobody told their volume there is no quote volume either.
    """

    reads = frozenset({"high", "low", "close", "volume"})
    gives = (*NewestCandle.gives, *NewestTicker.gives)
    _by_row = False

    def __init__(self, lookback: int, shift: int = 0, *, has_volume: bool = True) -> None:
        super().__init__(lookback, shift)
        self._has_volume = has_volume
        nothing = np.zeros(0, dtype=np.int64)
        kept = ("ts", KNOWN, "high", "low", "volume_whole", "volume_rest")
        self._day: Columns = dict.fromkeys(kept, nothing)
        self._volume = RunningVolume(nothing, nothing)
        self._fresh: list[Columns] = []

    def _derive(self, block: Rows) -> tuple[Any, Columns]:
        stamps, columns = super()._derive(block)
        self._fresh.append({"ts": stamps, KNOWN: stamps, **block.values})
        return stamps, columns | {"ticker_ts": stamps, "last": block.values["close"]}

    def _join(self, time: int) -> None:
        super()._join(time)
        start = int(np.searchsorted(self._day["ts"], time - _DAY, side="right"))
        self._day = {
            name: np.concatenate((kept[start:], *(fresh[name] for fresh in self._fresh)))
            for name, kept in self._day.items()
        }
        self._fresh = []
        self._volume = RunningVolume(self._day["volume_whole"], self._day["volume_rest"])

    def _assign(self, times: Any, rows: Any, out: Columns) -> None:
        super()._assign(times, rows, out)
        day = self._day
        end = np.searchsorted(day[KNOWN], times, side="right")
        start = np.minimum(np.searchsorted(day["ts"], times - _DAY, side="right"), end)
        volume, saturated = quote_volume(*self._volume.between(start, end), out["last"])
        if not self._has_volume:
            volume = np.full(len(times), ABSENT, dtype=np.int64)
        out["quote_volume"][:], out["volume_saturated"][:] = volume, saturated
        traded = np.flatnonzero(end > start)
        extremes = range_extremes(day["high"], day["low"], start[traded], end[traded])
        for name, extreme in zip(("high", "low"), extremes, strict=True):
            out[name][:] = ABSENT
            out[name][traded] = extreme
