"""The examples of the contract of Stages 3 and 4 that are the book's, by its sections."""

from __future__ import annotations

from attrs import evolve
from live_books import a_book, a_fill, an_order, book_fills, check_laws, e8

from meva_core.live_book.figures import assessed, begun, moved
from meva_core.live_book.ledger import faults
from meva_core.orders import Side


def test_section_4_a_buy_and_a_sell_of_a_part_of_it() -> None:
    """100000 TRY; buy 0.01 at 3000000, mark 2999000, 24 bps; sell 0.004 at 3050000, mark 3051000."""
    book, marks = a_book("100000"), {"BTCTRY": e8("3051000")}
    buy = an_order(Side.BUY, "0.01", "3000000", mark="2999000")
    bought = book_fills(book, a_fill("0.01", "3000000", "72", order=buy), orders=(buy,), marks=marks)
    (posting,) = bought.booked.postings
    assert (posting.notional, posting.fee, posting.reference) == (e8("30000"), e8("72"), e8("29990"))
    holding = bought.booked.book.ledger.holding("BTCTRY")
    assert holding.slippage == e8("10")
    assert holding.paid * 10**8 // holding.qty == e8("3007200")

    sell = an_order(Side.SELL, "0.004", "3050000", mark="3051000")
    sold = book_fills(
        bought.booked.book,
        a_fill("0.004", "3050000", "29.28", after=20, order=sell),
        orders=(sell,),
        marks=marks,
    )
    (posting,) = sold.booked.postings
    assert (posting.notional, posting.fee, posting.reference) == (e8("12200"), e8("29.28"), e8("12204"))
    after = sold.booked.book.ledger
    assert after.holding("BTCTRY").slippage - holding.slippage == e8("4")
    assert (after.realized, after.realized_average) == (e8("208"), e8("141.92"))

    assert after.cash == e8("82098.72")
    assert after.equity(marks) == e8("100404.72")
    gross = after.net(marks) + after.fees + after.slippage
    assert (gross, after.fees, after.slippage) == (e8("520"), e8("101.28"), e8("14"))
    assert e8("100000") + gross - after.fees - after.slippage == e8("100404.72")
    check_laws(book.ledger, [*bought.booked.postings, *sold.booked.postings], sold.booked.book, marks)


def test_section_5_a_deposit_moves_the_peak_that_drawdown_counts_from() -> None:
    """Peak 100500, deposit 10000: 110500; equity 107500: a drawdown of 3000; 107500.01: not yet."""
    figures = evolve(begun(e8("97500"), 20_000), peak=e8("100500"), peak_ever=e8("100500"))
    after = moved(figures, e8("10000"), e8("97500"))
    assert after.peak == e8("110500")
    assert assessed(after, e8("107500"), 20_000, fresh=True).drawdown == e8("3000")
    assert assessed(after, e8("107500.01"), 20_000, fresh=True).drawdown < e8("3000")


def test_section_4_an_adopted_book_with_another_cost_than_its_average_cost_keeps_its_identities() -> None:
    """In its first cycle, and once all is sold: see test_adoption for how the lots get that cost."""
    from meva_core.live_book.holdings import Lot
    from meva_core.live_book.opening import Position

    lots = (Lot(e8("0.6"), e8("1234.56789012")), Lot(e8("0.4"), e8("65.43210988")))
    book = a_book("500", {"BTCTRY": Position(lots, sum(lot.cost for lot in lots))}, BTC="1")
    marks = {"BTCTRY": e8("2000")}
    assert faults(book.ledger, marks) == []
    order = an_order(Side.SELL, "1", "1990", mark="2000")
    sold = book_fills(book, a_fill("1", "1990", "4.776", order=order), orders=(order,), marks=marks)
    holding = sold.booked.book.ledger.holding("BTCTRY")
    assert (holding.qty, holding.cost, holding.paid) == (0, 0, 0)
    check_laws(book.ledger, list(sold.booked.postings), sold.booked.book, marks)
