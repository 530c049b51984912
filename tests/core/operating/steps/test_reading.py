"""Steps 1 to 5 of a cycle: what happens at an exchange is booked once, and what fails fails alone."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve
from cycles import Lived, lived
from fresh_database import fresh_file
from scripted_account import SECOND, Scripted

from meva_adapters.sql.store import SqlStore, writer
from meva_core.amounts import parse_e8
from meva_core.errors import Unavailable, VenueReason
from meva_core.ids import client_id
from meva_core.live.watch import load
from meva_core.live_book.alarms import AlarmCode
from meva_core.live_book.book import accepted
from meva_core.modes import Mode
from meva_core.operating.accepting import taken_in
from meva_core.operating.records import recording
from meva_core.operating.records.book_file import BookFile
from meva_core.operating.records.whose import whose
from meva_core.operating.steps.comparing import BALANCES_UNREAD, FLOWS_UNREAD, RESTS
from meva_core.operating.steps.filling import UNREAD, WAITS
from meva_core.operating.steps.measuring import NO_MARK
from meva_core.operating.steps.reading import read_cycle
from meva_core.operating.steps.settling import BY_NUMBER, NOT_ASKED
from meva_core.orders import Side
from meva_core.venue import Balance, NewOrder, OrderState

DAY = 86_400


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as opened:
        yield opened


@pytest.fixture
def account(store: SqlStore) -> Lived:
    """A book after its first cycle."""
    book = lived(store)
    book.cycle()
    return book


def test_a_first_cycle_finds_what_is_there(account: Lived) -> None:
    inputs = account.last.inputs
    assert [symbol.name for symbol in inputs.symbols] == ["BTCTRY", "ETHTRY"]
    assert inputs.symbols[0].mark == parse_e8("3000")
    assert inputs.positions.cash == parse_e8("100000")
    assert inputs.balances.free == {"SOL": parse_e8("10"), "TRY": parse_e8("100000")}
    assert inputs.balances.unexplained == {"SOL": 0, "TRY": 0}
    assert (inputs.blocked, inputs.alarms, inputs.recovery) == ({}, (), ())
    assert account.last.notes == ()


def test_a_fill_is_booked_by_its_order_at_the_mark_of_its_decision(account: Lived) -> None:
    number = account.place("BTCTRY", Side.BUY, "2", "2990")
    account.exchange.trade(number, "0.5")
    inputs = account.cycle().inputs
    (order,) = inputs.orders
    assert (order.standing, order.left) == ("partially_filled", parse_e8("1.5"))
    assert (order.purpose, order.strategy, order.decision_mark) == ("entry", "trial", parse_e8("3000"))
    (held,) = inputs.positions.positions
    assert (held.qty, held.cost) == (parse_e8("0.5"), parse_e8("1498.588"))
    assert inputs.positions.cash == parse_e8("98501.412")
    assert account.last.fills_booked == 1
    assert account.cycle().fills_booked == 0
    account.exchange.trade(number, "1.5")
    assert account.cycle().inputs.orders == ()
    account.check()
    assert account.off() == {}


def test_a_fill_of_ours_that_is_stamped_before_the_opening_is_held_all_the_same(account: Lived) -> None:
    number = account.place("BTCTRY", Side.BUY, "0.5", "2990")
    account.exchange.trade(number, "0.5")
    shown, fill = account.exchange.fills_shown.pop()
    account.exchange.fills_shown.append((shown, evolve(fill, ts=account.book.opened - SECOND)))
    inputs = account.cycle().inputs
    assert (inputs.blocked, inputs.alarms, inputs.orders) == ({}, (), ())
    assert [held.qty for held in inputs.positions.positions] == [parse_e8("0.5")]
    account.check()
    assert account.off() == {}


def test_a_fill_that_is_shown_late_keeps_its_symbol_from_submits_until_it_is_there(account: Lived) -> None:
    number = account.place("BTCTRY", Side.BUY, "1", "2990")
    account.exchange.trade(number, "1", late=100)
    assert account.cycle().inputs.blocked == {"BTCTRY": "fills_incomplete"}
    (order,) = account.last.inputs.orders
    assert (order.standing, order.left) == ("filled", parse_e8("1"))
    assert account.cycle().inputs.blocked == {}
    assert account.last.inputs.orders == ()
    account.check()


def test_an_order_that_is_gone_ends_with_the_sum_of_its_fills_once_two_reads_agree(account: Lived) -> None:
    number = account.place("BTCTRY", Side.BUY, "1", "2990")
    account.exchange.trade(number, "0.25")
    account.cycle()
    account.exchange.trade(number, "0.5", late=250)
    del account.exchange.orders[number]
    found = []
    for _ in range(9):
        account.process = account.restarted().process
        inputs = account.cycle().inputs
        account.check()
        assert [alarm.code for alarm in inputs.alarms if alarm.mode > Mode.NORMAL] == []
        with account.store.read() as view:
            found += view.rows("stage4_orders", ("status", "filled_qty", "fill_complete"))
    part, more = Decimal("0.25"), Decimal("0.75")
    assert found == [
        *[("partially_filled", part, 0)] * 2,  # missed
        *[("unknown_closed", part, 0)] * 2,  # for 120 s; then its second fill comes
        *[("unknown_closed", part, 0)] * 2,
        *[("unknown_closed", more, 1)] * 3,  # and nothing more for 120 s
    ]
    assert account.book.ledger.holding("BTCTRY").qty == parse_e8("0.75")
    assert account.off() == {}


def test_balances_are_not_compared_right_after_an_earlier_process_sent_something(account: Lived) -> None:
    number = account.place("BTCTRY", Side.BUY, "1", "2990")
    account.cycle()
    account.cycle()
    account.exchange.pass_time(100)
    account.desk.cancel(order_id=number)
    account.process = account.restarted().process
    account.cycle(5)
    assert account.last.inputs.orders == ()
    assert not account.last.inputs.signals.looked, "5 s after a cancel"
    account.cycle(10)
    assert account.last.inputs.signals.looked


def test_where_our_own_writes_keep_balances_from_being_compared_a_cycle_rests_after_half_an_hour(
    account: Lived,
) -> None:
    rested = []
    for n in range(33):
        number = account.place("BTCTRY", Side.BUY, "1", "2990")
        account.desk.cancel(order_id=number)
        if n % 10 == 7:  # the half hour goes on over a restart
            account.process = evolve(account.restarted().process, last_write=account.exchange.now)
        account.exchange.pass_time(55)
        account.process = evolve(account.process, last_write=account.exchange.now)
        inputs = account.cycle(5).inputs
        assert not inputs.signals.looked
        if inputs.blocked:
            rested.append(n)
            assert inputs.blocked == {"BTCTRY": RESTS, "ETHTRY": RESTS}
    assert rested == [30]
    account.cycle(10)
    assert account.last.inputs.signals.looked


def test_what_a_person_trades_is_a_flow_and_no_profit(account: Lived) -> None:
    account.exchange.by_hand("BTCTRY", Side.BUY, "1")
    account.exchange.by_hand("SOLTRY", Side.SELL, "4")
    account.cycle()
    book = account.book
    assert dict(book.ledger.foreign) == {"BTC": parse_e8("1"), "SOL": parse_e8("6")}
    assert book.figures.day_pnl == 0
    assert book.figures.drawdown == 0
    assert account.last.inputs.positions.positions == ()
    account.check()
    assert account.off() == {}


def test_a_listed_deposit_is_booked_at_once_and_one_that_no_list_shows_after_three_reads(
    account: Lived,
) -> None:
    account.exchange.transfer("TRY", "500")
    account.cycle()
    assert account.book.ledger.cash == parse_e8("100500")
    account.exchange.transfer("TRY", "-200", listed_after=None)
    modes = []
    for _ in range(4):
        inputs = account.cycle(61).inputs
        modes.append(max((alarm.mode for alarm in inputs.alarms), default=Mode.NORMAL))
    assert modes == [Mode.NORMAL, Mode.REDUCE_RISK_ONLY, Mode.NORMAL, Mode.NORMAL]
    assert account.book.ledger.cash == parse_e8("100300")
    assert account.book.figures.day_pnl == 0
    account.check()


def test_an_order_that_nothing_was_heard_of_is_found_with_its_fills(account: Lived) -> None:
    account.exchange.unheard = True
    with account.exchange.failing("find"):
        assert account.place("ETHTRY", Side.BUY, "3", "101") == ""
    (number,) = account.exchange.orders
    account.exchange.trade(number, "3", told=False)
    inputs = account.restarted().cycle().inputs
    assert inputs.orders == ()
    assert [one.symbol for one in inputs.positions.positions] == ["ETHTRY"]
    account.check()
    assert account.off() == {}


def test_a_fill_without_a_name_waits_while_an_order_of_ours_has_no_number(account: Lived) -> None:
    account.exchange.unheard = True
    with account.exchange.failing("find"):
        account.place("ETHTRY", Side.BUY, "3", "101")
        (number,) = account.exchange.orders
        account.exchange.trade(number, "3", told=False)
        inputs = account.cycle().inputs
        assert inputs.blocked == {"ETHTRY": NOT_ASKED}
        assert [wait.symbol for wait in account.book.waits.values()] == ["ETHTRY"]
        assert account.book.ledger.seq == 0
        assert account.book.cursors["ETHTRY"] < (account.exchange.now - 60 * 10**6) // 1000
    account.cycle()
    assert account.book.ledger.holding("ETHTRY").qty == parse_e8("3")
    account.check()


def test_a_fill_whose_row_names_its_order_by_our_name_alone_counts_for_it_in_every_later_cycle(
    account: Lived,
) -> None:
    number = account.place("BTCTRY", Side.BUY, "1", "3001")
    for qty in ("0.4", "0.6"):
        account.exchange.trade(number, qty)
        shown, fill = account.exchange.fills_shown[-1]
        account.exchange.fills_shown[-1] = (shown, evolve(fill, order_id=None))
        account.cycle()
        account.check()
    account.restarted().cycle()
    read = account.cycle()
    file = BookFile(account.desk, whose(account.book), read.inputs.cycle, {})
    [order] = [one for one in file.own_orders({number}) if one.order_id == number]
    assert (order.sums.qty, order.complete, order.missing) == (Decimal(1), True, Decimal(0))
    assert read.book.alarms == ()
    assert read.inputs.blocked == {}


def test_how_slow_calls_were_and_how_far_our_clock_is_off_is_an_input(account: Lived) -> None:
    account.exchange.pass_time(60)
    world = evolve(account.world, signals=lambda: (60_000, -31_000))
    found = taken_in(account.store, account.name, account.exchange.now)
    assert found is not None
    signals = read_cycle(world, account.run, account.process, *found).inputs.signals
    assert (signals.slowest_call_ms, signals.skew_ms) == (60_000, -31_000)


def test_a_pair_whose_fills_were_not_read_is_asked_until_they_are_and_rests_as_long(account: Lived) -> None:
    """Nothing else makes it due in these cycles."""
    with account.exchange.failing("fills", "ETHTRY"):
        for _ in range(12):
            account.cycle()
            if account.last.inputs.signals.stalls:
                break
        for times in (2, 3):
            account.cycle()
            assert account.last.inputs.signals.stalls == {"ETHTRY": times}
            assert account.last.inputs.blocked == {"ETHTRY": UNREAD}
    account.cycle()
    assert (account.last.inputs.signals.stalls, account.last.inputs.blocked) == ({}, {})


@pytest.mark.parametrize(("call", "about", "why"), [("book", "ETHTRY", NO_MARK), ("fills", "ETHTRY", UNREAD)])
def test_what_cannot_be_read_of_a_symbol_costs_that_symbol_alone(
    account: Lived, call: str, about: str, why: str
) -> None:
    first, other = (account.place(symbol, Side.BUY, "1", "101") for symbol in ("BTCTRY", "ETHTRY"))
    account.exchange.trade(first, "1", "101")
    account.exchange.trade(other, "1")
    with account.exchange.failing(call, about):
        inputs = account.cycle().inputs
    assert inputs.blocked.get("ETHTRY") in (why, "fills_incomplete")
    assert "BTCTRY" not in inputs.blocked
    assert account.book.ledger.holding("BTCTRY").qty == parse_e8("1")
    assert any("ETHTRY" in note for note in account.last.notes)
    assert inputs.signals.stalls == ({"ETHTRY": 1} if call == "fills" else {})
    account.cycle()
    assert account.last.inputs.blocked == {}
    assert account.last.inputs.signals.stalls == {}
    account.check()


def test_what_fills_have_moved_is_no_flow_while_their_list_does_not_answer(account: Lived) -> None:
    account.exchange.by_hand("SOLTRY", Side.SELL, "4")
    with account.exchange.failing("fills", "SOLTRY"):
        for _ in range(6):
            read = account.cycle()
            assert (read.flows, read.book.unproven, read.book.alarms) == (0, (), ())
    assert account.cycle().flows == 1
    assert [len(account.book.moves), account.book.unproven] == [1, ()]
    account.check()
    assert account.off() == {}


def test_without_balances_or_flows_nothing_is_submitted_and_fills_are_booked(account: Lived) -> None:
    number = account.place("BTCTRY", Side.BUY, "1", "2990")
    account.exchange.trade(number, "1")
    with account.exchange.failing("balances"):
        inputs = account.cycle().inputs
    assert inputs.blocked == dict.fromkeys(("BTCTRY", "ETHTRY"), BALANCES_UNREAD)
    assert inputs.balances.free == {}
    assert account.book.ledger.holding("BTCTRY").qty == parse_e8("1")
    account.exchange.transfer("TRY", "10")
    with account.exchange.failing("flows"):
        inputs = account.cycle().inputs
    assert inputs.blocked == dict.fromkeys(("BTCTRY", "ETHTRY"), FLOWS_UNREAD)
    assert account.cycle().inputs.blocked == {}
    assert account.off() == {}


def test_without_any_book_the_cycle_fails_and_stores_nothing(account: Lived) -> None:
    before = account.book
    account.exchange.transfer("TRY", "10")
    with account.exchange.failing("book"), pytest.raises(Unavailable, match="no book could be read"):
        account.cycle()
    assert account.book == before


def test_a_time_far_behind_the_newest_cycle_fails_the_cycle(account: Lived) -> None:
    with pytest.raises(Unavailable, match="behind the newest") as caught:
        account.cycle(-30)
    assert caught.value.reason is VenueReason.CLOCK
    assert account.cycle(25).inputs.time == account.process.newest


def test_a_stray_under_our_names_ends_the_process(account: Lived) -> None:
    account.exchange.submit(
        NewOrder("s4:bbbbbbb-20251009085320:BTCTRY:B:0", "BTCTRY", Side.BUY, Decimal(1), Decimal(1))
    )
    read = account.cycle()
    assert [str(alarm.code) for alarm in read.ends] == ["K5"]
    assert max(alarm.mode for alarm in read.inputs.alarms) is Mode.OBSERVE_ONLY


def test_a_foreign_order_freezes_nothing(account: Lived) -> None:
    account.exchange.submit(NewOrder("web-1", "BTCTRY", Side.BUY, Decimal(1), Decimal(1)))
    read = account.cycle()
    assert read.foreign == 1
    assert (read.inputs.alarms, read.inputs.blocked) == ((), {})


def test_an_order_of_which_the_exchange_says_more_later_is_not_complete_any_more(account: Lived) -> None:
    number = account.place("BTCTRY", Side.BUY, "1", "2990")
    account.exchange.trade(number, "0.25")
    account.exchange.cancel(number)
    account.cycle()
    early = account.exchange.orders[number]
    account.exchange.orders[number] = evolve(early, state=OrderState.OPEN)
    account.exchange.trade(number, "0.5", late=200)
    late = evolve(account.exchange.orders[number], state=OrderState.CANCELED)
    account.exchange.orders[number] = early
    account.cycle()

    def row() -> tuple[object, ...]:
        with account.store.read() as view:
            (found,) = view.rows("stage4_orders", ("status", "filled_qty", "fill_complete"))
        return found

    assert row() == ("canceled", Decimal("0.25"), 1)
    account.exchange.orders[number] = late
    blocked = []
    for _ in range(5):
        account.process = account.restarted().process
        blocked.append(account.cycle().inputs.blocked.get("BTCTRY"))
        account.check()
    assert "fills_incomplete" in blocked
    assert blocked[-1] is None
    assert row() == ("canceled", Decimal("0.75"), 1)
    assert account.book.ledger.holding("BTCTRY").qty == parse_e8("0.75")
    assert account.off() == {}


def test_open_orders_of_others_are_recorded_as_such_until_they_are_listed_no_more(account: Lived) -> None:
    number = account.exchange.submit(NewOrder("", "ETHTRY", Side.BUY, Decimal(90), Decimal(2))).order_id
    account.exchange.orders[number] = evolve(account.exchange.orders[number], client_id="web-1")
    account.exchange.fills_shown.clear()

    def rows() -> list[tuple[object, ...]]:
        columns = ("mode", "status", "exchange_order_id", "client_order_id", "qty", "filled_qty", "book")
        with account.store.read() as view:
            return list(view.rows("stage4_orders", columns))

    account.cycle()
    kept = ("external", "open", number, None, Decimal(2), Decimal(0), None)
    assert rows() == [kept]
    account.exchange.trade(number, "0.5", "90", told=False)
    with account.exchange.failing("open_orders"):
        account.cycle()
    assert rows() == [kept], "the list was not read"
    account.cycle()
    assert rows() == [(kept[0], "partially_filled", *kept[2:5], Decimal("0.5"), None)]
    before = account.book.ledger
    account.exchange.cancel(number)
    for _ in range(2):
        account.cycle()
        assert [row[1] for row in rows()] == ["unknown_closed"]
    assert account.last.inputs.orders == ()
    assert account.book.ledger == before
    assert account.exchange.calls["order"] == 0


def test_what_the_exchange_says_was_filled_is_on_record_before_its_fills_are_there(account: Lived) -> None:
    number = account.place("BTCTRY", Side.BUY, "1", "2990")
    account.exchange.trade(number, "0.5", late=600)
    account.cycle()
    with account.store.read() as view:
        (row,) = view.rows("stage4_orders", ("status", "filled_qty", "fill_complete"))
    assert row[:2] == ("partially_filled", Decimal("0.5"))
    assert not row[2]


def test_a_refused_order_blocks_nothing(account: Lived) -> None:
    account.exchange.refuse = VenueReason.BELOW_MINIMUM
    account.place("BTCTRY", Side.BUY, "1", "2990")
    read = account.cycle()
    assert (read.inputs.orders, read.inputs.blocked) == ((), {})
    assert account.cycle().inputs.blocked == {}


def test_alarms_and_looks_go_on_over_a_restart(account: Lived) -> None:
    account.exchange.transfer("TRY", "-200", listed_after=None)
    account.cycle()
    account.restarted().cycle(61)
    assert [alarm.code for alarm in account.book.alarms] == ["balance_unexplained"]
    account.restarted().cycle(61)
    account.restarted().cycle(61)
    assert account.book.alarms == ()
    assert account.off() == {}


def test_an_order_that_a_restored_file_lacks_and_only_its_fills_show_is_taken_in_with_them(
    account: Lived,
) -> None:
    name = client_id(account.last.inputs.cycle, "BTCTRY", Side.BUY, 7, stage=4)
    lost = account.exchange.submit(NewOrder(name, "BTCTRY", Side.BUY, Decimal(2990), Decimal(1)))
    account.exchange.trade(lost.order_id, "0.25", "2980")
    account.exchange.trade(lost.order_id, "0.5")
    del account.exchange.orders[lost.order_id]
    for _ in range(5):
        account.cycle()
        account.check()
    assert [alarm.pair for alarm in account.book.alarms] == [f"file_behind_exchange:{lost.order_id}"]
    assert account.last.inputs.blocked == {}
    assert account.book.ledger.holding("BTCTRY").qty == parse_e8("0.75")
    assert account.off() == {}
    with account.store.read() as view:
        (row,) = view.rows("stage4_orders", ("client_order_id", "status", "qty", "price", "fill_complete"))
    assert row == (name, "canceled", Decimal("0.75"), Decimal(2990), 1)


def test_a_fill_of_coins_that_the_book_does_not_know_is_asked_for_until_it_is_shown(account: Lived) -> None:
    """A person has bought them; the read that saw them come saw no fill yet."""
    account.exchange.by_hand("ETHTRY", Side.BUY, "1", late=370)
    account.cycle(60)
    for _ in range(3):
        read = account.cycle(900)
        assert (read.inputs.alarms, read.book.unproven) == ((), ())
    assert account.book.ledger.foreign["ETH"] == parse_e8("1")
    assert account.off() == {}


def test_a_second_order_of_a_name_is_looked_for_while_a_fill_without_a_number_can_be_of_no_other(
    account: Lived,
) -> None:
    """The exchange has made two of one request, and no list showed the second when it was looked for."""
    number = account.place("BTCTRY", Side.BUY, "1", "2990")
    made = account.exchange.orders[number]
    account.exchange.trade(number, "1")
    for _ in range(6):
        account.cycle()
    with account.store.read() as view:
        assert load(view, account.desk.owner).orders == {}, "nothing more is expected of it"
    assert made.client_id is not None
    twin = account.exchange._add(NewOrder(made.client_id, "BTCTRY", Side.BUY, made.price, made.qty), None)
    account.exchange.orders[twin] = evolve(account.exchange.orders[twin], client_id=made.client_id)
    account.exchange.trade(twin, "1")
    shown, fill = account.exchange.fills_shown[-1]
    account.exchange.fills_shown[-1] = (shown, evolve(fill, order_id=None))
    hidden = account.exchange.orders.pop(twin)
    for _ in range(3):
        assert account.cycle(20).inputs.blocked == {"BTCTRY": WAITS}
    account.exchange.orders[twin] = hidden
    account.cycle(20)
    account.cycle(20)
    assert account.last.inputs.blocked == {}
    assert account.book.ledger.holding("BTCTRY").qty == parse_e8("2")
    assert (account.book.waits, account.off()) == ({}, {})
    account.check()


def test_one_whose_fill_names_it_by_our_name_alone_is_looked_for_among_the_orders_of_its_day(
    account: Lived,
) -> None:
    name = client_id(account.last.inputs.cycle, "BTCTRY", Side.BUY, 7, stage=4)
    lost = account.exchange.submit(NewOrder(name, "BTCTRY", Side.BUY, Decimal(2990), Decimal(1)))
    account.exchange.trade(lost.order_id, "1")
    shown, fill = account.exchange.fills_shown[-1]
    account.exchange.fills_shown[-1] = (shown, evolve(fill, order_id=None))
    for _ in range(3):
        account.cycle()
        account.check()
    assert [alarm.pair for alarm in account.book.alarms] == [f"file_behind_exchange:{lost.order_id}"]
    assert account.book.ledger.holding("BTCTRY").qty == parse_e8("1")
    assert (account.book.waits, account.off()) == ({}, {})


@pytest.mark.parametrize("waits", [False, True], ids=["alone", "beside one without a number"])
def test_one_whose_fill_gives_its_number_and_no_name_is_asked_for_whose_it_is(
    account: Lived, waits: bool
) -> None:
    name = client_id(account.last.inputs.cycle, "BTCTRY", Side.BUY, 7, stage=4)
    lost = account.exchange.submit(NewOrder(name, "BTCTRY", Side.BUY, Decimal(2990), Decimal(1)))
    account.exchange.trade(lost.order_id, "1", told=False)
    if waits:
        account.exchange.unheard = True
        with account.exchange.failing("find"):
            account.place("BTCTRY", Side.BUY, "0.1", "2900")
            account.exchange.unheard = False
            account.cycle()
    for _ in range(3):
        account.cycle()
        account.check()
    assert [alarm.pair for alarm in account.book.alarms] == [f"file_behind_exchange:{lost.order_id}"]
    assert account.book.ledger.holding("BTCTRY").qty == parse_e8("1")
    assert account.book.ledger.foreign.get("BTC", 0) == 0
    assert (account.book.waits, account.off()) == ({}, {})


def test_orders_of_a_person_are_asked_for_once_and_only_those_of_the_first_minutes(account: Lived) -> None:
    asked = []
    account.exchange.by_hand("BTCTRY", Side.BUY, "0.5")
    for seconds in (60, 60, 660):
        account.cycle(seconds)
        asked.append(account.exchange.calls["order"])
    account.exchange.by_hand("BTCTRY", Side.BUY, "0.5")
    account.cycle()
    assert [*asked, account.exchange.calls["order"]] == [1, 0, 0, 0]
    assert account.book.ledger.foreign["BTC"] == parse_e8("1")
    assert account.off() == {}


def test_a_fill_whose_order_could_not_be_asked_for_any_more_waits_for_the_next_cycle(account: Lived) -> None:
    for _ in range(BY_NUMBER + 1):
        account.exchange.by_hand("BTCTRY", Side.BUY, "0.01")
    read = account.cycle()
    assert read.inputs.blocked == {"BTCTRY": "fills_wait"}
    assert account.book.ledger.foreign["BTC"] == parse_e8("0.01") * BY_NUMBER
    assert account.cycle().inputs.blocked == {}
    assert account.book.ledger.foreign["BTC"] == parse_e8("0.01") * (BY_NUMBER + 1)
    assert account.off() == {}


def test_what_fills_have_moved_is_no_flow_while_their_orders_are_to_be_asked_for(account: Lived) -> None:
    account.exchange.by_hand("BTCTRY", Side.BUY, "1")
    account.cycle()
    for _ in range(4 * BY_NUMBER + 1):
        account.exchange.by_hand("BTCTRY", Side.SELL, "0.01")
    for _ in range(5):
        assert account.cycle().book.unproven == ()
    assert account.book.ledger.foreign["BTC"] == parse_e8("0.19")
    assert account.off() == {}


def test_one_whose_time_the_exchange_does_not_give_was_sent_when_its_name_says(account: Lived) -> None:
    """Or its fills of before it was taken in would be looked for in vain: it would never add up."""
    name = client_id(account.last.inputs.cycle, "BTCTRY", Side.BUY, 7, stage=4)
    lost = account.exchange.submit(NewOrder(name, "BTCTRY", Side.BUY, Decimal(2990), Decimal(1)))
    account.exchange.trade(lost.order_id, "0.4")
    account.exchange.orders[lost.order_id] = evolve(account.exchange.orders[lost.order_id], created_ts=None)
    account.process = evolve(account.process, last_write=None)
    account.cycle(3 * 3_600)
    account.cycle(61)
    [order] = [one for one in account.last.orders if one.order_id == lost.order_id]
    assert (order.sums.qty, order.missing) == (Decimal("0.4"), 0)
    assert account.off() == {}


def test_the_sum_of_an_order_counts_that_the_exchange_shows_no_more_and_had_said_less_of(
    account: Lived,
) -> None:
    exchange = account.exchange
    number = account.place("BTCTRY", Side.BUY, "1", "3001")
    exchange.trade(number, "0.9")
    exchange.orders[number] = evolve(exchange.orders[number], left=Decimal("0.6"), state=OrderState.CANCELED)
    account.cycle()
    del exchange.orders[number]
    for _ in range(4):
        account.cycle()
    file = BookFile(account.desk, whose(account.book), account.last.inputs.cycle, {})
    [order] = [one for one in file.own_orders({number}) if one.order_id == number]
    assert (order.sums.qty, order.complete, account.last.inputs.blocked) == (Decimal("0.9"), True, {})
    assert account.book.alarms == ()


@pytest.mark.parametrize("late", [100, 400], ids=["while it is looked for", "and later"])
def test_one_that_only_its_fills_show_may_have_asked_for_more_than_they_come_to(
    account: Lived, late: int
) -> None:
    """The exchange has forgotten it, the file was restored, and its last fill is shown late."""
    exchange = account.exchange
    name = client_id(account.last.inputs.cycle, "BTCTRY", Side.BUY, 7, stage=4)
    lost = exchange.submit(NewOrder(name, "BTCTRY", Side.BUY, Decimal(2990), Decimal(1)))
    exchange.trade(lost.order_id, "0.4")
    exchange.trade(lost.order_id, "0.5", late=late)
    del exchange.orders[lost.order_id]
    for _ in range(9):
        account.cycle()
        account.check()
        assert [alarm.pair for alarm in account.book.alarms if alarm.kills] == []
    file = BookFile(account.desk, whose(account.book), account.last.inputs.cycle, {})
    [order] = [one for one in file.own_orders({lost.order_id}) if one.order_id == lost.order_id]
    assert (order.sums.qty, order.complete) == (Decimal("0.9"), True)
    assert (account.off(), account.book.sums) == ({}, {})


@pytest.mark.parametrize("filled", ["0", "0.4", "1"])
def test_an_order_of_ours_that_a_restored_file_lacks_is_taken_in_with_its_fills(
    account: Lived, filled: str
) -> None:
    name = client_id(account.last.inputs.cycle, "BTCTRY", Side.BUY, 7, stage=4)
    lost = account.exchange.submit(NewOrder(name, "BTCTRY", Side.BUY, Decimal(2990), Decimal(1)))
    if Decimal(filled):
        account.exchange.trade(lost.order_id, filled)
    account.process = evolve(account.process, last_write=None)
    read = account.cycle()
    assert [str(alarm.code) for alarm in account.book.alarms] == ["file_behind_exchange"]
    assert max(alarm.mode for alarm in read.inputs.alarms) is Mode.OBSERVE_ONLY
    assert read.ends == ()
    for _ in range(3):
        account.cycle()
    assert account.book.ledger.holding("BTCTRY").qty == parse_e8(filled)
    assert account.book.ledger.foreign.get("BTC", 0) == 0
    assert account.off() == {}
    (alarm,) = account.book.alarms
    with account.store.unit() as work:
        recording.saved(work, accepted(account.book, alarm.pair))
        work.commit()
    assert account.cycle().inputs.alarms == ()
    account.check()


def test_what_a_person_buys_and_sells_again_between_two_reads_is_no_withdrawal(account: Lived) -> None:
    account.cycle()
    account.exchange.by_hand("BTCTRY", Side.BUY, "1")
    account.exchange.pass_time(5)
    account.exchange.by_hand("BTCTRY", Side.SELL, "1")
    for _ in range(12):
        account.cycle()
        account.check()
        assert account.book.alarms == ()
    assert account.book.ledger.cash == parse_e8("99985.6")
    assert (account.book.unproven, account.off()) == ((), {})


def test_a_late_fill_of_coins_that_are_not_configured_is_asked_for_while_it_may_prove_a_flow(
    account: Lived,
) -> None:
    """Read eight days later, when coins come, it would be booked once more."""
    account.exchange.by_hand("SOLTRY", Side.SELL, "4", late=300)
    for _ in range(19):
        account.cycle()
    assert account.book.unproven == ()
    assert account.exchange.calls["fills"] == 0, "nothing is open any more"
    account.cycle(8 * DAY)
    account.exchange.transfer("SOL", "1")
    for _ in range(4):
        account.cycle()
        assert account.book.alarms == ()
        account.check()
    assert account.book.ledger.cash == parse_e8("100027.9328")
    assert account.off() == {}


def test_a_flow_may_be_proved_as_long_as_the_fills_that_may_do_it_cannot_be_read(account: Lived) -> None:
    account.exchange.by_hand("SOLTRY", Side.SELL, "4", late=300)
    for _ in range(4):
        account.cycle()
    assert [one.asset for one in account.book.unproven] == ["SOL", "TRY"]
    with account.exchange.failing("fills", "SOLTRY"):
        for _ in range(9):
            account.cycle(DAY)
    assert [one.asset for one in account.book.unproven] == ["SOL", "TRY"]
    account.cycle()
    assert account.book.ledger.cash == parse_e8("100027.9328")
    assert (account.book.unproven, account.off()) == ((), {})
    account.check()


def test_what_nothing_proves_costs_each_pair_ten_minutes_of_calls_and_no_more(account: Lived) -> None:
    """4 TRY that go, and no list says so."""
    account.exchange.transfer("TRY", "-4", listed_after=None)
    asked = []
    for _ in range(36):
        account.cycle()
        asked.append(account.exchange.calls["fills"])
    # Seen in the first, booked in the third; BTC and ETH are due in every tenth cycle anyway.
    regular = [2 if number in (9, 19, 29) else 0 for number in range(36)]
    assert asked == [0, *[3] * 12, *regular[13:]]


@pytest.mark.parametrize("frozen", [("TRY", "BTC", "SOL"), ("TRY",), ("BTC",)], ids="-".join)
def test_balances_that_freeze_before_a_buy_move_nothing(
    account: Lived, frozen: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them right after a person has sent 50 TRY away, which no list shows; or one of them alone."""
    account.exchange.transfer("TRY", "-50", listed_after=None)
    if len(frozen) == 1:
        for _ in range(4):
            account.cycle()
    balances = type(account.exchange).balances
    until, old = account.exchange.now + 400 * 10**6, balances(account.exchange)

    def shown(exchange: Scripted) -> dict[str, Balance]:
        late = {asset: old.get(asset, Balance(asset, Decimal(0), Decimal(0))) for asset in frozen}
        return {**balances(exchange), **(late if exchange.now < until else {})}

    monkeypatch.setattr(type(account.exchange), "balances", shown)
    account.exchange.pass_time(20)
    account.exchange.trade(account.place("BTCTRY", Side.BUY, "0.5", "3000"), "0.5")
    alarms, before = [], account.book.ledger.flows
    for _ in range(6):
        account.cycle()
        account.check()
        alarms += [alarm.about for alarm in account.book.alarms]
        assert account.book.ledger.flows == before
    assert alarms == (["BTC"] * 5 if frozen == ("BTC",) else [])
    for _ in range(4):
        account.cycle()
    assert account.book.ledger.flows == -parse_e8("50")
    assert account.off() == {}


def test_a_deposit_that_a_person_sold_at_once_is_looked_for_until_a_list_shows_it(account: Lived) -> None:
    """The sale took the book's coins, and the balances agree since: nothing but the list can tell."""
    number = account.place("BTCTRY", Side.BUY, "0.5", "3000")
    account.exchange.trade(number, "0.5")
    account.cycle()
    account.cycle()
    account.exchange.transfer("BTC", "1", listed_after=3600)
    account.exchange.pass_time(5)
    account.exchange.by_hand("BTCTRY", Side.SELL, "1")
    for _ in range(15):
        account.cycle()
    assert account.book.ledger.holding("BTCTRY").qty == 0
    assert account.book.ledger.foreign["BTC"] == parse_e8("0.5")
    asked = 0
    for _ in range(70):
        account.cycle()
        asked += account.exchange.calls["flows"]
    assert asked == 6, "in every tenth cycle, until it is listed"
    assert account.book.ledger.holding("BTCTRY").qty == parse_e8("0.5")
    assert account.book.ledger.foreign.get("BTC", 0) == 0
    assert account.off() == {}
    account.check()


def test_a_quiet_cycle_stores_nothing_of_balances_that_agree(
    account: Lived, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.cycle()
    monkeypatch.setattr(BookFile, "store_flows", lambda *_: pytest.fail("it was stored"))
    before = dict(account.book.seen)
    account.cycle()
    assert account.book.seen != before, "with the cycle"


def test_a_gap_that_equals_what_is_traded_again_and_again_is_booked_in_the_end(account: Lived) -> None:
    """Half a coin comes, and 3 000 TRY go; of the coin, half is sold in every second cycle."""
    account.exchange.trade(account.place("BTCTRY", Side.BUY, "20", "3000"), "20")
    account.cycle()
    account.cycle(660)
    account.exchange.transfer("BTC", "0.5", listed_after=None)
    account.exchange.transfer("TRY", "-3000", listed_after=None)
    for _ in range(13):
        account.exchange.trade(account.place("BTCTRY", Side.SELL, "0.5", "3000"), "0.5")
        account.cycle()
        account.cycle()
        account.check()
    assert account.off() == {}
    assert account.book.ledger.foreign["BTC"] == parse_e8("0.5")
    assert AlarmCode.BALANCE_UNEXPLAINED not in {alarm.code for alarm in account.book.alarms}


def test_a_fill_whose_id_another_one_has_that_waits_is_booked_once(account: Lived) -> None:
    """Somebody else's under names like ours: until a person has looked, it is in no book."""
    number = account.place("BTCTRY", Side.BUY, "2", "2990")
    account.exchange.trade(number, "1")
    shown, fill = account.exchange.fills_shown[-1]
    stray = evolve(fill, order_id="99", client_id="s4:zzzzzzz-20251009085420:BTCTRY:B:1")
    for listed in ([stray, fill], [fill, stray], [fill], [evolve(fill, order_id=None)]):
        account.exchange.fills_shown[:] = [(shown, one) for one in listed]
        account.cycle()
        assert account.book.ledger.holding("BTCTRY").qty == parse_e8("1")
    assert {alarm.code for alarm in account.book.alarms} == {AlarmCode.STRAY}
    account.check()
