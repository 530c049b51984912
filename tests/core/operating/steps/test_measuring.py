"""Step 1 of a cycle: marks, ages, bars and rules of the market as it is now, and the cycle's time."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from scripted_account import SECOND, START, Scripted

from meva_core.amounts import parse_e8
from meva_core.errors import Refused, Unavailable, VenueReason
from meva_core.operating.opening import TRIES, opening_read
from meva_core.operating.steps.measuring import NO_MARK, Measured, Wanted, measure
from meva_core.operating.steps.timing import check_time, cycle_time, offset_of
from meva_core.operational.inputs import SymbolView
from meva_core.orders import Side
from meva_core.rules import RuleStatus
from meva_core.venue import Book, Level

PAIRS = ("BTCTRY", "ETHTRY")


@pytest.fixture
def exchange() -> Scripted:
    return Scripted({"BTCTRY": Decimal(3000), "ETHTRY": Decimal(100)}, {"TRY": Decimal(1000)})


def measured(exchange: Scripted, **changes: Any) -> Measured:
    return measure(exchange, exchange, exchange, Wanted(**({"symbols": PAIRS} | changes)))


def btc(exchange: Scripted, **changes: Any) -> SymbolView:
    return next(one for one in measured(exchange, **changes).symbols if one.name == "BTCTRY")


def one_sided(exchange: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    def book(symbol: str) -> Book:
        return Book(symbol, exchange.now, (Level(Decimal(2990), Decimal(5)),), ())

    monkeypatch.setattr(Scripted, "book", lambda self, symbol: book(symbol))


def test_a_mark_is_the_middle_of_the_book_or_the_last_price_where_that_is_wanted(
    exchange: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = btc(exchange)
    assert (seen.bid, seen.ask, seen.mark) == (parse_e8("2999"), parse_e8("3001"), parse_e8("3000"))
    assert seen.quote_volume == parse_e8("3000000")
    assert None not in (seen.high, seen.low, seen.ticker_age)
    one_sided(exchange, monkeypatch)
    seen = btc(exchange)
    assert (seen.bid, seen.ask, seen.mark) == (parse_e8("2990"), None, parse_e8("3000"))
    assert btc(exchange, by_last=True).mark == parse_e8("3000")


def test_without_book_and_ticker_the_last_mark_values_what_is_held(exchange: Scripted) -> None:
    with exchange.failing("book", "BTCTRY"), exchange.failing("tickers"):
        found = measured(exchange, valuations={"BTCTRY": parse_e8("2950")})
    seen = found.symbols[0]
    assert (seen.mark, seen.valuation, seen.age) == (None, parse_e8("2950"), None)
    assert found.blocked == {"BTCTRY": NO_MARK}
    assert found.pairs is None
    assert seen.listed
    assert found.valuations == {"BTCTRY": parse_e8("2950"), "ETHTRY": parse_e8("100")}


def test_of_a_book_that_was_not_read_a_last_price_is_no_mark(exchange: Scripted) -> None:
    for by_last in (False, True):
        with exchange.failing("book", "BTCTRY"):
            found = measured(exchange, valuations={"BTCTRY": parse_e8("2950")}, by_last=by_last)
        seen = found.symbols[0]
        assert (seen.last, seen.mark, seen.valuation) == (parse_e8("3000"), None, parse_e8("2950"))


def test_a_book_is_as_old_as_the_call_that_brought_it(exchange: Scripted) -> None:
    class Slow:
        def __init__(self) -> None:
            self.micros_now = START

        def micros(self) -> int:
            self.micros_now += 2 * SECOND
            return self.micros_now

    found = measure(exchange, exchange, Slow(), Wanted(symbols=PAIRS))
    assert [one.age for one in found.symbols] == [4, 2]


def test_what_was_measured_gets_older_until_it_is_decided_by(exchange: Scripted) -> None:
    found = measured(exchange)
    assert found.aged(exchange.now) == found
    later = found.aged(exchange.now + 48 * SECOND)
    assert [(one.age, one.ticker_age) for one in later.symbols] == [(48, 48)] * 2
    assert later.valuations == found.valuations
    with exchange.failing("book", "BTCTRY"), exchange.failing("tickers"):
        lacking = measured(exchange).aged(exchange.now + SECOND)
    assert [(one.age, one.ticker_age) for one in lacking.symbols] == [(None, None), (1, None)]


def test_a_last_price_is_current_as_its_ticker_says_and_a_book_as_it_was_asked_for(
    exchange: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, hours_ago = Scripted.tickers, exchange.now - 7200 * SECOND

    def tickers(self: Scripted) -> Any:
        return {name: evolve(one, ts=hours_ago) for name, one in plain(self).items() if name == "BTCTRY"}

    monkeypatch.setattr(Scripted, "tickers", tickers)
    assert measured(exchange).current == dict.fromkeys(PAIRS, exchange.now)
    assert measured(exchange, by_last=True).current == {"BTCTRY": hours_ago}
    one_sided(exchange, monkeypatch)
    assert measured(exchange).current == {"BTCTRY": hours_ago}, "its mark is the last price, too"


def test_a_pair_is_gone_only_where_tickers_and_description_lack_it(
    exchange: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    del exchange.prices["ETHTRY"]
    monkeypatch.setattr(
        Scripted, "book", lambda self, symbol: Book(symbol, self.now, (Level(Decimal(1), Decimal(1)),), ())
    )
    assert [one.listed for one in measured(exchange).symbols] == [True, False]
    plain = Scripted.rules

    def rules(self: Scripted, symbols: Any) -> Any:
        return [evolve(one, status=RuleStatus.OK) for one in plain(self, symbols)]

    monkeypatch.setattr(Scripted, "rules", rules)
    assert [one.listed for one in measured(exchange).symbols] == [True, True]


def test_without_rules_nothing_of_a_symbol_is_usable_and_it_is_measured_all_the_same(
    exchange: Scripted,
) -> None:
    with exchange.failing("rules"):
        seen = btc(exchange)
    assert (seen.rules.usable, seen.mark, seen.listed) == (False, parse_e8("3000"), True)
    assert seen.rules.quote == "TRY", "its name says that much"


def test_bars_lie_on_the_full_grid_and_one_symbols_failure_leaves_its_cells_empty(
    exchange: Scripted,
) -> None:
    with exchange.failing("candles", "ETHTRY"):
        found = measured(exchange, bars={60: 3})
    bars, last = found.bars["60"], START // SECOND // 60 * 60
    assert bars.symbols == PAIRS
    assert bars.time == (last - 120, last - 60, last)
    assert bars.close == ((parse_e8("3000"), None),) * 3
    assert any("ETHTRY: its bars cannot be read" in note for note in found.notes)


@pytest.mark.parametrize(
    ("now", "newest", "time"), [(10.0, 0, 10), (10.2, 9, 11), (10.0, 10, 11), (10.0, 15, 16)]
)
def test_the_time_of_a_cycle_is_in_whole_seconds_up_and_later_than_all_before(
    now: float, newest: int, time: int
) -> None:
    assert cycle_time(int(now * SECOND), newest) == time


def test_a_time_further_behind_is_none() -> None:
    with pytest.raises(Unavailable, match="6 s behind") as caught:
        cycle_time(10 * SECOND, 16)
    assert caught.value.reason is VenueReason.CLOCK


def test_a_time_that_proves_to_have_been_ahead_is_none_either() -> None:
    check_time(newest_and_one := cycle_time(10 * SECOND, 15), 10 * SECOND)
    with pytest.raises(Unavailable, match="7 s ahead when the cycle began") as caught:
        check_time(newest_and_one, 9 * SECOND)
    assert caught.value.reason is VenueReason.CLOCK


def offsets(*seconds: float) -> Iterator[int]:
    return iter([int(one * SECOND) for one in seconds])


def test_an_offset_that_leapt_is_believed_once_three_readings_agree() -> None:
    waits: list[int] = []
    found = offsets(1, 100, 101, 102, 100, 1)
    assert offset_of(lambda: next(found), None, waits.append) == SECOND
    assert offset_of(lambda: next(found), 0, waits.append) == 102 * SECOND
    assert waits == [30_000, 30_000]
    unsteady = offsets(100, 1, 100)
    with pytest.raises(Unavailable, match="do not agree"):
        offset_of(lambda: next(unsteady), 0, waits.append)


def test_a_book_begins_with_balances_that_two_reads_agree_on(exchange: Scripted) -> None:
    acts = [lambda: exchange.transfer("TRY", "5"), lambda: exchange.by_hand("BTCTRY", Side.BUY, "0.1")]

    def pause(milliseconds: int) -> None:
        exchange.pass_time(milliseconds / 1000)
        if acts:
            acts.pop(0)()
            exchange.pass_time(1)

    read = opening_read(exchange, exchange, pause, PAIRS)
    assert read.ts == START + 92 * SECOND
    assert read.balances["BTC"].total == Decimal("0.1")


def test_a_pair_that_is_listed_no_more_keeps_no_book_from_being_opened(exchange: Scripted) -> None:
    exchange.delisted.add("ETHTRY")
    pause = lambda milliseconds: exchange.pass_time(milliseconds / 1000)  # noqa: E731
    assert opening_read(exchange, exchange, pause, PAIRS).balances["TRY"].total > 0
    with pytest.raises(Refused):
        exchange.fills("ETHTRY", START, START)


def test_an_account_that_never_rests_opens_no_book(exchange: Scripted) -> None:
    waits: list[int] = []

    def pause(milliseconds: int) -> None:
        waits.append(milliseconds)
        exchange.pass_time(milliseconds / 1000)
        exchange.transfer("TRY", "5")

    with pytest.raises(Unavailable, match="30 s apart differ"):
        opening_read(exchange, exchange, pause, PAIRS)
    assert len(waits) == TRIES
