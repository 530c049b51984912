"""Every alarm of a book: what raises it, that it stands over a restart, and how it ends: by itself, or when a
person accepts it. What was accepted of an object is not raised again, and means what the code says."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve
from cycles import Lived, lived
from fresh_database import fresh_file

from meva_adapters.sql.store import writer
from meva_core.amounts import parse_e8
from meva_core.errors import BadInput, IdTaken
from meva_core.ids import client_id
from meva_core.live_book.alarms import ACCEPTABLE, AlarmCode
from meva_core.live_book.opening import account_of
from meva_core.modes import Mode
from meva_core.operating.accepting import accept, acceptances, open_alarms
from meva_core.operating.records import recording
from meva_core.operating.records.stored import stored_book
from meva_core.operating.records.whose import desk_of
from meva_core.operating.starting import check_account, taken_up
from meva_core.operating.steps.reading import read_cycle
from meva_core.orders import Side
from meva_core.venue import NewOrder, VenueOrder

DAY = 86_400
AT = "2025-10-09T09:00:00.000000+00:00"


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Lived]:
    """A book after its first cycle."""
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as store:
        book = lived(store)
        book.cycle()
        yield book


def pairs(account: Lived) -> list[str]:
    """Return the open alarms, as they are accepted."""
    return [alarm.pair for alarm in account.book.alarms]


def mode(account: Lived) -> Mode:
    """Return the most that may be done by what the last cycle found."""
    inputs = account.last.inputs
    return max((one.mode for one in (*inputs.alarms, *inputs.recovery)), default=Mode.NORMAL)


def restart(account: Lived, seconds: float = 60) -> None:
    """Run a cycle in another process."""
    taken = taken_up(account.store, account.name, account.exchange.now)
    account.process = taken.process
    account.cycle(seconds)


def say_so(account: Lived, *accepted: str) -> None:
    """Let a person accept alarms, and run a cycle in another process, and one more."""
    with account.store.unit() as work:
        for pair in accepted:
            assert accept(work, account.name, pair, "looked into", AT).pair == pair
        work.commit()
    restart(account)
    account.check()
    assert not set(accepted) & set(pairs(account))
    restart(account)
    assert not set(accepted) & set(pairs(account)), "it is not raised again"


def bought(account: Lived, qty: str = "1", symbol: str = "BTCTRY") -> None:
    number = account.place(symbol, Side.BUY, qty, str(account.exchange.prices[symbol] - 10))
    account.exchange.trade(number, qty)
    account.cycle()


def gone(account: Lived) -> tuple[str, VenueOrder]:
    """Place an order, let the exchange forget it, and wait until it is called absent; return its name."""
    number = account.place("BTCTRY", Side.BUY, "1", "2990")
    account.cycle()
    order = account.exchange.orders.pop(number)
    for _ in range(3):
        account.cycle(61)
    assert order.client_id is not None
    return order.client_id, order


# -- The ledger's own ------------------------------------------------------------------------------------


def test_k1_what_was_sold_beyond_what_is_held_counts_as_a_foreign_sell_once_accepted(account: Lived) -> None:
    bought(account, "2")
    number = account.place("BTCTRY", Side.SELL, "2", "3010")
    account.exchange.transfer("BTC", "-0.5")
    account.cycle()
    account.exchange.trade(number, "2", "3010")
    account.cycle(61)
    assert AlarmCode.OVERSELL not in {alarm.code for alarm in account.book.alarms}
    account.cycle(61)
    account.cycle(61)
    (pair,) = [pair for pair in pairs(account) if pair.startswith("K1:")]
    restart(account)
    assert pair in pairs(account)
    assert [alarm.pair for alarm in account.last.ends] == [pair]
    say_so(account, pair)
    assert account.book.ledger.holding("BTCTRY").qty == 0
    assert account.last.inputs.blocked == {}
    account.check()


def test_k2_the_fold_becomes_the_stored_book_and_is_looked_at_again_another_time(account: Lived) -> None:
    bought(account)
    for _ in range(2):
        right = account.book
        with account.store.unit() as work:
            recording.saved(work, evolve(right, ledger=evolve(right.ledger, cash=right.ledger.cash + 1)))
            work.commit()
        restart(account)
        assert pairs(account) == ["K2:live"]
        restart(account)
        assert [alarm.pair for alarm in account.last.ends] == ["K2:live"]
        say_so(account, "K2:live")
        assert account.book.ledger.cash == right.ledger.cash
        account.check()


def test_k3_ours_stays(account: Lived) -> None:
    bought(account)
    ledger = account.book.ledger
    (shown,) = account.exchange.fills_shown
    other = evolve(shown[1], price=shown[1].price + 1)
    account.exchange.fills_shown[0] = (shown[0], other)
    restart(account)
    pair = f"K3:{other.fill_id}"
    assert pairs(account) == [pair]
    assert mode(account) is Mode.OBSERVE_ONLY
    restart(account)
    assert pairs(account) == [pair]
    say_so(account, pair)
    assert account.book.ledger == ledger
    assert mode(account) is Mode.NORMAL


def test_k4_both_orders_of_a_name_are_own(account: Lived) -> None:
    number = account.place("BTCTRY", Side.BUY, "1", "2990")
    first = account.exchange.orders[number]
    assert first.client_id is not None
    account.exchange.submit(NewOrder(first.client_id, "BTCTRY", Side.BUY, Decimal(2990), Decimal(1)))
    second = next(name for name in account.exchange.orders if name != number)
    account.cycle()
    pair = f"K4:{first.client_id}"
    assert pair in pairs(account)
    assert pair in [alarm.pair for alarm in account.last.ends]
    restart(account)
    assert pair in pairs(account)
    account.exchange.trade(second, "1")
    say_so(account, pair)
    assert account.book.ledger.holding("BTCTRY").qty == parse_e8("1")
    account.exchange.trade(number, "1")
    account.cycle()
    assert account.book.ledger.holding("BTCTRY").qty == parse_e8("2")
    assert account.book.ledger.foreign.get("BTC", 0) == 0


def test_k4_once_accepted_two_open_orders_of_a_name_keep_nothing_from_being_placed(account: Lived) -> None:
    """Both are ours, and both count: what rests of them is reserved, and either can be canceled."""
    number = account.place("BTCTRY", Side.BUY, "1", "2990")
    name = account.exchange.orders[number].client_id
    assert name is not None
    account.exchange.submit(NewOrder(name, "BTCTRY", Side.BUY, Decimal(2990), Decimal(1)))
    second = next(other for other in account.exchange.orders if other != number)
    account.cycle()
    assert (mode(account), account.last.inputs.blocked) == (
        Mode.OBSERVE_ONLY, {"BTCTRY": "order_not_as_thought"},
    )  # fmt: skip
    with pytest.raises(IdTaken, match="a second order under the name"):
        account.place("BTCTRY", Side.BUY, "1", "2980")
    say_so(account, f"K4:{name}")
    for _ in range(2):
        assert (mode(account), account.last.inputs.blocked) == (Mode.NORMAL, {})
        assert {one.exchange_id for one in account.last.inputs.orders} >= {number, second}
        restart(account, 200)
    desk = desk_of(account.desk, account.book)
    account.desk = desk
    account.place("BTCTRY", Side.BUY, "1", "2980")
    desk.cancel(order_id=second)
    account.cycle()
    assert second not in {one.exchange_id for one in account.last.inputs.orders}
    third = account.place("ETHTRY", Side.BUY, "1", "99")
    other = account.exchange.orders[third].client_id
    assert other is not None
    account.exchange.submit(NewOrder(other, "ETHTRY", Side.BUY, Decimal(99), Decimal(1)))
    account.cycle()
    assert f"K4:{other}" in pairs(account), "that is another name"
    assert mode(account) is Mode.OBSERVE_ONLY


def test_k5_a_stray_is_foreign(account: Lived) -> None:
    name = client_id("zzzzzzz-20251009085320", "BTCTRY", Side.BUY, 1, stage=4)
    account.exchange.submit(NewOrder(name, "BTCTRY", Side.BUY, Decimal(2990), Decimal(1)))
    (number,) = account.exchange.orders
    account.cycle()
    assert pairs(account) == [f"K5:{number}"]
    account.exchange.trade(number, "1")
    restart(account)
    assert pairs(account) == [f"K5:{number}"]
    assert account.book.ledger.foreign.get("BTC", 0) == 0
    say_so(account, f"K5:{number}")
    assert account.book.ledger.foreign["BTC"] == parse_e8("1")
    assert account.book.ledger.holding("BTCTRY").qty == 0


def test_k1_does_not_come_while_what_was_bought_is_not_shown(account: Lived) -> None:
    buy = account.place("BTCTRY", Side.BUY, "1", "2990")
    account.exchange.trade(buy, "1", late=3_600)
    sell = account.place("BTCTRY", Side.SELL, "1", "3010")
    account.exchange.trade(sell, "1")
    for _ in range(5):
        account.cycle(61)
        assert not [pair for pair in pairs(account) if pair.startswith("K1:")]
    assert account.book.waits
    account.cycle(3_600)
    assert (account.book.waits, account.book.ledger.holding("BTCTRY").qty) == ({}, 0)
    assert account.off() == {}


def test_k6_a_fill_of_an_order_that_was_called_absent_is_booked(account: Lived) -> None:
    name, order = gone(account)
    account.exchange.orders[order.order_id] = order
    account.exchange.trade(order.order_id, "1")
    del account.exchange.orders[order.order_id]
    account.cycle()
    assert f"K6:{name}" in pairs(account)
    restart(account)
    assert f"K6:{name}" in pairs(account)
    assert account.book.ledger.holding("BTCTRY").qty == 0
    say_so(account, f"K6:{name}")
    assert account.book.ledger.holding("BTCTRY").qty == parse_e8("1")


def test_k10_an_order_is_complete_with_the_fills_that_came(account: Lived) -> None:
    number = account.place("BTCTRY", Side.BUY, "1", "2990")
    account.exchange.trade(number, "0.25")
    account.exchange.trade(number, "0.75", late=30 * DAY)
    account.cycle()
    name = account.exchange.orders[number].client_id
    assert pairs(account) == [f"fills_incomplete:{name}"]
    assert account.last.inputs.blocked["BTCTRY"]
    restart(account, 601)
    assert pairs(account) == [f"fills_missing:{name}"]
    assert mode(account) is Mode.REDUCE_RISK_ONLY
    account.cycle(DAY)
    assert pairs(account) == [f"K10:{name}", f"fills_missing:{name}"]
    restart(account)
    assert pairs(account) == [f"K10:{name}", f"fills_missing:{name}"]
    say_so(account, f"K10:{name}")
    assert account.book.ledger.holding("BTCTRY").qty == parse_e8("0.25")
    assert not [pair for pair in pairs(account) if name is not None and name in pair]


def test_k10_comes_of_a_pair_that_is_listed_no_more_as_well(account: Lived) -> None:
    number = account.place("BTCTRY", Side.BUY, "1", "2990")
    account.exchange.trade(number, "0.25")
    account.exchange.trade(number, "0.75", late=30 * DAY)
    account.cycle()
    name = account.exchange.orders[number].client_id
    del account.exchange.prices["BTCTRY"]
    account.exchange.delisted.add("BTCTRY")
    account.cycle(601)
    assert f"fills_missing:{name}" in pairs(account)
    account.cycle(DAY)
    assert f"K10:{name}" in pairs(account)


def test_fills_of_a_pair_that_is_listed_no_more_are_asked_for_by_their_orders(account: Lived) -> None:
    number = account.place("BTCTRY", Side.BUY, "1", "2990")
    account.exchange.trade(number, "1")
    del account.exchange.prices["BTCTRY"]
    account.exchange.delisted.add("BTCTRY")
    account.cycle(2 * DAY)
    assert account.book.ledger.holding("BTCTRY").qty == parse_e8("1")
    assert account.last.inputs.blocked["BTCTRY"]
    assert pairs(account) == ["delisted:BTCTRY"]


def test_k10_does_not_come_of_one_answer_that_a_pair_off_the_list_did_not_give(account: Lived) -> None:
    """A backup of yesterday is put back while its pair is away, and the first call fails."""
    number = account.place("BTCTRY", Side.BUY, "1", "2990")
    account.exchange.trade(number, "0.25")
    account.exchange.trade(number, "0.75", late=500)
    account.cycle()
    del account.exchange.prices["BTCTRY"]
    account.exchange.delisted.add("BTCTRY")
    for call, about in (("fills", "BTCTRY"), ("order_fills", number)):
        with account.exchange.failing(call, about):
            restart(account, DAY)
        assert not [pair for pair in pairs(account) if pair.startswith("K10")]
    account.cycle()
    assert account.book.ledger.holding("BTCTRY").qty == parse_e8("1")


# -- What a person has to have seen ----------------------------------------------------------------------


def test_absent_ends_with_the_day_that_it_is_watched_or_is_seen(account: Lived) -> None:
    name, _ = gone(account)
    assert f"absent:{name}" in pairs(account)
    restart(account)
    assert f"absent:{name}" in pairs(account)
    assert mode(account) is Mode.REDUCE_RISK_ONLY
    assert "BTCTRY" in account.last.inputs.blocked
    say_so(account, f"absent:{name}")
    assert mode(account) is Mode.NORMAL
    assert account.last.inputs.blocked == {}
    other, _ = gone(account)
    assert f"absent:{other}" in pairs(account), "that is another one"
    account.cycle(DAY)
    restart(account)
    assert pairs(account) == []
    assert mode(account) is Mode.NORMAL


def test_an_order_that_the_file_did_not_have_is_ours_and_nothing_is_placed_until_that_is_seen(
    account: Lived,
) -> None:
    name = client_id(account.last.inputs.cycle, "BTCTRY", Side.BUY, 7, stage=4)
    account.exchange.submit(NewOrder(name, "BTCTRY", Side.BUY, Decimal(2990), Decimal(1)))
    (number,) = account.exchange.orders
    restart(account)
    assert pairs(account) == [f"file_behind_exchange:{number}"]
    restart(account)
    assert pairs(account) == [f"file_behind_exchange:{number}"]
    assert mode(account) is Mode.OBSERVE_ONLY
    say_so(account, f"file_behind_exchange:{number}")
    assert mode(account) is Mode.NORMAL
    assert [order.client_id for order in account.last.inputs.orders] == [name]


def test_a_fill_that_names_no_order_is_of_the_one_whose_number_it_has(account: Lived) -> None:
    """A backup was restored: the file has neither the order, which has ended, nor its name."""
    exchange, cycle = account.exchange, account.last.inputs.cycle
    ours = client_id(cycle, "BTCTRY", Side.BUY, 7, stage=4)
    number = exchange._add(NewOrder(ours, "BTCTRY", Side.BUY, Decimal(2990), Decimal(1)), ours)
    exchange.trade(number, "1", told=False)
    exchange.by_hand("SOLTRY", Side.SELL, "2")
    restart(account)
    assert pairs(account) == [f"file_behind_exchange:{number}"]
    assert account.book.ledger.holding("BTCTRY").qty == parse_e8("1")
    assert account.book.ledger.foreign == {"SOL": parse_e8("8")}


def test_fills_whose_orders_have_not_been_asked_for_wait_for_their_turn(account: Lived) -> None:
    for _ in range(50):
        account.exchange.by_hand("BTCTRY", Side.BUY, "0.1")
    booked = []
    for _ in range(3):
        account.cycle()
        assert account.exchange.calls["order"] <= 20
        assert account.last.inputs.blocked == ({} if len(booked) == 2 else {"BTCTRY": "fills_wait"})
        booked.append(account.book.ledger.foreign["BTC"])
    assert booked == [parse_e8("2"), parse_e8("4"), parse_e8("5")]
    account.cycle()
    assert account.exchange.calls["order"] == 0, "each is asked for once"
    assert account.off() == {}


def test_a_foreign_order_like_one_of_ours_blocks_until_that_has_a_number_or_it_is_seen(
    account: Lived,
) -> None:
    name, _ = gone(account)
    account.exchange.submit(NewOrder("", "BTCTRY", Side.BUY, Decimal(2990), Decimal(1)))
    number = next(iter(account.exchange.orders))
    account.exchange.orders[number] = evolve(account.exchange.orders[number], client_id=None)
    account.cycle()
    assert f"looks_like_ours:{number}" in pairs(account)
    restart(account)
    assert f"looks_like_ours:{number}" in pairs(account)
    say_so(account, f"looks_like_ours:{number}", f"absent:{name}")
    assert account.last.inputs.blocked == {}
    account.exchange.cancel(number)
    account.cycle()
    assert pairs(account) == []


def test_a_pair_that_is_listed_no_more_is_alarming_until_it_is_seen_or_listed(account: Lived) -> None:
    bought(account, "2", "ETHTRY")
    price = account.exchange.prices.pop("ETHTRY")
    account.cycle()
    assert pairs(account) == ["delisted:ETHTRY"]
    restart(account)
    assert pairs(account) == ["delisted:ETHTRY"]
    account.exchange.prices["ETHTRY"] = price
    account.cycle()
    assert pairs(account) == []
    del account.exchange.prices["ETHTRY"]
    account.cycle()
    say_so(account, "delisted:ETHTRY")


def test_a_fee_in_coins_blocks_its_pair_until_it_is_seen(account: Lived) -> None:
    number = account.place("BTCTRY", Side.BUY, "1", "2990")
    account.exchange.trade(number, "1")
    shown, fill = account.exchange.fills_shown[0]
    account.exchange.fills_shown[0] = (shown, evolve(fill, fee=Decimal("0.001"), fee_asset="BTC"))
    account.exchange.there["TRY"] += fill.fee
    account.exchange.there["BTC"] -= Decimal("0.001")
    account.cycle()
    assert pairs(account) == ["fee_asset:BTCTRY"]
    restart(account)
    assert pairs(account) == ["fee_asset:BTCTRY"]
    assert account.last.inputs.blocked == {"BTCTRY": "fee_asset"}
    assert account.book.ledger.holding("BTCTRY").qty == parse_e8("0.999")
    say_so(account, "fee_asset:BTCTRY")
    assert account.last.inputs.blocked == {}


def test_another_account_is_refused_until_a_person_says_that_it_is_the_same(account: Lived) -> None:
    store, exchange, other = account.store, account.exchange, account_of("another key")
    for _ in range(2):
        book = taken_up(store, "live", exchange.now).book
        with pytest.raises(BadInput, match="none of the book's orders is known to it"):
            check_account(store, exchange, book, other, exchange.now)
    assert pairs(account) == [f"other_account:{other}"]
    with store.unit() as work:
        accept(work, "live", f"other_account:{other}", "a new key", AT)
        work.commit()
    book = taken_up(store, "live", exchange.now).book
    assert other in check_account(store, exchange, book, other, exchange.now).accounts
    assert pairs(account) == []


# -- What ends by itself ---------------------------------------------------------------------------------


def test_coins_that_went_are_alarming_for_the_cycle_that_books_it(account: Lived) -> None:
    bought(account, "2")
    account.exchange.transfer("BTC", "-0.5")
    account.cycle()
    assert [pair.partition(":")[0] for pair in pairs(account)] == ["transfer_out"]
    restart(account)
    assert pairs(account) == []


def test_what_is_missing_restricts_until_it_is_there_again_or_booked(account: Lived) -> None:
    account.exchange.transfer("TRY", "-100", listed_after=None)
    account.cycle(31)
    assert pairs(account) == []
    restart(account, 31)
    assert pairs(account) == ["balance_unexplained:TRY"]
    assert mode(account) is Mode.REDUCE_RISK_ONLY
    account.exchange.transfer("TRY", "100", listed_after=None)
    restart(account, 31)
    assert pairs(account) == []
    assert mode(account) is Mode.NORMAL


def test_orders_of_unknown_fate_at_once_stop_submits_until_they_are_found(account: Lived) -> None:
    account.exchange.unheard = True
    with account.exchange.failing("find"), account.exchange.failing("open_orders"):
        for _ in range(3):
            account.place("BTCTRY", Side.BUY, "1", "2990")
        account.cycle()
        assert "unknown_orders:orders" in pairs(account)
        restart(account)
        assert "unknown_orders:orders" in pairs(account)
        assert mode(account) is Mode.OBSERVE_ONLY
    restart(account)
    assert pairs(account) == []
    assert mode(account) is Mode.NORMAL


# -- What must not be lost with a process ----------------------------------------------------------------


def test_what_has_happened_is_alarming_though_the_process_ended_right_after_it_was_stored(
    account: Lived,
) -> None:
    number = account.place("BTCTRY", Side.BUY, "1", "2990")
    account.exchange.trade(number, "1")
    shown, fill = account.exchange.fills_shown[0]
    account.exchange.fills_shown[0] = (shown, evolve(fill, fee=Decimal("0.001"), fee_asset="BTC"))
    name = client_id(account.last.inputs.cycle, "ETHTRY", Side.BUY, 7, stage=4)
    account.exchange.submit(NewOrder(name, "ETHTRY", Side.BUY, Decimal(99), Decimal(2)))
    behind = list(account.exchange.orders)[-1]
    account.exchange.trade(behind, "1", "99")
    account.exchange.pass_time(60)
    taken = taken_up(account.store, "live", account.exchange.now)
    with account.store.read() as view:
        found = stored_book(view, "live")
    assert found is not None
    read_cycle(account.world, account.run, taken.process, *found)  # and nothing is decided
    restart(account)
    assert {"fee_asset:BTCTRY", f"file_behind_exchange:{behind}"} <= set(pairs(account))


# -- Accepting -------------------------------------------------------------------------------------------


def test_what_is_not_open_or_ends_by_itself_cannot_be_accepted_and_nothing_is_stored(account: Lived) -> None:
    bought(account, "2", "ETHTRY")
    del account.exchange.prices["ETHTRY"]
    account.exchange.transfer("TRY", "-100", listed_after=None)
    account.cycle(31)
    account.cycle(31)
    for pair, why in (
        ("K5:7", "no such alarm of book live is open"),
        ("", "no such alarm"),
        ("balance_unexplained:TRY", "it ends by itself"),
    ):
        with account.store.unit() as work, pytest.raises(BadInput, match=why) as caught:
            accept(work, "live", pair, "looked into", AT)
        assert caught.value.action == "open, and to be accepted: delisted:ETHTRY"
    with account.store.read() as view:
        assert acceptances(view, "live") == []
        assert open_alarms(view, "stage4-dry") == ()


def test_an_acceptance_waits_for_the_next_cycle_and_is_kept_for_good(account: Lived) -> None:
    bought(account, "2", "ETHTRY")
    del account.exchange.prices["ETHTRY"]
    account.cycle()
    with account.store.unit() as work:
        accept(work, "live", "delisted:ETHTRY", "sold by hand", AT)
        work.commit()
    with account.store.read() as view:
        assert open_alarms(view, "live") == ()
        assert [one.taken_in for one in acceptances(view, "live")] == [None]
    assert pairs(account) == ["delisted:ETHTRY"], "whoever holds the book has not begun another cycle"
    with account.store.unit() as work, pytest.raises(BadInput, match="no such alarm"):
        accept(work, "live", "delisted:ETHTRY", "once more", AT)
    account.cycle()
    with account.store.read() as view:
        (kept,) = acceptances(view, "live")
    assert (kept.reason, kept.at) == ("sold by hand", AT)
    assert kept.taken_in is not None


def test_every_alarm_that_can_be_accepted_is_among_these() -> None:
    assert {str(code) for code in ACCEPTABLE} == {
        "K1", "K2", "K3", "K4", "K5", "K6", "K10",
        "absent", "file_behind_exchange", "looks_like_ours", "delisted", "fee_asset", "other_account",
    }  # fmt: skip
