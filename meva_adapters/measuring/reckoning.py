"""What the exchange's budgets let a loop ask for, reckoned beforehand by what `turns` goes by."""

from __future__ import annotations

from math import ceil
from typing import Final

from attrs import frozen

from meva_adapters.btcturk import endpoints
from meva_adapters.btcturk.limits import rate_of

_MINUTE: Final = 60
"""A measure asks for no more than what the budgets of a minute allow."""


@frozen
class Reckoned:
    """What a loop asks for. `books_a_cycle` are asked in each cycle; the oldest book is at most so many
    seconds old when its turn comes. `shortest_interval` is the shortest at which every cycle asks for all
    books, None where no interval does."""

    candidates: int
    interval: int
    books_a_cycle: int
    books_a_minute: float
    bars_a_minute: float
    requests_a_minute: float
    oldest_book_seconds: int
    shortest_interval: int | None

    @property
    def asks_all(self) -> bool:
        """Whether each cycle asks for all books."""
        return self.books_a_cycle >= self.candidates

    @property
    def all_bars(self) -> bool:
        """Whether each bar is asked for before the next one ends."""
        return self.bars_a_minute >= self.candidates * min(1.0, _MINUTE / self.interval)


def reckon(candidates: int, interval: int, *, ahead: int = 0, rules_ttl: int = 300) -> Reckoned:
    """Return what a loop asks for with so many candidates, a cycle each `interval` seconds.

    `ahead` are candidates whose turn comes before the others' (held, selected, configured).
    """
    books, bars = rate_of(endpoints.BOOK), rate_of(endpoints.KLINES)
    calls = int(books * min(interval, _MINUTE))
    asked = min(candidates, calls)
    shortest = ceil(candidates / books)
    cycles = _MINUTE / interval
    bars_asked = min(candidates, int(bars * _MINUTE)) * min(1.0, cycles)
    rules = _MINUTE / max(rules_ttl, interval)
    return Reckoned(
        candidates,
        interval,
        books_a_cycle=asked,
        books_a_minute=asked * cycles,
        bars_a_minute=bars_asked,
        requests_a_minute=asked * cycles + bars_asked + cycles + rules + min(1.0, cycles),
        oldest_book_seconds=interval * _turns(candidates, calls, min(ahead, candidates)),
        shortest_interval=shortest if shortest <= _MINUTE else None,
    )


def _turns(candidates: int, calls: int, ahead: int) -> int:
    """Return how many cycles it takes until everybody had a turn; those ahead leave a quarter at least."""
    if candidates <= calls:
        return 1
    quarters = max(1, 4 * (calls - ahead) // calls) if calls else 1
    others = max(1, calls * quarters // 4)
    return max(ceil((candidates - ahead) / others), ceil(ahead / max(1, calls - others)))
