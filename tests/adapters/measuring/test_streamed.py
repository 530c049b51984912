"""Books that the stream pushes into a measure, and what takes their place where it does not."""

from __future__ import annotations

import itertools

import pytest
from live_exchange import BOOKS, PAIRS, TICKERS, Live, within_a_minute

from meva_core.live_market import BAR60, BOOK, TouchFrom

MICROS = 10**6
PLACES = itertools.count(3_000_000, 100)
"""Bids of BTCTRY: each time the market moves it is to another one."""


@pytest.fixture
def on(on: Live) -> Live:
    """A market whose books come from the stream, all of them there; what is polled from now on is counted."""
    on.streams()
    on.fault("late", BOOKS, seconds=0)
    on.passes(5)
    return on


def polls(on: Live) -> int:
    """How many books were asked for so far."""
    return on.struck("late")


def moved(on: Live) -> tuple[str, str]:
    """Move the market of BTCTRY, and return where it is now."""
    bid = next(PLACES)
    on.quote("BTCTRY", str(bid), str(bid + 1000))
    return str(bid), str(bid + 1000)


def all_from(source: TouchFrom, **others: TouchFrom) -> dict[str, TouchFrom]:
    return {**dict.fromkeys(PAIRS, source), **others}


def test_books_that_the_stream_has_are_those_of_the_exchange_and_are_not_asked_for(on: Live) -> None:
    answers = on.measure()
    assert dict(answers.touch_from) == all_from(TouchFrom.STREAM)
    assert (polls(on), answers.failures) == (0, {})
    for symbol, (row,) in on.kinds(answers, BOOK).items():
        book = on.emulator.read("/api/v2/orderbook", pairSymbol=symbol)
        best = [book[side][0][place] for place in (0, 1) for side in ("bids", "asks")]
        assert [float(cell) for cell in row.cells] == [float(cell) for cell in best]
    assert set(on.kinds(answers, BAR60)) <= set(PAIRS), "bars are asked for as ever"


def test_one_that_does_not_change_is_as_old_as_the_ticker_that_shows_the_same(on: Live) -> None:
    for _ in range(20):
        answers = on.measure()
        stamps = {symbol: row.stamp for symbol, (row,) in on.kinds(answers, BOOK).items()}
        assert stamps == dict.fromkeys(PAIRS, on.now() * MICROS)
        on.passes(5)
    assert polls(on) == 0


def test_one_that_changed_after_the_ticker_is_as_old_as_its_frame(on: Live) -> None:
    before = on.emulator.read("/api/v2/ticker", pairSymbol="BTCTRY")[0]
    on.passes(1)
    place = moved(on)
    on.pushed("BTCTRY", place[0])
    came = on.now()
    on.passes(1)
    for name in ("timestamp", "bid", "ask"):
        on.fault("edit", TICKERS, path=f"data.0.{name}", value=before[name])
    answers = on.measure()
    (row,) = on.kinds(answers, BOOK)["BTCTRY"]
    assert (answers.touch_from["BTCTRY"], row.stamp) == (TouchFrom.STREAM, came * MICROS)
    assert row.cells[:2] == place


def test_without_tickers_it_ages_and_is_asked_for_in_the_end(on: Live) -> None:
    first = on.measure()
    on.fault("answer", TICKERS, status=503)
    for _ in range(5):
        on.passes(5)
        answers = on.measure()
        assert dict(answers.touch_from) == all_from(TouchFrom.CARRIED)
    assert polls(on) == 0
    on.passes(10)
    assert dict(on.measure().touch_from) == all_from(TouchFrom.BOOK)
    assert (polls(on), first.time + 35) == (3, on.now())


def test_a_silent_stream_is_found_out_by_the_tickers(on: Live) -> None:
    on.fault("silent", "STREAM *", times=1)
    place = moved(on)
    within_a_minute(lambda: on.struck("silent"))
    on.passes(5)
    answers = on.measure()
    assert dict(answers.touch_from) == all_from(TouchFrom.STREAM, BTCTRY=TouchFrom.TICKER)
    (row,) = on.kinds(answers, BOOK)["BTCTRY"]
    assert row.cells == (*place, "", "")
    assert polls(on) == 0
    on.passes(5)
    answers = on.measure()
    assert dict(answers.touch_from) == all_from(TouchFrom.STREAM, BTCTRY=TouchFrom.BOOK)
    assert (polls(on), answers.failures) == (1, {"stream:disagreed": 1})
    assert on.stream is not None
    assert on.stream.showing("BTCTRY") is None, "it is joined anew, in vain"
    on.passes(5)
    assert on.measure().touch_from["BTCTRY"] is TouchFrom.BOOK


def test_what_disagrees_comes_back_once_it_is_joined_anew(on: Live) -> None:
    on.fault("drop", "STREAM 432", times=1)
    place = moved(on)
    within_a_minute(lambda: on.struck("drop"))
    for _ in range(2):
        on.passes(5)
        assert on.measure().touch_from["BTCTRY"] is not TouchFrom.STREAM
    on.pushed("BTCTRY", place[0])
    on.passes(5)
    assert on.measure().touch_from["BTCTRY"] is TouchFrom.STREAM


@pytest.mark.parametrize("fault", ["drop", "hold", "repeat", "spoil"])
def test_a_gap_or_a_bad_frame_costs_the_book_until_it_is_whole_again(on: Live, fault: str) -> None:
    on.fault(fault, "STREAM 432", times=1)
    moved(on)
    within_a_minute(lambda: on.struck(fault))
    bid, ask = moved(on)
    showing = on.pushed("BTCTRY", bid)
    assert showing.ask is not None
    assert str(showing.ask.price) == ask
    on.passes(5)
    answers = on.measure()
    assert dict(answers.touch_from) == all_from(TouchFrom.STREAM)
    assert answers.failures == {}


def test_while_a_book_is_not_there_its_budget_is_all_that_there_is(on: Live) -> None:
    """One call a second, which the others do not need."""
    on.fault("drop", "STREAM 431")
    on.fault("spoil", "STREAM 432", times=1, how="bare")
    on.quote("ETHTRY", "90000", "90100")
    assert on.stream is not None
    within_a_minute(lambda: [pair for pair in PAIRS if on.stream.showing(pair) is None])  # type: ignore[union-attr]
    lost = [pair for pair in PAIRS if on.stream.showing(pair) is None]
    for _ in range(4):
        on.passes(1)
        answers = on.measure(symbols=())
        asked = [pair for pair, source in answers.touch_from.items() if source is TouchFrom.BOOK]
        assert asked, "whoever is not streamed has all turns"
        assert set(asked) <= set(lost)


def test_a_dropped_stream_is_polled_instead_and_counted(on: Live) -> None:
    on.fault("refuse", "STREAM handshake")
    on.fault("close", "STREAM *", times=1)
    moved(on)
    assert on.stream is not None
    within_a_minute(lambda: on.stream is not None and on.stream.is_failing)
    on.passes(5)
    answers = on.measure()
    assert dict(answers.touch_from) == all_from(TouchFrom.BOOK)
    assert (polls(on), answers.failures) == (3, {"stream:unreachable": 1})
    on.well()
    for pair in PAIRS:
        on.pushed(pair)
    on.passes(5)
    answers = on.measure()
    assert (dict(answers.touch_from), answers.failures) == (all_from(TouchFrom.STREAM), {})


def test_while_nothing_else_answers_the_stream_does(on: Live) -> None:
    on.measure()
    on.passes(5)
    on.fault("answer", "GET *", status=503)
    on.pushed("BTCTRY", moved(on)[0])
    before = on.now()
    answers = on.measure(deadline_seconds=2.5)
    assert answers.touch_from == all_from(TouchFrom.CARRIED, BTCTRY=TouchFrom.STREAM)
    assert (on.now(), answers.time - before <= 1) == (before, True), "there is nothing to wait for"


def test_a_pair_that_is_no_candidate_any_more_is_left_and_one_that_is_new_is_joined(on: Live) -> None:
    on.measure(candidates=["ETHTRY", "LTCTRY"], symbols=["ETHTRY"])
    on.pushed("LTCTRY")
    assert on.stream is not None
    assert on.stream.showing("BTCTRY") is None
    on.passes(5)
    answers = on.measure(candidates=["ETHTRY"], first=["XRPTRY"], symbols=["ETHTRY"])
    assert set(answers.touch_from) == {"ETHTRY", "XRPTRY"}, "what is held stays"
    on.pushed("XRPTRY")
