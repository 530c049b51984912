"""Steps 2 and 3 of a cycle: fills are read, told by their orders, and booked once."""

from __future__ import annotations

from decimal import Decimal

from attrs import evolve
from cycles import Lived
from scripted_account import SECOND

from meva_core.amounts import parse_e8
from meva_core.live_book.alarms import AlarmCode
from meva_core.modes import Mode
from meva_core.operating.records.book_file import BookFile
from meva_core.operating.records.whose import whose
from meva_core.operating.steps.filling import UNREAD
from meva_core.operating.steps.settling import BY_NUMBER, NOT_ASKED
from meva_core.orders import Side
from meva_core.venue import OrderState


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


def test_what_the_exchange_says_was_filled_is_on_record_before_its_fills_are_there(account: Lived) -> None:
    number = account.place("BTCTRY", Side.BUY, "1", "2990")
    account.exchange.trade(number, "0.5", late=600)
    account.cycle()
    with account.store.read() as view:
        (row,) = view.rows("stage4_orders", ("status", "filled_qty", "fill_complete"))
    assert row[:2] == ("partially_filled", Decimal("0.5"))
    assert not row[2]


def test_a_fill_of_coins_that_the_book_does_not_know_is_asked_for_until_it_is_shown(account: Lived) -> None:
    """A person has bought them; the read that saw them come saw no fill yet."""
    account.exchange.by_hand("ETHTRY", Side.BUY, "1", late=370)
    account.cycle(60)
    for _ in range(3):
        read = account.cycle(900)
        assert (read.inputs.alarms, read.book.unproven) == ((), ())
    assert account.book.ledger.foreign["ETH"] == parse_e8("1")
    assert account.off() == {}


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
