"""Candles: from histories and own trades, at every resolution, against a plain aggregation."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby

import numpy as np
import pytest
from emulator_desk import Desk
from emulator_server import E8
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

from meva_adapters.emulator.api import router
from meva_adapters.emulator.api.calls import Call
from meva_adapters.emulator.exchange.events import Traded
from meva_adapters.emulator.exchange.orders import Side
from meva_adapters.emulator.markets.bars import RESOLUTIONS, Bars, coarser, joined, no_bars, total_volume
from meva_adapters.emulator.markets.candles import (
    Day,
    RecordedHistory,
    SeededHistory,
    Tape,
    day_of_quote,
)
from meva_adapters.emulator.markets.prices import PricePath
from meva_core.amounts import LIMIT

START = 1_704_067_200
"""2024-01-01, a Monday in a leap year."""
DAY = 86_400
Row = tuple[int, int, int, int, int, int]
MONTHS, YEARS = {"M", "1M"}, {"Y", "1Y", "1y", "1 y", "12M"}
WEEKS = {"10080", "W", "1W", "1w", "1 w"}


def begin_of(time: int, resolution: str) -> int:
    """Where the candle of a time begins, by the calendar."""
    day = datetime.fromtimestamp(time, UTC).replace(hour=0, minute=0, second=0)
    if resolution in YEARS:
        return int(day.replace(month=1, day=1).timestamp())
    if resolution in MONTHS:
        return int(day.replace(day=1).timestamp())
    if resolution in WEEKS:
        return int(day.timestamp()) - day.weekday() * DAY
    return time - time % RESOLUTIONS[resolution]


def plain(rows: list[Row], resolution: str) -> list[Row]:
    """Join candles one by one."""
    found = []
    for begin, group in groupby(rows, lambda row: begin_of(row[0], resolution)):
        part = list(group)
        found.append(
            (
                begin,
                part[0][1],
                max(row[2] for row in part),
                min(row[3] for row in part),
                part[-1][4],
                min(LIMIT - 1, sum(row[5] for row in part)),
            )
        )
    return found


def rows_of(bars: Bars) -> list[Row]:
    """Candles as rows."""
    return list(zip(*(column.tolist() for column in bars), strict=True))


def bars_of(rows: list[Row]) -> Bars:
    """Rows as candles."""
    return Bars(*np.array(rows, dtype=np.int64).reshape(-1, 6).T)


def noise(first: int, count: int, seconds: int, volume: int = E8) -> list[Row]:
    """Candles in which every figure differs."""
    rows = []
    for number in range(count):
        opened, close = 1000 + number * 37 % 101, 1000 + number * 53 % 97
        high, low = max(opened, close) + number % 7, min(opened, close) - number % 5
        rows.append((first + number * seconds, opened, high, low, close, volume + number))
    return rows


@pytest.mark.parametrize("resolution", sorted(RESOLUTIONS))
def test_every_resolution_joins_as_a_plain_loop_does(resolution: str) -> None:
    rows = noise(START - 40 * DAY, 24 * 480, 3600)
    if RESOLUTIONS[resolution] < 3600:
        rows = noise(START - 600, 3000, 60)
    bars = coarser(bars_of(rows), resolution)
    assert rows_of(bars) == plain(rows, resolution)


@given(
    st.lists(st.integers(0, 10 * DAY // 60), min_size=1, max_size=60, unique=True),
    st.sampled_from(sorted(RESOLUTIONS)),
    st.integers(0, 12 * DAY),
    st.integers(0, 12 * DAY),
)
def test_any_range_of_gappy_minutes_has_the_candles_that_begin_in_it(
    minutes: list[int], resolution: str, a: int, b: int
) -> None:
    rows = [(START + m * 60, 10 + m, 20 + m, 5 + m, 11 + m, m + 1) for m in sorted(minutes)]
    tape = Tape((RecordedHistory(bars_of(rows), 60),))
    first, last = START + min(a, b), START + max(a, b)
    expected = [row for row in plain(rows, resolution) if first <= row[0] <= last]
    assert rows_of(tape.candles(resolution, first, last)) == expected


@pytest.mark.parametrize(("resolution", "days"), [("1M", 31), ("12M", 366)])
def test_a_month_and_a_year_have_their_last_day_when_they_are_asked_for_alone(
    resolution: str, days: int
) -> None:
    rows = noise(START, days * 24 + 48, 3600)
    tape = Tape((RecordedHistory(bars_of(rows), 3600),))
    [(time, *_, close, volume)] = rows_of(tape.candles(resolution, START, START))
    assert (time, close) == (START, rows[days * 24 - 1][4])
    assert volume == sum(row[5] for row in rows[: days * 24])


# -- Three parts: recorded, made up, traded ---------------------------------------------------------------


def trade(time: int, price: int, qty: int = 5) -> Traded:
    return Traded(1, "X", price, qty, Side.BUY, time * 1000 + 999)


def test_recorded_made_up_and_traded_minutes_are_one_sequence() -> None:
    recorded = noise(START, 180, 60)
    now = START + 6 * 3600 + 30
    lead = SeededHistory(PricePath(1, "X", 1000 * E8, 1), now, E8, length=now - (START + 180 * 60))
    tape = Tape((RecordedHistory(bars_of(recorded), 60), lead))
    for after, price in ((0, 7), (20, 9), (40, 8), (100, 6)):
        tape.add(trade(now + after, price))
    rows = rows_of(tape.candles("1", START, now + 3600))
    assert [row[0] for row in rows] == [START + 60 * number for number in range(363)]
    assert rows[:180] == recorded
    begin = now - 30
    assert rows[360:] == [
        (begin, 7, 9, 7, 9, 10),
        (begin + 60, 8, 8, 8, 8, 5),
        (begin + 120, 6, 6, 6, 6, 5),
    ]
    for resolution in ("5", "15", "60", "240", "1D", "1W", "1M"):
        assert rows_of(tape.candles(resolution, begin_of(START, resolution), now + 3600)) == plain(
            rows, resolution
        )


def test_candles_that_are_too_long_or_do_not_divide_are_not_joined() -> None:
    rows = noise(START, 48, 1800)
    tape = Tape((RecordedHistory(bars_of(rows), 1800),))
    for resolution in ("1", "15", "45"):
        assert rows_of(tape.candles(resolution, START, START + DAY)) == []
    assert len(rows_of(tape.candles("30", START, START + DAY - 1))) == 48
    assert len(rows_of(tape.candles("360", START, START + DAY - 1))) == 4


def test_a_recording_that_reaches_beyond_the_start_ends_where_trading_begins() -> None:
    recorded = noise(START, 60, 60)
    tape = Tape((RecordedHistory(bars_of(recorded), 60),))
    tape.add(trade(START + 1800, 7))
    tape.add(trade(START + 1860, 8))
    rows = rows_of(tape.candles("1", START, START + 7200))
    assert [row[0] for row in rows] == [START + 60 * number for number in range(32)]
    assert [row[4] for row in rows[30:]] == [7, 8]
    assert tape.day(START + 7200).last == 8


def test_only_a_week_of_own_minutes_is_kept() -> None:
    tape = Tape(())
    for minute in range(7 * 1440 + 5):
        tape.add(trade(START + minute * 60, 100 + minute))
    rows = rows_of(tape.candles("1", 0, START + 30 * DAY))
    assert (len(rows), rows[0][1]) == (7 * 1440, 105)
    assert len(tape.trades) == 50
    assert tape.trades[-1].price == 100 + 7 * 1440 + 4


# -- Made-up history ------------------------------------------------------------------------------------


@examples(0.8)
@given(st.integers(0, 200 * DAY), st.integers(0, 2 * DAY), st.integers(0, 100))
def test_made_up_minutes_are_the_same_whatever_range_they_are_asked_in(
    ago: int, length: int, odd: int
) -> None:
    end = START + 30 * DAY + odd
    history = SeededHistory(PricePath(3, "X", 1000 * E8, 100), end, E8)
    first = end - ago
    rows = rows_of(history.between(first, first + length))
    times = [row[0] for row in rows]
    earliest, latest = end - end % 60 - 120 * DAY, end - end % 60 - 60
    expected = range(-(-max(first, earliest) // 60) * 60, min(first + length, latest) + 1, 60)
    assert times == list(expected)
    fresh = SeededHistory(PricePath(3, "X", 1000 * E8, 100), end, E8)
    for row in rows[:: max(1, len(rows) // 4)]:
        assert rows_of(fresh.between(row[0], row[0])) == [row]


@given(st.integers(1, 10**16), st.sampled_from([1, 10**4, E8]), st.integers(0, 2**31))
def test_made_up_candles_are_possible_ones_on_the_grid(start: int, step: int, seed: int) -> None:
    bars = PricePath(seed, "X", start, step).minutes(START, START + 3600, E8)
    assert (bars.low >= step).all()
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert all((column % step == 0).all() for column in bars[1:5])
    assert (bars.volume >= 0).all()
    assert (bars.open[1:] == bars.close[:-1]).all()


# -- The figures of a day ---------------------------------------------------------------------------------


def test_the_day_is_what_the_minutes_of_24_hours_say() -> None:
    rows = noise(START, 3000, 60)
    now = START + 3000 * 60
    tape = Tape((RecordedHistory(bars_of(rows), 60),))
    inside = [row for row in rows if row[0] >= now - DAY]
    day = tape.day(now)
    assert (day.open, day.last) == (inside[0][1], inside[-1][4])
    assert (day.high, day.low) == (max(r[2] for r in inside), min(r[3] for r in inside))
    assert day.volume == sum(row[5] for row in inside)
    assert day.low <= day.average <= day.high
    assert Tape(()).day(now) == Day()


def test_volumes_stop_at_the_largest_amount_instead_of_turning_negative() -> None:
    rows = [(START + 60 * n, 9, 9, 9, 9, LIMIT // 3) for n in range(10)]
    tape = Tape((RecordedHistory(bars_of(rows), 60),))
    hour = rows_of(tape.candles("60", START, START))
    assert [row[5] for row in hour] == [LIMIT - 1]
    assert [row[5] for row in rows_of(coarser(bars_of(rows[:3]), "60"))] == [LIMIT // 3 * 3]
    assert tape.day(START + 3600).volume == LIMIT - 1
    own = Tape(())
    for _ in range(5):
        own.add(trade(START, 9, LIMIT // 2))
    assert own.candles("1", START, START).volume.tolist() == [LIMIT - 1]
    assert total_volume(no_bars()) == 0


def test_nothing_joined_is_nothing() -> None:
    assert rows_of(joined([])) == rows_of(no_bars()) == rows_of(coarser(no_bars(), "60")) == []


@pytest.mark.parametrize(
    ("row", "day"),
    [
        ((91 * E8, 104 * E8, 90 * E8, 910 * E8), Day(91 * E8, 91 * E8, 104 * E8, 90 * E8, 10 * E8, 91 * E8)),
        ((91 * E8, -1, -1, -1), Day(91 * E8, 91 * E8, 91 * E8, 91 * E8, 0, 91 * E8)),
        ((-1, -1, -1, 5), Day()),
    ],
)
def test_a_recorded_rows_figures_stand_in_where_some_are_absent(
    row: tuple[int, int, int, int], day: Day
) -> None:
    assert day_of_quote(*row) == day


# -- Beside the loop ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("resolution", ["1D", "W", "M", "Y"])
@pytest.mark.parametrize("offset", [0, 1, 40_000, 86_399])
def test_days_made_from_whole_days_are_those_made_from_their_minutes(resolution: str, offset: int) -> None:
    """Nor does it matter where in a day the history begins or ends."""
    end = 1_760_000_000 + offset
    path = PricePath(3, "BTCTRY", 3_000_000 * E8, E8)
    history = SeededHistory(path, end, E8, length=9 * DAY + 7_200)
    tape = Tape((history,))
    tape.add(Traded(1, "BTCTRY", 3_000_001 * E8, E8, Side.BUY, end * 1000))
    for first in (0, end - 3 * DAY, end - 3 * DAY // 2, end):
        minutes = joined([history.between(0, end - 1), tape._live()])
        expected = coarser(minutes, resolution).between(first, end)
        assert rows_of(tape.candles(resolution, first, end)) == rows_of(expected)


def test_what_was_asked_for_is_read_as_it_was_then() -> None:
    tape = Tape(())
    tape.add(Traded(1, "BTCTRY", 100, 5, Side.BUY, 60_000))
    read = tape.reading("1", 0, 120)
    tape.add(Traded(2, "BTCTRY", 900, 5, Side.BUY, 61_000))
    assert rows_of(read()) == [(60, 100, 100, 100, 100, 5)]


def test_long_ranges_are_left_to_be_done_beside_the_loop_and_short_ones_are_done() -> None:
    desk = Desk()
    now = desk.clock() // 1000
    for path, query in (
        ("/v1/klines/history", {"symbol": "BTCTRY", "resolution": "1", "from": "0"}),
        ("/v1/klines/history", {"symbol": "BTCTRY", "resolution": "Y"}),
        ("/v1/ohlcs", {"pair": "BTCTRY"}),
        ("/api/v2/ohlc", {"pairSymbol": "BTCTRY", "last": "120"}),
    ):
        call = Call("GET", path, {name: [value] for name, value in query.items()})
        reply = router.begin(desk.venue, call)
        assert (reply.body, reply.work is None) == (b"", False)
        assert reply.finish().body == router.answer(desk.venue, call).body != b""
    recent = {"symbol": ["BTCTRY"], "resolution": ["1"], "from": [str(now - 3600)]}
    assert router.begin(desk.venue, Call("GET", "/v1/klines/history", recent)).work is None
