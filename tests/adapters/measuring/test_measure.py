"""What a measure of the live market brings, over real sockets, when all is well and when it is not."""

from __future__ import annotations

import json
import threading
from collections import Counter
from pathlib import Path

import pytest
from emulator_server import Emulator
from live_exchange import BARS, BOOKS, INFO, LOOKBACK, PAIRS, TICKERS, TIME, Live, live

from meva_adapters.measuring import StoredOffset
from meva_adapters.replay.alignment import Alignment
from meva_core.amounts import ABSENT
from meva_core.errors import Unavailable, VenueReason
from meva_core.live_market import BAR60, BOOK, HISTORY_BARS, TICKER, TouchFrom

MICROS = 10**6
DAY = 86_400 * MICROS


def all_from(source: TouchFrom) -> dict[str, TouchFrom]:
    return dict.fromkeys(PAIRS, source)


# -- All is well --------------------------------------------------------------------------------------


def test_the_first_measure_brings_metadata_touches_tickers_and_200_minutes_of_bars(on: Live) -> None:
    answers = on.measure(candidates=(), rules_due=True, among=lambda metadata: sorted(metadata.pairs)[:2])
    assert answers.metadata is not None
    chosen = sorted(answers.metadata.pairs)[:2]
    assert dict(answers.touch_from) == dict.fromkeys(chosen, TouchFrom.BOOK)
    assert Counter((row.symbol, row.kind) for row in answers.rows) == {
        (symbol, kind): count
        for symbol in chosen
        for kind, count in ((BOOK, 1), (TICKER, 1), (BAR60, HISTORY_BARS))
    }
    assert (answers.time, answers.failures, answers.offset_is_old) == (on.now(), {}, False)
    market = on.alignment.market(answers.time, chosen)
    assert (market.closes == LOOKBACK).all()
    assert (market.bid < market.ask).all()
    assert ((market.book_ts == answers.time * MICROS) & (market.bid_qty > 0)).all()


def test_bars_from_before_the_lookback_change_nothing_that_a_cycle_sees(on: Live) -> None:
    answers, fewer = on.measure(), Alignment(LOOKBACK)
    last = {row for rows in on.kinds(answers, BAR60).values() for row in rows[-LOOKBACK:]}
    fewer.take(row for row in answers.rows if row.kind != BAR60 or row in last)
    seen, otherwise = (each.market(answers.time, PAIRS) for each in (on.alignment, fewer))
    assert all((one == other).all() for one, other in zip(seen, otherwise, strict=True))


def test_a_bar_is_asked_for_three_seconds_after_its_end_and_comes_once(on: Live) -> None:
    on.measure()
    seen = []
    for second in range(22, 72, 2):
        on.forward(2)
        bars = on.kinds(on.measure(), BAR60)
        assert {row.stamp // MICROS % 60 for rows in bars.values() for row in rows} <= {0}
        seen += [(second, symbol) for symbol in bars]
    assert {symbol for _, symbol in seen} == set(PAIRS)
    assert (min(seen)[0], len(seen)) == (64, 3)  # a turn has a call or two: the last of them comes later


def test_the_cycle_is_the_first_second_after_the_last_answer(on: Live) -> None:
    on.forward(0.001)
    assert on.measure().time == on.now() + 1


@pytest.mark.parametrize("behind_ms", [-3_600_000, -1_500, 1_500, 3_600_000])
def test_times_are_the_exchanges_whatever_our_clock_says(emulator: Emulator, behind_ms: int) -> None:
    with live(emulator, behind_ms) as on:
        answers = on.measure()
        assert (answers.time, answers.failures) == (on.now(), {})
        assert (answers.offset, answers.learnt) == (behind_ms * 1000, on.clock.micros())


def test_one_market_for_all_cycles_asks_and_sees_what_one_for_each_does(on: Live) -> None:
    on.measure()
    for seconds in (5, 1, 17, 5, 60, 3):
        on.forward(seconds)
        asking, other = on.asking(), on.another()
        apart = other.measure(asking)
        together = on.measure()
        assert (apart.time, apart.rows, apart.touch_from) == (
            together.time,
            together.rows,
            together.touch_from,
        )
        other.close()


# -- Parts that fail ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "settings", "counted"),
    [
        ("answer", {"status": 503, "html": True}, "book:maintenance"),
        ("answer", {"status": 429, "headers": {"Retry-After": "60"}}, "book:rate_limited"),
        ("garble", {"how": "html"}, "book:unreadable"),
        ("garble", {"how": "deep"}, "book:unreadable"),
        ("edit", {"path": "data.bids", "value": "none"}, "book:unreadable"),
        ("lose_reply", {"end": "reset"}, "book:unreachable"),
    ],
)
def test_a_ticker_gives_the_touch_of_a_book_that_does_not_answer(
    on: Live, fault: str, settings: dict[str, object], counted: str
) -> None:
    on.measure()
    on.forward(5)
    on.fault(fault, BOOKS, **settings)
    answers = on.measure()
    assert dict(answers.touch_from) == all_from(TouchFrom.TICKER)
    touches = on.kinds(answers, BOOK)
    assert {rows[0].cells[2:] for rows in touches.values()} == {("", "")}
    assert answers.failures[counted] >= 1
    assert sum(answers.failures.values()) == 3
    market = on.alignment.market(answers.time, PAIRS)
    assert (market.bid > 0).all()
    assert (market.bid_qty == ABSENT).all()


def test_without_tickers_books_and_bars_go_on(on: Live) -> None:
    on.fault("answer", TICKERS, status=500)
    answers = on.measure()
    assert dict(answers.touch_from) == all_from(TouchFrom.BOOK)
    assert (on.kinds(answers, TICKER), len(on.kinds(answers, BAR60))) == ({}, 3)
    assert answers.failures == {"tickers:unreachable": 1}


def test_a_pair_without_a_ticker_or_without_bars_costs_no_other(on: Live) -> None:
    on.fault("edit", TICKERS, path="data.0", remove=True)
    on.fault("edit", BARS, path="t", value=[], times=1)
    for column in "ohlcv":
        on.fault("edit", BARS, path=column, value=[], times=1)
    answers = on.measure()
    assert sorted(on.kinds(answers, TICKER)) == ["ETHTRY", "XRPTRY"]
    assert len(on.kinds(answers, BAR60)) == 2
    assert len(on.kinds(answers, BOOK)) == 3


def test_metadata_that_do_not_come_cost_the_metadata(on: Live) -> None:
    on.fault("garble", INFO, how="html")
    answers = on.measure(rules_due=True)
    assert (answers.metadata, answers.failures) == (None, {"metadata:unreadable": 1})
    assert dict(answers.touch_from) == all_from(TouchFrom.BOOK)


def test_a_bar_that_cannot_be_read_is_counted_and_left_out(on: Live) -> None:
    other = on.another()
    there = other.measure(on.asking())
    other.close()
    on.fault("edit", BARS, path="c.0", value="-1", times=1)
    answers = on.measure()
    assert answers.failures == {"bar:unreadable": 1}
    bars, others = ({row for row in each.rows if row.kind == BAR60} for each in (answers, there))
    assert (bars < others, len(others - bars)) == (True, 1)


@pytest.mark.parametrize("market", ["one for all cycles", "one for each"])
def test_a_bar_stays_as_it_was_first_seen_and_that_it_differs_is_counted(on: Live, market: str) -> None:
    first = on.kinds(on.measure(), BAR60)
    for _ in range(12):
        on.forward(5)
    if market == "one for each":
        on.market.close()
        on.market = on.another()
    on.fault("edit", BARS, path="c.0", value="1", times=1)  # of the last bar that is known
    on.fault("edit", BARS, path="l.0", value="1", times=1)
    answers = on.measure()
    assert answers.failures == {"bar_changed": 1}
    assert [len(rows) for rows in on.kinds(answers, BAR60).values()] == [1, 1, 1]
    assert all(rows[0].stamp > first[symbol][-1].stamp for symbol, rows in on.kinds(answers, BAR60).items())


# -- Odd books ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "place"), [("bids", 0), ("asks", 1)])
def test_an_empty_side_is_a_row_that_says_so(on: Live, side: str, place: int) -> None:
    on.measure()
    on.forward(5)
    on.fault("edit", BOOKS, path=f"data.{side}", value=[])
    answers = on.measure()
    for (row,) in on.kinds(answers, BOOK).values():
        assert (row.cells[place], row.cells[place + 2]) == ("", "")
        assert "" not in (row.cells[1 - place], row.cells[3 - place])
    market = on.alignment.market(answers.time, PAIRS)
    assert ((market.bid, market.ask)[place] == ABSENT).all()
    assert (market.book_ts == answers.time * MICROS).all()
    assert dict(answers.touch_from) == all_from(TouchFrom.BOOK)


def test_a_crossed_book_is_a_row_as_it_is(on: Live) -> None:
    on.fault("edit", BOOKS, path="data.asks", value=[["1", "2"]], times=1)
    answers = on.measure()
    crossed = [row for (row,) in on.kinds(answers, BOOK).values() if row.cells[1] == "1"]
    assert len(crossed) == 1
    market = on.alignment.market(answers.time, [crossed[0].symbol])
    assert market.bid[0, 0] > market.ask[0, 0] == 10**8


def test_a_book_stamped_with_its_last_change_is_overtaken_by_the_ticker(on: Live) -> None:
    """Or asking for it would make a touch older than not asking."""
    first = on.measure()
    stamp = on.kinds(first, BOOK)["BTCTRY"][0].stamp // 1000
    on.forward(5)
    on.fault("edit", BOOKS, path="data.timestamp", value=stamp)
    answers = on.measure()
    assert dict(answers.touch_from) == all_from(TouchFrom.TICKER)
    on.fault("edit", TICKERS, path="data.0.timestamp", value=stamp)
    on.forward(5)
    assert on.measure().touch_from["BTCTRY"] == TouchFrom.CARRIED


# -- Clocks -------------------------------------------------------------------------------------------


def test_rows_out_of_the_future_are_none_and_the_offset_is_learnt_anew(on: Live) -> None:
    on.measure()
    on.forward(5)
    on.policy(clock_skew_ms=10_000)
    answers = on.measure()
    assert (on.kinds(answers, BOOK), on.kinds(answers, TICKER)) == ({}, {})
    assert (answers.failures, dict(answers.touch_from)) == ({"clock_skew": 6}, all_from(TouchFrom.CARRIED))
    on.forward(5)
    answers = on.measure()
    assert (answers.failures, answers.time) == ({}, on.now() + 10)
    assert dict(answers.touch_from) == all_from(TouchFrom.BOOK)


@pytest.mark.parametrize(("ahead_ms", "taken"), [(2_000, 1), (2_001, 0)])
def test_two_seconds_ahead_is_no_fault(on: Live, ahead_ms: int, taken: int) -> None:
    on.fault("edit", BOOKS, path="data.timestamp", value=on.emulator.clock() + ahead_ms)
    on.fault("edit", TICKERS, path="data", value=[])
    assert len(on.kinds(on.measure(), BOOK)) == 3 * taken


def test_the_offset_is_learnt_each_minute(on: Live) -> None:
    learnt = [on.measure().learnt]
    for _ in range(13):
        on.forward(5)
        learnt.append(on.measure().learnt)
    assert [at - learnt[0] for at in learnt] == [0] * 12 + [60 * MICROS] * 2


def test_without_the_exchanges_time_the_last_one_holds(on: Live) -> None:
    first = on.measure()
    on.fault("answer", TIME, status=503)
    for _ in range(12):
        on.forward(60)  # past the time after which the client itself would ask again
        answers = on.measure()
        assert (answers.offset_is_old, answers.offset, answers.time) == (True, first.offset, on.second())
        assert dict(answers.touch_from) == all_from(TouchFrom.BOOK)
    on.well()
    on.forward(60)
    assert not on.measure().offset_is_old


def test_a_stored_offset_holds_for_a_day(on: Live) -> None:
    on.fault("answer", TIME, status=503)
    on.clock.behind_ms = 7_000
    now = on.clock.micros()
    for learnt, fine in ((now - DAY + MICROS, True), (now - DAY - 1, False), (now + DAY + MICROS, False)):
        market = on.another(StoredOffset(7_000_000, 5, learnt))
        if fine:
            answers = market.measure(on.asking(rules_due=True))
            assert (answers.time, answers.offset_is_old) == (on.second(), True)
            assert (answers.offset, answers.round_trip) == (7_000_000, 5)
            assert answers.metadata is not None
        else:
            with pytest.raises(Unavailable, match="time cannot be told") as caught:
                market.measure(on.asking())
            assert caught.value.reason is VenueReason.CLOCK
        market.close()


# -- Deadlines ----------------------------------------------------------------------------------------


def test_without_any_answer_the_cycle_is_after_the_deadline(on: Live) -> None:
    on.measure()
    on.forward(5)
    on.fault("answer", "GET *", status=503)
    began = on.now()
    answers = on.measure(deadline_seconds=2.5)
    assert (answers.rows, dict(answers.touch_from)) == ((), all_from(TouchFrom.CARRIED))
    assert (answers.time, on.now()) == (began + 3, began + 2)
    assert answers.failures["tickers:maintenance"] == 1


def test_an_answer_after_the_deadline_is_kept_and_nobody_is_asked_twice(on: Live) -> None:
    on.measure()
    on.forward(5)
    on.fault("answer", TICKERS, status=500)
    asked, answered = Counter[str](), Counter[str]()
    book, gate = on.exchange.market.book, threading.Event()

    def slow(symbol: str) -> object:
        asked[symbol] += 1
        answer = book(symbol)
        if symbol == "BTCTRY":
            gate.wait(20)
        else:
            answered[symbol] += 1
        return answer

    object.__setattr__(on.exchange, "market", Slow(on.exchange.market, slow))
    stamp = on.emulator.clock() * 1000
    on.passing_ms, on.is_time = 700, lambda: len(answered) == 2
    assert on.measure().touch_from == {**all_from(TouchFrom.BOOK), "BTCTRY": TouchFrom.CARRIED}
    on.passing_ms = 0
    on.forward(2)
    assert on.measure().touch_from == {**all_from(TouchFrom.BOOK), "BTCTRY": TouchFrom.CARRIED}
    assert asked == {"BTCTRY": 1, "ETHTRY": 2, "XRPTRY": 2}
    gate.set()
    rows = []
    while not rows:  # it is on its way
        on.forward(2)
        rows = on.kinds(on.measure(candidates=["BTCTRY"], symbols=[]), BOOK).get("BTCTRY", [])
    assert rows[0].stamp >= stamp


class Slow:
    """A market whose books come as late as a test says."""

    def __init__(self, market: object, book: object) -> None:
        self.market = market
        self.book = book

    def __getattr__(self, name: str) -> object:
        return getattr(self.market, name)


def test_an_answer_that_was_late_is_there_in_the_next_measure(on: Live) -> None:
    on.fault("late", TICKERS, seconds=0.4, times=1)
    on.passing_ms = 600
    first = on.measure()
    assert on.kinds(first, TICKER) == {}
    ended = on.emulator.clock() * 1000
    on.passing_ms = 0
    on.fault("answer", TICKERS, status=500)
    tickers = {}
    while not tickers:  # it is on its way, and comes with this one or the next
        on.forward(5)
        tickers = on.kinds(on.measure(), TICKER)
    assert sorted(tickers) == list(PAIRS)
    assert all(row.stamp <= ended for rows in tickers.values() for row in rows)


def test_silence_holds_nobody_beyond_the_deadline(emulator: Emulator) -> None:
    with live(emulator, total=1.0) as on:
        on.measure()
        on.forward(5)
        on.fault("lose_reply", "GET *", end="silence", seconds=1.2)
        on.passing_ms = 400
        began = on.clock.monotonic()
        answers = on.measure(deadline_seconds=2.0)
        assert answers.rows == ()
        assert 2.0 <= on.clock.monotonic() - began < 3.0
        on.emulator.control("DELETE", "faults")


def test_a_budget_that_is_used_up_is_not_waited_for(on: Live) -> None:
    on.measure()
    on.forward(5)
    on.fault("answer", BOOKS, status=429, headers={"Retry-After": "30"}, times=1)
    on.measure()
    before = on.clock.monotonic()
    on.forward(5)
    answers = on.measure()
    assert on.clock.monotonic() - before == pytest.approx(5, abs=0.01)
    assert (dict(answers.touch_from), answers.failures) == (all_from(TouchFrom.TICKER), {})


def test_no_call_is_over_budget(on: Live) -> None:
    """The emulator keeps the exchange's budgets, and says 429 to whoever does not."""
    pairs = listed(on)
    refused = Counter[str]()
    for _ in range(130):
        on.forward(1)
        refused.update(on.measure(symbols=pairs, candidates=pairs, rules_due=True).failures)
    assert refused == {}


def test_two_loops_behind_one_address_keep_its_budgets_together(on: Live, tmp_path: Path) -> None:
    pairs, folder = listed(on), tmp_path / "cache"
    folder.mkdir(mode=0o700)
    loops = [on.another(calls=on.counted(folder / "calls.json")) for _ in range(2)]
    refused, books = Counter[str](), 0
    for _ in range(70):
        on.forward(1)
        for loop in loops:
            answers = loop.measure(
                on.asking(symbols=pairs, candidates=pairs, first=pairs, since_last_seconds=1)
            )
            books += list(answers.touch_from.values()).count(TouchFrom.BOOK)
            refused.update(answers.failures)
    assert refused == {}
    assert books > 162  # and use what there is of them
    for loop in loops:
        loop.close()


def listed(on: Live) -> list[str]:
    document = json.loads(on.emulator.get("/api/v2/server/exchangeinfo").text)
    return sorted(entry["name"] for entry in document["data"]["symbols"])


def test_an_error_of_ours_is_not_taken_for_the_exchanges(on: Live) -> None:
    def broken() -> object:
        raise ZeroDivisionError

    market = Slow(on.exchange.market, on.exchange.market.book)
    market.tickers = broken  # type: ignore[attr-defined]
    object.__setattr__(on.exchange, "market", market)
    with pytest.raises(ZeroDivisionError):
        on.measure()


def test_whoever_watches_may_end_it(on: Live) -> None:
    on.stops = True
    on.fault("lose_reply", "GET *", end="silence", seconds=1.0)
    market = on.another()
    with pytest.raises(KeyboardInterrupt):
        market.measure(on.asking())
    market.close()
