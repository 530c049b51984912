"""The bars that the strategies of Stages 3 and 4 look at: as Stage 7 sees them, and asked for once."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from attrs import define, field

from meva_adapters.btcturk import RESOLUTIONS
from meva_core.errors import Unavailable, VenueReason
from meva_core.operating.steps.live_bars import MOST_ASKED, NO_BARS, BarsSeen, LiveBars
from meva_core.operational.inputs import MICROS, Bars
from meva_core.strategy.as_seen import patience
from meva_core.strategy.periods import EXCHANGE_BARS
from meva_core.venue import Candle

MINUTE, HOUR, DAY = 60, 3_600, 86_400
NOON = 20_000 * DAY + 12 * HOUR
PAIRS = ("BTCTRY", "ETHTRY")


@define
class Candles:
    """An exchange that has candles of a minute and an hour of its pairs, each closing at the number of its
    end; `late` are shown only so many seconds after their end, `quiet` are ends at which nobody traded."""

    late: dict[tuple[str, int], int] = field(factory=dict)
    quiet: set[int] = field(factory=set)
    down: set[str] = field(factory=set)
    now: int = NOON
    asked: list[tuple[str, int, int]] = field(factory=list)

    def candles(
        self, symbol: str, seconds: int, start: int, end: int, unreadable: Any = None
    ) -> Sequence[Candle]:
        self.asked.append((symbol, start, end))
        if symbol in self.down:
            raise Unavailable("silence", reason=VenueReason.UNREACHABLE)
        assert seconds in EXCHANGE_BARS
        return [
            Candle(at * MICROS, *[Decimal(at // seconds)] * 4, Decimal(1))
            for at in range(start // seconds * seconds + seconds, end + 1, seconds)
            if at not in self.quiet and self.now >= at + self.late.get((symbol, at), 0)
        ]


def seen(
    live: LiveBars, market: Candles, now: int, wanted: dict[int, int], names: Sequence[str] = PAIRS
) -> BarsSeen:
    market.now = now
    return live.seen(market, names, wanted, now, [])  # type: ignore[arg-type]  # no more of a market is asked


def closes(bars: Bars, seconds: int) -> list[tuple[int, ...]]:
    """Return (which bar, its closes) of each row, in intervals; -1 for none."""
    return [
        (at // seconds, *(-1 if close is None else close // 10**8 for close in row))
        for at, row in zip(bars.time, bars.close, strict=True)
    ]


def test_the_intervals_are_those_of_the_exchange() -> None:
    assert tuple(RESOLUTIONS) == EXCHANGE_BARS


def test_in_the_first_seconds_of_an_hour_the_newest_bar_is_the_one_before_until_it_is_there() -> None:
    live, hour = LiveBars(), NOON // HOUR
    market = Candles(late={("BTCTRY", NOON): 4, ("ETHTRY", NOON): 9})
    for after, newest in ((1, hour - 1), (5, hour - 1), (10, hour)):
        found = closes(seen(live, market, NOON + after, {HOUR: 3}).bars["3600"], HOUR)
        assert found == [(one, one, one) for one in range(newest - 2, newest + 1)]


def test_whoever_does_not_come_is_waited_for_as_long_as_in_stage_7_and_filled_in_later() -> None:
    live, hour = LiveBars(), NOON // HOUR
    market = Candles(late={("ETHTRY", NOON): patience(HOUR) - 1})
    market.down = {"ETHTRY"}
    seen(live, Candles(), NOON - 60, {HOUR: 2})
    end = NOON + patience(HOUR)
    assert closes(seen(live, market, end - 1, {HOUR: 2}).bars["3600"], HOUR)[-1] == (
        hour - 1,
        hour - 1,
        hour - 1,
    )
    found = seen(live, market, end, {HOUR: 2})
    assert closes(found.bars["3600"], HOUR)[-1] == (hour, hour, -1)
    assert found.blocked == {"ETHTRY": NO_BARS}  # it was not read: what nobody knows sells nothing
    market.down = set()
    found = seen(live, market, end + 10, {HOUR: 2})
    assert (closes(found.bars["3600"], HOUR)[-1], found.blocked) == ((hour, hour, hour), {})


def test_where_nobody_traded_the_newest_bars_are_older_ones_and_as_many() -> None:
    minute = NOON // MINUTE
    market = Candles(quiet={NOON, NOON - MINUTE, NOON - 5 * MINUTE})
    found = seen(LiveBars(), market, NOON + 30, {MINUTE: 5})
    assert found.blocked == {}
    assert closes(found.bars["60"], MINUTE) == [
        (minute - 6, minute - 6, minute - 6), (minute - 5, -1, -1),
        *((one, one, one) for one in range(minute - 4, minute - 1)),
    ]  # fmt: skip


@pytest.mark.parametrize(("seconds", "base"), [(7_200, 3_600), (600, 300), (180, 60), (2 * DAY, DAY)])
def test_an_interval_that_the_exchange_does_not_have_is_made_of_the_longest_that_fits(
    seconds: int, base: int
) -> None:
    found = seen(LiveBars(), Candles(), NOON + 40, {seconds: 3}).bars[str(seconds)]
    ends = [NOON // seconds * seconds - seconds * n for n in (2, 1, 0)]
    assert found.time == tuple(ends)
    assert [row[0] for row in found.close] == [end // base * 10**8 for end in ends]
    assert [row[0] for row in found.open] == [((end - seconds) // base + 1) * 10**8 for end in ends]


def test_the_past_is_asked_for_once_and_what_is_there_is_not_asked_for_again() -> None:
    live, market = LiveBars(), Candles()
    for second in range(0, 3 * MINUTE, 10):
        seen(live, market, NOON + 20 + second, {MINUTE: 500})
    of_one = [(start, end) for symbol, start, end in market.asked if symbol == "BTCTRY"]
    assert of_one[0][0] < NOON - 500 * MINUTE
    assert [end - start for start, end in of_one[1:]] == [70, 70, 70]


def test_what_is_asked_for_in_one_cycle_is_bounded_and_who_waits_is_not_traded() -> None:
    live, market, names = LiveBars(), Candles(), [f"C{n:02}TRY" for n in range(MOST_ASKED + 5)]
    found = seen(live, market, NOON + 20, {MINUTE: 3}, names)
    assert len(market.asked) == MOST_ASKED
    assert list(found.blocked) == names[MOST_ASKED:]
    found = seen(live, market, NOON + 30, {MINUTE: 3}, names)
    assert (len(market.asked), found.blocked) == (len(names), {})
    assert None not in found.bars["60"].close[-1]


def test_symbols_that_come_and_go_change_nothing_of_the_others() -> None:
    live, market = LiveBars(), Candles()
    first = seen(live, market, NOON + 20, {MINUTE: 3}).bars["60"]
    more = seen(live, market, NOON + 21, {MINUTE: 3}, ["AAATRY", *PAIRS]).bars["60"]
    assert [row[1:] for row in more.close] == [*first.close]
    assert seen(live, market, NOON + 22, {MINUTE: 3}).bars["60"].close == first.close
    assert len(market.asked) == 3


def test_a_bar_that_was_seen_stays_as_it_was() -> None:
    live, market = LiveBars(), Candles()
    first = seen(live, market, NOON + 20, {MINUTE: 2}).bars["60"]

    class Otherwise(Candles):
        def candles(self, *given: Any) -> Sequence[Candle]:
            return [Candle(NOON * MICROS, *[Decimal(7)] * 4, Decimal(7))]

    assert seen(live, Otherwise(), NOON + 64, {MINUTE: 2}).bars["60"].close == first.close


def test_bars_that_nobody_has_to_see_are_not_asked_for() -> None:
    market = Candles()
    assert seen(LiveBars(), market, NOON, {HOUR: 0}) == BarsSeen({}, {})
    assert market.asked == []
