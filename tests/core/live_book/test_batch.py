"""Batches of fills: their order, what is known, and what waits until it can be true."""

from __future__ import annotations

from decimal import Decimal

import pytest
from attrs import evolve
from live_books import OPENED, SECOND, a_book, a_fill, an_order, book_fills, codes, e8

from meva_core.live.standing import Standing
from meva_core.live_book.alarms import AlarmCode
from meva_core.live_book.attribution import Ours
from meva_core.live_book.batch import Batch, in_order, reclaimed
from meva_core.live_book.book import accepted, raised
from meva_core.live_book.flows import coins
from meva_core.live_book.known import differs, named
from meva_core.live_book.postings import Kind, Posting
from meva_core.orders import Side


def test_the_order_is_time_then_buys_before_sells_then_id() -> None:
    one = a_fill("1", "1", fill_id="10", after=5)
    other = a_fill("1", "1", fill_id="9", after=5)
    sell = a_fill("1", "1", fill_id="1", after=5, side=Side.SELL)
    early = a_fill("1", "1", fill_id="99", after=4, side=Side.SELL)
    assert [fill.fill_id for fill in in_order((one, sell, other, early))] == ["99", "9", "10", "1"]


def test_a_fill_that_is_known_is_nothing() -> None:
    order = an_order(qty="2")
    fill = a_fill("1", "100", order=order)
    assert book_fills(a_book(), fill, fill, orders=(order,)).booked.book.ledger.seq == 1
    assert book_fills(a_book(), fill, orders=(order,), known=(fill,)).booked.postings == ()


@pytest.mark.parametrize("what", [{"price": Decimal(101)}, {"qty": Decimal(2)}, {"side": Side.SELL}])
def test_a_known_id_with_other_content_is_k3_and_ours_stays(what: dict[str, object]) -> None:
    fill = a_fill("1", "100")
    came = book_fills(a_book(), evolve(fill, **what), known=(fill,))
    assert (codes(came.booked), came.booked.postings) == (["K3"], ())
    book = accepted(raised(a_book(), came.booked.alarms, 0), came.booked.alarms[0].pair)
    assert book_fills(book, evolve(fill, **what), known=(fill,)).booked.alarms == ()


def test_a_rounded_quantity_is_the_same_up_to_its_digits_and_no_order_is_no_other_one() -> None:
    fill = a_fill("0.6393864025", "100")
    rounded = evolve(fill, qty=Decimal("0.6393"), exact=False)
    assert not differs(rounded, fill)
    assert not differs(evolve(fill, order_id=None), fill)
    assert differs(evolve(rounded, qty=Decimal("0.6392")), fill)
    assert differs(evolve(fill, qty=Decimal("0.6393864024")), fill)


def test_an_id_that_repeats_with_another_order_is_another_fill() -> None:
    fill = a_fill("1", "100", fill_id="5", order_id="70")
    again = evolve(fill, order_id="71")
    assert [one.fill_id for one in named([fill, again, fill], {})] == ["5", "5:71"]
    assert [one.fill_id for one in named([again], {"5": fill, "5:71": again})] == ["5:71"]


def test_one_that_was_read_beside_another_of_its_id_keeps_its_name_though_the_other_never_came_in() -> None:
    """That one waits, or is listed no more; without the name the fill would be booked a second time."""
    other = a_fill("2", "100", fill_id="5", order_id="70")
    fill = a_fill("1", "100", fill_id="5", order_id="71")
    known = {one.fill_id: one for one in named([other, fill], {}) if one.order_id == "71"}
    assert known.keys() == {"5:71"}
    for listed in ([fill, other], [other, fill], [fill]):
        names = {one.order_id: one.fill_id for one in named(listed, known)}
        assert names == {"71": "5:71", **({"70": "5"} if other in listed else {})}
    assert [one.fill_id for one in named([evolve(fill, order_id=None)], known)] == ["5:71"]
    assert [one.fill_id for one in named([evolve(other, order_id=None)], known)] == ["5"]
    changed = evolve(fill, price=Decimal(101))
    assert [one.fill_id for one in named([changed], known)] == ["5:71"], "and is K3"


def test_a_fill_without_an_id_is_known_by_what_it_says() -> None:
    (fill,) = named([a_fill("1.50", "100", fill_id="", order_id="70", after=1)], {})
    assert fill.fill_id == "70:1760000001000:100:1.50:BUY"


def test_a_sell_beyond_what_is_held_waits_until_the_orders_were_asked_again_and_then_kills() -> None:
    order = an_order(Side.SELL, "2")
    fill = a_fill("2", "100", order=order, fill_id="5")
    first = book_fills(a_book(), fill, orders=(order,), now=20)
    assert (first.waits, codes(first.booked), first.booked.postings) == (("5",), [], ())
    book = first.booked.book
    assert codes(book_fills(book, fill, orders=(order,), now=139).booked) == []
    assert codes(book_fills(book, fill, orders=(order,), now=140, asked=False).booked) == []
    (alarm,) = book_fills(book, fill, orders=(order,), now=140).booked.alarms
    assert (alarm.code, alarm.about, alarm.ends_process) == (AlarmCode.OVERSELL, "5", True)
    assert alarm.numbers == {"order": order.order_id, "side": "SELL", "price": "100", "qty": "2", "held": "0"}


def test_it_is_booked_once_the_buy_that_it_sold_from_has_come() -> None:
    buy, sell = an_order(Side.BUY, "2"), an_order(Side.SELL, "2")
    bought, sold = a_fill("2", "100", order=buy, after=1), a_fill("2", "110", order=sell, after=2)
    waiting = book_fills(a_book("1000"), sold, orders=(buy, sell)).booked.book
    came = book_fills(waiting, sold, bought, orders=(buy, sell))
    assert came.is_whole
    assert came.booked.book.waits == {}
    assert came.booked.book.ledger.cash == e8("1020")


@pytest.mark.parametrize(("lacking", "alarms"), [(1, []), (2, []), (3, ["K1"])])
def test_what_a_balance_rounded_away_between_two_fills_is_no_oversell(
    lacking: int, alarms: list[str]
) -> None:
    """Of 22893 units 21974.27 are sold, and of the 918.73 left the balance showed 918."""
    buy, sell = an_order(Side.BUY, "0.00022893"), an_order(Side.SELL, "0.00022893")
    bought = a_fill("0.00022893", "3000000", order=buy, after=1)
    first, last = (a_fill(qty, "3100000", order=sell, after=2) for qty in ("0.0002197427", "0.0000091873"))
    came = book_fills(a_book("1000"), bought, first, orders=(buy, sell))
    rounding = Posting("flow:rounding:1:BTC", Kind.ROUNDING, OPENED + 3 * SECOND, "BTC")
    short = coins(came.booked, rounding, -lacking, {}).book
    waiting = book_fills(short, last, orders=came.ours.orders, now=20)
    late = book_fills(waiting.booked.book, last, orders=came.ours.orders, now=200) if alarms else waiting
    assert codes(late.booked) == alarms
    assert alarms or late.booked.book.ledger.holding("BTCTRY").qty == 0


def test_it_is_no_oversell_while_what_was_bought_is_not_booked_yet() -> None:
    """The coins of an earlier buy, which waited, were sold by a sell that was booked meanwhile."""
    buy, sell = an_order(Side.BUY, "2"), an_order(Side.SELL, "2")
    sold, bought = a_fill("2", "110", order=sell, after=1), a_fill("2", "100", order=buy, after=2)
    waiting = book_fills(a_book("1000"), sold, orders=(buy, sell), now=20).booked.book
    late = book_fills(waiting, sold, bought, orders=(buy, sell), now=200)
    assert (codes(late.booked), late.waits) == ([], (sold.fill_id,))
    after = book_fills(late.booked.book, sold, orders=late.ours.orders, known=(bought,), now=210)
    assert after.is_whole
    assert after.booked.book.ledger.cash == e8("1020")


def test_nor_while_a_person_is_asked_about_what_was_bought() -> None:
    buy, sell = evolve(an_order(Side.BUY, "2"), was_absent=True), an_order(Side.SELL, "2")
    bought, sold = a_fill("2", "100", order=buy, after=1), a_fill("2", "110", order=sell, after=2)
    waiting = book_fills(a_book("1000"), bought, sold, orders=(buy, sell), now=20).booked.book
    late = book_fills(waiting, bought, sold, orders=(buy, sell), now=200)
    assert codes(late.booked) == [AlarmCode.ABSENT_FILLED]
    assert late.waits == (bought.fill_id, sold.fill_id)


def test_a_foreign_fill_that_proves_ours_and_has_to_wait_stays_foreign_until_it_can_be_booked() -> None:
    """A person's coin and one of ours; both are sold before anybody knows that the first sale was ours."""
    buy, first, second = an_order(Side.BUY, "1"), an_order(Side.SELL, "1"), an_order(Side.SELL, "1")
    bought = a_fill("1", "100", order=buy, after=1)
    start = book_fills(a_book("1000", BTC="1"), bought, orders=(buy,))
    sold = evolve(a_fill("1", "110", order=first, after=2), order_id="7")
    foreign = book_fills(start.booked.book, sold)
    again = book_fills(foreign.booked.book, a_fill("1", "120", order=second, after=3), orders=(second,))
    rows = [*start.booked.postings, *foreign.booked.postings, *again.booked.postings]
    book, proved = again.booked.book, evolve(first, order_id="7")
    for now in (30, 60):
        batch = Batch("BTCTRY", (sold,), {}, True, OPENED + now * SECOND)
        came = reclaimed(book, batch, rows, Ours((proved,)), {})
        assert (came.booked.postings, came.fills, came.waits) == ((), (), (sold.fill_id,))
        assert came.booked.book.ledger == book.ledger
        book = book_fills(came.booked.book, sold, orders=(proved,), known=(sold,), now=now).booked.book
        assert book.waits[sold.fill_id].since == OPENED + 30 * SECOND
    more = book_fills(book, a_fill("1", "100", order=buy, after=70, fill_id="9"), orders=(buy,), now=80)
    batch = Batch("BTCTRY", (sold,), {}, True, OPENED + 90 * SECOND)
    came = reclaimed(more.booked.book, batch, [*rows, *more.booked.postings], Ours((proved,)), {})
    assert [one.kind for one in came.booked.postings] == [Kind.TAKEN_BACK, Kind.SELL]
    assert (came.waits, came.booked.book.waits) == ((), {})


def test_an_accepted_oversell_counts_what_is_beyond_as_a_foreign_sell() -> None:
    """3 sold at 100 with a fee of 3, 1 held: a third is ours, two thirds a flow of 200 less 2."""
    buy, sell = an_order(Side.BUY, "1"), an_order(Side.SELL, "3")
    bought = book_fills(a_book("1000"), a_fill("1", "90", order=buy), orders=(buy,)).booked.book
    fill = a_fill("3", "100", "3", order=sell, fill_id="5")
    waiting = book_fills(bought, fill, orders=(sell,)).booked.book
    killed = book_fills(waiting, fill, orders=(sell,), now=200)
    book = accepted(raised(killed.booked.book, killed.booked.alarms, 0), "K1:5")
    came = book_fills(book, fill, orders=(sell,), now=210)
    ours, rest = came.booked.postings
    assert (ours.kind, ours.qty, ours.notional, ours.fee) == (Kind.SELL, -e8("1"), e8("100"), e8("1"))
    assert (rest.kind, rest.money, rest.qty) == (Kind.FOREIGN_SELL, e8("198"), 0)
    assert came.ours.orders[0].sums.qty == 3


def test_a_second_order_under_a_name_is_k4_until_all_are_own() -> None:
    order = an_order(qty="1", order_id="9", client_id="s4:x", filled=Decimal(1))
    fill = a_fill("1", "100", order_id="10", client_id="s4:x", fill_id="5")
    came = book_fills(a_book(), fill, orders=(order,))
    assert (codes(came.booked), came.waits) == (["K4"], ("5",))
    book = accepted(raised(came.booked.book, came.booked.alarms, 0), "K4:s4:x")
    after = book_fills(book, fill, orders=(order,))
    assert after.is_whole
    assert [(one.order_id, one.sums.qty) for one in after.ours.orders] == [("9", 0), ("10", 1)]


def test_a_fill_without_a_number_is_of_the_one_order_of_its_name_that_it_can_be_of() -> None:
    order = an_order(qty="1", order_id="9", client_id="s4:x", filled=Decimal(1))
    twin = an_order(qty="1", order_id="10", twin_of="s4:x", filled=Decimal(1))
    first, second = (a_fill("1", "100", order_id=None, client_id="s4:x", fill_id=one) for one in "56")
    waiting = book_fills(a_book(), first, second, orders=(order, twin))
    assert (codes(waiting.booked), waiting.waits) == ([], ("5", "6"))  # it may be of either
    book = waiting.booked.book
    came = book_fills(book, first, second, orders=(order, twin), now=920)
    assert (codes(came.booked), came.waits) == ([], ())
    assert [(one.order_id, one.sums.qty) for one in came.ours.orders] == [("9", 1), ("10", 1)]
    assert [(one.fill_id, one.order_id) for one in came.fills] == [("5", None), ("6", "10")]
    third = a_fill("1", "100", order_id=None, client_id="s4:x", fill_id="7")
    more = book_fills(book, first, second, third, orders=(order, twin), now=920)
    assert (codes(more.booked), more.waits) == ([], ("7",))
    late = book_fills(more.booked.book, third, orders=more.ours.orders, now=11_720)
    assert codes(late.booked) == ["K3"]


def test_a_fill_that_two_orders_of_a_name_may_have_takes_no_room_of_fills_with_numbers() -> None:
    order = an_order(qty="1", order_id="9", client_id="s4:x", filled=Decimal(1))
    twin = an_order(qty="1", order_id="10", twin_of="s4:x", filled=Decimal(1))
    part = a_fill("0.25", "100", order_id=None, client_id="s4:x", fill_id="5")
    rest = a_fill("0.75", "100", order=twin, fill_id="6")
    all_of_it = a_fill("1", "100", order=order, fill_id="7")
    came = book_fills(a_book(), part, rest, orders=(order, twin))
    assert (codes(came.booked), came.waits) == ([], ("5",))
    whole = book_fills(came.booked.book, all_of_it, orders=came.ours.orders, now=300)
    done = book_fills(whole.booked.book, part, orders=whole.ours.orders, now=330)
    assert (codes(done.booked), done.waits) == ([], ())
    assert [(one.order_id, one.sums.qty) for one in done.ours.orders] == [("9", 1), ("10", 1)]


@pytest.mark.parametrize("ids", [("5", "6"), ("6", "5")])
def test_it_takes_no_room_of_one_with_a_number_that_was_read_with_it(ids: tuple[str, str]) -> None:
    """A restored file lacked both orders of a name, and the list of those of the day showed one of them."""
    order = an_order(qty="1", order_id="9", client_id="s4:x", filled=Decimal(1))
    part = a_fill("0.25", "100", order_id=None, client_id="s4:x", fill_id=ids[0])
    all_of_it = a_fill("1", "100", order=order, fill_id=ids[1])
    came = book_fills(a_book(), part, all_of_it, orders=(order,))
    assert (codes(came.booked), came.waits, came.ours.due) == ([], (ids[0],), ())
    assert [one.sums.qty for one in came.ours.orders] == [1]
    twin = an_order(qty="1", order_id="10", twin_of="s4:x", filled=Decimal("0.25"))
    found = book_fills(came.booked.book, part, orders=(*came.ours.orders, twin), now=60)
    assert (codes(found.booked), found.waits) == ([], ())
    assert [one.missing for one in found.ours.orders] == [0, 0]


def test_one_that_the_known_order_of_its_name_cannot_have_waits_three_hours_for_another() -> None:
    """The exchange may have made two orders of one request, and its lists lack the second."""
    order = an_order(Side.BUY, "1", client_id="s4:one")
    first = book_fills(a_book(), a_fill("1", "100", order=order), orders=(order,))
    fill = evolve(a_fill("1", "100", order=order, after=11), order_id=None)
    waiting = book_fills(first.booked.book, fill, orders=first.ours.orders, now=20)
    assert (codes(waiting.booked), waiting.waits) == ([], (fill.fill_id,))
    late = book_fills(waiting.booked.book, fill, orders=first.ours.orders, now=10_819)
    assert codes(late.booked) == []
    late = book_fills(waiting.booked.book, fill, orders=first.ours.orders, now=10_820)
    assert codes(late.booked) == [AlarmCode.FILL_DIFFERS]
    twin = an_order(Side.BUY, "1", twin_of="s4:one")
    found = book_fills(waiting.booked.book, fill, orders=(*first.ours.orders, twin), now=300)
    assert (codes(found.booked), found.waits, found.booked.book.waits) == ([], (), {})


def test_of_two_orders_of_a_name_the_one_that_lacks_fills_has_it() -> None:
    order = an_order(qty="3", order_id="9", client_id="s4:x", filled=Decimal(0))
    twin = an_order(qty="3", order_id="10", twin_of="s4:x", filled=Decimal(1))
    came = book_fills(a_book(), a_fill("1", "100", order_id=None, client_id="s4:x"), orders=(order, twin))
    assert [(one.order_id, one.missing) for one in came.ours.orders] == [("9", 0), ("10", 0)]


def test_a_fill_of_an_order_that_was_called_absent_is_k6_until_it_is_accepted_and_then_booked() -> None:
    order = an_order(order_id="9", client_id="s4:x", standing=Standing.ABSENT, was_absent=True)
    fill = a_fill("1", "100", order=order, fill_id="5")
    came = book_fills(a_book(), fill, orders=(order,))
    assert (codes(came.booked), came.waits) == (["K6"], ("5",))
    book = accepted(raised(came.booked.book, came.booked.alarms, 0), "K6:s4:x")
    assert book_fills(book, fill, orders=(order,)).booked.book.ledger.holding("BTCTRY").qty == e8("1")


def test_fills_beyond_an_orders_quantity_or_on_its_other_side_contradict_it() -> None:
    order = an_order(Side.BUY, "1")
    over = book_fills(a_book(), a_fill("1.0001", "100", order=order), orders=(order,))
    other = book_fills(a_book(), evolve(a_fill("1", "100", order=order), side=Side.SELL), orders=(order,))
    assert codes(over.booked) == codes(other.booked) == ["K3"]
    rounded = a_fill("1.0001", "100", order=order, exact=False)
    assert codes(book_fills(a_book(), rounded, orders=(order,)).booked) == []


def test_fills_stamped_before_the_opening_are_kept_and_move_nothing() -> None:
    order = an_order(qty="2")
    own = a_fill("1", "100", order=order, after=-1)
    came = book_fills(a_book(), own, a_fill("1", "100", after=-1), orders=(order,))
    assert [posting.kind for posting in came.booked.postings] == [Kind.BEFORE, Kind.BEFORE]
    assert came.booked.book.ledger.cash == e8("100000")
    assert came.ours.orders[0].sums.qty == 1


SENT = "s4:aaaaaaa-20251009085400:BTCTRY:B:0"
"""A name of ours, of 40 s after the opening."""


@pytest.mark.parametrize("name", [{"client_id": SENT}, {"twin_of": SENT}])
def test_no_fill_of_an_order_that_was_sent_since_the_opening_was_before_it(name: dict[str, str]) -> None:
    """The coins have come: whoever booked nothing would buy them again with every cycle."""
    order = an_order(qty="2", created=OPENED + 40 * SECOND, **name)
    came = book_fills(a_book(), a_fill("1", "100", order=order, after=-1), orders=(order,))
    assert (came.waits, codes(came.booked)) == ((), [])
    ledger = came.booked.book.ledger
    assert (ledger.cash, ledger.holding("BTCTRY").qty) == (e8("99900"), e8("1"))


def test_nor_is_one_that_sells_held_for_its_stamp() -> None:
    order = an_order(Side.SELL, created=OPENED + 40 * SECOND, client_id=SENT.replace(":B:", ":S:"))
    fill = a_fill("1", "100", order=order, after=-1)
    assert book_fills(a_book(), fill, orders=(order,)).waits == (fill.fill_id,)


def test_what_the_earlier_system_left_was_before_the_opening_by_whatever_clock() -> None:
    order = an_order(qty="2", created=OPENED + 40 * SECOND, client_id="s4-0")
    came = book_fills(a_book(), a_fill("1", "100", order=order, after=-90_000), orders=(order,))
    assert [posting.kind for posting in came.booked.postings] == [Kind.BEFORE]


def test_a_fill_stamped_long_before_its_order_contradicts_it_until_a_person_says_that_it_is_of_it() -> None:
    order = an_order(order_id="9", client_id=SENT, created=OPENED + 40 * SECOND)
    hour = a_fill("0.5", "100", order=order, after=40 - 3_600)
    assert book_fills(a_book(), hour, orders=(order,)).waits == ()
    fill = a_fill("1", "100", order=order, after=39 - 3_600, fill_id="5")
    came = book_fills(a_book(), fill, orders=(order,))
    assert (codes(came.booked), came.waits, came.booked.postings) == (["K3"], ("5",), ())
    assert came.booked.alarms[0].numbers["seconds_before_its_order"] == "3601"
    book = accepted(raised(came.booked.book, came.booked.alarms, 0), "K3:5")
    after = book_fills(book, fill, orders=(order,))
    assert after.booked.book.ledger.holding("BTCTRY").qty == e8("1")
    assert [one.ts for one in after.fills] == [order.created]  # so it is found again beside its order


def test_a_stray_of_after_the_opening_is_no_fill_of_before_it_whatever_its_stamp() -> None:
    fill = a_fill("1", "100", client_id=SENT.replace("08540", "09540"), after=-90_000)
    assert codes(book_fills(a_book(), fill).booked) == ["K5"]
    old = a_fill("1", "100", client_id=SENT, after=-90_000)
    assert [one.kind for one in book_fills(a_book(), old).booked.postings] == [Kind.BEFORE]


def test_a_fee_in_another_asset_costs_no_try_and_takes_its_coins_as_far_as_they_are_held() -> None:
    book, order = a_book("1000"), an_order(qty="1")
    fill = a_fill("1", "100", "0.002", order=order, fee_asset="BTC")
    marks = {"BTCTRY": e8("100")}
    came = book_fills(book, fill, orders=(order,), marks=marks)
    ledger = came.booked.book.ledger
    assert (ledger.cash, ledger.fees) == (e8("900"), 0)
    assert ledger.holding("BTCTRY").qty == e8("0.998")
    assert ledger.flows == -e8("0.2")
    (alarm,) = came.booked.alarms
    assert (alarm.code, alarm.blocks) == (AlarmCode.FEE_ASSET, "BTCTRY")
    other = a_fill("1", "100", "5", order=order, fee_asset="BNB")
    assert book_fills(book, other, orders=(order,)).booked.book.ledger.holding("BTCTRY").qty == e8("1")
