"""Balances that are shown late are old news: they contradict nothing that came after their moment."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from live_books import OPENED, SECOND, a_book, a_fill, an_order, balances, book_fills, codes, e8

from meva_core.live_book.balances import explained, missing, needs_flows, shortfalls, standing_alarms
from meva_core.live_book.book import Booked, LiveBook, book_of, text_of
from meva_core.live_book.moves import LATE_MICROS, noted
from meva_core.live_book.postings import Kind, Posting
from meva_core.live_book.readings import reading_of, without_unread
from meva_core.orders import Side
from meva_core.venue import VenueFlow

MARKS = {"BTCTRY": 3_000 * 10**8}


def at(seconds: float) -> int:
    return OPENED + int(seconds * SECOND)


def traded(book: LiveBook, side: Side, qty: str, price: str, after: float, fee: str = "0") -> LiveBook:
    """The book after an order of ours filled, which the lists of fills show at once."""
    order = an_order(side, qty, price)
    fill = a_fill(qty, price, fee, order=order, after=after)
    return book_fills(book, fill, orders=(order,), marks=MARKS, now=after + 1).booked.book


def by_hand(book: LiveBook, side: Side, qty: str, price: str, after: float) -> LiveBook:
    return book_fills(book, a_fill(qty, price, side=side, after=after), marks=MARKS).booked.book


def read(book: LiveBook, seconds: float, *listed: VenueFlow, **totals: str) -> Booked:
    reading = reading_of(book, balances(**totals), at(seconds))
    return explained(book, reading, listed, MARKS, at(seconds))


def bought() -> LiveBook:
    """1000 TRY, agreed on; then 2 BTC are bought for 202."""
    agreed = read(a_book("1000"), 5, TRY="1000").book
    return traded(agreed, Side.BUY, "2", "100", after=100, fee="2")


def test_what_froze_before_a_buy_neither_restricts_nor_is_booked() -> None:
    book = bought()
    for seconds in range(110, 600, 30):
        late = read(book, seconds, TRY="1000", BTC="0")
        assert (late.postings, codes(late), late.book.looks.keys() & {"TRY"}) == ((), [], {"TRY"})
        assert (missing(late.book, at(seconds)), shortfalls(late.book, MARKS, at(seconds))) == ({}, 0)
        book = late.book
    fresh = read(book, 600, TRY="798", BTC="2")
    assert (fresh.postings, fresh.book.looks) == ((), {})


def test_what_is_shown_late_for_ten_minutes_is_no_old_news_any_more() -> None:
    book, restricted, flows = bought(), [], []
    for seconds in range(110, 1000, 30):
        late = read(book, seconds, TRY="1000", BTC="0")
        book = late.book
        restricted += [seconds] * ("balance_unexplained" in codes(late))
        flows += [(seconds, one.kind) for one in late.postings]
    assert restricted == [740, 770, 800]
    assert flows == [(830, Kind.TRANSFER_OUT), (830, Kind.DEPOSIT)]


def test_coins_that_went_right_after_they_were_bought_are_missing_since_the_money_went_too() -> None:
    book = bought()
    for seconds in (110, 140, 170):
        found = read(book, seconds, TRY="798", BTC="0")
        book = found.book
    assert codes(found) == ["balance_unexplained"]
    assert missing(book, at(170)) == {"BTC": e8("2")}


@pytest.mark.parametrize(("money", "coins"), [("-50", "0"), ("80", "0"), ("0", "-1")])
def test_what_froze_after_something_else_had_gone_or_come_is_old_news_all_the_same(
    money: str, coins: str
) -> None:
    """Between the last look and the freeze, which 2 BTC for 202 were bought in, and no list says so."""
    agreed = read(by_hand(a_book("1300"), Side.BUY, "3", "100", after=2), 5, TRY="1000", BTC="3").book
    book = traded(agreed, Side.BUY, "2", "100", after=100, fee="2")
    cash, there = Decimal(money) + 1000, Decimal(coins) + 3
    for seconds in range(110, 500, 30):
        late = read(book, seconds, TRY=f"{cash}", BTC=f"{there}")
        assert (late.postings, codes(late), missing(late.book, at(seconds))) == ((), [], {})
        book = late.book
    found = []
    for seconds in (500, 560, 620):
        fresh = read(book, seconds, TRY=f"{cash - 202}", BTC=f"{there + 2}")
        book, found = fresh.book, [*found, *fresh.postings]
    assert [(one.money, one.foreign) for one in found] == [(e8(money), e8(coins))]


@pytest.mark.parametrize("money", ["0", "-40", "90"])
def test_coins_that_went_right_after_they_were_bought_restrict_whatever_else_was_done(money: str) -> None:
    book, cash = bought(), Decimal(798) + Decimal(money)
    for seconds in (110, 140, 170):
        found = read(book, seconds, TRY=f"{cash}", BTC="0")
        book = found.book
    assert "BTC" in {alarm.about for alarm in found.alarms}
    assert missing(book, at(170))["BTC"] == e8("2")


@pytest.mark.parametrize(("cash", "coins", "stands"), [("1000", "2", []), ("798", "0", ["BTC"])])
def test_what_one_asset_alone_shows_of_before_a_buy_restricts_and_is_booked_once_ten_minutes_old(
    cash: str, coins: str, stands: list[str]
) -> None:
    """It is shown late, or a person has undone that side of it: no freeze lasts for longer."""
    book, kinds = bought(), []
    for seconds in range(110, 730, 30):
        one_sided = read(book, seconds, TRY=cash, BTC=coins)
        assert [alarm.about for alarm in one_sided.alarms if alarm.code == "balance_unexplained"] == (
            stands if seconds >= 140 and seconds < 700 else []
        )
        book, kinds = one_sided.book, [*kinds, *((seconds, one.kind) for one in one_sided.postings)]
        if seconds == 680:
            thawed = read(book, 690, TRY="798", BTC="2")
            assert (thawed.postings, codes(thawed), thawed.book.looks) == ((), [], {})
    assert kinds == [(710, Kind.TRANSFER_OUT if stands else Kind.DEPOSIT)]


def test_while_coins_are_shown_late_nothing_is_booked_of_the_money_that_paid_them() -> None:
    """180 TRY went before the freeze, which is no nearer to what the book had then."""
    book = bought()
    for seconds in range(110, 500, 30):
        late = read(book, seconds, TRY="820", BTC="0")
        assert late.postings == ()
        book = late.book
    for seconds in (500, 560, 620):
        fresh = read(book, seconds, TRY="618", BTC="2")
        book = fresh.book
    assert [(one.kind, one.money) for one in fresh.postings] == [(Kind.WITHDRAWAL, -e8("180"))]


def test_what_a_read_has_shown_since_is_not_shown_late() -> None:
    book = read(bought(), 110, TRY="798", BTC="2").book
    assert not reading_of(book, balances(TRY="950", BTC="0"), at(120)).is_late
    for seconds in (120, 180, 240):
        found = read(book, seconds, TRY="798", BTC="0")
        book = found.book
    assert [one.kind for one in found.postings] == [Kind.TRANSFER_OUT]


def test_a_read_between_two_fills_is_of_the_moment_between_them() -> None:
    book = traded(bought(), Side.SELL, "1", "110", after=200)
    between = reading_of(book, balances(TRY="798", BTC="2"), at(300))
    assert (between.is_late, between.moment) == (True, at(200) - 1)
    before = reading_of(book, balances(TRY="1000", BTC="0"), at(300))
    assert (before.is_late, before.moment) == (True, at(100) - 1)
    now = reading_of(book, balances(TRY="908", BTC="1"), at(300))
    assert (now.is_late, now.moment) == (False, at(300))


def test_fills_by_hand_and_listed_flows_may_lie_behind_the_moment_too() -> None:
    book = by_hand(bought(), Side.BUY, "3", "100", after=150)
    book = read(book, 200, VenueFlow("fiat:1", "TRY", Decimal(50), Decimal(0), at(180)), TRY="548", BTC="5")
    assert [move.ts for move in book.book.moves] == [at(100), at(150), at(180)]
    assert not needs_flows(book.book, reading_of(book.book, balances(TRY="798", BTC="2"), at(210)))


def test_what_came_between_the_balances_and_the_fills_is_not_in_them() -> None:
    """The balances were read at 99 s, the fills a second later; 30 TRY had gone by then, and no list says
    so."""
    book = bought()
    found = explained(book, reading_of(book, balances(TRY="970", BTC="0"), at(99)), (), MARKS, at(101))
    assert {asset: look.gap for asset, look in found.book.looks.items() if look.gap} == {"TRY": -e8("30")}


def test_fills_that_are_not_read_yet_may_explain_what_lacks_of_their_coins_and_of_the_money() -> None:
    book = bought()
    book = read(book, 110, TRY="798", BTC="2").book
    for seconds in (200, 260, 320, 900):  # sold, and the list of fills does not answer
        shown = reading_of(book, balances(TRY="1000", BTC="0"), at(seconds))
        seen = explained(book, without_unread(book, shown, ["BTCTRY"]), (), MARKS, at(seconds))
        assert (seen.postings, codes(seen), {one.gap for one in seen.book.looks.values()}) == ((), [], {0})
        book = seen.book
    sold = traded(book, Side.SELL, "2", "101", after=190)
    agrees = read(sold, 960, TRY="1000", BTC="0")
    assert (agrees.postings, agrees.book.looks) == ((), {})


def test_fills_that_are_not_read_say_nothing_of_other_coins_and_where_theirs_agree_of_no_money() -> None:
    book = traded(bought(), Side.BUY, "1", "50", after=101)
    shown = reading_of(book, balances(TRY="700", BTC="3"), at(200))
    assert without_unread(book, shown, ["BTCTRY", "ETHTRY"]) == shown
    gone = reading_of(book, balances(TRY="700", BTC="3", ETH="4"), at(200))
    assert without_unread(book, gone, ["BTCTRY", "ETHTRY"]).balances.keys() == {"BTC"}


def test_what_stands_is_alarming_while_nothing_new_is_read_of_it() -> None:
    book = bought()
    for seconds in (110, 145):
        book = read(book, seconds, TRY="798", BTC="1").book
    shown = reading_of(book, balances(TRY="798", BTC="0"), at(200))
    seen = explained(book, without_unread(book, shown, ["BTCTRY"]), (), MARKS, at(200))
    assert (seen.postings, codes(seen)) == ((), ["balance_unexplained"])


def test_what_had_stood_before_a_freeze_stands_and_a_late_read_is_no_further_proof() -> None:
    book = read(a_book("1000"), 5, TRY="1000").book
    for seconds in (40, 80):
        book = read(book, seconds, TRY="900").book
    frozen = traded(book, Side.BUY, "2", "100", after=90)
    for seconds in (120, 180, 240):
        late = read(frozen, seconds, TRY="900", BTC="0")
        frozen = late.book
        assert (codes(late), late.postings) == (["balance_unexplained"], ())
        assert missing(frozen, at(seconds)) == {"TRY": e8("100")}
    fresh = read(frozen, 250, TRY="700", BTC="2")
    assert [(one.kind, one.money) for one in fresh.postings] == [(Kind.WITHDRAWAL, -e8("100"))]


def test_what_a_late_read_agrees_on_stands_no_more_and_its_cents_are_still_to_come() -> None:
    """A sale by hand is shown late, and explains 100 TRY of before the freeze."""
    book = by_hand(a_book("1000"), Side.BUY, "1", "100", after=10)
    for seconds in (20, 60):
        book = read(book, seconds, TRY="800", BTC="2").book
    assert missing(book, at(60)) == {"TRY": e8("100")}
    book = traded(book, Side.BUY, "1", "200", after=70)
    book = by_hand(book, Side.BUY, "1", "100", after=15)
    late = read(book, 90, TRY="800", BTC="2")
    assert (codes(late), missing(late.book, at(90))) == ([], {})
    rounded = read(late.book, 100, TRY="599.98", BTC="3")
    assert [(one.kind, one.money) for one in rounded.postings] == [(Kind.ROUNDING, -e8("0.02"))]


def test_what_is_missing_of_coins_is_of_the_persons_first() -> None:
    book = by_hand(bought(), Side.BUY, "3", "100", after=150)
    for seconds, there in ((800, "2.5"), (840, "2.5"), (880, "1.5"), (920, "1.5")):
        found = read(book, seconds, TRY="498", BTC=there)
        book = found.book
        if there == "2.5":
            assert (codes(found), standing_alarms(book, at(seconds)), missing(book, at(seconds))) == (
                [], [], {},
            )  # fmt: skip
    # What all three reads had shown is booked by now: the rest of what is missing begins anew.
    assert book.ledger.foreign == {"BTC": e8("0.5")}
    for seconds in (960, 1000):
        found = read(book, seconds, TRY="498", BTC="1.5")
        book = found.book
    assert missing(book, at(1000)) == {"BTC": e8("0.5")}
    assert [alarm.numbers for alarm in found.alarms] == [{"missing": "0.5"}]


def test_what_is_taken_back_did_not_move_anything_and_what_is_old_is_not_kept() -> None:
    (first,) = bought().moves
    back = Posting("flow:back:1", Kind.TAKEN_BACK, at(500), "BTC", "BTCTRY", cause=first.id, money=e8("202"))
    assert noted((first,), back) == ()
    after = evolve(back, kind=Kind.DEPOSIT, cause=None, ts=first.ts + LATE_MICROS)
    assert [move.id for move in noted((first,), after)] == [back.id]
    assert [move.id for move in noted((first,), evolve(after, ts=after.ts - 1))] == [first.id, back.id]


def test_what_was_booked_from_a_balance_moved_nothing() -> None:
    for made in ({"kind": Kind.ROUNDING}, {"kind": Kind.WITHDRAWAL, "unproven": True}):
        posting = Posting(id="flow:1", ts=at(1), asset="TRY", money=-1, **made)  # type: ignore[arg-type]
        assert noted((), posting) == ()


def test_moves_outlive_a_restart_and_a_book_of_before_has_none() -> None:
    book = bought()
    document = json.loads(text_of(book))
    assert book_of(document) == book
    del document["book"]["moves"]
    assert book_of(document).moves == ()


def test_what_was_seen_outlives_a_restart_and_a_book_of_before_has_seen_nothing() -> None:
    book = read(bought(), 110, TRY="798", BTC="2").book
    assert book.seen == {"TRY": at(110), "BTC": at(110)}
    document = json.loads(text_of(book))
    assert book_of(document) == book
    del document["book"]["seen"]
    assert book_of(document).seen == {}


@given(
    trades=st.lists(
        st.tuples(st.booleans(), st.integers(1, 50), st.integers(90, 110)), min_size=1, max_size=6
    ),
    frozen=st.integers(0, 5),
    gone=st.integers(0, 30),
)
def test_a_balance_of_any_moment_of_the_last_minutes_is_taken_for_what_it_is(
    trades: list[tuple[bool, int, int]], frozen: int, gone: int
) -> None:
    """Whatever was traded: nothing but what went unlisted before is missing, and nothing is booked."""
    book, cash, coins, shown = a_book("100000"), 100_000, 0, []
    for number, (buys, qty, price) in enumerate(trades):
        qty = qty if buys else -min(qty, coins)
        shown.append((cash - gone, coins))
        if not number:
            book = read(book, 5, TRY=f"{cash - gone}", BTC="0").book
        if qty:
            book = traded(book, Side.BUY if qty > 0 else Side.SELL, f"{abs(qty)}", f"{price}", 10 + number)
            cash, coins = cash - qty * price, coins + qty
    there = shown[min(frozen, len(shown) - 1)]
    for seconds in (60, 100, 140, 180):
        found = read(book, seconds, TRY=f"{there[0]}", BTC=f"{there[1]}")
        book = found.book
        if there == (cash - gone, coins):
            return
        assert found.postings == ()
        assert {name: look.gap for name, look in book.looks.items() if look.gap} == (
            {"TRY": -gone * 10**8} if gone else {}
        )
