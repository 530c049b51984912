"""Whom a measure asks: what is held first, the others in turn, by what is stored and the time alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters.measuring.turns import Pace, bars_to_ask, books_to_ask, newest_end, span_of
from meva_core.live_market import BAR60, Asking, SeenRow

NAMES = [f"S{number:03d}TRY" for number in range(190)]
NOW = 1_704_067_200 + 20
BOOKS_A_SECOND = 162 / 60
BARS_A_SECOND = 540 / 600


def asking(**changes: object) -> Asking:
    given = {"symbols": (), "candidates": NAMES, "lookback": 20, "deadline_seconds": 2.5}
    return Asking(**{**given, "since_last_seconds": 5, **changes})  # type: ignore[arg-type]


def bars(stamps: Mapping[str, int]) -> dict[str, SeenRow]:
    """Return bars with these stamps."""
    return {name: SeenRow(0, BAR60, name, stamp, ()) for name, stamp in stamps.items()}


@given(
    first=st.lists(st.sampled_from(NAMES), max_size=20, unique=True),
    then=st.lists(st.sampled_from(NAMES), max_size=20, unique=True),
    symbols=st.lists(st.sampled_from(NAMES), max_size=20, unique=True),
    busy=st.sets(st.sampled_from(NAMES), max_size=30),
    candidates=st.sets(st.sampled_from(NAMES)),
    room=st.integers(0, 200),
    passed=st.none() | st.integers(1, 400),
    now=st.integers(NOW, NOW + 300),
)
def test_never_more_than_there_is_room_for_nobody_twice_and_nobody_who_is_asked(
    first: list[str],
    then: list[str],
    symbols: list[str],
    busy: set[str],
    candidates: set[str],
    room: int,
    passed: int | None,
    now: int,
) -> None:
    given = asking(first=first, then=then, symbols=symbols, since_last_seconds=passed)
    books = books_to_ask(given, candidates, busy, Pace(room, BOOKS_A_SECOND), now)
    bars = bars_to_ask(given, candidates, busy, Pace(room, BARS_A_SECOND), now)
    for asked, most in ((books, 163), (bars, 55)):
        assert len(asked) == len(set(asked)) <= min(room, most)
        assert busy.isdisjoint(asked)
        assert set(asked) <= candidates | set(first) | set(then)
    held = [name for name in first if name not in busy]
    assert books[: len(held)] == held[:room]


def test_held_then_selected_then_configured_then_the_others() -> None:
    given = asking(first=["S100TRY"], then=["S090TRY"], symbols=["S080TRY", "GONETRY"])
    books = books_to_ask(given, set(NAMES), (), Pace(500, BOOKS_A_SECOND), NOW)
    assert books[:3] == ["S100TRY", "S090TRY", "S080TRY"]
    assert (len(books) in (13, 14), "GONETRY" in books) == (True, False)


def test_in_a_loop_everybody_is_asked_as_often_as_anybody() -> None:
    counted, last = Counter[str](), dict.fromkeys(NAMES, NOW)
    longest = 0
    for now in range(NOW, NOW + 1_425, 5):
        for name in books_to_ask(asking(), set(NAMES), (), Pace(162, BOOKS_A_SECOND), now):
            counted[name] += 1
            longest = max(longest, now - last[name])
            last[name] = now
    assert set(counted) == set(NAMES)
    assert max(counted.values()) - min(counted.values()) <= 1
    assert longest <= 75  # 190 books at 162 a minute


@pytest.mark.parametrize("many", [{"symbols": NAMES}, {"then": NAMES[:40]}, {"first": NAMES[:13]}])
def test_however_many_go_first_the_others_are_asked_too(many: dict[str, list[str]]) -> None:
    given = asking(**many)
    asked = {
        name
        for now in range(NOW, NOW + 300, 5)
        for name in books_to_ask(given, set(NAMES), (), Pace(162, BOOKS_A_SECOND), now)
    }
    assert asked == set(NAMES)


def test_bars_of_all_come_in_turn_though_some_never_have_one() -> None:
    """Each minute has a new bar of every pair, a third of which nothing is traded of."""
    quiet = set(NAMES[::3])
    since, oldest = dict.fromkeys(NAMES, 0), 0
    for now in range(NOW, NOW + 1_800, 5):
        given = asking(last_bars=bars(since), first=["S001TRY", "S003TRY"])
        for name in bars_to_ask(given, set(NAMES), (), Pace(108, BARS_A_SECOND), now):
            if name not in quiet:
                since[name] = newest_end(now) * 10**6
        assert now - since["S001TRY"] // 10**6 <= 75 or now < NOW + 60
        if now > NOW + 300:
            oldest = max(oldest, *(now - since[name] // 10**6 for name in NAMES if name not in quiet))
    assert oldest <= 345  # 190 at three quarters of 54 a minute, and the minute of the bar itself


@given(now=st.integers(NOW, NOW + 300), known=st.integers(-100_000, 400))
def test_bars_are_asked_from_the_last_one_on_and_no_further_back_than_of_use(now: int, known: int) -> None:
    start, end = span_of(asking(last_bars=bars({"S001TRY": (NOW + known) * 10**6})), "S001TRY", now)
    assert end % 60 == 0
    assert 3 <= now - end < 63
    assert start == max(NOW + known - 60, end - 200 * 60)
