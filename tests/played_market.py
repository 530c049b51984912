"""A live market that plays a recorded one, moment by moment: what a measure would have brought then."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from attrs import define, field

from meva_core.live_market import BAR60, BOOK, TICKER, Answers, Asking, SeenRow, TouchFrom
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
    _seen: int = field(default=0, init=False)

    def measure(self, asking: Asking) -> Answers:
        """Return what came since the measure before, as one that asks for everything would have it."""
        rows = [row for row in self.rows if row.stamp <= self.now * MICROS]
        newest: dict[tuple[str, str], SeenRow] = {}
        for row in rows:
            if row.kind != BAR60:
                newest[row.kind, row.symbol] = row
        bars = [
            row for row in rows if row.kind == BAR60 and row.stamp > asking.bars_since.get(row.symbol, -1)
        ]
        due = asking.rules_due and not (self.fails or self.is_silent_on_rules)
        return Answers(
            time=self.now,
            rows=() if self.fails else (*newest.values(), *bars),
            offset=0,
            round_trip=1000,
            learnt=self.now * MICROS,
            metadata=Metadata(self.now * MICROS, self.pairs, b"{}") if due else None,
            touch_from={row.symbol: TouchFrom.BOOK for row in newest.values()},
        )
