"""A live market that plays a recorded one, moment by moment: what a measure would have brought then."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from attrs import define, field

from meva_core.live_market import (
    BAR60,
    BOOK,
    TICKER,
    Answers,
    Asking,
    SeenRow,
    TouchFrom,
    bars_kind,
    past_kind,
)
from meva_core.venue import Metadata

FOLDERS = {BOOK: "orderbook", TICKER: "ticker", BAR60: "candles"}
MICROS = 10**6


def rows_of(folder: Path) -> list[SeenRow]:
    """All rows of a dataset, by stamp; they are known as soon as they are stamped."""
    found = []
    for kind, name in FOLDERS.items():
        for path in sorted((folder / name).glob("*.csv")):
            with path.open() as file:
                for line in csv.reader(file):
                    if line[0] != "ts":
                        known = int(datetime.fromisoformat(line[0]).timestamp())
                        found.append(SeenRow(known, kind, path.stem, known * MICROS, tuple(line[1:])))
    return sorted(found, key=lambda row: (row.stamp, row.kind, row.symbol))


@define
class Played:
    """The port `LiveMarket`. `now` is what its clock shows, seconds; a test moves it."""

    rows: list[SeenRow]
    pairs: Mapping[str, Mapping[str, Any]]
    now: int
    fails: bool = False
    """Whether nothing is answered."""
    is_silent_on_rules: bool = False
    late: Callable[[str, int], int] = lambda symbol, end: 0
    """How many seconds after its end, seconds, a bar of a symbol is shown to a strategy."""
    _seen: int = field(default=0, init=False)

    def measure(self, asking: Asking) -> Answers:
        """Return what came since the measure before, as one that asks for everything would have it."""
        rows = [row for row in self.rows if row.stamp <= self.now * MICROS]
        newest: dict[tuple[str, str], SeenRow] = {}
        for row in rows:
            if row.kind != BAR60:
                newest[row.kind, row.symbol] = row
        bars = [row for row in rows if row.kind == BAR60 and row.stamp > asking.bar_since(row.symbol)]
        due = asking.rules_due and not (self.fails or self.is_silent_on_rules)
        return Answers(
            time=self.now,
            rows=() if self.fails else (*newest.values(), *bars, *self._own_bars(asking)),
            offset=0,
            round_trip=1000,
            learnt=self.now * MICROS,
            metadata=Metadata(self.now * MICROS, self.pairs, b"{}") if due else None,
            touch_from={row.symbol: TouchFrom.BOOK for row in newest.values()},
        )

    def _own_bars(self, asking: Asking) -> Iterator[SeenRow]:
        """Yield the bars that a strategy looks at, and since when they were asked for."""
        own = asking.own_bars
        if own is None:
            return
        first = self.now // own.seconds * own.seconds - own.seconds * own.most
        for symbol in sorted({row.symbol for row in self.rows}):
            if own.past.get(symbol, first + 1) > first:
                yield SeenRow(self.now, past_kind(own.seconds), symbol, first * MICROS, ())
            for end, cells in self._bars_of(symbol, own.seconds):
                if first < end and end + self.late(symbol, end) <= self.now:
                    yield SeenRow(self.now, bars_kind(own.seconds), symbol, end * MICROS, cells)

    def _bars_of(self, symbol: str, seconds: int) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Yield the bars of an interval, as an exchange would make them of minutes: ends and cells."""
        minutes: dict[int, list[tuple[str, ...]]] = {}
        for row in self.rows:
            if (row.kind, row.symbol) == (BAR60, symbol):
                minutes.setdefault(-(-row.stamp // (seconds * MICROS)) * seconds, []).append(row.cells)
        for end, parts in sorted(minutes.items()):
            columns = [list(map(Decimal, column)) for column in zip(*parts, strict=True)]
            opened, high, low, close, volume = columns
            made = opened[0], max(high), min(low), close[-1], sum(volume)
            yield end, tuple(map(str, made))
