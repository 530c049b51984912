"""Which fills are asked for, and how far a cursor goes on."""

from __future__ import annotations

from decimal import Decimal

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from live_books import OPENED, SECOND, a_book, an_order, balances

from meva_core.live_book.book import SOLD, Look, Unproven, Wait
from meva_core.live_book.holdings import Holding, Lot
from meva_core.live_book.windows import due, first_cursor, is_read_out, read, window

PAIRS = ("AAVETRY", "BTCTRY", "ETHTRY")
MS = OPENED // 1000


def test_the_window_goes_back_from_the_cursor_by_the_lookback() -> None:
    assert window(MS, 30, OPENED + 5 * SECOND) == (OPENED - 1_800 * SECOND, OPENED + 5 * SECOND)


def test_without_a_cursor_it_begins_at_the_opening_or_at_the_oldest_order_that_is_asked_for() -> None:
    book = a_book()
    assert first_cursor(book, []) == MS
    old = an_order(created=OPENED - 86_400 * SECOND)
    assert first_cursor(book, [old, an_order(created=OPENED + 5)]) == MS - 86_400_000


def test_a_whole_read_moves_the_cursor_to_120_s_before_it_and_any_other_leaves_it() -> None:
    balance = balances(BTC="2")["BTC"]
    book = read(a_book(), "BTCTRY", MS, OPENED + 300 * SECOND, balance, whole=True)
    assert (book.cursors, book.bases) == ({"BTCTRY": MS + 180_000}, {"BTCTRY": 2})
    assert read(book, "BTCTRY", MS, OPENED + 900 * SECOND, balance, whole=False) == book


@given(st.lists(st.tuples(st.integers(0, 10**7), st.booleans()), max_size=20))
def test_a_cursor_never_goes_back(steps: list[tuple[int, bool]]) -> None:
    """I22, whatever the exchange's clock says."""
    book = a_book()
    for now, whole in steps:
        before = book.cursors.get("BTCTRY", MS)
        book = read(book, "BTCTRY", before, OPENED + now * 1000, None, whole=whole)
        assert book.cursors["BTCTRY"] >= before


def test_due_are_incomplete_orders_moved_balances_and_what_waits() -> None:
    book = evolve(a_book(BTC="1", ETH="2"), cycles=3)
    same = balances(BTC="1", ETH="2", AAVE="0")
    assert due(book, PAIRS, [], same, PAIRS, starts=False) == []
    assert due(book, PAIRS, [an_order(symbol="ETHTRY")], same, (), starts=False) == ["ETHTRY"]
    assert due(book, PAIRS, [an_order(complete=True)], same, (), starts=False) == []
    assert due(book, PAIRS, [], balances(BTC="1.1", ETH="2", AAVE="3"), (), starts=False) == [
        "AAVETRY",
        "BTCTRY",
    ]
    waiting = evolve(book, waits={"5": Wait("AAVETRY", OPENED)})
    assert due(waiting, PAIRS, [], same, (), starts=False) == ["AAVETRY"]
    assert due(book, PAIRS, [], same, (), ["ETHTRY"], starts=False) == ["ETHTRY"], "it was not read last time"


def test_an_asset_that_was_not_told_has_not_moved() -> None:
    book = evolve(a_book(BTC="1"), cycles=3)
    assert due(book, PAIRS, [], balances(TRY="5"), (), starts=False) == []


def test_the_universe_and_what_is_held_are_due_at_the_start_and_every_tenth_cycle() -> None:
    book = a_book(BTC="1")
    held = evolve(book.ledger, holdings={"BTCTRY": Holding(1, (Lot(1, 1),), 1)})
    book, there = evolve(book, ledger=held, cycles=7), balances(BTC="1")
    assert due(book, PAIRS, [], there, ("ETHTRY",), starts=True) == ["BTCTRY", "ETHTRY"]
    assert due(book, PAIRS, [], there, ("ETHTRY",), starts=False) == []
    assert due(evolve(book, cycles=20), PAIRS, [], there, ("ETHTRY",), starts=False) == ["BTCTRY", "ETHTRY"]


def test_while_nothing_explains_what_try_lacks_every_coin_may_have_been_traded() -> None:
    """Bought and sold again between two reads, it moves no base balance."""
    there = balances(TRY="5", BTC="1", ETH="2", AAVE="0")
    book = evolve(a_book(BTC="1"), cycles=3, bases={"BTCTRY": Decimal(1), "ETHTRY": Decimal(2)})
    assert due(book, PAIRS, [], there, (), starts=False) == []
    lacks = evolve(book, looks={"TRY": Look(-5, -5, OPENED, 1)})
    assert due(lacks, PAIRS, [], there, (), starts=False) == ["BTCTRY", "ETHTRY"]
    assert due(lacks, PAIRS, [], there, ("AAVETRY",), starts=False) == ["AAVETRY", "BTCTRY", "ETHTRY"]


def test_a_gap_that_stays_open_asks_for_no_pair_that_was_read_whole_ten_minutes_after_it() -> None:
    there = balances(TRY="5", BTC="1")
    gap = {"TRY": Look(-5, -5, OPENED + 60 * SECOND, 1)}
    book = evolve(a_book(BTC="1"), cycles=3, bases={"BTCTRY": Decimal(1)}, looks=gap)
    reads = ((120, True, True), (659, True, True), (660, False, True), (660, True, False))
    for seconds, whole, asked in reads:
        book = read(book, "BTCTRY", MS, OPENED + seconds * SECOND, there["BTC"], whole=whole)
        assert (due(book, PAIRS, [], there, (), starts=False) == ["BTCTRY"]) is asked
    # What is another gap begins anew.
    book = evolve(book, looks={"TRY": Look(5, 5, OPENED + 900 * SECOND, 1)})
    assert due(book, PAIRS, [], there, (), starts=False) == ["BTCTRY"]


@pytest.mark.parametrize(("asset", "asked"), [("ETH", ["ETHTRY"]), ("TRY", ["AAVETRY", "BTCTRY", "ETHTRY"])])
def test_what_was_booked_unproven_is_asked_for_until_its_pairs_were_read_ten_minutes_later(
    asset: str, asked: list[str]
) -> None:
    there = balances(TRY="5", BTC="1", ETH="2")
    bases = {"BTCTRY": Decimal(1), "ETHTRY": Decimal(2)}
    flow = Unproven("flow:unproven:1", asset, OPENED + 60 * SECOND, -5)
    book = evolve(a_book(BTC="1", ETH="2"), cycles=3, bases=bases, cursors=dict.fromkeys(bases, MS))
    booked = evolve(book, unproven=(flow,))
    for seconds in (120, 659):
        assert due(booked, PAIRS, [], there, ("AAVETRY",), starts=False) == asked
        assert not is_read_out(booked, flow)
        for symbol in asked:
            booked = read(booked, symbol, MS, OPENED + seconds * SECOND, None, whole=True)
    for symbol in asked:
        booked = read(booked, symbol, MS, OPENED + 660 * SECOND, None, whole=True)
    assert due(booked, PAIRS, [], there, ("AAVETRY",), starts=False) == []
    assert is_read_out(booked, flow)
    by_sale = evolve(flow, id=f"{SOLD}1", asset="ETH")
    assert due(evolve(book, unproven=(by_sale,)), PAIRS, [], there, (), starts=False) == []
