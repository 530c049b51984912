"""What the budgets let a loop ask for, reckoned beforehand, against what measures really ask for."""

from __future__ import annotations

import pytest

from meva_adapters.btcturk import endpoints
from meva_adapters.btcturk.limits import rate_of
from meva_adapters.measuring.reckoning import reckon
from meva_adapters.measuring.turns import Pace, books_to_ask
from meva_core.live_market import Asking

ROOM = 162


def asked(candidates: int, interval: int, ahead: int, cycles: int = 400) -> tuple[int, float, int]:
    """Return the most books that a cycle asked for, how many a minute, and the longest any waited."""
    names = [f"S{place:03}TRY" for place in range(candidates)]
    last: dict[str, int] = {}
    most = total = longest = 0
    for cycle in range(cycles):
        now = 1_700_000_000 + cycle * interval
        asking = Asking(
            symbols=names[:ahead],
            candidates=names,
            lookback=20,
            deadline_seconds=20.0,
            since_last_seconds=interval,
        )
        chosen = books_to_ask(asking, names, (), Pace(ROOM, rate_of(endpoints.BOOK)), now)
        most, total = max(most, len(chosen)), total + len(chosen)
        for name in names:
            if cycle > cycles // 2:
                longest = max(longest, now - last.get(name, now))
        last |= dict.fromkeys(chosen, now)
    return most, total * 60 / (cycles * interval), longest


@pytest.mark.parametrize(
    ("candidates", "interval", "ahead"),
    [(190, 5, 23), (190, 60, 23), (190, 300, 23), (100, 60, 20), (60, 10, 10), (9, 3, 3), (1, 1, 1)],
)
def test_it_is_what_measures_ask_for(candidates: int, interval: int, ahead: int) -> None:
    found = reckon(candidates, interval, ahead=ahead)
    most, a_minute, longest = asked(candidates, interval, ahead)
    assert abs(most - found.books_a_cycle) <= 1  # the turns of a cycle are whole calls, now more, now fewer
    assert a_minute <= found.books_a_minute * 1.05 + 1
    assert longest <= found.oldest_book_seconds * 2
    assert found.oldest_book_seconds <= max(2 * interval, 2 * longest)


def test_the_shortest_interval_asks_for_all_books_and_no_shorter_one_does() -> None:
    for candidates in range(1, 200):
        shortest = reckon(candidates, 60).shortest_interval
        if shortest is None:
            assert candidates > ROOM
            assert not reckon(candidates, 3600).asks_all
        else:
            assert reckon(candidates, shortest).asks_all
            assert shortest == 1 or not reckon(candidates, shortest - 1).asks_all


def test_bars_and_requests_stay_within_the_budgets() -> None:
    found = reckon(190, 60)
    assert (found.bars_a_minute, found.all_bars) == (54, False)
    assert reckon(54, 60).all_bars
    assert found.requests_a_minute == pytest.approx(162 + 54 + 1 + 60 / 300 + 1)
