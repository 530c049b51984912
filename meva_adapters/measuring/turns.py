"""Whom to ask, by what is stored and the time alone: so processes of one cycle ask as one of all cycles does.

What is held comes first. Where there are more symbols than calls, the others take turns: a place in their
list moves on with the clock as fast as calls may be made for ever, so each is asked as long after its last
turn as any other, and nobody has to remember.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from attrs import frozen

from meva_core.live_market import HISTORY_BARS, Asking, BarsWanted

BAR: Final = 60
SETTLED: Final = 3
"""So long after its end a bar is asked for."""
AGAIN: Final = 30
"""So long after its end it is asked for once more where it did not come; later only in turn."""
_UNTIL_NOW: Final = 60
"""Seconds since the last cycle where there was none: what a minute allows may be asked."""


@frozen
class Pace:
    """How many calls there may be now (`room`), and how many a second for ever (`rate`)."""

    room: int
    rate: float

    def turn(self, asking: Asking, now: int, quarters: int = 4) -> tuple[int, int]:
        """Return where the turn of this measure begins, and how many calls it has, in so many quarters of all
        calls."""
        rate = self.rate * quarters / 4
        begins = int((now - min(_since_last(asking), _UNTIL_NOW)) * rate)
        return begins, int(now * rate) - begins


def books_to_ask(
    asking: Asking, candidates: Collection[str], busy: Collection[str], pace: Pace, now: int
) -> list[str]:
    """Return whose books to ask for, in order. `busy` are being asked; `now` is in seconds.

    What is held, selected and configured leaves the others at least a quarter.
    """
    place, calls = pace.turn(asking, now)
    ahead = list(_without(busy, _ahead(asking, candidates, place)))
    place, others = pace.turn(asking, now, _quarters_left(len(ahead), calls))
    ahead = ahead[: max(len(asking.first), calls - others)]
    in_turn = _without({*busy, *ahead}, [turned(sorted(candidates), place)])
    return [*ahead, *islice(in_turn, max(others, calls - len(ahead)))][: pace.room]


def bars_to_ask(
    asking: Asking, candidates: Collection[str], busy: Collection[str], pace: Pace, now: int
) -> list[str]:
    """Return whose bars of a minute to ask for, in order: of those that lack the newest one."""
    end = newest_end(now)
    most = int(pace.rate * _UNTIL_NOW)
    first_of_all = list(_without(busy, _ahead(asking, candidates, pace.turn(asking, now)[0])))
    place, others = pace.turn(asking, now, _quarters_left(len(first_of_all), most))
    ahead: list[str] = []
    if asking.since_last_seconds is None or _comes_up(end, now - _since_last(asking), now):
        ahead = [name for name in first_of_all if _lacks(asking, name, end)]
    in_turn = _without({*busy, *ahead}, [turned(sorted(candidates), place)])
    lacking = (name for name in in_turn if _lacks(asking, name, end))
    return [*ahead, *islice(lacking, others)][: min(pace.room, most)]


def own_bars_to_ask(
    asking: Asking, own: BarsWanted, candidates: Collection[str], busy: Collection[str], pace: Pace, now: int
) -> list[str]:
    """Return whose bars a strategy's are to be asked of, in order: whose past it lacks, and then, as with the
    bars of a minute, who lacks the newest one."""
    end, most = newest_end(now, own.seconds), int(pace.rate * _UNTIL_NOW)
    place, others = pace.turn(asking, now)
    in_turn = turned(sorted(candidates), place)
    everybody = list(_without(busy, (*_ahead(asking, candidates, place), in_turn)))
    found = [name for name in everybody if lacks_past(own, name, now)]
    lacking = [name for name in everybody if name not in found and _last_of(own, name) < end]
    if not _comes_up(end, now - _since_last(asking), now):
        lacking = [name for name in in_turn if name in lacking][:others]
    return [*found, *lacking][: min(pace.room, most)]


def lacks_past(own: BarsWanted, symbol: str, now: int) -> bool:
    """Whether so many bars of a symbol as are wanted were never asked for."""
    first = newest_end(now, own.seconds) - own.seconds * own.most
    return own.past.get(symbol, first + 1) > first


def own_span_of(own: BarsWanted, symbol: str, now: int) -> tuple[int, int]:
    """Return which of a strategy's bars to ask of a symbol, as `span_of` does."""
    end = newest_end(now, own.seconds)
    first = end - own.seconds * own.most
    if lacks_past(own, symbol, now):
        return first, end
    return max(first, _last_of(own, symbol) - own.seconds), end


def _last_of(own: BarsWanted, symbol: str) -> int:
    """Return the end of the newest bar that is known, seconds; 0 for none."""
    row = own.last.get(symbol)
    return 0 if row is None else row.stamp // 10**6


def turned(symbols: Sequence[str], place: int) -> list[str]:
    """Return symbols from a place on, and then those before it."""
    start = place % len(symbols) if symbols else 0
    return [*symbols[start:], *symbols[:start]]


def newest_end(now: int, seconds: int = BAR) -> int:
    """Return when the newest bar of so many seconds ended that may be asked for."""
    return (now - SETTLED) // seconds * seconds


def span_of(asking: Asking, symbol: str, now: int) -> tuple[int, int]:
    """Return the bars to ask of a symbol: those that ended in (start, end], the last known one among them."""
    end = newest_end(now)
    known = asking.bar_since(symbol) // 10**6
    return max(known - BAR, end - BAR * max(asking.lookback, HISTORY_BARS)), end


def _comes_up(end: int, last: int, now: int) -> bool:
    """Whether it became time to ask for a bar since the last cycle."""
    return any(last < end + after <= now for after in (SETTLED, AGAIN))


def _since_last(asking: Asking) -> int:
    return _UNTIL_NOW if asking.since_last_seconds is None else max(1, asking.since_last_seconds)


def _ahead(asking: Asking, candidates: Collection[str], place: int) -> tuple[Sequence[str], ...]:
    """Return those that go before the others, in tiers; all but what is held take turns, too."""
    configured = [name for name in asking.symbols if name in candidates]
    return asking.first, turned(asking.then, place), turned(configured, place)


def _quarters_left(ahead: int, calls: int) -> int:
    """Return how many quarters of the calls are left for the others, at least one.

    A place that moves at one of four speeds stays where it is when a symbol more or less goes ahead.
    """
    return max(1, 4 * (calls - ahead) // calls) if calls else 1


def _lacks(asking: Asking, symbol: str, end: int) -> bool:
    """Whether a symbol's bar that ended then did not come yet."""
    return asking.bar_since(symbol) < end * 10**6


def _without(busy: Collection[str], tiers: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield the symbols of all tiers, each once, but for those that are busy."""
    seen = set(busy)
    for tier in tiers:
        for name in tier:
            if name not in seen:
                seen.add(name)
                yield name
