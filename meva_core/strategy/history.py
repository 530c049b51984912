"""What a strategy sees: bars and cycles, each an axis of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
from attrs import define, field

from meva_core.amounts import E8
from meva_core.market import MICROS, Market
from meva_core.strategy.bars import SeenBars
from meva_core.strategy.labels import misplaced_columns, misplaced_rows, values_of

_PRICES: Final = ("open", "high", "low", "close", "volume")


@define(slots=False, eq=False, repr=False)
class History:
    """Bars [bars, symbols] and what each cycle saw of the market [cycles, symbols], up to the last cycle.

    All columns are read-only; those of numbers are float64, NaN is missing, amounts in TRY and coins, ages in
    seconds. Bars lie on the full grid of their interval: one that nobody traded in is a row of NaN, never
    left out. `bar_time` is when a bar was complete; `bar` [cycles] is the row of the newest bar known at each
    cycle, -1 where there is none. `before` is the time of the cycle before the first one, seconds, None at
    the very first cycle of a run.
    """

    symbols: tuple[str, ...]
    bar_seconds: Any
    """When each bar was complete, int64 [bars], seconds."""
    bar: Any
    seconds: Any
    """The time of each cycle, int64 [cycles]."""
    before: int | None
    _bars: Mapping[str, Any] = field(alias="bars")
    _market: Mapping[str, Any] = field(alias="market")
    _made_of: tuple[Market, SeenBars, bool] = field(alias="made_of")

    @cached_property
    def bar_time(self) -> Any:
        """When each bar was complete, datetime64[s] [bars], UTC."""
        return _fixed(self.bar_seconds.astype("datetime64[s]"))

    @cached_property
    def time(self) -> Any:
        """The time of each cycle, datetime64[s] [cycles], UTC."""
        return _fixed(self.seconds.astype("datetime64[s]"))

    def on_cycles(self, x: Any) -> Any:
        """Return for each cycle the row of x [bars, ...] that belongs to its newest bar; NaN without one.

        Raises ValueError for labels that say that rows or columns stand in other places.
        """
        said = misplaced_columns(x, self.symbols, of_symbols=False) or misplaced_rows(x, self.bar_seconds)
        if said is not None:
            raise ValueError(f"on_cycles was given {said}; give it x[list(h.symbols)], a row for each bar")
        x = np.asarray(values_of(x), dtype=np.float64)
        found = np.full((len(self.bar), *x.shape[1:]), np.nan)
        there = self.bar >= 0
        found[there] = x[self.bar[there]]
        return found

    def __getattr__(self, name: str) -> Any:
        """Return a column, made at the first look at it."""
        if name in _PRICES:
            found = self._bars[name]
        elif not name.startswith("_") and name in self._market:
            found = self._market[name]
        else:
            raise AttributeError(f"History has no column {name!r}")
        made = _fixed(found() if callable(found) else np.asarray(found, dtype=np.float64))
        self.__dict__[name] = made
        return made

    def __repr__(self) -> str:
        """Return its size."""
        bars, cycles = len(self.bar_seconds), len(self.seconds)
        return f"History({bars} bars, {cycles} cycles, {len(self.symbols)} symbols)"


def history_of(
    symbols: Sequence[str],
    market: Market,
    seen: SeenBars,
    before: int | None = None,
    *,
    marks_are_last: bool = False,
) -> History:
    """Return what a strategy sees at the cycles of a market: the one way for every stage.

    `seen` holds the bars that lie before and between those cycles; `before` is the time of the cycle before
    them, seconds. Marks are mids, or last prices as the settings have it.
    """
    time = market.time.copy()
    micros = time[:, np.newaxis] * MICROS
    two_sided = (market.bid > 0) & (market.ask > 0) & (market.bid <= market.ask)

    def middle() -> Any:
        return np.where(two_sided, (_amounts(market.bid) + _amounts(market.ask)) / 2, np.nan)

    def mark() -> Any:
        last = _amounts(market.last)
        return last if marks_are_last else np.where(two_sided, middle(), last)

    def age(stamps: Any) -> Any:
        return np.where(stamps < 0, np.nan, np.maximum(0, micros - stamps) // MICROS)

    columns: dict[str, Any] = {
        "bid": lambda: _amounts(market.bid),
        "ask": lambda: _amounts(market.ask),
        "mid": middle,
        "mark": mark,
        "last": lambda: _amounts(market.last),
        "day_high": lambda: _amounts(market.high),
        "day_low": lambda: _amounts(market.low),
        "day_quote_volume": lambda: _amounts(market.quote_volume),
        "book_age": lambda: age(market.book_ts),
        "ticker_age": lambda: age(market.ticker_ts),
    }
    prices = {name: _later(getattr(seen, name)) for name in _PRICES}
    bar = _fixed(np.searchsorted(seen.known, time, side="right") - 1)
    made_of = market, seen, marks_are_last
    return History(
        tuple(symbols), _fixed(seen.time.copy()), bar, _fixed(time), before, prices, columns, made_of
    )


def made_of(history: History) -> tuple[Market, SeenBars, bool]:
    """Return the market and the bars that a history was made of, and whether its marks are last prices."""
    return history._made_of


def history_at(
    c: int,
    symbols: Sequence[str],
    market: Market,
    seen: SeenBars,
    needs: int,
    before: int | None = None,
    *,
    marks_are_last: bool = False,
) -> History:
    """Return what a strategy sees that is asked at cycle c of a market alone: that cycle, and of the bars the
    newest so many that it knows; else as `history_of`."""
    known = int(np.searchsorted(seen.known, market.time[c], side="right"))
    bars = SeenBars(*(column[max(0, known - needs) : known] for column in seen))
    row = Market(*(column[c : c + 1] for column in market))
    return history_of(symbols, row, bars, before, marks_are_last=marks_are_last)


def _later(column: Any) -> Any:
    return lambda: _amounts(column)


def _amounts(column: Any) -> Any:
    """Return amounts in e8 as float64, what is absent as NaN."""
    found = column / E8
    found[column < 0] = np.nan
    return found


def _fixed(column: Any) -> Any:
    column.flags.writeable = False
    return column
