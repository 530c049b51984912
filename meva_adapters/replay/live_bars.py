"""The bars of a live market that a strategy looks at, by the rows that became known: read as those of a
recording are, so that both see the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from attrs import define, field

from meva_adapters.replay.format.bar_lines import bar_cell
from meva_core.live_market import SeenRow, bars_kind, past_kind
from meva_core.strategy.as_seen import Cell


class RowBars:
    """The port `LiveBars`: bars of `seconds`, of each symbol the newest `most`."""

    def __init__(self, seconds: int, most: int) -> None:
        self._bars, self._past_kind = bars_kind(seconds), past_kind(seconds)
        self._most = most
        self._rows: dict[str, dict[int, SeenRow]] = {}
        self._past: dict[str, int] = {}
        self._reader: _Known | None = None

    @property
    def last(self) -> Mapping[str, SeenRow]:
        """The newest bar of each symbol, as it was first seen."""
        return {symbol: rows[max(rows)] for symbol, rows in self._rows.items()}

    @property
    def past(self) -> Mapping[str, int]:
        """Since when each symbol's bars were asked for, seconds."""
        return self._past

    def take(self, rows: Iterable[SeenRow]) -> list[SeenRow]:
        """Take rows in the order in which they became known, and return those that say something new."""
        taken = []
        for row in rows:
            if row.kind == self._past_kind:
                since = row.stamp // 10**6
                if since < self._past.get(row.symbol, since + 1):
                    self._past[row.symbol] = since
                    taken.append(row)
            elif row.kind == self._bars and self._is_new(row):
                self._rows.setdefault(row.symbol, {})[row.stamp] = row
                taken.append(row)
        for symbol in {row.symbol for row in taken} & self._rows.keys():
            known = self._rows[symbol]
            for stamp in sorted(known)[: -self._most]:
                del known[stamp]
        if self._reader is not None:
            self._reader.waiting += [row for row in taken if row.kind == self._bars]
        return taken

    def _is_new(self, row: SeenRow) -> bool:
        """Whether a bar is not known, and not older than all that are kept."""
        known = self._rows.get(row.symbol, {})
        return row.stamp not in known and (len(known) < self._most or row.stamp > min(known))

    def cells(self, symbols: Sequence[str]) -> _Known:
        """Return what reads the bars of these symbols that are known, and then those that become known."""
        known = (row for rows in self._rows.values() for row in rows.values())
        self._reader = _Known({symbol: place for place, symbol in enumerate(symbols)}, list(known))
        return self._reader


@define
class _Known:
    """Reads the bars of some symbols, by their places, as they become known."""

    places: Mapping[str, int]
    waiting: list[SeenRow] = field(repr=False)

    def until(self, time: int) -> Sequence[Cell]:
        """Return the bars that were known at or before a time, seconds, and were not returned before."""
        found = [row for row in self.waiting if row.known <= time and row.symbol in self.places]
        self.waiting = [row for row in self.waiting if row.known > time]
        return [bar_cell(row.known, self.places[row.symbol], row.stamp, row.cells) for row in found]
