"""Fills by hand that are shown after the balances had told of them: what was booked is what they were."""

from __future__ import annotations

import json

import pytest
from attrs import evolve
from live_books import (
    MARKS,
    a_book,
    a_fill,
    an_order,
    at,
    balances,
    book_fills,
    check_laws,
    codes,
    e8,
    holding_book,
    listed,
    read,
    reads,
)

from meva_core.live_book.attribution import Ours
from meva_core.live_book.balances import gaps
from meva_core.live_book.batch import Batch, reclaimed
from meva_core.live_book.book import Booked, LiveBook, book_of, text_of
from meva_core.live_book.figures import assessed
from meva_core.live_book.own_orders import OwnOrder
from meva_core.live_book.postings import Kind, Posting
from meva_core.orders import Side
from meva_core.venue import VenueFill

UP = {"BTCTRY": 3_600 * 10**8}


def beside_a_person(foreign: str = "3") -> LiveBook:
    """A book that bought 1 BTC, where so much is a person's."""
    order = an_order(qty="1", price="2000")
    bought = book_fills(
        a_book("10000", BTC=foreign), a_fill("1", "2000", order=order), orders=(order,), marks=MARKS
    ).booked.book
    total = f"{1 + int(foreign)}"
    return read(bought, 15, TRY="8000", BTC=total).book


def sold(*qty: str, after: float = 20) -> list[VenueFill]:
    """The fills of one sale by hand, at 3000."""
    return [a_fill(one, "3000", side=Side.SELL, after=after) for one in qty]


def test_an_order_whose_fills_are_shown_late_is_booked_once_though_its_sum_was_booked_from_the_balance() -> (
    None
):
    book, fills = beside_a_person(), sold("1", "2")
    *_, seen = reads(book, 30, 90, 150, TRY="17000", BTC="1")
    came = book_fills(seen.book, *fills, marks=MARKS, now=300).booked
    assert (came.book.ledger, came.book.unproven, codes(came)) == (
        evolve(seen.book.ledger, seq=came.book.ledger.seq),
        (),
        [],
    )
    assert [one.part for one in came.postings if one.kind is Kind.PROOF] == [
        e8("3000"), -e8("1"), e8("6000"), -e8("2"),
    ]  # fmt: skip
    assert gaps(came.book, balances(TRY="17000", BTC="1")) == {"TRY": 0, "BTC": 0}


def test_so_is_one_beside_which_something_else_went_that_no_list_shows() -> None:
    *_, seen = reads(beside_a_person(), 30, 90, 150, TRY="14000", BTC="1")
    came = book_fills(seen.book, *sold("2"), marks=MARKS, now=300).booked
    assert came.book.ledger.foreign == {}
    assert came.book.ledger.holding("BTCTRY").qty == e8("1")
    assert [(one.asset, one.amount) for one in came.book.unproven] == [("BTC", -e8("1"))]


def test_a_purchase_in_parts_leaves_the_figures_as_they_are() -> None:
    """Booked twice, most of equity would be gone between two cycles, and the percent rule's peak with it."""
    book = a_book("100000")
    *_, seen = reads(book, 20, 80, 140, TRY="20000")
    fills = [a_fill(qty, "100", symbol="ETHTRY", after=15) for qty in ("300", "500")]
    came = book_fills(seen.book, *fills, now=300).booked
    assert came.book.figures == seen.book.figures
    assert came.book.ledger.cash == e8("20000")
    assert came.book.ledger.foreign == {"ETH": e8("800")}


@pytest.mark.parametrize("after", [31, 200])
def test_what_had_gone_before_a_fill_was_made_is_no_part_of_it(after: float) -> None:
    """300 went at 20 s and were seen at 30 s; less is spent by hand after the read that saw them first."""
    *_, seen = reads(a_book("1000"), 30, 90, 150, TRY="700")
    came = book_fills(seen.book, a_fill("2", "100", after=after), now=300).booked
    assert came.book.ledger.cash == e8("500")


def test_an_equal_amount_that_was_booked_before_the_fill_was_made_is_another_one() -> None:
    *_, seen = reads(a_book("1000"), 30, 90, 150, TRY="800")
    for after, cash in ((150, "800"), (151, "600")):
        came = book_fills(seen.book, a_fill("2", "100", after=after), now=300).booked
        assert came.book.ledger.cash == e8(cash)


def test_a_book_of_before_does_not_say_since_when_an_unproven_flow_was_seen_and_is_read() -> None:
    book = reads(a_book("1000"), 20, 80, 140, TRY="700")[-1].book
    document = json.loads(text_of(book))
    del document["book"]["unproven"][0]["since"]
    old = book_of(document)
    assert [one.since for one in old.unproven] == [0]
    assert json.loads(text_of(old)) == document, "what is unknown is not written"
    whole = book_fills(old, a_fill("3", "100", after=15), now=300).booked
    assert (whole.book.ledger.cash, whole.book.unproven) == (e8("700"), ())
    part = book_fills(old, a_fill("2", "100", after=15), now=300).booked
    assert part.book.ledger.cash == e8("500"), "of which it was a part nobody can say"


# -- Fills of ours that were taken for a person's -------------------------------------------------------


def as_ours(
    book: LiveBook, fills: list[VenueFill], rows: list[Posting], *, marks: dict[str, int] = MARKS
) -> Booked:
    """Fills that were booked as foreign, each of an order of its own, prove to be ours."""
    orders: tuple[OwnOrder, ...] = tuple(
        evolve(an_order(fill.side, f"{fill.qty:f}", "3000"), order_id=fill.order_id) for fill in fills
    )
    batch = Batch("BTCTRY", tuple(fills), {}, True, at(400))
    came = reclaimed(book, batch, rows, Ours(orders), marks)
    assert came.waits == ()
    return came.booked


@pytest.mark.parametrize("first", [0, 1])
def test_of_a_flow_that_several_fills_proved_each_takes_back_its_part(first: int) -> None:
    """3 of 1 + 1 went: 1 was of a person's before. Fill by fill they prove to be sales of ours."""
    book = beside_a_person("1")
    order = an_order(qty="2", price="2000")
    more = book_fills(book, a_fill("2", "2000", order=order, after=16), orders=(order,), marks=MARKS).booked
    opening = more.book.ledger
    *_, seen = reads(more.book, 30, 90, 150, TRY="13000", BTC="1")
    assert [(one.kind, one.qty, one.foreign) for one in seen.postings if one.asset == "BTC"] == [
        (Kind.FOREIGN_OUT, 0, -e8("1")),
        (Kind.TRANSFER_OUT, -e8("2"), 0),
    ]
    fills = [evolve(fill, order_id=str(70 + at)) for at, fill in enumerate(sold("1", "2"))]
    came = book_fills(seen.book, *fills, marks=MARKS, now=300).booked
    rows = [*seen.postings, *came.postings]
    mine = fills[first]
    ours = as_ours(came.book, [mine], rows, marks=UP)
    assert ours.book.ledger.holding("BTCTRY").qty == e8("1")
    assert ours.book.ledger.flows == came.book.ledger.flows, (
        "what the coins went for was what they were worth"
    )
    check_laws(opening, [*rows, *ours.postings], ours.book, UP)
    rows += ours.postings
    other = as_ours(ours.book, [fills[1 - first]], rows, marks=UP)
    assert other.book.ledger.flows == opening.flows
    assert other.book.ledger.foreign == {"BTC": e8("1")}
    assert other.book.ledger.holding("BTCTRY").qty == 0
    check_laws(opening, [*rows, *other.postings], other.book, UP)


@pytest.mark.parametrize(("deposit", "foreign"), [("3", "4"), ("1", "2")], ids=["of the other sign", "more"])
def test_what_was_in_a_flow_beside_a_sale_of_ours_stays_the_person_s(deposit: str, foreign: str) -> None:
    """Coins that came beside 2 that were sold: the flow is their difference, and the sale was ours."""
    order = an_order(qty="2", price="2000")
    before = beside_a_person("1")
    ours_too = a_fill("2", "2000", order=order, after=16)
    book = book_fills(before, ours_too, orders=(order,), marks=MARKS).booked.book
    total = f"{2 + int(deposit)}"
    *_, seen = reads(book, 30, 90, 150, TRY="10000", BTC=total)
    fills = sold("2")
    came = book_fills(seen.book, *fills, marks=MARKS, now=300).booked
    rows = [*seen.postings, *came.postings]
    ours = as_ours(came.book, fills, rows)
    ledger = ours.book.ledger
    assert (ledger.cash, ledger.holding("BTCTRY").qty) == (e8("10000"), e8("1"))
    assert ledger.foreign == {"BTC": e8(foreign)}
    check_laws(book.ledger, [*rows, *ours.postings], ours.book, MARKS)


def test_what_is_left_of_it_brings_back_no_more_than_is_gone() -> None:
    """2 went, one of a person's and the book's: 1 was sold by us. A person's 1 was the other."""
    book = beside_a_person("1")
    *_, seen = reads(book, 30, 90, 150, TRY="11000", BTC="0")
    fills = sold("1")
    came = book_fills(seen.book, *fills, marks=MARKS, now=300).booked
    assert [one.taken for one in came.book.unproven] == [e8("1")]
    rows = [*seen.postings, *came.postings]
    ours = as_ours(came.book, fills, rows)
    assert [(one.amount, one.taken) for one in ours.book.unproven] == [(-e8("1"), 0)]
    back = read(ours.book, 500, listed("crypto:1", "BTC", "1", 450), TRY="11000", BTC="1")
    assert back.book.ledger.foreign == {"BTC": e8("1")}
    assert back.book.ledger.holding("BTCTRY").qty == 0
    check_laws(book.ledger, [*rows, *ours.postings, *back.postings], back.book, MARKS)


# -- What a flow was worth --------------------------------------------------------------------------------


def lasted(booked: Booked, marks: dict[str, int]) -> Booked:
    """Two cycles at these marks."""
    book = booked.book
    for _ in range(2):
        equity = book.ledger.equity(marks)
        book = evolve(book, figures=assessed(book.figures, equity, book.figures.day, fresh=True))
    return evolve(booked, book=book)


@pytest.mark.parametrize("how", ["given back", "reclaimed"])
def test_a_sale_of_ours_that_was_booked_as_a_flow_is_no_profit_of_what_the_mark_did_since(how: str) -> None:
    """1 of 2000 is sold at 3000 with the mark there; that it was ours is known when the mark is 3600."""
    book = lasted(Booked(holding_book()), MARKS).book
    if how == "given back":
        order = an_order(Side.SELL, "1", "3000")
        *_, seen = reads(book, 30, 90, 150, TRY="11000", BTC="0")
        flowed = lasted(lasted(seen, MARKS), UP)
        fill = a_fill("1", "3000", order=order, after=20)
        ours = book_fills(flowed.book, fill, orders=(order,), marks=UP, now=4000).booked
    else:
        fills = sold("1")
        flowed = lasted(lasted(book_fills(book, *fills, marks=MARKS).booked, MARKS), UP)
        ours = as_ours(flowed.book, fills, list(flowed.postings), marks=UP)
    ended = lasted(ours, UP).book
    assert ended.ledger.equity(UP) == e8("11000")
    figures = ended.figures
    assert (figures.peak, figures.peak_ever, figures.drawdown, figures.day_pnl) == (
        e8("11000"), e8("11000"), 0, e8("1000"),
    )  # fmt: skip
    assert ended.ledger.flows == 0


def test_a_fill_that_is_more_than_the_balances_showed_of_its_look_was_in_it() -> None:
    """A sale of 2 of the person's and a purchase of 1 are one coin less."""
    book = beside_a_person()
    fills = [*sold("2"), a_fill("1", "3000", after=22)]
    *_, seen = reads(book, 30, 90, 150, TRY="11000", BTC="3")
    assert seen.book.ledger.foreign == {"BTC": e8("2")}
    came = book_fills(seen.book, *fills, marks=MARKS, now=300).booked
    ledger = came.book.ledger
    assert (ledger.cash, ledger.holding("BTCTRY").qty, ledger.foreign) == (
        e8("11000"),
        e8("1"),
        {"BTC": e8("2")},
    )
    assert (came.book.unproven, codes(came)) == ((), [])
    check_laws(book.ledger, [*seen.postings, *came.postings], came.book, MARKS)


def test_a_fill_is_of_the_oldest_look_that_came_after_it() -> None:
    """Two of the person's were sold in two fills; what went later, and no list shows, is another thing."""
    book, fills = beside_a_person("6"), sold("1", "1")
    *_, seen = reads(book, 30, 90, 150, TRY="14000", BTC="5")
    *_, later = reads(seen.book, 1_000, 1_060, 1_120, TRY="14000", BTC="1")
    came = book_fills(later.book, *fills, marks=MARKS, now=1_200).booked
    assert [(one.asset, one.amount) for one in came.book.unproven] == [("BTC", -e8("4"))]
    check_laws(book.ledger, [*seen.postings, *later.postings, *came.postings], came.book, MARKS)
