"""A recorded market: a dataset's rows in time order, and its candles as history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from attrs import frozen

from meva_adapters.emulator.markets.bars import Bars, joined
from meva_adapters.emulator.markets.candles import Day, RecordedHistory, day_of_quote
from meva_adapters.replay import Dataset
from meva_core.amounts import E8, LIMIT
from meva_core.errors import BadInput
from meva_core.market import MICROS, Market

_WINDOW: Final = 256
"""Recorded moments that are read at once."""


@frozen
class RecordedRow:
    """A pair at a recorded moment: e8 amounts, negative where nothing was recorded."""

    pair: str
    bid: int
    ask: int
    bid_qty: int
    ask_qty: int
    last: int
    day: Day


class DatasetRecording:
    """The rows of a dataset, read forward once."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._moments = _moments(dataset)
        self._ahead: tuple[int, list[RecordedRow]] | None = next(self._moments, None)

    @property
    def start(self) -> int:
        """The time of the first row, in seconds."""
        return self._dataset.start

    @property
    def end(self) -> int:
        """The time of the last row, in seconds."""
        return self._dataset.end

    def until(self, second: int) -> Iterator[list[RecordedRow]]:
        """Yield the rows of each recorded moment up to a time that was not yielded before."""
        while self._ahead is not None and self._ahead[0] <= second:
            rows = self._ahead[1]
            self._ahead = next(self._moments, None)
            yield rows


def history_of(dataset: Dataset, symbol: str) -> RecordedHistory:
    """Return the candles of a symbol, stamped with where they begin."""
    seconds = _candle_seconds(dataset, symbol)
    return RecordedHistory(joined([_bars(rows, seconds) for rows in dataset.candles(symbol)]), seconds)


def first_prices(dataset: Dataset) -> dict[str, int]:
    """Return the first recorded price of every symbol, e8.

    Raises BadInput for symbols without candles: no history of theirs could be shown.
    """
    first = {symbol: next(dataset.candles(symbol), None) for symbol in dataset.symbols}
    if lacking := [symbol for symbol, rows in first.items() if rows is None]:
        raise BadInput(
            f"{dataset.root}: {', '.join(lacking)}: no candles, of which the emulator makes its history",
            action="serve a dataset that has candles of every symbol",
        )
    return {symbol: int(rows.values["open"][0]) for symbol, rows in first.items() if rows is not None}


def _candle_seconds(dataset: Dataset, symbol: str) -> int:
    if dataset.manifest is not None and dataset.manifest.interval_seconds:
        return dataset.manifest.interval_seconds
    steps = {file.symbol: file.step_seconds for file in dataset.files.values() if file.kind == "candles"}
    return max(60, steps[symbol])


def _bars(rows: Any, seconds: int) -> Bars:
    whole, rest = rows.values["volume_whole"], rows.values["volume_rest"]
    volume = np.where(whole < LIMIT // E8, whole * E8 + rest, LIMIT - 1)
    opened, high, low, close = (rows.values[name] for name in ("open", "high", "low", "close"))
    return Bars(rows.ts // MICROS - seconds, opened, high, low, close, volume)


def _moments(dataset: Dataset) -> Iterator[tuple[int, list[RecordedRow]]]:
    """Yield time in seconds and the rows of each moment in which any book changed."""
    times = np.arange(dataset.start, dataset.end + 1, max(1, dataset.step_seconds), dtype=np.int64)
    seen = dict.fromkeys(dataset.symbols, -1)
    for market in dataset.windows(times, lookback=1, cycles=_WINDOW):
        for moment, time in enumerate(market.time.tolist()):
            rows = [_row(market, moment, place, symbol) for place, symbol in enumerate(dataset.symbols)]
            stamps = {
                symbol: int(market.book_ts[moment, place]) for place, symbol in enumerate(dataset.symbols)
            }
            fresh = [row for row in rows if stamps[row.pair] != seen[row.pair]]
            seen = stamps
            if fresh:
                yield time, fresh


def _row(market: Market, moment: int, place: int, symbol: str) -> RecordedRow:
    bid, ask, bid_qty, ask_qty, last, high, low, quote_volume = (
        int(column[moment, place])
        for column in (
            market.bid,
            market.ask,
            market.bid_qty,
            market.ask_qty,
            market.last,
            market.high,
            market.low,
            market.quote_volume,
        )
    )
    return RecordedRow(symbol, bid, ask, bid_qty, ask_qty, last, day_of_quote(last, high, low, quote_volume))
