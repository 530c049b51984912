"""Whose an order or a fill is: by its number, else by its name, else it may have to wait."""

from __future__ import annotations

from decimal import Decimal

import pytest
from attrs import evolve
from live_books import a_book, a_fill, an_order, book_fills, codes, e8

from meva_core.live.standing import Standing
from meva_core.live_book.alarms import AlarmCode
from meva_core.live_book.attribution import (
    Ours,
    Whose,
    doubted_by,
    hidden_by,
    of_fill,
    of_order,
    order_alarms,
)
from meva_core.live_book.book import Booked, accepted, raised
from meva_core.live_book.names import cycle_of
from meva_core.live_book.postings import Kind
from meva_core.live_book.taking_back import taken_back
from meva_core.orders import Side
from meva_core.venue import Method, OrderState, UnreadOrder, VenueOrder

RUN = "abc1234"
CYCLE = f"{RUN}-20251009085320"
TIME = 1_760_000_000
NAME = f"s4:{CYCLE}:BTCTRY:B:1"


def there(number: str, name: str | None, **more: object) -> VenueOrder:
    order = VenueOrder(
        number, name, "BTCTRY", Side.BUY, Method.LIMIT, Decimal(100), Decimal(1), Decimal(1),
        OrderState.OPEN, "Untouched", None, None,
    )  # fmt: skip
    return evolve(order, **more)


def ours(*orders: object, **more: object) -> Ours:
    return Ours(tuple(orders), **{"runs": frozenset({RUN}), "first_cycle": TIME, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "whose"),
    [
        (f"s3:{CYCLE}:BTCTRY:S:12", Whose.BEHIND),  # of this run, before this process: a restored backup
        (f"s4:{RUN}-20251009085321:BTCTRY:B:1", Whose.STRAY),  # of this run, later, and not of this process
        ("s4:zzz9999-20251009085320:BTCTRY:B:1", Whose.STRAY),  # of another run
        (f"s7:{CYCLE}:BTCTRY:B:1", Whose.FOREIGN),  # simulated orders never reach an exchange
        (f"s4:{RUN}-20251309085320:BTCTRY:B:1", Whose.FOREIGN),  # no thirteenth month
        (f"s4:{CYCLE}:BTCTRY:X:1", Whose.FOREIGN),
        (f"S4:{CYCLE}:BTCTRY:B:1", Whose.FOREIGN),
        ("3f0c-web", Whose.FOREIGN),
        (None, Whose.FOREIGN),
    ],
)
def test_an_order_that_is_not_in_the_file_is_told_by_its_name(name: str | None, whose: Whose) -> None:
    assert of_order(there("9", name), ours()).whose is whose


def test_what_is_under_a_name_whose_row_cannot_be_read_waits_and_is_neither_taken_in_nor_a_strays() -> None:
    unread = ours(unread=frozenset({NAME}))
    assert of_order(there("9", NAME), unread).whose is Whose.WAITS
    assert of_fill(a_fill("1", "100", order_id="9", client_id=NAME), unread).whose is Whose.WAITS
    assert order_alarms([there("9", NAME)], unread) == []


def test_a_number_of_ours_is_ours_whatever_its_name() -> None:
    order = an_order(order_id="9", client_id=NAME)
    assert of_order(there("9", "another"), ours(order)).order is order


def test_a_name_of_ours_under_another_number_is_a_namesake() -> None:
    order = an_order(order_id="9", client_id=NAME)
    assert of_order(there("10", NAME), ours(order)).whose is Whose.NAMESAKE
    nameless = an_order(order_id=None, client_id=NAME)
    assert of_order(there("10", NAME), ours(nameless)).whose is Whose.OWN


def test_a_name_of_an_adopted_row_is_ours() -> None:
    order = an_order(order_id=None, client_id="meva4-17")
    assert of_order(there("10", "meva4-17"), ours(order)).whose is Whose.OWN


def test_the_time_of_a_name_is_its_cycles() -> None:
    assert cycle_of(NAME) == (RUN, TIME)


@pytest.mark.parametrize("standing", [Standing.SENDING, Standing.UNKNOWN, Standing.ABSENT])
def test_a_fill_without_a_name_waits_while_an_order_of_its_symbol_and_side_has_no_number(
    standing: Standing,
) -> None:
    sent = an_order(order_id=None, client_id=NAME, standing=standing)
    fill = a_fill("1", "100")
    assert of_fill(fill, ours(sent)).whose is Whose.WAITS
    assert of_fill(evolve(fill, side=Side.SELL), ours(sent)).whose is Whose.FOREIGN
    assert of_fill(evolve(fill, symbol="ETHTRY"), ours(sent)).whose is Whose.FOREIGN
    assert of_fill(evolve(fill, client_id="web-1"), ours(sent)).whose is Whose.FOREIGN
    assert of_fill(fill, ours(evolve(sent, order_id="7"))).whose is Whose.OWN


def test_a_waiting_fill_keeps_the_batch_from_being_whole_and_moves_nothing() -> None:
    sent = an_order(order_id=None, client_id=NAME, standing=Standing.UNKNOWN)
    came = book_fills(a_book(), a_fill("1", "100", fill_id="1"), orders=(sent,))
    assert (came.waits, came.is_whole, came.booked.postings) == (("1",), False, ())
    assert came.booked.book.waits["1"].symbol == "BTCTRY"


def test_what_was_booked_as_foreign_and_is_ours_is_taken_back_by_rows() -> None:
    """100 for a coin and 1 of fee: the flow and the foreign coin go, then it may be booked as ours."""
    book = a_book("1000")
    fill = a_fill("1", "100", "1")
    foreign = book_fills(book, fill)
    assert foreign.booked.book.ledger.foreign == {"BTC": e8("1")}
    assert foreign.booked.book.ledger.flows == -e8("101")
    rows = foreign.booked.postings
    back = taken_back(Booked(foreign.booked.book), fill, rows, fill.ts, {})
    after = back.book.ledger
    assert (after.cash, after.flows, after.foreign) == (e8("1000"), 0, {})
    assert [posting.cause for posting in back.postings] == [rows[0].id]


def test_a_stray_order_kills_until_it_is_accepted_as_foreign() -> None:
    stray = there("9", "s4:zzz9999-20251009085320:BTCTRY:B:1")
    (alarm,) = order_alarms([stray], ours())
    assert (alarm.code, alarm.kills, alarm.ends_process) == (AlarmCode.STRAY, True, True)
    book = accepted(raised(a_book(), [alarm], 0), alarm.pair)
    assert order_alarms([stray], ours(accepted=book.accepted)) == []
    assert of_order(stray, ours(accepted=book.accepted)).whose is Whose.FOREIGN


def test_a_fill_of_a_stray_is_not_booked_before_that() -> None:
    came = book_fills(a_book(), a_fill("1", "100", client_id="s3:zzz9999-20251009085320:BTCTRY:B:1"))
    assert (codes(came.booked), came.booked.postings) == (["K5"], ())


def test_a_fill_of_a_stray_before_the_opening_is_kept_and_alarms_nobody() -> None:
    book = a_book()
    stray = a_fill("1", "100", client_id="s3:zzz9999-20251009085320:BTCTRY:B:1", after=-1)
    came = book_fills(book, stray)
    assert (codes(came.booked), came.is_whole) == ([], True)
    assert [posting.kind for posting in came.booked.postings] == [Kind.BEFORE]
    assert came.booked.book.ledger.cash == book.ledger.cash


@pytest.mark.parametrize(
    ("row", "hidden"),
    [
        (("9", "web-1", "BTCTRY"), set()),
        (("9", None, "BTCTRY"), set()),
        (("9", None, None), set()),  # whatever pair it is of: it is a stranger's
        ((None, "web-1", "BTCTRY"), {"BTCTRY"}),
        ((None, None, None), {None}),
        (("77", None, "BTCTRY"), {"BTCTRY"}),  # our number
        (("9", NAME, "BTCTRY"), {"BTCTRY"}),  # our name
        (("9", f"s4:{CYCLE}:BTCTRY:B:5", "ETHTRY"), {"ETHTRY"}),  # a restored file's
        (("9", "s4:zzz9999-20251009085320:BTCTRY:B:1", "BTCTRY"), {"BTCTRY"}),  # a stray's
    ],
)
def test_a_row_that_cannot_be_read_hides_what_rests_in_its_symbol_unless_it_is_told_to_be_a_strangers(
    row: tuple[str | None, str | None, str | None], hidden: set[str | None]
) -> None:
    known = ours(an_order(order_id="77", client_id=NAME))
    assert hidden_by([UnreadOrder(*row, "why")], known) == hidden


@pytest.mark.parametrize("standing", [Standing.UNKNOWN, Standing.ABSENT, Standing.SENDING])
@pytest.mark.parametrize(("symbol", "hidden"), [("BTCTRY", {"BTCTRY"}), ("ETHTRY", set()), (None, {None})])
def test_one_that_may_look_like_an_order_of_unknown_fate_hides_that_orders_symbol(
    standing: Standing, symbol: str | None, hidden: set[str | None]
) -> None:
    sent = an_order(price="100", qty="1", order_id=None, client_id=NAME, standing=standing)
    assert hidden_by([UnreadOrder("9", None, symbol, "why")], ours(sent)) == hidden


def test_what_only_the_list_shows_ends_with_a_list_of_its_symbol() -> None:
    sent = an_order(price="100", qty="1", order_id=None, client_id=NAME, standing=Standing.ABSENT)
    (alarm,) = found = order_alarms([there("9", None)], ours(sent))
    assert doubted_by(found) == {NAME}
    for hidden in ({"BTCTRY"}, {None}):
        assert order_alarms([], ours(sent), found, frozenset(hidden)) == [alarm]
    for shown in (frozenset[str | None](), frozenset[str | None]({"ETHTRY"})):
        assert order_alarms([], ours(sent), found, shown) == []


@pytest.mark.parametrize("standing", [Standing.UNKNOWN, Standing.ABSENT])
def test_a_foreign_order_that_asks_what_an_order_of_unknown_fate_asks_blocks_the_symbol(
    standing: Standing,
) -> None:
    sent = an_order(price="100", qty="1", order_id=None, client_id=NAME, standing=standing)
    (alarm,) = order_alarms([there("9", "web-1")], ours(sent))
    assert (alarm.code, alarm.blocks, alarm.ends_process) == (AlarmCode.LOOKS_LIKE_OURS, "BTCTRY", False)
    assert order_alarms([there("9", "web-1", qty=Decimal("1.1"))], ours(sent)) == []
    assert order_alarms([there("9", "web-1")], ours(evolve(sent, standing=Standing.CANCELED))) == []
