"""When something is told: at each change, again while it lasts, not whenever it comes and goes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_core.alerts.conditions import ON, OVER, Condition, Kind
from meva_core.alerts.due import AGAIN_AFTER, MOST_AN_HOUR, Telling, due


def risk(about: str = "daily_loss_breach") -> Condition:
    return Condition(Kind.RISK, about, ON, "today's loss is 600 TRY")


def mode(state: str) -> Condition:
    return Condition(Kind.MODE, "mode", state, "")


def telling(conditions: Sequence[Condition], told: Sequence[Telling], time: int) -> list[Telling]:
    found = due(conditions, told, time)
    return [Telling(one.condition.kind, one.condition.about, one.condition.state, time) for one in found]


def told_by(cycles: Sequence[tuple[int, Sequence[Condition]]]) -> list[tuple[int, str, str]]:
    """Run cycles, and return what was told when: about what, and which state."""
    told: list[Telling] = []
    for time, conditions in cycles:
        told += telling(conditions, told, time)
    return [(one.time, one.about, one.state) for one in told]


def test_what_begins_is_told_once_and_its_end_too() -> None:
    cycles = [(0, []), (60, [risk()]), (120, [risk()]), (180, []), (240, [])]
    assert told_by(cycles) == [(60, "daily_loss_breach", ON), (180, "daily_loss_breach", OVER)]


def test_the_mode_is_told_at_each_change_and_normal_is_where_a_book_begins() -> None:
    states = ["NORMAL", "REDUCE_RISK_ONLY", "OBSERVE_ONLY", "OBSERVE_ONLY", "NORMAL", "NORMAL"]
    cycles = [(60 * place, [mode(state)]) for place, state in enumerate(states)]
    assert told_by(cycles) == [
        (60, "mode", "REDUCE_RISK_ONLY"),
        (120, "mode", "OBSERVE_ONLY"),
        (240, "mode", "NORMAL"),
    ]


def test_what_lasts_is_told_again_after_an_hour_and_what_is_calm_never() -> None:
    cycles = [(60 * place, [risk(), mode("NORMAL")]) for place in range(150)]
    assert told_by(cycles) == [(time, "daily_loss_breach", ON) for time in (0, 3600, 7200)]


def test_what_comes_and_goes_with_every_cycle_is_told_a_few_times_an_hour_and_then_as_it_stands() -> None:
    cycles = [(5 * place, [risk()] if place % 2 else []) for place in range(1440)]
    times = [time for time, _, _ in told_by(cycles)]
    assert all(sum(at <= other < at + AGAIN_AFTER for other in times) <= MOST_AN_HOUR for at in times)
    assert MOST_AN_HOUR < len(times) <= 2 * MOST_AN_HOUR + 1
    ended = [*cycles, *((7200 + 5 * place, []) for place in range(800))]
    assert told_by(ended)[-1][2] == OVER


def test_the_last_one_within_an_hour_says_that_it_is_the_last() -> None:
    told = [Telling(Kind.RISK, "daily_loss_breach", ON if at % 2 else OVER, at) for at in range(1, 6)]
    [last] = due([], told, 6)
    assert (last.is_last, last.condition.state) == (True, OVER)
    assert due([risk()], [*told, Telling(Kind.RISK, "daily_loss_breach", OVER, 6)], 7) == []


def test_one_thing_does_not_speak_for_another() -> None:
    cycles = [(0, [risk("a")]), (60, [risk("a"), risk("b")]), (120, [risk("b")])]
    assert told_by(cycles) == [(0, "a", ON), (60, "b", ON), (120, "a", OVER)]


def test_what_kept_a_cycle_from_running_says_nothing_of_all_else() -> None:
    told = [Telling(Kind.RISK, "a", ON, 0)]
    found = due([Condition(Kind.CLOCK, "clock_behind", ON, "")], told, 60, are_all=False)
    assert [one.condition.about for one in found] == ["clock_behind"]


@pytest.mark.parametrize("before", [1, 3599])
def test_a_clock_that_goes_back_tells_nothing_again(before: int) -> None:
    assert due([risk()], [Telling(Kind.RISK, "daily_loss_breach", ON, 10_000)], 10_000 - before) == []


STEPS = st.lists(
    st.tuples(
        st.integers(1, 4000), st.sets(st.sampled_from("abc")), st.sampled_from(["NORMAL", "OBSERVE_ONLY"])
    ),
    max_size=60,
)


@given(STEPS)
def test_what_counts_was_told_within_an_hour_before_the_last_cycle(
    steps: list[tuple[int, set[str], str]],
) -> None:
    """So a process that reads no further back tells the same as one that remembers all."""
    everything: list[Telling] = []
    time = last = 0
    for gap, names, state in steps:
        time += gap
        conditions = [mode(state), *map(risk, sorted(names))]
        read = [one for one in everything if one.time >= last - AGAIN_AFTER]
        assert due(conditions, read, time) == due(conditions, everything, time)
        everything += telling(conditions, everything, time)
        last = time
