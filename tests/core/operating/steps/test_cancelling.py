"""All that rests, taken back: as far as there is time, and as long as the program is not to end."""

from __future__ import annotations

from decimal import Decimal

import pytest
from running import Running, running

from meva_adapters.sql.store import SqlStore
from meva_core.modes import Mode
from meva_core.operating.steps.cancelling import Canceled, cancel_open, resting_of
from meva_core.operating.steps.finding import find_resting
from meva_core.orders import Side
from meva_core.venue import NewOrder, UnreadOrder


def names(book: Running) -> list[str]:
    with book.account.store.read() as view:
        return resting_of(view)


def taken_back(
    book: Running, stops_after: int | None = None, rounds: int | None = None, late: bool = False
) -> Canceled:
    """Take all back, in so many rounds at most; with `stops_after` in one, and the program is to end after so
    many calls."""
    calls = book.account.exchange.calls
    before = calls["cancel"]
    desk, left = book.account.desk, [None] * (1_000 if rounds is None else rounds - 1)
    assert book.runner.permits is not None
    with book.runner.permits.planned(Mode.OBSERVE_ONLY, book.runner.permits.moment()):
        return cancel_open(
            desk,
            lambda: stops_after is None and (bool(left) and left.pop() is None),
            lambda: stops_after is not None and calls["cancel"] - before >= stops_after,
            lambda: find_resting(desk, "live"),
            lambda: late,
        )


def test_all_that_rests_is_taken_back(store: SqlStore) -> None:
    book = running(store)
    book.cycle()
    there = names(book)
    assert len(there) == 2
    done = taken_back(book)
    assert (done.ended, done.left) == (tuple(there), ())


@pytest.mark.parametrize("calls", [0, 1])
def test_a_program_that_is_to_end_asks_for_no_other_one_and_says_what_is_left(
    store: SqlStore, calls: int
) -> None:
    book = running(store)
    book.cycle()
    there = names(book)
    done = taken_back(book, stops_after=calls)
    assert book.account.exchange.calls["cancel"] == calls
    untold = [
        one.name for one in done.left if one.why == "the program was told to end before this was asked for"
    ]
    assert untold == there[calls:]
    assert {one.name for one in done.left} == {*there}, "what was asked for is not seen to have ended yet"


def bought(book: Running, name: str) -> str:
    """Somebody places an order by this name; return its number."""
    order = NewOrder(name, "BTCTRY", Side.BUY, Decimal(2000), Decimal("0.1"))
    return book.account.exchange._add(order, name)


def test_what_has_a_number_is_canceled_first_then_what_may_rest_is_asked_for_and_then_all_else(
    store: SqlStore,
) -> None:
    book = running(store)
    book.cycle()
    exchange = book.account.exchange
    filled = next(iter(exchange.orders))
    exchange.trade(filled, str(exchange.orders[filled].qty))
    book.cycle()  # it is seen to have ended, and is looked for once more some time later
    exchange.pass_time(150)
    rests = [number for number, order in exchange.orders.items() if not order.state.ended]
    ended = exchange.orders[filled].symbol
    exchange.heard.clear()
    done = taken_back(book)
    first, then = exchange.heard[: 2 * len(rests)], exchange.heard[2 * len(rests) :]
    assert first == [(call, number) for call in ("cancel", "order") for number in rests]
    assert ("find", ended) in then
    assert (len(done.ended), done.left) == (len(rests), ())
    assert rests


def test_where_there_is_time_for_one_round_the_cancels_have_been_sent(store: SqlStore) -> None:
    book = running(store)
    book.cycle()
    exchange, there = book.account.exchange, names(book)
    exchange.heard.clear()
    done = taken_back(book, rounds=1)
    assert [call for call, _ in exchange.heard] == ["cancel", "cancel", "order", "order"]
    assert (done.ended, done.left) == (tuple(there), ())


def test_an_order_whose_reply_was_not_heard_is_found_by_its_name_and_then_canceled(store: SqlStore) -> None:
    book = running(store)
    exchange = book.account.exchange
    exchange.unheard = True
    exchange.silent.add(("find", ""))
    book.cycle()
    there = names(book)
    done = taken_back(book, rounds=1)
    assert [one.name for one in done.left] == there
    assert all("cannot be asked for" in one.why for one in done.left)
    assert {one.why for one in taken_back(book, rounds=1, late=True).left} == {
        "the exchange has not said that it ended"
    }, "nothing was looked for"
    exchange.silent.clear()
    done = taken_back(book)
    assert (done.ended, done.left) == (tuple(there), ())
    assert all(order.state.ended for order in exchange.orders.values())


def test_an_order_of_ours_that_the_file_lacks_is_taken_in_and_canceled_and_no_one_else_s_is_touched(
    store: SqlStore,
) -> None:
    book = running(store)
    told = book.cycle()
    run = told.inputs.cycle.partition("-")[0]
    ours = bought(book, f"s4:{run}-20200101000000:BTCTRY:B:7")
    others = [bought(book, "s4:zzzzzzz-20200101000000:BTCTRY:B:7"), bought(book, "by-hand")]
    done = taken_back(book)
    exchange = book.account.exchange
    assert exchange.orders[ours].state.ended
    assert not any(exchange.orders[number].state.ended for number in others)
    assert f"s4:{run}-20200101000000:BTCTRY:B:7" in done.ended
    assert done.left == ()
    assert [alarm.code for alarm in book.account.book.alarms] == ["file_behind_exchange"]


def test_a_row_that_cannot_be_read_keeps_none_of_the_others_from_being_canceled(store: SqlStore) -> None:
    book = running(store)
    run = book.cycle().inputs.cycle.partition("-")[0]
    ours = bought(book, f"s4:{run}-20200101000000:BTCTRY:B:7")
    exchange = book.account.exchange
    exchange.unread = [UnreadOrder("7", None, "ETHTRY", "its amount is no number")]
    done = taken_back(book)
    assert exchange.orders[ours].state.ended
    assert [left.name for left in done.left] == ["orders that are not on record"]


def test_where_nobody_can_tell_what_rests_there_that_is_said(store: SqlStore) -> None:
    book = running(store)
    book.cycle()
    there = names(book)
    with book.account.exchange.failing("open_orders"):
        done = taken_back(book, rounds=2)
    assert done.ended == tuple(there)
    [left] = done.left
    assert left.name == "orders that are not on record"
    assert "open_orders" in left.why


def test_an_order_that_filled_before_its_cancel_is_named_as_filled(store: SqlStore) -> None:
    book = running(store)
    book.cycle()
    exchange = book.account.exchange
    first = next(iter(exchange.orders))
    exchange.trade(first, str(exchange.orders[first].qty))
    done = taken_back(book)
    assert len(done.filled) == len(done.ended) == 1
    assert done.left == ()


def test_however_late_it_is_the_cancels_are_sent_and_nothing_is_asked(store: SqlStore) -> None:
    book = running(store)
    book.cycle()
    exchange, there = book.account.exchange, names(book)
    exchange.heard.clear()
    done = taken_back(book, rounds=1, late=True)
    assert [call for call, _ in exchange.heard] == ["cancel", "cancel"]
    left = [(one.name, one.why) for one in done.left]
    assert left == [(name, "the exchange has not said that it ended") for name in there]


def test_of_an_order_that_no_look_finds_it_is_said_that_its_number_is_not_known(store: SqlStore) -> None:
    book = running(store)
    exchange = book.account.exchange
    exchange.unheard = True
    exchange.silent.add(("find", ""))
    book.cycle()
    exchange.silent.clear()
    exchange.orders.clear()  # neither had arrived
    whys = {one.why for one in taken_back(book, rounds=1).left}
    assert whys == {"its number at the exchange is not known, and looking for its name brought none"}
    assert exchange.calls["cancel"] == 0


def test_a_damaged_book_keeps_nothing_from_being_canceled(store: SqlStore) -> None:
    book = running(store)
    book.cycle()
    there = names(book)
    with store.unit() as work:
        work.update("live_books", "book", ("state_json",), [("live", "{}")])
        work.commit()
    done = taken_back(book)
    assert done.ended == tuple(there)
    [left] = done.left
    assert left.name == "orders that are not on record"
    assert "book live is damaged: state_json" in left.why
