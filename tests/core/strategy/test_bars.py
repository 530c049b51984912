"""Bars: coarser ones of finer, and which of them a window of cycles sees."""

from __future__ import annotations

import numpy as np
from attrs import define

from meva_core.amounts import ABSENT, E8
from meva_core.market import empty_market
from meva_core.strategy.bars import BarFeed, SeenBars, coarser
from meva_core.strategy.history import history_of

MINUTE = 60


def minutes(first: int, count: int, missing: tuple[int, ...] = ()) -> SeenBars:
    """Return bars of a minute; the n-th closes at n TRY, opens one below, and has a volume of 1."""
    times = np.arange(first, first + count, dtype=np.int64)
    close = times[:, np.newaxis] * E8
    there = ~np.isin(times, missing)[:, np.newaxis]
    cells = [np.where(there, column, ABSENT) for column in (close - E8, close + 1, close - 1, close)]
    volume = np.where(there, E8, ABSENT)
    return SeenBars(times * MINUTE, times * MINUTE, *cells, volume)


@define
class Given:
    """Hands out bars up to the time asked for."""

    bars: SeenBars
    at: int = 0

    def until(self, time: int) -> SeenBars:
        stop = int(np.searchsorted(self.bars.time, time, side="right"))
        found = SeenBars(*(column[self.at : stop] for column in self.bars))
        self.at = stop
        return found


def test_a_coarser_bar_has_the_first_open_the_last_close_and_the_sum_of_volumes() -> None:
    made = coarser(minutes(1, 20), 10)
    assert made.time.tolist() == [600, 1200]
    assert made.open[:, 0].tolist() == [0, 10 * E8]
    assert made.close[:, 0].tolist() == [10 * E8, 20 * E8]
    assert made.high[:, 0].tolist() == [10 * E8 + 1, 20 * E8 + 1]
    assert made.low[:, 0].tolist() == [E8 - 1, 11 * E8 - 1]
    assert made.volume[:, 0].tolist() == [10 * E8, 10 * E8]


def test_with_fewer_than_nine_of_ten_parts_there_is_none() -> None:
    made = coarser(minutes(1, 20, missing=(10, 11, 12)), 10)
    assert made.close[:, 0].tolist() == [9 * E8, ABSENT]
    assert made.volume[:, 0].tolist() == [9 * E8, ABSENT]


def test_a_window_sees_what_it_needs_before_and_no_bar_that_is_not_whole() -> None:
    feed = BarFeed(Given(minutes(1, 100)), 1, MINUTE, 5 * MINUTE, needs=3)
    first = feed.window(32 * MINUTE, 39 * MINUTE)
    assert (first.time // MINUTE).tolist() == [20, 25, 30, 35]
    second = feed.window(40 * MINUTE, 46 * MINUTE)
    assert (second.time // MINUTE).tolist() == [30, 35, 40, 45]


def test_a_bar_counts_from_when_it_is_known_and_none_after_it_before() -> None:
    given = minutes(1, 10)
    given.known[4] += 2 * MINUTE  # the fifth is known two minutes late
    feed = BarFeed(Given(given), 1, MINUTE, MINUTE, needs=2)
    market = empty_market(6, 1)
    market.time[:] = np.arange(4, 10) * MINUTE
    history = history_of(("A",), market, feed.window(4 * MINUTE, 9 * MINUTE))
    assert (history.bar_seconds[history.bar] // MINUTE).tolist() == [4, 4, 4, 7, 8, 9]


def test_windows_of_any_size_give_each_cycle_the_same_bars() -> None:
    times = np.arange(30, 90, dtype=np.int64) * MINUTE
    seen = []
    for size in (60, 7, 1):
        feed = BarFeed(Given(minutes(1, 100, missing=(44, 45))), 1, MINUTE, 5 * MINUTE, needs=4)
        rows = []
        for at in range(0, 60, size):
            market = empty_market(len(times[at : at + size]), 1)
            market.time[:] = times[at : at + size]
            history = history_of(("A",), market, feed.window(int(market.time[0]), int(market.time[-1])))
            assert history.bar[0] == 3  # exactly so many as are needed, the newest of them the last
            rows += [history.close[bar - 3 : bar + 1, 0].tolist() for bar in history.bar]
        seen.append(rows)
    assert np.array_equal(seen[0], seen[1], equal_nan=True)
    assert np.array_equal(seen[0], seen[2], equal_nan=True)


def test_history_is_read_only_and_missing_values_are_nan() -> None:
    market = empty_market(2, 1)
    market.time[:] = (600, 660)
    market.bid[1], market.ask[1], market.last[0] = 99 * E8, 101 * E8, 98 * E8
    history = history_of(("A",), market, minutes(1, 0))
    assert np.array_equal(history.mid, [[np.nan], [100.0]], equal_nan=True)
    assert np.array_equal(history.mark, [[98.0], [100.0]])
    assert history.bar.tolist() == [-1, -1]
    assert np.isnan(history.on_cycles(history.close)).all()
    assert str(history.time[0]) == "1970-01-01T00:10:00"
    for column in (history.mark, history.close, history.bar):
        assert not column.flags.writeable
