"""Step 2 of a cycle: what became of our orders is learnt with few questions, each order by itself."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve
from fresh_database import fresh_file
from scripted_account import Scripted

from meva_adapters.sql.store import SqlStore, writer
from meva_core.live.desk import Desk
from meva_core.live.live_orders import records
from meva_core.live.owner import ACCOUNT
from meva_core.live.standing import Standing
from meva_core.live.watch import load
from meva_core.modes import Mode
from meva_core.operating.steps.settling import BY_NAME, BY_NUMBER, NOT_AS_THOUGHT, NOT_ASKED, settle
from meva_core.orders import Side
from meva_core.venue import NewOrder, OrderState, UnreadOrder


@pytest.fixture
def exchange() -> Scripted:
    return Scripted({"BTCTRY": Decimal(3000), "ETHTRY": Decimal(100)}, {"TRY": Decimal(100_000)})


@pytest.fixture
def desk(exchange: Scripted, tmp_path: Path) -> Iterator[Desk]:
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as store:
        yield Desk(exchange, exchange, store, exchange, lambda _: None)


def placed(desk: Desk, n: int, symbol: str = "BTCTRY") -> str:
    name = f"s4:aaaaaaa-20251009085320:{symbol}:B:{n}"
    record = desk.place(NewOrder(name, symbol, Side.BUY, Decimal(2990), Decimal(1))).record
    assert record is not None
    return record.order_id or ""


def checked(desk: Desk, exchange: Scripted) -> None:
    """Let the looks for twins after an acceptance pass."""
    for seconds in (1, 121):
        exchange.pass_time(seconds)
        while any(one.check for one in desk.due().orders):
            settle(desk)
    exchange.calls.clear()


def standings(store: SqlStore) -> list[Standing]:
    with store.read() as view:
        return [record.standing for record in records(view, ACCOUNT)]


def test_what_the_list_shows_costs_one_call_however_many_orders_rest(desk: Desk, exchange: Scripted) -> None:
    numbers = [placed(desk, n) for n in range(30)]
    checked(desk, exchange)
    exchange.trade(numbers[3], "0.25")
    learnt = settle(desk)
    assert exchange.calls == {"open_orders": 1}
    assert (learnt.blocked, learnt.alarms, learnt.unasked) == ({}, (), frozenset())
    assert standings(desk.store).count(Standing.PARTIALLY_FILLED) == 1


def test_what_the_list_does_not_show_is_asked_for_by_its_number(desk: Desk, exchange: Scripted) -> None:
    numbers = [placed(desk, n) for n in range(3)]
    checked(desk, exchange)
    exchange.trade(numbers[1], "1")
    learnt = settle(desk)
    assert exchange.calls == {"open_orders": 1, "order": 1}
    assert learnt.looked_up == 1
    assert standings(desk.store) == [Standing.OPEN, Standing.FILLED, Standing.OPEN]


def test_look_ups_are_bounded_and_every_order_has_its_turn(desk: Desk, exchange: Scripted) -> None:
    numbers = [placed(desk, n, "BTCTRY" if n % 2 else "ETHTRY") for n in range(50)]
    checked(desk, exchange)
    for number in numbers:
        exchange.trade(number, "1")
    left = []
    for _ in range(4):
        exchange.calls.clear()
        learnt = settle(desk)
        assert exchange.calls["order"] <= BY_NUMBER
        assert exchange.calls["find"] <= BY_NAME
        left.append(sum(one is Standing.OPEN for one in standings(desk.store)))
        assert (learnt.unasked == frozenset()) == (left[-1] == 0)
        assert learnt.blocked == dict.fromkeys(learnt.unasked, NOT_ASKED)
    assert left == sorted(left, reverse=True)
    assert left[-1] == 0


def test_one_that_gets_no_answer_keeps_its_symbol_from_submits_and_no_other(
    desk: Desk, exchange: Scripted
) -> None:
    first, other = placed(desk, 0), placed(desk, 1, "ETHTRY")
    checked(desk, exchange)
    exchange.trade(first, "1")
    exchange.trade(other, "1")
    with exchange.failing("order", first):
        learnt = settle(desk)
    assert learnt.blocked == {"BTCTRY": NOT_ASKED}
    assert learnt.unasked == {"BTCTRY"}
    assert learnt.alarms == ()
    assert standings(desk.store) == [Standing.OPEN, Standing.FILLED]
    assert settle(desk).blocked == {}
    assert standings(desk.store) == [Standing.FILLED, Standing.FILLED]


def test_without_the_list_orders_are_asked_for_by_number(desk: Desk, exchange: Scripted) -> None:
    placed(desk, 0)
    checked(desk, exchange)
    with exchange.failing("open_orders"):
        learnt = settle(desk)
    assert learnt.listed is None
    assert learnt.blocked == {}
    assert "open orders cannot be read" in learnt.notes[0]
    assert exchange.calls["order"] == 1


def test_an_order_of_unknown_fate_is_looked_for_by_its_name(desk: Desk, exchange: Scripted) -> None:
    exchange.unheard = True
    with exchange.failing("find"):
        placed(desk, 0)
    assert standings(desk.store) == [Standing.UNKNOWN]
    with exchange.failing("find"), exchange.failing("open_orders"):
        assert settle(desk).blocked == {"BTCTRY": NOT_ASKED}
    learnt = settle(desk)
    assert learnt.blocked == {}
    assert standings(desk.store) == [Standing.OPEN]


def test_a_list_that_shows_an_order_under_its_name_finds_it_though_it_cannot_be_asked_for(
    desk: Desk, exchange: Scripted
) -> None:
    exchange.unheard = True
    with exchange.failing("find"):
        placed(desk, 0)
        assert settle(desk).blocked == {}
    assert standings(desk.store) == [Standing.OPEN]
    (due,) = desk.due().orders
    assert due.check, "a list of what rests tells nothing of twins"


@pytest.mark.parametrize("qty", [Decimal(1), Decimal(7)])
def test_an_order_that_was_given_up_is_found_in_the_list_before_its_turn_comes(
    desk: Desk, exchange: Scripted, qty: Decimal
) -> None:
    """More were given up than are looked for by name in a cycle; one that is another is not taken for it."""
    exchange.unheard = True
    with exchange.failing("find"):
        for n in range(BY_NAME + 2):
            placed(desk, n)
    late, exchange.orders = exchange.orders, {}
    for _ in range(8):
        exchange.pass_time(61)
        settle(desk)
    assert set(standings(desk.store)) == {Standing.ABSENT}
    exchange.orders = {number: evolve(order, qty=qty, left=qty) for number, order in late.items()}
    with exchange.failing("find"), exchange.failing("all_orders"):
        learnt = settle(desk)
    there = Standing.OPEN if qty == 1 else Standing.ABSENT
    assert set(standings(desk.store)) == {there}
    assert learnt.blocked == {"BTCTRY": NOT_AS_THOUGHT if qty == 1 else NOT_ASKED}


def test_an_order_that_is_not_there_any_more_restricts_once_it_is_called_absent(
    desk: Desk, exchange: Scripted
) -> None:
    number = placed(desk, 0)
    checked(desk, exchange)
    del exchange.orders[number]
    modes = []
    for _ in range(4):
        learnt = settle(desk)
        modes.append(max((alarm.mode for alarm in learnt.alarms), default=Mode.NORMAL))
        exchange.pass_time(61)
    assert standings(desk.store) == [Standing.ABSENT]
    assert modes == [Mode.NORMAL, Mode.NORMAL, Mode.REDUCE_RISK_ONLY, Mode.REDUCE_RISK_ONLY]
    assert learnt.blocked == {"BTCTRY": NOT_AS_THOUGHT}


@pytest.mark.parametrize("is_canceled", [False, True])
def test_what_had_filled_in_part_before_it_was_gone_is_no_alarm(
    desk: Desk, exchange: Scripted, is_canceled: bool
) -> None:
    number = placed(desk, 0)
    checked(desk, exchange)
    exchange.trade(number, "0.25")
    settle(desk)
    if is_canceled:
        exchange.rests_on = True
        desk.cancel(order_id=number)
    del exchange.orders[number]
    for _ in range(5):
        learnt = settle(desk)
        assert (learnt.alarms, learnt.blocked) == ((), {})
        exchange.pass_time(61)
    assert standings(desk.store) == [Standing.ABSENT]


def test_what_had_filled_whole_before_it_was_gone_is_filled(desk: Desk, exchange: Scripted) -> None:
    number = placed(desk, 0)
    checked(desk, exchange)
    exchange.trade(number, "1")
    del exchange.orders[number]
    for _ in range(4):
        assert settle(desk).alarms == ()
        exchange.pass_time(61)
    assert standings(desk.store) == [Standing.FILLED]


def test_what_nobody_heard_of_and_only_its_fills_show_ends_with_them(desk: Desk, exchange: Scripted) -> None:
    exchange.unheard = True
    with exchange.failing("find"):
        placed(desk, 0)
    (number,) = exchange.orders
    exchange.trade(number, "0.25")
    del exchange.orders[number]
    for _ in range(4):
        settle(desk)
        exchange.pass_time(61)
    with desk.store.read() as view:
        (record,) = records(view, ACCOUNT)
    assert (record.standing, record.order_id) == (Standing.ABSENT, number)
    assert settle(desk).alarms == ()


def test_nothing_is_called_absent_while_its_fills_cannot_be_read(desk: Desk, exchange: Scripted) -> None:
    number = placed(desk, 0)
    checked(desk, exchange)
    del exchange.orders[number]
    with exchange.failing("order_fills"):
        for _ in range(5):
            learnt = settle(desk)
            exchange.pass_time(61)
        assert [alarm.mode for alarm in learnt.alarms] == [Mode.REDUCE_RISK_ONLY]
        assert standings(desk.store) == [Standing.OPEN]
    settle(desk)
    assert standings(desk.store) == [Standing.ABSENT]


def test_another_order_under_our_number_is_not_taken_for_ours(desk: Desk, exchange: Scripted) -> None:
    number = placed(desk, 0)
    checked(desk, exchange)
    changed = evolve(exchange.orders[number], qty=Decimal(7), state=OrderState.OPEN)
    exchange.orders[number] = changed
    learnt = settle(desk)
    assert [alarm.mode for alarm in learnt.alarms] == [Mode.OBSERVE_ONLY]
    assert learnt.blocked == {"BTCTRY": NOT_AS_THOUGHT}


def test_a_list_of_a_symbol_is_a_look_for_all_that_ended_there(desk: Desk, exchange: Scripted) -> None:
    numbers = [placed(desk, n, "BTCTRY" if n % 3 else "ETHTRY") for n in range(60)]
    for number in numbers:
        exchange.trade(number, "1")
    exchange.calls.clear()
    settle(desk)
    assert exchange.calls == {"open_orders": 1, "all_orders": 2}
    assert set(standings(desk.store)) == {Standing.FILLED}
    exchange._add(
        NewOrder("", "ETHTRY", Side.BUY, Decimal(2990), Decimal(1)), exchange.orders[numbers[3]].client_id
    )
    exchange.pass_time(121)
    told = settle(desk)
    assert [alarm.mode for alarm in told.alarms] == [Mode.OBSERVE_ONLY], "a twin of one of them is found"


@pytest.mark.parametrize(("symbol", "lists"), [("BTCTRY", 0), ("ETHTRY", 1), (None, 0)])
def test_a_list_with_a_row_that_cannot_be_read_is_no_look_for_what_ended_there(
    desk: Desk, exchange: Scripted, symbol: str | None, lists: int
) -> None:
    number = placed(desk, 0)
    checked(desk, exchange)
    exchange.trade(number, "1")
    settle(desk)
    exchange.calls.clear()
    exchange.unread = [UnreadOrder("7", None, symbol, "its amount is no number")]
    learnt = settle(desk)
    assert exchange.calls["all_orders"] == lists
    assert exchange.calls["find"] == 1 - lists
    assert [row.order_id for row in learnt.unread] == ["7"]
    assert learnt.listed is not None


def test_what_its_list_does_not_show_or_is_older_is_looked_for_by_itself(
    desk: Desk, exchange: Scripted
) -> None:
    hidden = placed(desk, 0)
    exchange.calls.clear()
    with exchange.failing("all_orders"):
        settle(desk)
    assert exchange.calls["find"] == 1
    checked(desk, exchange)
    exchange.pass_time(90_000)
    exchange.trade(hidden, "1")
    settle(desk)
    settle(desk)
    assert exchange.calls["find"] == 1
    assert standings(desk.store) == [Standing.FILLED]


def test_what_was_looked_for_often_enough_is_not_watched_anew_for_having_been_asked(
    desk: Desk, exchange: Scripted
) -> None:
    numbers = [placed(desk, n) for n in range(2)]
    checked(desk, exchange)
    for number in numbers:
        exchange.trade(number, "1")
    settle(desk)
    with desk.store.unit() as work:
        for number in numbers:
            (record,) = records(work, ACCOUNT, exchange_order_id=number)
            desk.book(work, record, Decimal(1))
        work.commit()
    exchange.pass_time(1)
    settle(desk)
    exchange.pass_time(121)
    asked = [one.record for one in desk.due().orders]
    assert len(asked) == 2
    settle(desk)
    with desk.store.read() as view:
        assert load(view, ACCOUNT).orders == {}
    desk.note_asked(asked)
    with desk.store.read() as view:
        assert load(view, ACCOUNT).orders == {}


def test_orders_that_never_answer_do_not_keep_others_from_their_turn(desk: Desk, exchange: Scripted) -> None:
    numbers = [placed(desk, n) for n in range(BY_NUMBER + 5)]
    checked(desk, exchange)
    for number in numbers:
        exchange.trade(number, "1")
    exchange.silent |= {("order", number) for number in numbers[:BY_NUMBER]}
    exchange.silent.add(("find", "BTCTRY"))
    for _ in range(3):
        exchange.pass_time(10)
        settle(desk)
    assert standings(desk.store)[BY_NUMBER:] == [Standing.FILLED] * 5
