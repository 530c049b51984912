"""Candle history: complete, asked for once, and with books that are said to be assumed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paper_exchange import MICROS, NOON, PaperExchange, new_recording

from meva_adapters import replay
from meva_adapters.replay.recording.assumed import around
from meva_adapters.replay.recording.capture import SETTLE_SECONDS, Pace, capture
from meva_adapters.replay.recording.fetch import BARS_PER_STEP, Fetched, Period, fetch, joined, pages
from meva_core.errors import BadInput, Unavailable, VenueReason

DAY = Period(NOON - 86_400, NOON, 60)


class Quiet:
    """Nobody watches, but what was said is kept."""

    def __init__(self) -> None:
        self.total = self.done_steps = 0

    def start(self, total: int | None, label: str) -> None:
        self.total = total

    def advance(self, steps: int) -> None:
        self.done_steps += steps

    def done(self) -> None:
        pass


def bring(
    root: Path,
    exchange: PaperExchange,
    period: Period = DAY,
    symbols: tuple[str, ...] = ("BTCTRY",),
    spread_bps: Decimal | None = Decimal(10),
    again: bool = False,
) -> Fetched:
    recording = new_recording(root, exchange, symbols, period.interval)
    progress = Quiet()
    fetched = fetch(recording, exchange, exchange, period, progress, spread_bps=spread_bps, again=again)
    assert progress.done_steps == progress.total
    return fetched


def bars(root: Path, symbol: str = "BTCTRY") -> list[str]:
    return (root / "candles" / f"{symbol}.csv").read_text().splitlines()[1:]


@pytest.fixture
def exchange() -> PaperExchange:
    return PaperExchange(first_bar=0, seconds=NOON + 600.0)


def test_a_day_of_minutes_is_a_dataset_that_can_be_run(tmp_path: Path, exchange: PaperExchange) -> None:
    fetched = bring(tmp_path, exchange, symbols=("BTCTRY", "ETHTRY"))
    assert fetched.added == {"BTCTRY": 1440, "ETHTRY": 1440}
    data = replay.open_dataset(tmp_path)
    assert (data.step_seconds, data.warnings) == (60, ())
    assert data.first_ts == (NOON - 86_400 + 60) * MICROS
    assert data.last_ts == NOON * MICROS
    assert data.manifest is not None
    assert data.manifest.books == "assumed from the closes, 10 bps apart"
    assert len(data.manifest.files) == 5


def test_what_is_there_is_not_asked_for_again(tmp_path: Path, exchange: PaperExchange) -> None:
    bring(tmp_path, exchange)
    before = bars(tmp_path)
    exchange.asked.clear()
    fetched = bring(tmp_path, exchange)
    assert (fetched.added, fetched.known) == ({"BTCTRY": 0}, {"BTCTRY": 1440})
    assert exchange.asked == ["metadata"]
    assert bars(tmp_path) == before


def test_only_gaps_are_filled_wherever_they_are(tmp_path: Path, exchange: PaperExchange) -> None:
    bring(tmp_path / "whole", exchange)
    exchange.missing_bars = set(range(NOON - 80_000 // 60 * 60, NOON - 70_000, 60)) | {NOON - 600}
    bring(tmp_path / "holes", exchange)
    missing = 1440 - len(bars(tmp_path / "holes"))
    assert missing > 150
    assert bring(tmp_path / "holes", exchange).absent == {"BTCTRY": missing}
    exchange.missing_bars.clear()
    exchange.asked.clear()
    fetched = bring(tmp_path / "holes", exchange, again=True)
    assert (fetched.added, fetched.absent) == ({"BTCTRY": missing}, {"BTCTRY": 0})
    assert exchange.asked.count("candles BTCTRY") == 2
    assert bars(tmp_path / "holes") == bars(tmp_path / "whole")
    assert replay.validate(tmp_path / "holes").ok


def test_earlier_and_later_periods_extend_a_dataset(tmp_path: Path, exchange: PaperExchange) -> None:
    hour = 3600
    bring(tmp_path, exchange, Period(NOON - 2 * hour, NOON - hour, 60))
    bring(tmp_path, exchange, Period(NOON - 3 * hour, NOON - 2 * hour, 60))
    bring(tmp_path, exchange, Period(NOON - hour, NOON, 60))
    assert len(bars(tmp_path)) == 180
    data = replay.open_dataset(tmp_path)
    assert data.files["orderbook/BTCTRY.csv"].rows == 180
    assert data.warnings == ()


def test_a_fetch_that_breaks_off_keeps_what_it_has_and_goes_on_later(
    tmp_path: Path, exchange: PaperExchange
) -> None:
    period = Period(NOON - 2500 * 60, NOON, 60)
    recording = new_recording(tmp_path, exchange, ("BTCTRY",))

    def break_off() -> None:
        if exchange.asked.count("candles BTCTRY") == 2:
            exchange.failing["candles BTCTRY"] = Unavailable("gone")

    with pytest.raises(Unavailable):
        fetch(recording, exchange, exchange, period, Quiet(), spread_bps=Decimal(10), before_page=break_off)
    assert len(bars(tmp_path)) == 2 * BARS_PER_STEP
    assert replay.validate(tmp_path).ok
    exchange.failing.clear()
    fetched = bring(tmp_path, exchange, period)
    assert fetched.added == {"BTCTRY": 500}
    assert len(bars(tmp_path)) == 2500


def test_a_bar_that_may_still_change_is_not_taken_for_final(tmp_path: Path, exchange: PaperExchange) -> None:
    exchange.seconds = NOON + SETTLE_SECONDS + 30.0
    fetched = bring(tmp_path, exchange, Period(NOON - 600, NOON + 600, 60))
    assert bars(tmp_path)[-1].startswith("2025-10-09T12:00:00Z,")
    assert (fetched.until, fetched.absent) == (NOON + 30, {"BTCTRY": 0})


def test_a_symbol_without_bars_is_named_and_has_no_files(tmp_path: Path, exchange: PaperExchange) -> None:
    exchange.first_bar = NOON
    fetched = bring(tmp_path, exchange, Period(NOON - 600, NOON, 60), ("BTCTRY",))
    assert fetched.empty == ["BTCTRY"]
    assert list(tmp_path.glob("*/*.csv")) == []


def test_without_assumed_books_the_candles_are_there_and_no_book(
    tmp_path: Path, exchange: PaperExchange
) -> None:
    bring(tmp_path, exchange, spread_bps=None)
    assert len(bars(tmp_path)) == 1440
    codes = [fault.code for fault in replay.validate(tmp_path).errors]
    assert codes == ["no_orderbook"]
    assert json.loads((tmp_path / "manifest.json").read_text())["files"] == {}


def test_recorded_books_are_never_replaced_by_assumed_ones(tmp_path: Path, exchange: PaperExchange) -> None:
    recording = new_recording(tmp_path, exchange, ("BTCTRY",))
    capture(recording, exchange, exchange, Pace(30, 5.0, exchange.monotonic, exchange.sleep))
    recorded = (tmp_path / "orderbook" / "BTCTRY.csv").read_bytes()
    fetched = bring(tmp_path, exchange)
    assert (tmp_path / "orderbook" / "BTCTRY.csv").read_bytes() == recorded
    assert fetched.books == ""
    assert len(bars(tmp_path)) > 1000
    assert replay.validate(tmp_path).ok
    rows = [line.split(",") for line in (tmp_path / "candles" / "BTCTRY.csv").read_text().splitlines()[1:]]
    came_late = {row[-1] for row in rows if row[0] != row[-1]}
    assert len(came_late) == 1  # what capture had of the time before; what was fetched is known at its stamp
    with pytest.raises(BadInput, match="recorded order books, but none of ETHTRY"):
        bring(tmp_path, exchange, symbols=("BTCTRY", "ETHTRY"))


def test_another_interval_needs_another_folder(tmp_path: Path, exchange: PaperExchange) -> None:
    bring(tmp_path, exchange)
    with pytest.raises(BadInput, match="candles of 60 s, not of 300 s"):
        bring(tmp_path, exchange, Period(NOON - 3600, NOON, 300))


@given(
    close=st.integers(10**6, 10**16),
    spread=st.integers(0, 500 * 10**8),
    tick=st.sampled_from([1, 5 * 10**6, 10**8]),
)
def test_assumed_books_lie_around_the_close_on_the_tick_and_never_touch(
    close: int, spread: int, tick: int
) -> None:
    if close < 20 * tick:
        return
    bid, ask = around(close, spread, tick)
    assert 0 < bid <= close <= ask
    assert bid < ask
    assert bid % tick == ask % tick == 0
    half = close * spread // (20_000 * 10**8)
    assert close - half - tick <= bid
    assert ask <= close + half + 1 + 2 * tick


def test_a_price_below_its_tick_has_no_assumed_book() -> None:
    with pytest.raises(BadInput, match="leaves no bid"):
        around(5, 10**8, 10)


@given(st.sets(st.integers(0, 3000), max_size=200))
def test_pages_hold_what_is_wanted_in_as_few_as_there_can_be(places: set[int]) -> None:
    stamps = [place * 60 for place in sorted(places)]
    found = list(pages(stamps, 60))
    assert [at for page in found for at in page] == stamps
    assert all(page[-1] - page[0] < BARS_PER_STEP * 60 for page in found)
    # None could have taken in the first stamp of the next one.
    assert all(after[0] - page[0] >= BARS_PER_STEP * 60 for page, after in pairwise(found))


def test_pages_of_all_bars_are_full() -> None:
    assert [len(page) for page in pages(range(0, 60 * 2500, 60), 60)] == [1000, 1000, 500]


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 8)), max_size=12))
def test_joined_spans_hold_the_same_stamps_and_never_touch(drawn: list[tuple[int, int]]) -> None:
    spans = [(first * 60, (first + length) * 60) for first, length in drawn]
    found = joined(spans, 60)
    assert stamps_of(found) == stamps_of(spans)
    assert all(after[0] > before[1] + 60 for before, after in pairwise(found))


def stamps_of(spans: Iterable[tuple[int, int]]) -> set[int]:
    return {at for first, last in spans for at in range(first, last + 1, 60)}


# -- What the exchange does not have, and what it has wrong -------------------------------------------


def test_minutes_that_the_exchange_answered_to_have_none_for_are_not_asked_for_again(
    tmp_path: Path, exchange: PaperExchange
) -> None:
    exchange.missing_bars = {at for at in DAY.stamps if at // 60 * 7919 % 100 < 20}
    first = bring(tmp_path, exchange)
    assert first.absent == {"BTCTRY": len(exchange.missing_bars)} != {"BTCTRY": 0}
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["answered"] == {"BTCTRY": [["2025-10-08T12:01:00Z", "2025-10-09T12:00:00Z"]]}
    exchange.asked.clear()
    assert bring(tmp_path, exchange).absent == first.absent
    assert exchange.asked == ["metadata"]


def test_scattered_minutes_are_asked_for_in_joined_spans(tmp_path: Path, exchange: PaperExchange) -> None:
    exchange.missing_bars = {at for at in DAY.stamps if at // 60 * 7919 % 100 < 20}
    bring(tmp_path, exchange)
    exchange.spans.clear()
    bring(tmp_path, exchange, again=True)
    assert len(exchange.spans) == 2


def test_a_span_is_remembered_from_fetch_to_fetch_and_joined(tmp_path: Path, exchange: PaperExchange) -> None:
    exchange.missing_bars = {NOON - 60, NOON - 120}
    bring(tmp_path, exchange, Period(NOON - 7200, NOON - 3600, 60))
    bring(tmp_path, exchange, Period(NOON - 3600, NOON, 60))
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["answered"] == {"BTCTRY": [["2025-10-09T10:01:00Z", "2025-10-09T12:00:00Z"]]}
    assert replay.validate(tmp_path).ok


def test_what_was_answered_counts_for_nothing_without_the_candles(
    tmp_path: Path, exchange: PaperExchange
) -> None:
    bring(tmp_path, exchange, spread_bps=None)
    (tmp_path / "candles" / "BTCTRY.csv").unlink()
    assert bring(tmp_path, exchange).added == {"BTCTRY": 1440}


def test_a_bar_that_cannot_be_taken_costs_itself_is_named_and_asked_for_again(
    tmp_path: Path, exchange: PaperExchange
) -> None:
    exchange.broken = {NOON - 600}
    exchange.closes = {NOON - 1200: Decimal("100.123456789")}
    fetched = bring(tmp_path, exchange)
    assert (fetched.added, fetched.absent) == ({"BTCTRY": 1438}, {"BTCTRY": 0})
    assert fetched.faulty == {"BTCTRY": 2}
    unread, unheld = sorted(fetched.faults["BTCTRY"], reverse=True)
    assert unread == "BTCTRY 2025-10-09T11:50:00Z: close: expected a number, was NoneType"
    assert unheld == "BTCTRY 2025-10-09T11:40:00Z: price: 100.123456789 has more than 8 decimal places"
    exchange.broken, exchange.closes = set(), {}
    assert bring(tmp_path, exchange).added == {"BTCTRY": 2}


def test_a_close_with_binary_noise_is_the_step_that_was_meant(
    tmp_path: Path, exchange: PaperExchange
) -> None:
    exchange.closes = {NOON: Decimal("6.0999999046325684")}  # 6.10 in single precision
    bring(tmp_path, exchange)
    assert bars(tmp_path)[-1].split(",")[4] == "6.1"


def test_a_symbol_that_fails_by_itself_keeps_no_other_from_being_fetched(
    tmp_path: Path, exchange: PaperExchange
) -> None:
    exchange.failing["candles BTCTRY"] = Unavailable("klines: the exchange answered 'error'")
    with pytest.raises(Unavailable, match="answered 'error'"):
        bring(tmp_path, exchange, symbols=("BTCTRY", "ETHTRY"))
    assert len(bars(tmp_path, "ETHTRY")) == 1440
    assert replay.validate(tmp_path).symbols == ("ETHTRY",)


def test_an_exchange_that_is_gone_is_asked_once(tmp_path: Path, exchange: PaperExchange) -> None:
    exchange.failing["candles BTCTRY"] = Unavailable("gone", reason=VenueReason.UNREACHABLE)
    with pytest.raises(Unavailable, match="gone"):
        bring(tmp_path, exchange, symbols=("BTCTRY", "ETHTRY"))
    assert "candles ETHTRY" not in exchange.asked


def test_an_answer_that_cannot_be_read_is_a_failure_of_work_that_had_begun(
    tmp_path: Path, exchange: PaperExchange
) -> None:
    exchange.failing["candles BTCTRY"] = BadInput("not a JSON document")
    with pytest.raises(Unavailable, match="BTCTRY: not a JSON document"):
        bring(tmp_path, exchange)


def test_of_two_errors_the_first_is_raised(tmp_path: Path, exchange: PaperExchange) -> None:
    exchange.closes = dict.fromkeys(DAY.stamps, Decimal("0.001"))  # no bid fits below that
    exchange.failing["candles ETHTRY"] = Unavailable("gone")
    with pytest.raises(Unavailable, match="gone") as caught:
        bring(tmp_path, exchange, symbols=("BTCTRY", "ETHTRY"))
    assert "leaves no bid" in caught.value.__notes__[0]
