"""What balances say of the book: roundings, listed flows, and what is booked though nothing proves it."""

from __future__ import annotations

from decimal import Decimal

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
    reading,
    reads,
)

from meva_core.amounts import format_e8
from meva_core.live.standing import Standing
from meva_core.live_book.attribution import Ours
from meva_core.live_book.balances import explained, gaps, needs_flows, quiet, shortfalls, standing_alarms
from meva_core.live_book.batch import Batch, reclaimed
from meva_core.live_book.book import SOLD, Unproven, accepted, raised
from meva_core.live_book.postings import Kind
from meva_core.modes import Mode
from meva_core.orders import Side

# -- Quiet --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("standing", [Standing.SENDING, Standing.UNKNOWN, Standing.CANCEL_REQUESTED])
def test_an_unsettled_order_is_no_quiet(standing: Standing) -> None:
    assert not quiet(a_book(), [an_order(standing=standing)], None, at(100))[1].is_quiet


def test_fills_that_do_not_add_up_are_no_quiet() -> None:
    order = an_order(qty="2", filled=Decimal(1), standing=Standing.PARTIALLY_FILLED)
    assert not quiet(a_book(), [order], None, at(100))[1].is_quiet
    assert quiet(a_book(), [order.plus(a_fill("1", "100"))], None, at(100))[1].is_quiet
    assert quiet(a_book(), [an_order(filled=None)], None, at(100))[1].is_quiet


def test_ten_seconds_after_a_write_are_no_quiet_and_half_an_hour_of_that_rests_one_cycle() -> None:
    book, told = quiet(a_book(), [], at(95), at(100))
    assert not told.is_quiet
    assert quiet(book, [], at(95), at(105))[1].is_quiet
    book, told = quiet(book, [], at(1_890), at(1_899))
    assert not told.rests
    book, told = quiet(book, [], at(1_895), at(1_900))
    assert told.rests
    assert not quiet(book, [], at(1_901), at(1_905))[1].rests
    assert quiet(book, [], at(1_901), at(1_911))[0].loud is None


# -- Roundings ----------------------------------------------------------------------------------------


def test_a_cent_for_each_fill_and_one_is_rounding() -> None:
    order = an_order(qty="2")
    book = book_fills(a_book("1000"), a_fill("1", "100", order=order), orders=(order,)).booked.book
    assert not needs_flows(book, reading(book, 20, TRY="899.98", BTC="1"))
    assert needs_flows(book, reading(book, 20, TRY="899.97", BTC="1"))
    (rounding,) = read(book, 20, TRY="899.98", BTC="1").postings
    assert (rounding.kind, rounding.money, rounding.flow) == (Kind.ROUNDING, -e8("0.02"), -e8("0.02"))
    after = read(book, 20, TRY="899.98", BTC="1").book
    assert needs_flows(after, reading(after, 20, TRY="899.96", BTC="1")), "an agreement starts the count anew"


def test_coins_are_rounded_by_a_unit_a_fill_and_the_book_takes_it_where_it_holds_any() -> None:
    book = holding_book()
    more = read(book, 20, TRY="8000", BTC="1.00000001")
    assert [(one.kind, one.qty) for one in more.postings] == [(Kind.ROUNDING, 1)]
    assert more.book.ledger.holding("BTCTRY").qty == e8("1.00000001")
    less = read(book, 20, TRY="8000", BTC="0.99999999")
    assert [(one.kind, one.qty) for one in less.postings] == [(Kind.ROUNDING, -1)]
    assert codes(less) == []


def test_a_unit_that_may_be_anothers_is_not_the_book_s_to_sell() -> None:
    came = read(holding_book(), 20, listed("coin:1", "BTC", "0.5", 15), TRY="8000", BTC="1.5").book
    more = read(came, 30, TRY="8000", BTC="1.50000001")
    assert [(one.kind, one.qty, one.foreign) for one in more.postings] == [(Kind.ROUNDING, 0, 1)]
    less = read(more.book, 40, TRY="8000", BTC="1.5")
    assert [(one.kind, one.qty, one.foreign) for one in less.postings] == [(Kind.ROUNDING, 0, -1)]


# -- Flows that the exchange lists ----------------------------------------------------------------------


def test_a_listed_flow_is_booked_once_by_its_id() -> None:
    deposit = listed("fiat:1", "TRY", "500", 5)
    first = read(a_book("1000"), 20, deposit, TRY="1500")
    assert [(one.id, one.kind, one.money) for one in first.postings] == [
        ("flow:fiat:1", Kind.DEPOSIT, e8("500"))
    ]
    again = read(first.book, 60, deposit, listed("fiat:2", "TRY", "-100", 50), TRY="1400")
    assert [(one.id, one.kind, one.money) for one in again.postings] == [
        ("flow:fiat:2", Kind.WITHDRAWAL, -e8("100"))
    ]


def test_a_flow_stamped_before_the_opening_is_in_the_opening() -> None:
    assert read(a_book("1000"), 20, listed("fiat:1", "TRY", "500", -1), TRY="1500").postings == ()


def test_whether_the_cost_of_a_withdrawal_is_in_its_amount_the_balance_says() -> None:
    out = listed("fiat:1", "TRY", "-100", 5, fee="3")
    for there in ("900", "897"):
        (posting,) = read(a_book("1000"), 20, out, TRY=there).postings
        assert posting.money == e8(there) - e8("1000")


def test_so_it_does_while_fills_are_rounded_in_it() -> None:
    out = listed("fiat:1", "TRY", "-100", 5, fee="3")
    for there, booked in (("7900.004", "-100"), ("7896.996", "-103"), ("7897.5", "-100")):
        posting = read(holding_book(), 20, out, TRY=there, BTC="1").postings[0]
        assert posting.money == e8(booked)


@pytest.mark.parametrize("unlisted", ["0", "70"])
def test_so_it_does_of_several_together(unlisted: str) -> None:
    """What is charged for one beside its amount, and for the other in it, with or without something else that
    went before and that no list shows."""
    there = Decimal(1000) - Decimal(unlisted)
    book = reads(a_book("1000"), 20, 80, 140, TRY=f"{there}")[-1].book
    out = [listed(f"fiat:{name}", "TRY", "-100", 3_590, fee=fee) for name, fee in ((1, "3"), (2, "5"))]
    for charged in (0, 3, 5, 8):
        came = read(book, 3_600, *out, TRY=f"{there - 200 - charged}")
        assert sum(one.money for one in came.postings) == -(200 + charged) * 10**8
        assert [one.kind for one in came.postings] == [Kind.WITHDRAWAL, Kind.WITHDRAWAL]


def test_listed_coins_are_foreign_and_leave_as_foreign_first() -> None:
    came = read(holding_book(), 20, listed("crypto:1", "BTC", "2", 18), TRY="8000", BTC="3")
    assert came.book.ledger.foreign == {"BTC": e8("2")}
    gone = read(came.book, 60, listed("crypto:2", "BTC", "-2.5", 50), TRY="8000", BTC="0.5", marks=MARKS)
    foreign, ours = gone.postings
    assert (foreign.kind, foreign.foreign) == (Kind.FOREIGN_OUT, -e8("2"))
    assert (ours.kind, ours.qty, ours.notional) == (Kind.TRANSFER_OUT, -e8("0.5"), e8("1500"))
    assert codes(gone) == ["transfer_out"]


# -- What nothing proves --------------------------------------------------------------------------------


def test_less_than_ours_restricts_after_two_reads_over_30_s_and_is_booked_after_three_over_120_s() -> None:
    book = a_book("1000")
    first, early, second, third, after = reads(book, 20, 49, 50, 140, 200, TRY="900")
    assert codes(first) == codes(early) == []
    assert codes(second) == ["balance_unexplained"]
    assert second.alarms[0].mode is Mode.REDUCE_RISK_ONLY
    assert second.alarms[0].numbers == {"missing": "100"}
    assert shortfalls(second.book, MARKS, at(50)) == e8("100")
    assert [(one.kind, one.money, one.unproven) for one in third.postings] == [
        (Kind.WITHDRAWAL, -e8("100"), True)
    ]
    assert codes(third) == codes(after) == []
    assert shortfalls(third.book, MARKS, at(140)) == 0


def test_of_coins_that_a_person_has_sold_nothing_lacks_once_the_fill_is_booked() -> None:
    foreign = book_fills(a_book("2000"), a_fill("0.5", "2000")).booked.book
    agreed = read(foreign, 1_000, TRY="1000", BTC="0.5").book
    gone = reads(agreed, 2_000, 2_040, TRY="2010", BTC="0")[-1].book
    assert gone.looks["BTC"].reads == 2
    sold = book_fills(gone, a_fill("0.5", "2020", side=Side.SELL, after=1_990), now=2_050).booked.book
    assert (sold.ledger.foreign, standing_alarms(sold, at(2_100))) == ({}, [])
    assert "BTC" not in read(sold, 2_100, TRY="2010", BTC="0").book.looks


def test_three_reads_within_120_s_are_not_enough_and_neither_are_two_over_more() -> None:
    *_, last = reads(a_book("1000"), 20, 60, 139, TRY="900")
    assert last.postings == ()
    assert reads(a_book("1000"), 20, 3_620, TRY="900")[-1].postings == ()


def test_of_reads_that_differ_what_all_of_them_showed_is_booked_and_the_rest_begins_anew() -> None:
    """A person takes out 100, and 10 more before the balance was read three times."""
    one = read(a_book("1000"), 20, TRY="900")
    two = read(one.book, 100, TRY="890")
    assert codes(two) == ["balance_unexplained"]
    three = read(two.book, 150, TRY="890")
    assert [(one.money, one.unproven) for one in three.postings] == [(-e8("100"), True)]
    assert codes(three) == []
    four = read(three.book, 220, TRY="890")
    assert codes(four) == ["balance_unexplained"]
    assert read(four.book, 280, TRY="890").book.ledger.cash == e8("890")


def test_a_gap_that_other_fills_were_rounded_into_is_the_same_gap() -> None:
    order, book = an_order(qty="9"), read(a_book("1000"), 20, TRY="900").book
    book = book_fills(book, a_fill("1", "100", order=order), orders=(order,), marks=MARKS).booked.book
    book = read(book, 80, TRY="799.99", BTC="1").book
    last = read(book, 140, TRY="799.99", BTC="1")
    assert last.postings[0].money == -e8("100.01")


def test_listed_flows_that_were_booked_as_one_from_the_balance_are_no_second_ones() -> None:
    """70 came and 100 went between two reads: 30 less were booked. The lists show both an hour later, when 50
    more have come, and the gap says that only those are new."""
    *_, booked = reads(a_book("1000"), 20, 80, 140, TRY="970")
    assert booked.book.ledger.flows == -e8("30")
    flows = [
        listed(f"fiat:{name}", "TRY", amount, after)
        for name, amount, after in ((1, "70", 5), (2, "-100", 6), (3, "50", 3_590))
    ]
    came = read(booked.book, 3_600, *flows, TRY="1020")
    assert [(one.id, one.kind) for one in came.postings] == [
        ("flow:fiat:1", Kind.PROOF),
        ("flow:fiat:2", Kind.PROOF),
        ("flow:fiat:3", Kind.DEPOSIT),
    ]
    assert gaps(came.book, balances(TRY="1020")) == {"TRY": 0}


def test_what_is_stamped_after_the_balances_were_read_is_left_to_the_next_cycle() -> None:
    """300 went that no list shows. 200 more are listed, and 50 that went while the lists were asked for."""
    *_, booked = reads(a_book("1000"), 20, 80, 140, TRY="700")
    flows = listed("fiat:1", "TRY", "-200", 3_590), listed("fiat:2", "TRY", "-50", 3_600.5)
    first = read(booked.book, 3_600, *flows, TRY="500")
    assert [one.id for one in first.postings] == ["flow:fiat:1"]
    second = read(first.book, 3_660, *flows, TRY="450")
    assert [(one.id, one.money) for one in second.postings] == [("flow:fiat:2", -e8("50"))]
    assert codes(second) == []


def test_more_than_ours_restricts_nothing_and_is_a_deposit() -> None:
    *_, last = found = reads(a_book("1000"), 20, 80, 140, TRY="1100")
    assert [codes(one) for one in found] == [[], [], []]
    assert last.book.ledger.flows == e8("100")


def test_an_asset_that_is_missing_from_the_list_was_not_read() -> None:
    *_, last = reads(holding_book(), 20, 80, 140, 400, TRY="8000")
    assert last.postings == ()
    assert gaps(last.book, balances(TRY="8000")) == {"TRY": 0}


def test_coins_that_lack_leave_at_what_the_value_falls_by_and_come_back_at_what_it_rises_by() -> None:
    """Of 1 bought for 2000, 0.25 go at a mark of 3000: a flow of -750; at 4000 they come back for 1000."""
    book = holding_book()
    out = reads(book, 20, 80, 140, TRY="8000", BTC="0.75")[-1]
    (gone,) = out.postings
    assert (gone.kind, gone.qty, gone.flow) == (Kind.TRANSFER_OUT, -e8("0.25"), -e8("750"))
    assert (gone.unproven, codes(out)) == (True, ["transfer_out"])
    holding = out.book.ledger.holding("BTCTRY")
    assert (holding.cost, holding.realized) == (e8("1500"), e8("250"))
    marks = {"BTCTRY": e8("4000")}
    back = out.book
    for time in (200, 260, 320):
        came = explained(back, reading(back, time, TRY="8000", BTC="1.1"), (), marks, at(time))
        back = came.book
    ours, foreign = came.postings
    assert (ours.kind, ours.qty, ours.flow) == (Kind.TRANSFER_IN, e8("0.25"), e8("1000"))
    assert (foreign.kind, foreign.foreign) == (Kind.FOREIGN_IN, e8("0.1"))
    check_laws(book.ledger, [*out.postings, *came.postings], back, marks)


def test_without_a_mark_they_leave_and_come_back_at_their_cost() -> None:
    order = an_order(qty="1", price="2000")
    book = book_fills(a_book("10000"), a_fill("1", "2000", order=order), orders=(order,)).booked.book
    for time in (20, 80, 140):
        out = explained(book, reading(book, time, TRY="8000", BTC="0.75"), (), {}, at(time))
        book = out.book
    assert out.postings[0].flow == -e8("500")
    for time in (200, 260, 320):
        came = explained(book, reading(book, time, TRY="8000", BTC="0.875"), (), {}, at(time))
        book = came.book
    assert came.postings[0].flow == e8("250")


def test_coins_that_are_proved_to_have_gone_do_not_come_back() -> None:
    """1 went, of which 0.6 are listed an hour later: of a person's deposit of 1, 0.4 are the book's."""
    out = reads(holding_book(), 20, 80, 140, TRY="8000", BTC="0")[-1]
    part = read(out.book, 3_600, listed("crypto:1", "BTC", "-0.6", 10), TRY="8000", BTC="0.1")
    assert [(one.amount, one.taken, one.value) for one in part.book.unproven] == [
        (-e8("0.4"), e8("0.4"), e8("1200"))
    ]
    back = [listed("crypto:1", "BTC", "-0.6", 10), listed("crypto:2", "BTC", "1", 7_000)]
    came = read(part.book, 7_200, *back, TRY="8000", BTC="1")
    assert came.book.ledger.holding("BTCTRY").qty == e8("0.4")
    assert came.book.ledger.foreign == {"BTC": e8("0.6")}


def test_what_has_been_gone_for_a_week_comes_back_as_foreign() -> None:
    out = reads(holding_book(), 20, 80, 140, TRY="8000", BTC="0.75")[-1]
    week = 7 * 86_400 + 141
    *_, came = reads(out.book, week, week + 60, week + 120, TRY="8000", BTC="1")
    assert [one.kind for one in came.postings] == [Kind.FOREIGN_IN]
    for after, kind in ((week - 60, Kind.TRANSFER_IN), (week, Kind.FOREIGN_IN)):
        back = listed("crypto:1", "BTC", "0.1", after)
        (posting,) = read(out.book, after + 1, back, TRY="8000", BTC="0.85").postings
        assert posting.kind is kind


def test_a_flow_that_is_listed_late_proves_what_was_booked_and_is_no_second_one() -> None:
    *_, booked = reads(a_book("1000"), 20, 80, 140, TRY="900")
    late = listed("fiat:9", "TRY", "-100", 10)
    came = read(booked.book, 3_600, late, listed("fiat:10", "TRY", "50", 3_500), TRY="950")
    assert [(one.id, one.kind, one.money) for one in came.postings] == [
        ("flow:fiat:9", Kind.PROOF, 0),
        ("flow:fiat:10", Kind.DEPOSIT, e8("50")),
    ]
    assert came.book.unproven == ()


def test_one_that_is_stamped_after_it_was_booked_is_known_for_as_long_as_it_is_listed() -> None:
    """Withdrawn, booked, and approved an hour later: a week after its booking the lists still show it."""
    *_, booked = reads(a_book("1000"), 20, 80, 140, TRY="900")
    week = 7 * 86_400
    later = read(booked.book, week + 1_000, TRY="900")
    flows = listed("fiat:1", "TRY", "-100", 3_740), listed("fiat:2", "TRY", "-50", week + 1_030)
    came = read(later.book, week + 1_060, *flows, TRY="850")
    assert [(one.id, one.kind) for one in came.postings] == [
        ("flow:fiat:1", Kind.PROOF),
        ("flow:fiat:2", Kind.WITHDRAWAL),
    ]
    assert came.book.ledger.cash == e8("850")
    days = 2 * 86_400
    assert read(booked.book, week + days, TRY="900").book.unproven == ()


def test_one_that_came_with_what_no_list_shows_is_a_part_of_it_and_the_rest_may_be_proved_later() -> None:
    """30 came and 100 went, of which the lists show the former an hour later, and the latter in two. By then
    20 more have come that no list shows."""
    *_, booked = reads(a_book("1000"), 20, 80, 140, TRY="930")
    came, went = listed("fiat:1", "TRY", "30", 5), listed("fiat:2", "TRY", "-100", 6)
    first = read(booked.book, 3_600, came, TRY="950")
    assert [(one.id, one.kind) for one in first.postings] == [("flow:fiat:1", Kind.PROOF)]
    assert first.book.look("TRY").gap == e8("20")
    second = read(first.book, 7_200, came, went, TRY="950")
    assert [(one.id, one.kind) for one in second.postings] == [("flow:fiat:2", Kind.PROOF)]
    assert second.book.unproven == ()


def test_what_was_in_a_balance_beside_a_flow_that_proved_all_of_it_is_noted_and_moves_nothing() -> None:
    """Coins came twice, of which a person sold some before any list showed them; and now they came again."""
    seen = Unproven("flow:unproven:1:BTC", "BTC", at(1_000), e8("0.3"))
    sold = Unproven(f"{SOLD}9", "BTC", at(1_500), 0, taken=e8("0.2"), value=e8("400"))
    book = evolve(holding_book(), unproven=(seen, sold))
    flows = [listed(f"list:{n}", "BTC", qty, t) for n, qty, t in ((1, "0.4", 300), (2, "0.5", 400))]
    new = listed("list:3", "BTC", "0.7", 1_900)
    cash = format_e8(book.ledger.cash)
    came = read(book, 2_000, *flows, new, TRY=cash, BTC="1.7")
    assert came.book.listed.keys() == {"list:1", "list:2", "list:3"}
    assert [one.id for one in came.postings if one.kind is Kind.PROOF] == ["flow:list:1", "flow:list:2"]
    assert (came.book.ledger.foreign, came.book.ledger.holding("BTCTRY").qty) == ({"BTC": e8("0.7")}, e8("1"))
    assert read(came.book, 2_100, *flows, new, TRY=cash, BTC="1.7").postings == ()


def test_a_fill_by_hand_that_is_shown_late_proves_what_the_balances_had_shown() -> None:
    """A person buys 2 for 100 each; balances show it at once, the fill comes minutes later."""
    book = a_book("1000", BTC="1")
    *_, seen = reads(book, 20, 80, 140, TRY="799.5", BTC="3")
    assert seen.book.ledger.foreign == {"BTC": e8("3")}
    came = book_fills(seen.book, a_fill("2", "100", "0.5", after=10), now=400).booked
    assert [one.kind for one in came.postings] == [Kind.PROOF, Kind.PROOF, Kind.FOREIGN_BUY]
    assert (came.book.ledger.cash, came.book.ledger.foreign) == (e8("799.5"), {"BTC": e8("3")})
    assert gaps(came.book, balances(TRY="799.5", BTC="3")) == {"TRY": 0, "BTC": 0}


def test_what_a_person_sold_before_its_coming_was_known_were_no_coins_of_the_book() -> None:
    """Half a coin came and was sold between two looks: the sale is read first, and the coin after it."""
    book = holding_book()
    sold = book_fills(book, a_fill("0.5", "3100", side=Side.SELL, after=30), marks=MARKS).booked
    assert sold.book.ledger.holding("BTCTRY").qty == e8("0.5")
    came = read(sold.book, 60, listed("crypto:1", "BTC", "0.7", 25), TRY="9550", BTC="1.2")
    back, foreign = came.postings
    assert (back.kind, back.qty, back.flow) == (Kind.TRANSFER_IN, e8("0.5"), e8("1500"))
    assert (foreign.kind, foreign.foreign) == (Kind.FOREIGN_IN, e8("0.2"))
    assert came.book.ledger.holding("BTCTRY").qty == e8("1")
    check_laws(book.ledger, [*sold.postings, *came.postings], came.book, MARKS)


def test_so_are_those_that_a_person_bought_before_the_sale_and_whose_fill_is_shown_after_it() -> None:
    book = holding_book()
    sold = book_fills(book, a_fill("0.5", "3100", side=Side.SELL, after=30), marks=MARKS).booked
    bought = book_fills(sold.book, a_fill("0.5", "3000", after=29), marks=MARKS).booked
    assert bought.book.ledger.holding("BTCTRY").qty == e8("1")
    assert bought.book.ledger.foreign == {}
    assert bought.book.ledger.cash == book.ledger.cash + e8("50")
    check_laws(book.ledger, [*sold.postings, *bought.postings], bought.book, MARKS)


@pytest.mark.parametrize("how", ["listed", "bought", "unlisted"])
def test_what_comes_after_a_sale_of_ours_is_the_person_s(how: str) -> None:
    book = holding_book()
    sold = book_fills(book, a_fill("0.5", "3100", side=Side.SELL, after=30), marks=MARKS).booked.book
    if how == "listed":
        came = read(sold, 60, listed("crypto:1", "BTC", "0.5", 31), TRY="9550", BTC="1")
    elif how == "bought":
        came = book_fills(sold, a_fill("0.5", "3000", after=31), marks=MARKS).booked
    else:
        # A balance that has not changed by a sale may be shown late: for ten minutes nothing is booked of it.
        *_, before, came = reads(sold, 60, 120, 180, 629, 630, TRY="9550", BTC="1")
        assert before.book.ledger.foreign == {}
    assert came.book.ledger.foreign == {"BTC": e8("0.5")}
    assert came.book.ledger.holding("BTCTRY").qty == e8("0.5")


@pytest.mark.parametrize("parts", [("1",), ("0.4", "0.6")])
def test_an_own_sale_that_the_balances_told_of_before_its_fill_proves_what_was_booked(
    parts: tuple[str, ...],
) -> None:
    """Its order had been called absent, so nobody waited for it."""
    book, order = holding_book(), an_order(Side.SELL, "1", "3100")
    *_, seen = reads(book, 30, 90, 150, TRY="11090", BTC="0")
    assert [one.kind for one in seen.postings] == [Kind.TRANSFER_OUT, Kind.DEPOSIT]
    fills = [
        a_fill(qty, "3100", f"{Decimal(qty) * 10:f}", order=order, after=20 + place)
        for place, qty in enumerate(parts)
    ]
    came = book_fills(seen.book, *fills, orders=(order,), marks=MARKS, now=400)
    assert (came.waits, codes(came.booked), came.booked.book.unproven) == ((), [], ())
    ledger = came.booked.book.ledger
    assert (ledger.cash, ledger.holding("BTCTRY").qty, ledger.flows) == (e8("11090"), 0, 0)
    assert gaps(came.booked.book, balances(TRY="11090", BTC="0")) == {"TRY": 0, "BTC": 0}
    check_laws(book.ledger, [*seen.postings, *came.booked.postings], came.booked.book, MARKS)


def test_coins_that_our_order_sold_were_no_person_s() -> None:
    """A coin came and was sold by its owner, which is read first; then ours sells, and the coin is listed."""
    book, order = holding_book(), an_order(Side.SELL, "1", "3200")
    hand = a_fill("0.5", "3100", side=Side.SELL, after=30)
    sold = book_fills(book, hand, marks=MARKS).booked
    assert sold.book.ledger.holding("BTCTRY").qty == e8("0.5")
    fill = a_fill("1", "3200", order=order, after=40)
    early = book_fills(sold.book, fill, orders=(order,), marks=MARKS, asked=False)
    assert (early.waits, early.booked.postings) == ((fill.fill_id,), ()), "what was bought may be unread"
    ours = book_fills(sold.book, fill, orders=(order,), marks=MARKS)
    assert (ours.waits, codes(ours.booked), ours.booked.book.unproven) == ((), [], ())
    ledger = ours.booked.book.ledger
    assert (ledger.holding("BTCTRY").qty, ledger.cash) == (0, e8("12750"))
    came = read(ours.booked.book, 60, listed("crypto:1", "BTC", "0.5", 25), TRY="12750", BTC="0.5")
    assert came.book.ledger.holding("BTCTRY").qty == 0
    check_laws(book.ledger, [*sold.postings, *ours.booked.postings, *came.postings], came.book, MARKS)


def test_what_an_accepted_oversell_went_beyond_does_not_come_back_to_the_book() -> None:
    book, order = holding_book(), an_order(Side.SELL, "2", "3200")
    sold = book_fills(book, a_fill("0.5", "3100", side=Side.SELL, after=30), marks=MARKS).booked.book
    fill = a_fill("2", "3200", order=order, after=40)
    waiting = book_fills(sold, fill, orders=(order,), marks=MARKS, now=50).booked.book
    killed = book_fills(waiting, fill, orders=(order,), marks=MARKS, now=200)
    assert codes(killed.booked) == ["K1"]
    seen = accepted(raised(killed.booked.book, killed.booked.alarms, 0), f"K1:{fill.fill_id}")
    ours = book_fills(seen, fill, orders=(order,), marks=MARKS, now=210).booked.book
    came = read(ours, 240, listed("crypto:1", "BTC", "0.5", 25), TRY="15950", BTC="0.5")
    assert came.book.ledger.holding("BTCTRY").qty == 0


def test_coins_that_went_before_a_sale_are_no_part_of_it() -> None:
    book, order = holding_book(), an_order(Side.SELL, "1", "3100")
    *_, gone = reads(book, 30, 90, 150, TRY="8000", BTC="0")
    fill = a_fill("1", "3100", order=order, after=200)
    came = book_fills(gone.book, fill, orders=(order,), marks=MARKS, now=210)
    assert came.waits == (fill.fill_id,)
    assert codes(book_fills(came.booked.book, fill, orders=(order,), now=340).booked) == ["K1"]


def test_a_sale_that_proves_ours_leaves_nothing_to_come_back() -> None:
    order = evolve(an_order(Side.SELL, "0.5", "3100"), order_id="7")
    book, fill = holding_book(), a_fill("0.5", "3100", side=Side.SELL, after=30)
    sold = book_fills(book, fill, marks=MARKS).booked
    batch = Batch("BTCTRY", (fill,), {}, True, at(40))
    ours = reclaimed(sold.book, batch, sold.postings, Ours((order,)), MARKS).booked
    assert ours.book.unproven == ()
    came = read(ours.book, 60, listed("crypto:1", "BTC", "0.5", 25), TRY="9550", BTC="1")
    assert came.book.ledger.foreign == {"BTC": e8("0.5")}
    check_laws(book.ledger, [*sold.postings, *ours.postings, *came.postings], came.book, MARKS)


def test_what_a_person_sells_beyond_foreign_coins_went_out_of_the_book() -> None:
    book = holding_book()
    sold = book_fills(book, a_fill("0.5", "3100", "4", side=Side.SELL), marks=MARKS).booked
    foreign, out = sold.postings
    assert (foreign.kind, foreign.money, foreign.foreign) == (Kind.FOREIGN_SELL, e8("1546"), 0)
    assert (out.kind, out.qty, out.notional) == (Kind.TRANSFER_OUT, -e8("0.5"), e8("1500"))
    assert codes(sold) == ["transfer_out"]
    check_laws(book.ledger, list(sold.postings), sold.book, MARKS)
