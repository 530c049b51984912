"""What may be used: what book and exchange both have, less what own orders may still take."""

from __future__ import annotations

from decimal import Decimal

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from live_books import a_book, a_fill, an_order, e8

from meva_core.live.standing import Standing
from meva_core.live_book.book import Look
from meva_core.live_book.holdings import Holding, Lot
from meva_core.live_book.shares import cash_for_buys, to_sell
from meva_core.orders import Side
from meva_core.venue import Balance

BPS = 10**8


def free(asset: str, amount: str) -> Balance:
    return Balance(asset, Decimal(amount), Decimal(0))


def test_cash_is_the_books_less_what_own_buys_may_cost_with_their_fee() -> None:
    """1000 less 2 x 100 with 24 bps, of which one coin has been booked: 100.24 are reserved."""
    order = an_order(qty="2", price="100", filled=Decimal(1))
    order = order.plus(a_fill("1", "100", order=order))
    assert cash_for_buys(a_book("1000"), free("TRY", "5000"), [order], 24 * BPS) == e8("899.76")


def test_it_is_never_more_than_the_exchange_has_free_nor_than_stands_there() -> None:
    assert cash_for_buys(a_book("1000"), free("TRY", "400.123456789"), [], 0) == e8("400.12345678")
    short = evolve(a_book("1000"), looks={"TRY": Look(gap=-e8("700"))})
    assert cash_for_buys(short, free("TRY", "5000"), [], 0) == e8("300")
    more = evolve(a_book("1000"), looks={"TRY": Look(gap=e8("700"))})
    assert cash_for_buys(more, free("TRY", "5000"), [], 0) == e8("1000")


@pytest.mark.parametrize("balance", [None, Balance("TRY", Decimal(5), Decimal(-1))])
def test_without_a_sound_balance_there_is_nothing(balance: Balance | None) -> None:
    assert cash_for_buys(a_book("1000"), balance, [], 0) == 0
    assert to_sell(a_book(), "BTCTRY", balance, []) == 0


@pytest.mark.parametrize("standing", [Standing.SENDING, Standing.UNKNOWN, Standing.OPEN])
def test_an_order_that_may_rest_counts_whole(standing: Standing) -> None:
    order = an_order(qty="2", price="100", standing=standing)
    assert cash_for_buys(a_book("1000"), free("TRY", "1000"), [order], 0) == e8("800")


def test_one_that_ended_counts_with_what_has_filled_and_is_not_booked() -> None:
    order = an_order(qty="5", price="100", standing=Standing.CANCELED, filled=Decimal(2))
    assert cash_for_buys(a_book("1000"), free("TRY", "1000"), [order], 0) == e8("800")
    booked = order.plus(a_fill("2", "100", order=order))
    assert cash_for_buys(a_book("1000"), free("TRY", "1000"), [booked], 0) == e8("1000")


def test_foreign_coins_are_never_sold() -> None:
    """I27: 3 are there, 1 is ours."""
    book = a_book(BTC="3")
    assert to_sell(book, "BTCTRY", free("BTC", "3"), []) == 0
    held = evolve(book.ledger, holdings={"BTCTRY": Holding(e8("1"), (Lot(e8("1"), 1),), 1)})
    book = evolve(book, ledger=held)
    assert to_sell(book, "BTCTRY", free("BTC", "4"), []) == e8("1")
    resting = an_order(Side.SELL, "0.4")
    assert to_sell(book, "BTCTRY", free("BTC", "3.6"), [resting]) == e8("0.6")
    short = evolve(book, looks={"BTC": Look(gap=-e8("0.25"))})
    assert to_sell(short, "BTCTRY", free("BTC", "3.6"), [resting]) == e8("0.35")


@given(
    cash=st.integers(0, 10**6), parts=st.lists(st.integers(1, 10**6), max_size=5), fee=st.integers(0, 10**10)
)
def test_buys_within_it_fit_with_their_fees(cash: int, parts: list[int], fee: int) -> None:
    """What is left and what own orders reserve are together never more than what is there."""
    orders = [an_order(qty=f"{part}", price="0.37") for part in parts]
    left = cash_for_buys(a_book(f"{cash}"), free("TRY", f"{cash}"), orders, fee)
    exact = sum(Decimal(part) * Decimal("0.37") for part in parts) * (1 + Decimal(fee) / 10**12)
    assert left >= 0
    assert left == 0 or Decimal(left) / 10**8 + exact <= cash
