"""The bars that strategies of Stages 3 and 4 look at, as the cycles of a process saw them.

They are those of Stage 7 (`strategy.as_seen`): of every interval that the exchange's candles make, the newest
only when it is there as far as it will be, each as it was seen first. Without that, a strategy asked in the
first seconds of an hour would see a row in which nothing is known, and take it for a market in which nothing
rose; and each cycle would ask for all of the past again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import define, field, frozen

from meva_core.amounts import ABSENT, is_usable
from meva_core.errors import BadInput, VenueError
from meva_core.live.booking import units
from meva_core.operational.inputs import MICROS, Bars
from meva_core.ports import MarketData
from meva_core.strategy.as_seen import BarsAsSeen, Cell, patience
from meva_core.strategy.bars import SeenBars
from meva_core.strategy.periods import EXCHANGE_BARS
from meva_core.venue import Candle

NO_BARS: Final = "no_bars"
"""Why nothing is submitted in a symbol: its candles were not read, and a strategy looks at them."""
MOST_ASKED: Final = 20
"""Symbols whose candles are asked for in one cycle at most, those that lack most first."""
_AFTER: Final = 3
"""Seconds after its end from which on a candle is asked for."""
_MARGIN: Final = 10
"""So many bars more are asked for at first: in the newest ones perhaps nobody traded."""


@frozen
class BarsSeen:
    """Bars by their seconds, as text; and why nothing may be submitted in a symbol: its newest bar is missing
    because its candles were not read."""

    bars: Mapping[str, Bars]
    blocked: Mapping[str, str]


@define
class LiveBars:
    """What a process knows of bars, by their seconds."""

    _intervals: dict[int, _Interval] = field(factory=dict, init=False)

    def seen(
        self,
        market: MarketData,
        symbols: Sequence[str],
        wanted: Mapping[int, int],
        now: int,
        notes: list[str],
    ) -> BarsSeen:
        """Return the newest so many bars of so many seconds, as they are seen at `now`, seconds. Fewer are
        there only where the exchange has no more; `notes` are told of candles that could not be read."""
        names, found, blocked = tuple(sorted(symbols)), dict[str, Bars](), dict[str, str]()
        for seconds, count in sorted(wanted.items()):
            if not count:
                continue
            kept = self._intervals.get(seconds)
            if kept is None or kept.needs < count:
                kept = self._intervals[seconds] = _Interval(seconds, count)
            unread = kept.ask(market, names, now, notes)
            bars = kept.bars(names, now)
            found[str(seconds)] = _as_inputs(names, bars)
            newest = bars.close[-1] if len(bars.time) else [ABSENT] * len(names)
            lacking = {name for name, close in zip(names, newest, strict=True) if close == ABSENT}
            blocked |= dict.fromkeys(sorted(unread & lacking), NO_BARS)
        return BarsSeen(found, blocked)


@define
class _Interval:
    """The bars of an interval, and what they are made of: by symbol the candles of `base` seconds that came,
    by their ends, each with when it was known; and up to when none will come any more."""

    seconds: int
    needs: int
    base: int = field(init=False)
    _came: dict[str, dict[int, tuple[int, Candle]]] = field(factory=dict, init=False)
    _settled: dict[str, int] = field(factory=dict, init=False)
    _names: tuple[str, ...] = field(default=(), init=False)
    _made: BarsAsSeen = field(init=False)
    _fresh: list[Cell] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self.base = max(one for one in EXCHANGE_BARS if self.seconds % one == 0)
        self._made = self._empty()

    def _empty(self) -> BarsAsSeen:
        return BarsAsSeen(len(self._names), self.base, self.seconds, self.needs)

    def ask(self, market: MarketData, names: Sequence[str], now: int, notes: list[str]) -> set[str]:
        """Ask for candles that may have come; return the symbols of which not all was read that is there."""
        begin = (now // self.seconds - self.needs - _MARGIN) * self.seconds
        due = [name for name in names if now >= self._until(name, begin) + self.base + _AFTER]
        due.sort(key=lambda name: self._until(name, begin))
        unread = set(due[MOST_ASKED:])
        for name in due[:MOST_ASKED]:
            try:
                candles = market.candles(name, self.base, self._until(name, begin), now)
            except (VenueError, BadInput) as error:
                notes.append(f"{name}: its bars cannot be read: {error}")
                unread.add(name)
                continue
            self._take(name, candles, now)
        for came in self._came.values():
            for end in [end for end in came if end <= begin]:
                del came[end]
        return unread

    def _until(self, name: str, begin: int) -> int:
        return max(begin, self._settled.get(name, 0))

    def _take(self, name: str, candles: Sequence[Candle], now: int) -> None:
        came = self._came.setdefault(name, {})
        for candle in candles:
            end = candle.ts // MICROS
            if end not in came and _is_readable(candle):
                came[end] = now, candle
                if name in self._names:
                    self._fresh.append(_cell(self._names.index(name), now, candle))
        waited = (now - patience(self.seconds)) // self.base * self.base
        self._settled[name] = max(waited, self._settled.get(name, 0), *came)

    def bars(self, names: tuple[str, ...], now: int) -> SeenBars:
        """Return the newest bars that count at `now`."""
        if names != self._names:
            self._names = names
            self._made, self._fresh = self._empty(), []
            self._made.catch_up(
                _cell(place, known, candle)
                for place, name in enumerate(names)
                for known, candle in self._came.get(name, {}).values()
            )
        fresh, self._fresh = self._fresh, []
        self._made.take(now, fresh)
        return self._made.standing()


def _is_readable(candle: Candle) -> bool:
    """Whether reckoning could take its prices, and its volume."""
    return all(
        is_usable(part) for part in (candle.open, candle.high, candle.low, candle.close, candle.volume)
    )


def _cell(place: int, known: int, candle: Candle) -> Cell:
    prices = (units(part) for part in (candle.open, candle.high, candle.low, candle.close, candle.volume))
    return Cell(known, place, candle.ts // MICROS, *prices)


def _as_inputs(names: tuple[str, ...], seen: SeenBars) -> Bars:
    cells = {
        name: tuple(tuple(None if cell == ABSENT else cell for cell in row) for row in column.tolist())
        for name, column in seen._asdict().items()
        if column.ndim > 1
    }
    return Bars(symbols=names, time=tuple(seen.time.tolist()), known=tuple(seen.known.tolist()), **cells)
