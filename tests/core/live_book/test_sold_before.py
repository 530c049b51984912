"""Coins of a person's that came before a sale by hand, and were explained after it: they were what was sold.

The sale is read first, and takes the book's.
"""

from __future__ import annotations

import pytest
from attrs import evolve
from live_books import (
    MARKS,
    OPENED,
    SECOND,
    a_fill,
    an_order,
    at,
    book_fills,
    check_laws,
    codes,
    e8,
    holding_book,
    listed,
    read,
    reading,
    reads,
)

from meva_core.live_book.attribution import Ours
from meva_core.live_book.balances import needs_flows
from meva_core.live_book.batch import Batch, reclaimed
from meva_core.live_book.book import Booked, LiveBook
from meva_core.orders import Side


def sold(book: LiveBook, qty: str, after: float = 30) -> Booked:
    return book_fills(book, a_fill(qty, "3000", side=Side.SELL, after=after), marks=MARKS).booked


@pytest.mark.parametrize(("after", "held"), [(29, "1"), (31, "0.5")])
def test_a_purchase_that_is_shown_after_its_coins_were_booked_from_the_balance(
    after: float, held: str
) -> None:
    """0.6 were bought and 0.5 sold, which is shown at once. What was bought later was not what was sold."""
    book = holding_book()
    sale = sold(book, "0.5")
    *_, seen = reads(sale.book, 40, 100, 160, TRY="7700", BTC="1.1")
    assert seen.book.ledger.foreign == {"BTC": e8("0.6")}
    fill = a_fill("0.6", "3000", after=after)
    came = book_fills(seen.book, fill, marks=MARKS, now=430).booked
    ledger = came.book.ledger
    assert (ledger.cash, ledger.holding("BTCTRY").qty) == (e8("7700"), e8(held))
    assert ledger.foreign == {"BTC": e8("1.1") - e8(held)}
    rows = [*sale.postings, *seen.postings, *came.postings]
    check_laws(book.ledger, rows, came.book, MARKS)
    order = evolve(an_order(Side.BUY, "0.6", "3000"), order_id="7")
    batch = Batch("BTCTRY", (fill,), {}, True, at(500))
    ours = reclaimed(came.book, batch, rows, Ours((order,)), MARKS).booked
    assert ours.book.ledger.holding("BTCTRY").qty == e8("1.1"), (
        "it was ours: half a coin of the book was sold"
    )
    assert ours.book.ledger.foreign == {}
    check_laws(book.ledger, [*rows, *ours.postings], ours.book, MARKS)


def test_coins_that_the_balances_showed_before_the_sale_though_no_list_ever_does() -> None:
    """2 were there by the first read, and are sold before three reads have shown them."""
    book = read(holding_book(), 20, TRY="8000", BTC="3").book
    sale = sold(book, "2")
    assert sale.book.ledger.holding("BTCTRY").qty == 0
    # What is shown as it was before the sale may be shown late: for ten minutes nothing is booked of it.
    *_, before, last = reads(sale.book, 80, 140, 629, 630, TRY="14000", BTC="1")
    assert before.book.ledger.holding("BTCTRY").qty == 0
    assert last.book.ledger.holding("BTCTRY").qty == e8("1")
    assert last.book.ledger.foreign == {}
    assert codes(last) == []


def test_a_deposit_that_a_list_shows_after_its_coins_were_booked_from_the_balance() -> None:
    """2 came and were sold; what was left of the account's coins was taken for the person's."""
    book = holding_book()
    sale = sold(book, "2")
    *_, seen = reads(sale.book, 40, 100, 630, TRY="14000", BTC="1")
    assert seen.book.ledger.foreign == {"BTC": e8("1")}
    assert needs_flows(seen.book, reading(seen.book, 3_600, TRY="14000", BTC="1"))
    between = evolve(seen.book, cycles=9)
    assert not needs_flows(between, reading(between, 3_600, TRY="14000", BTC="1"))
    came = read(seen.book, 3_600, listed("crypto:1", "BTC", "2", 25), TRY="14000", BTC="1")
    assert came.book.ledger.holding("BTCTRY").qty == e8("1")
    assert came.book.ledger.foreign == {}
    assert [one.amount for one in came.book.unproven if not one.by_sale] == []
    assert not needs_flows(came.book, reading(came.book, 3_660, TRY="14000", BTC="1"))
    check_laws(book.ledger, [*sale.postings, *seen.postings, *came.postings], came.book, MARKS)


def test_one_that_is_stamped_after_the_sale_stays_the_person_s() -> None:
    *_, seen = reads(sold(holding_book(), "1").book, 40, 100, 630, TRY="11000", BTC="1")
    came = read(seen.book, 3_600, listed("crypto:1", "BTC", "1", 31), TRY="11000", BTC="1")
    assert came.book.ledger.holding("BTCTRY").qty == 0
    assert came.book.ledger.foreign == {"BTC": e8("1")}
    assert OPENED + 31 * SECOND in came.book.listed.values()


def test_coins_that_were_sold_as_the_person_s_come_over_to_nobody() -> None:
    """0.6 came, and went with 0.9 that were sold; the 0.5 that came then are the person's, whatever the list
    shows later."""
    book = holding_book()
    *_, seen = reads(book, 20, 80, 140, TRY="8000", BTC="1.6")
    sale = sold(seen.book, "0.9", after=150)
    assert sale.book.ledger.holding("BTCTRY").qty == e8("0.7")
    came = read(sale.book, 800, listed("crypto:2", "BTC", "0.5", 790), TRY="10700", BTC="1.2")
    assert came.book.ledger.foreign == {"BTC": e8("0.5")}
    both = (listed("crypto:1", "BTC", "0.6", 10), listed("crypto:2", "BTC", "0.5", 790))
    last = read(evolve(came.book, cycles=10), 3_600, *both, TRY="10700", BTC="1.2")
    ledger = last.book.ledger
    assert (ledger.holding("BTCTRY").qty, ledger.foreign) == (e8("0.7"), {"BTC": e8("0.5")})
    rows = [*seen.postings, *sale.postings, *came.postings, *last.postings]
    check_laws(book.ledger, rows, last.book, MARKS)
