"""What a restored file lacks is found before anything is decided, whatever does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from cycles import Lived, lived
from fresh_database import fresh_file

from meva_adapters.sql.store import writer
from meva_core.amounts import parse_e8
from meva_core.ids import client_id
from meva_core.live.watch import load
from meva_core.live_book.alarms import AlarmCode
from meva_core.operating.records.carried import Carried, Unlooked, carried_of, text_of
from meva_core.operating.steps.looking_back import FIRST_SECONDS, to_look_at
from meva_core.operating.steps.settling import ORDERS_UNREAD
from meva_core.orders import Side
from meva_core.venue import NewOrder, UnreadOrder

HOUR = 3_600


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Lived]:
    """A book after its first cycles."""
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as opened:
        book = lived(opened)
        book.cycle()
        book.cycle(120)
        yield book


def lost(account: Lived, side: Side = Side.BUY, qty: str = "0.5", n: int = 7) -> str:
    """An order that the file does not have: return its number."""
    name = client_id(account.last.inputs.cycle, "BTCTRY", side, n, stage=4)
    return account.exchange.submit(NewOrder(name, "BTCTRY", side, Decimal(3000), Decimal(qty))).order_id


def holds(account: Lived) -> None:
    """Hold one coin, and look at nothing any more."""
    account.exchange.trade(account.place("BTCTRY", Side.BUY, "1", "2990"), "1")
    account.cycle()
    account.exchange.pass_time(30)


def restart(account: Lived) -> None:
    account.process = account.restarted().process


def sold_and_forgotten(account: Lived, *, hours: int = 0, seconds: int = 0, late: int = 370) -> str:
    """Hold one coin, sell half of it, and have a restored file and a new process that know nothing of that.
    Return the sale's number; it was made so long before it filled, and filled so long before the process."""
    holds(account)
    number = lost(account, Side.SELL)
    account.exchange.pass_time(hours * HOUR)
    account.exchange.trade(number, "0.5", late=late)
    account.exchange.pass_time(seconds)
    restart(account)
    return number


def lasting(account: Lived) -> set[str]:
    return {alarm.pair for alarm in account.book.alarms}


def is_whole(account: Lived, number: str, held: str) -> None:
    """The lost order is in the book, nothing was booked as a person's, and nothing else is alarming."""
    account.check()
    assert lasting(account) == {f"{AlarmCode.FILE_BEHIND}:{number}"}
    assert account.book.ledger.holding("BTCTRY").qty == parse_e8(held)
    assert account.book.unproven == ()
    assert account.off() == {}


@pytest.mark.parametrize("side", list(Side))
def test_an_order_that_has_filled_and_whose_fill_is_shown_late_is_found_at_once(
    account: Lived, side: Side
) -> None:
    """Or what it moved would be booked as a person's, and sold or bought a second time."""
    holds(account)
    number = lost(account, side)
    account.exchange.trade(number, "0.5", late=370)
    restart(account)
    for _ in range(8):
        read = account.cycle()
        assert read.book.unproven == ()
        assert lasting(account) >= {f"{AlarmCode.FILE_BEHIND}:{number}"}
    is_whole(account, number, "0.5" if side is Side.SELL else "1.5")


def test_each_pair_is_asked_until_it_tells_and_once_more_after_two_minutes(account: Lived) -> None:
    account.exchange.by_hand("ETHTRY", Side.BUY, "1")  # of no concern
    for _ in range(2):
        restart(account)
        asked = []
        with account.exchange.failing("all_orders", "BTCTRY"):
            for _ in range(2):
                assert account.cycle().inputs.blocked == {"BTCTRY": ORDERS_UNREAD}
                asked.append(account.exchange.calls["all_orders"])
        for _ in range(3):
            assert account.cycle().inputs.blocked == {}
            asked.append(account.exchange.calls["all_orders"])
        assert asked == [2, 1, 2, 1, 0], "ETHTRY tells at once, and after 120 s; BTCTRY then, and again"


def test_without_an_answer_a_pair_rests_for_ten_minutes_in_one_process_or_many(account: Lived) -> None:
    with account.exchange.failing("all_orders"):
        for is_new in (False, True):
            restart(account)
            for _ in range(FIRST_SECONDS // 120 + 1):
                assert account.cycle(120).inputs.blocked.keys() == {"BTCTRY", "ETHTRY"}
                if is_new:
                    restart(account)
            for _ in range(2):
                assert account.cycle(120).inputs.blocked == {}, "by now fills are shown"
            account.exchange.silent, silent = set(), account.exchange.silent
            restart(account)
            account.cycle()
            account.cycle(120)
            account.exchange.silent = silent
    account.cycle()
    assert account.exchange.calls["all_orders"] == 0


def test_what_a_process_could_not_ask_the_next_one_asks(account: Lived) -> None:
    """It begins after a cycle of the one before: what was made before that is none of its own business."""
    number = sold_and_forgotten(account, seconds=90)
    with account.exchange.failing("all_orders", "BTCTRY"):
        account.cycle()
    restart(account)
    for _ in range(8):
        account.cycle()
    is_whole(account, number, "0.5")


def test_a_pair_that_the_tickers_lack_is_asked_when_they_have_it_again(account: Lived) -> None:
    number = sold_and_forgotten(account)
    price = account.exchange.prices.pop("BTCTRY")
    assert "BTCTRY" in account.cycle(10).inputs.blocked
    account.exchange.prices["BTCTRY"] = price
    for _ in range(8):
        account.cycle()
    is_whole(account, number, "0.5")


def test_what_the_first_list_lacks_the_second_shows(account: Lived) -> None:
    number = sold_and_forgotten(account)
    hidden = account.exchange.orders.pop(number)
    account.cycle(10)
    account.exchange.orders[number] = hidden
    for _ in range(8):
        account.cycle(121)
    is_whole(account, number, "0.5")


def test_while_a_pair_does_not_tell_its_coins_are_compared_with_nothing(account: Lived) -> None:
    number = sold_and_forgotten(account, late=400)
    with account.exchange.failing("all_orders", "BTCTRY"):
        for _ in range(5):
            assert account.cycle().book.unproven == ()
            assert lasting(account) == set()
    for _ in range(5):
        account.cycle()
    is_whole(account, number, "0.5")


def test_an_older_order_that_filled_a_moment_ago_is_found_by_the_day_it_was_made(account: Lived) -> None:
    number = sold_and_forgotten(account, hours=50)
    for _ in range(8):
        assert account.cycle().book.unproven == ()
    is_whole(account, number, "0.5")


def test_of_orders_that_have_done_nothing_one_alarm_is_enough(account: Lived) -> None:
    numbers = [lost(account, n=n) for n in range(2, 42)]
    for number in numbers:
        account.exchange.cancel(number)
    restart(account)
    account.cycle()
    assert lasting(account) == {f"{AlarmCode.FILE_BEHIND}:{numbers[-1]}"}
    with account.store.read() as view:
        rows = list(
            view.rows("stage4_orders", ("exchange_order_id", "status", "filled_qty", "fill_complete"))
        )
        assert load(view, account.desk.owner).orders == {}, "they are done with"
    assert sorted(rows) == sorted((number, "canceled", 0, 1) for number in numbers)
    resting = lost(account, n=50)
    restart(account)
    account.cycle()
    assert lasting(account) == {f"{AlarmCode.FILE_BEHIND}:{one}" for one in (numbers[-1], resting)}
    assert len(account.last.orders) == 1


def test_a_row_that_cannot_be_read_counts_where_it_may_be_ours(account: Lived) -> None:
    account.exchange.by_hand("BTCTRY", Side.BUY, "1")
    (number,) = account.exchange.orders
    account.exchange.unread_before = [UnreadOrder(number, "somebody's", "BTCTRY", "no price")]
    restart(account)
    assert account.cycle().inputs.blocked == {}
    account.exchange.unread_before = [UnreadOrder(None, None, "BTCTRY", "no number")]
    restart(account)
    assert account.cycle().inputs.blocked == {"BTCTRY": ORDERS_UNREAD}
    assert [note for note in account.last.notes if "no number" in note]
    account.exchange.unread_before = []
    assert account.cycle().inputs.blocked == {}


@pytest.mark.parametrize("filled", ["0", "0.5"])
def test_two_of_one_name_are_taken_in_one_by_one(account: Lived, filled: str) -> None:
    """Both in one list, where both rest."""
    first, second = lost(account), lost(account)
    if Decimal(filled):
        account.exchange.trade(second, filled, late=370)
    restart(account)
    for _ in range(9):
        account.cycle()
        account.check()
    name = account.exchange.orders[first].client_id
    assert lasting(account) == {f"{AlarmCode.FILE_BEHIND}:{first}", f"{AlarmCode.SHARED_NAME}:{name}"}
    assert account.book.ledger.holding("BTCTRY").qty == parse_e8(filled)
    assert account.off() == {}


def test_what_is_left_to_ask_is_kept_with_the_book_and_books_of_before_have_nothing_of_it() -> None:
    carried = Carried(unlooked={"BTCTRY": Unlooked(since=60, asked=120, told=True)})
    assert carried_of(text_of(carried), "a row") == carried
    assert "unlooked" not in text_of(Carried())
    assert carried_of(text_of(Carried()), "a row") == Carried()


def test_a_process_that_starts_looks_as_far_back_as_the_one_before_had_to() -> None:
    before = {"A": Unlooked(since=60, asked=120), "B": Unlooked(since=60, asked=120, told=True)}
    assert to_look_at(before, ["A", "B", "C"], 200, 260, starts=False) == before
    assert to_look_at(before, ["A", "B", "C"], 200, 260, starts=True) == {
        "A": Unlooked(since=60, asked=120),
        "B": Unlooked(since=60, asked=120),
        "C": Unlooked(since=200, asked=260),
    }
    later = to_look_at(before, ["A", "B"], 9_000, 9_060, starts=True)
    assert (later["A"].asked, later["B"].asked) == (120, 9_060), "what was told begins anew"
