"""The bars that a strategy looks at: its past once, then what is new, each as it was first seen."""

from __future__ import annotations

import pytest
from attrs import define, field
from live_exchange import BARS, PAIRS, Live
from test_turns import BARS_A_SECOND, NAMES, NOW, asking

from meva_adapters.measuring.turns import Pace, own_bars_to_ask, own_span_of
from meva_adapters.replay.live_bars import RowBars
from meva_core.live_market import BAR60, Answers, BarsWanted, SeenRow, bars_kind, past_kind

MICROS = 10**6


@define
class Looking:
    """What is known of a strategy's bars so far."""

    on: Live
    seconds: int
    most: int = 5
    bars: RowBars = field(init=False)
    last: int | None = None

    def __attrs_post_init__(self) -> None:
        self.bars = RowBars(self.seconds, self.most)

    def wanted(self) -> BarsWanted:
        return BarsWanted(
            seconds=self.seconds, most=self.most, last=self.bars.last, past=dict(self.bars.past)
        )

    def measure(self) -> tuple[Answers, list[SeenRow]]:
        """Measure, and return what of its bars is new."""
        since = None if self.last is None else max(1, self.on.now() - self.last)
        own = (bars_kind(self.seconds), past_kind(self.seconds))
        answers = self.on.market.measure(self.on.asking(own_bars=self.wanted(), since_last_seconds=since))
        self.on.alignment.take(row for row in answers.rows if row.kind not in own)
        self.last = answers.time
        return answers, self.bars.take(row for row in answers.rows if row.kind in own)


def ends(rows: list[SeenRow], symbol: str) -> list[int]:
    return [row.stamp // MICROS for row in rows if row.symbol == symbol and row.kind.startswith("bars")]


def comes_along(on: Live, until: int) -> None:
    """Let the market come along until a second."""
    while on.now() < until:
        on.forward(min(5, until - on.now()))


@pytest.mark.parametrize("seconds", [60, 300])
def test_the_past_is_asked_for_once_and_then_what_is_new(on: Live, seconds: int) -> None:
    looking = Looking(on, seconds)
    if on.now() % 60 < 10:  # the bar of a minute that has just ended may not be there yet
        on.forward(10)
    end = (on.now() - 3) // seconds * seconds
    answers, first = looking.measure()
    for pair in PAIRS:
        assert ends(first, pair) == [end - seconds * n for n in range(4, -1, -1)]
        assert looking.bars.past[pair] == end - 5 * seconds
    assert len(on.kinds(answers, BAR60)) == len(PAIRS)
    on.forward(5)
    assert looking.measure()[1] == []
    comes_along(on, end + 2 * seconds + 4)
    _, then = looking.measure()
    assert {pair: ends(then, pair) for pair in PAIRS} == {
        pair: [end + seconds, end + 2 * seconds] for pair in PAIRS
    }
    assert not [row for row in then if row.kind == past_kind(seconds)]


def test_a_strategy_that_needs_more_than_was_asked_for_gets_it(on: Live) -> None:
    looking = Looking(on, 300)
    looking.measure()
    longer = Looking(on, 300, most=9, last=looking.last)
    longer.bars.take(looking.bars.last.values())
    for pair, since in looking.bars.past.items():
        longer.bars.take([SeenRow(on.now(), past_kind(300), pair, since * MICROS, ())])
    on.forward(5)
    _, more = longer.measure()
    for pair in PAIRS:
        assert len(ends(more, pair)) == 8  # of nine the newest is known
        assert longer.bars.past[pair] == looking.bars.past[pair] - 4 * 300


def test_a_bar_stays_as_it_was_first_seen_and_a_later_version_is_counted(on: Live) -> None:
    looking = Looking(on, 300)
    looking.measure()
    was = dict(looking.bars.last)
    comes_along(on, on.now() + 300)
    on.fault("edit", BARS, path="c.0", value="1", times=50)  # of the last bar that is known
    on.fault("edit", BARS, path="l.0", value="1", times=50)
    answers, then = looking.measure()
    assert answers.failures == {"bar_changed": 2 * len(PAIRS)}  # those of a minute, too
    on.well()
    assert all(row not in then for row in was.values())


@pytest.mark.parametrize("needs", [3, 700])
def test_everybody_without_a_past_is_asked_as_far_as_calls_go(needs: int) -> None:
    own = BarsWanted(seconds=3600, most=needs)
    found = own_bars_to_ask(asking(first=["S100TRY"]), own, set(NAMES), (), Pace(54, BARS_A_SECOND), NOW)
    assert (found[0], len(found), len(set(found))) == ("S100TRY", 54, 54)
    start, end = own_span_of(own, "S100TRY", NOW)
    assert (end % 3600, (end - start) // 3600) == (0, needs)


def test_who_lacks_the_newest_bar_is_asked_when_it_has_ended_and_later_in_turn() -> None:
    end = NOW // 3600 * 3600
    row = SeenRow(end, bars_kind(3600), "", (end - 3600) * MICROS, ())
    own = BarsWanted(
        seconds=3600,
        most=3,
        last=dict.fromkeys(NAMES[:8], row),
        past=dict.fromkeys(NAMES[:8], 0),
    )
    asked = {
        now - end: own_bars_to_ask(asking(), own, set(NAMES[:8]), (), Pace(54, BARS_A_SECOND), now)
        for now in range(end - 20, end + 100, 5)
    }
    assert [len(asked[at]) for at in (-5, 0, 5, 30)] == [0, 0, 8, 8]
    assert all(len(found) <= 5 for at, found in asked.items() if at not in (5, 30, 35))
    assert {name for at, found in asked.items() if at > 35 for name in found} == set(NAMES[:8])
