"""Step 4 of a cycle: balances are compared, and what nobody can tell of is looked for before it is booked."""

from __future__ import annotations

from decimal import Decimal

import pytest
from attrs import evolve
from cycles import Lived
from scripted_account import Scripted

from meva_core.amounts import parse_e8
from meva_core.live_book.alarms import AlarmCode
from meva_core.modes import Mode
from meva_core.operating.records.book_file import BookFile
from meva_core.operating.steps.comparing import RESTS
from meva_core.operating.steps.settling import BY_NUMBER
from meva_core.orders import Side
from meva_core.venue import Balance

DAY = 86_400


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


def test_what_fills_have_moved_is_no_flow_while_their_orders_are_to_be_asked_for(account: Lived) -> None:
    account.exchange.by_hand("BTCTRY", Side.BUY, "1")
    account.cycle()
    for _ in range(4 * BY_NUMBER + 1):
        account.exchange.by_hand("BTCTRY", Side.SELL, "0.01")
    for _ in range(5):
        assert account.cycle().book.unproven == ()
    assert account.book.ledger.foreign["BTC"] == parse_e8("0.19")
    assert account.off() == {}


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
