"""Sales of ours whose fills are booked after the balances had told of them, and other coins are held."""

from __future__ import annotations

from decimal import Decimal

import pytest
from live_books import (
    MARKS,
    a_book,
    a_fill,
    an_order,
    balances,
    book_fills,
    check_laws,
    codes,
    e8,
    holding_book,
    read,
    reads,
)

from meva_core.live_book.balances import gaps
from meva_core.live_book.postings import Kind
from meva_core.orders import Side

UP = {"BTCTRY": 3_300 * 10**8}


@pytest.mark.parametrize("parts", [("0.5",), ("0.2", "0.3")])
@pytest.mark.parametrize("asked", [True, False])
def test_what_the_balances_told_of_a_sale_is_no_second_one(parts: tuple[str, ...], asked: bool) -> None:
    book, order = holding_book("2"), an_order(Side.SELL, "0.5", "3100")
    *_, seen = reads(book, 30, 90, 150, TRY="7545", BTC="1.5")
    fills = [
        a_fill(qty, "3100", f"{Decimal(qty) * 10:f}", order=order, after=20 + place)
        for place, qty in enumerate(parts)
    ]
    came = book_fills(seen.book, *fills, orders=(order,), marks=UP, now=400, asked=asked)
    assert (came.waits, codes(came.booked), came.booked.book.unproven) == ((), [], ())
    ledger = came.booked.book.ledger
    assert (ledger.cash, ledger.holding("BTCTRY").qty, ledger.flows) == (e8("7545"), e8("1.5"), 0)
    assert gaps(came.booked.book, balances(TRY="7545", BTC="1.5")) == {"TRY": 0, "BTC": 0}
    check_laws(book.ledger, [*seen.postings, *came.booked.postings], came.booked.book, UP)


def test_so_it_is_where_coins_of_others_had_gone_for_it() -> None:
    """Half a coin of a person's was taken for what had gone; of the two that did, one quarter was another."""
    buy, order = an_order(qty="2", price="2000"), an_order(Side.SELL, "0.75", "3100")
    bought = book_fills(
        a_book("10000", BTC="0.5"), a_fill("2", "2000", order=buy), orders=(buy,), marks=MARKS
    ).booked
    book = read(bought.book, 15, TRY="6000", BTC="2.5").book
    *_, seen = reads(book, 30, 90, 150, TRY="8325", BTC="1.5")
    assert seen.book.ledger.holding("BTCTRY").qty == e8("1.5")
    fill = a_fill("0.75", "3100", order=order, after=20)
    came = book_fills(seen.book, fill, orders=(order,), marks=UP, now=400).booked
    back = next(one for one in came.postings if one.kind is Kind.TAKEN_BACK and one.asset == "BTC")
    assert (back.qty, back.foreign, back.notional) == (e8("0.5"), e8("0.25"), e8("1500"))
    assert came.book.ledger.holding("BTCTRY").qty == e8("1.25")
    assert came.book.ledger.foreign == {"BTC": e8("0.25")}
    assert [(one.amount, one.taken) for one in came.book.unproven] == [(-e8("0.25"), 0)]
    check_laws(book.ledger, [*seen.postings, *came.postings], came.book, UP)


@pytest.mark.parametrize(
    ("cash", "coins", "after"),
    [("6000", "1.5", 20), ("7550", "2", 20), ("7550", "1.5", 31), ("7000", "1.5", 20)],
    ids=["no TRY came", "no coins went", "seen before the sale", "too little TRY came"],
)
def test_what_the_balances_told_of_something_else_is_not_taken_back(
    cash: str, coins: str, after: float
) -> None:
    book, order = holding_book("2"), an_order(Side.SELL, "0.25", "3000")
    *_, seen = reads(book, 30, 90, 150, TRY=cash, BTC=coins)
    fill = a_fill("0.25", "8000" if cash == "7000" else "3100", order=order, after=after)
    came = book_fills(seen.book, fill, orders=(order,), marks=MARKS, now=400).booked
    assert [one.kind for one in came.postings] == [Kind.SELL]
