"""The matching engine by example: priority, money, stops, cancels."""

from __future__ import annotations

import pytest
from attrs import evolve
from emulator_strategies import DUST, E8, MARKETS, PAIRS
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters.emulator.exchange.accounts import TradingAccount
from meva_adapters.emulator.exchange.audit import faults_of
from meva_adapters.emulator.exchange.events import Filled, Inserted, Removed, Traded
from meva_adapters.emulator.exchange.fees import (
    FIRST_TIER,
    commission_of,
    notional_of,
    reservation,
    spendable,
    split,
    with_commission,
)
from meva_adapters.emulator.exchange.matching import Exchange
from meva_adapters.emulator.exchange.orders import Method, Order, Request, Side, Status
from meva_adapters.emulator.exchange.rejections import Rejected

NOW = 1_700_000_000_000
BUY, SELL = Side.BUY, Side.SELL


def opened(*names: str, cancel_ms: int = 0) -> tuple[Exchange, list[TradingAccount]]:
    exchange = Exchange(PAIRS, cancel_ms=cancel_ms)
    accounts = [exchange.open_account(name) for name in names]
    for account in accounts:
        for asset in ("TRY", "BTC"):
            exchange.clearing.deposit(account, asset, 100_000 * E8, NOW)
    return exchange, accounts


def limit(side: Side, price: int, qty: int, client_id: str = "c") -> Request:
    return Request("BTCTRY", side, Method.LIMIT, qty, client_id, price * E8)


def market(side: Side, quantity: int) -> Request:
    return Request("BTCTRY", side, Method.MARKET, quantity, "m")


def stop(side: Side, method: Method, at: int, quantity: int, price: int | None = None) -> Request:
    return Request("BTCTRY", side, method, quantity, "s", price and price * E8, at * E8)


def test_better_prices_trade_first_and_then_older_orders() -> None:
    exchange, (maker, taker) = opened("maker", "taker")
    prices = (102, 101, 101, 103)
    late, first, second, last = (exchange.submit(maker, limit(SELL, p, E8), NOW) for p in prices)
    exchange.submit(taker, limit(BUY, 102, 5 * E8 // 2), NOW)
    assert [order.left for order in (first, second, late, last)] == [0, 0, E8 // 2, E8]
    trades = [event for event in exchange.take_events() if isinstance(event, Traded)]
    assert [trade.price // E8 for trade in trades] == [101, 101, 102]
    assert all(trade.side is BUY for trade in trades)


def test_a_taker_gets_the_makers_price_and_what_it_did_not_need_back() -> None:
    exchange, (maker, taker) = opened("maker", "taker")
    exchange.submit(maker, limit(SELL, 100, E8), NOW)
    order = exchange.submit(taker, limit(BUY, 110, E8), NOW)
    assert order.status is Status.CLOSED
    # 100 lira and 0.24 % of it; the maker pays 0.12 %.
    assert taker.balance("TRY").free == (100_000 - 100) * E8 - 24 * E8 // 100
    assert maker.balance("TRY").free == (100_000 + 100) * E8 - 12 * E8 // 100
    assert taker.balance("TRY").locked == maker.balance("BTC").locked == 0
    assert sum(exchange.clearing.fees.values()) == 30 * E8 // 100
    assert sum(exchange.clearing.taxes.values()) == 6 * E8 // 100


def test_a_resting_buy_holds_its_notional_and_the_makers_commission() -> None:
    exchange, (maker,) = opened("maker")
    exchange.submit(maker, limit(BUY, 1000, E8), NOW)
    assert maker.balance("TRY").locked == 1000 * E8 + 12 * E8 // 10


def test_what_cannot_be_paid_is_refused_by_whether_orders_hold_the_rest() -> None:
    exchange, (poor,) = opened("poor")
    with pytest.raises(Rejected, match="BALANCE_NOT_ENOUGH"):
        exchange.submit(poor, limit(BUY, 100_000, E8), NOW)
    exchange.submit(poor, limit(BUY, 50_000, E8), NOW)
    with pytest.raises(Rejected, match="FAILED_ORDER_WITH_OPEN_ORDERS"):
        exchange.submit(poor, limit(BUY, 50_000, E8), NOW)
    assert faults_of(exchange) == []


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (limit(BUY, 100, E8 // 20), "FAILED_MIN_TOTAL_AMOUNT"),
        (Request("BTCTRY", BUY, Method.LIMIT, E8, "c", 100 * E8 + 1), "FAILED_INVALID_PRICE_SCALE"),
        (Request("XRPUSDT", BUY, Method.LIMIT, E8 + 1, "c", E8), "FAILED_INVALID_QUANTITY_SCALE"),
        (limit(BUY, 2_000_000, E8), "PRICE_MUST_BE_LESS_THAN_MAXPRICE"),
        (Request("BTCTRY", BUY, Method.LIMIT, E8, "c", None), "FAILED_ORDER_PARAMETER"),
        (market(SELL, E8), "FAILED_MARKET_ORDER"),
        (stop(SELL, Method.STOP_MARKET, 120, E8), "FAILED_STOP_PRICE_GREATER_THAN_BEST_ASK"),
        (stop(BUY, Method.STOP_LIMIT, 80, E8, 90), "FAILED_STOP_PRICE_LESS_THAN_BEST_BID"),
        (Request("NOPE", BUY, Method.LIMIT, E8, "c", E8), "Pair NOPE does not exists."),
    ],
)
def test_each_rule_refuses_in_the_exchanges_words(request_: Request, message: str) -> None:
    exchange, (account, other) = opened("account", "other")
    exchange.submit(other, limit(SELL, 110, E8), NOW)
    if "MARKET_ORDER" not in message:
        exchange.submit(other, limit(BUY, 95, E8), NOW)
    before = [(b.free, b.locked) for b in account.balances.values()]
    with pytest.raises(Rejected) as refusal:
        exchange.submit(account, request_, NOW)
    assert refusal.value.message == message
    assert [(b.free, b.locked) for b in account.balances.values()] == before


def test_a_market_buy_spends_its_money_and_a_sell_its_quantity() -> None:
    exchange, (maker, taker) = opened("maker", "taker")
    exchange.submit(maker, limit(SELL, 100, 100 * E8), NOW)
    bought = exchange.submit(taker, market(BUY, 1000 * E8), NOW)
    assert (bought.status, bought.amount, bought.left) == (Status.CLOSED, 10 * E8, 0)
    exchange.submit(maker, limit(BUY, 99, 3 * E8), NOW)
    sold = exchange.submit(taker, market(SELL, 2 * E8), NOW)
    assert (sold.status, sold.amount, sold.left) == (Status.CLOSED, 2 * E8, 0)


def test_a_market_order_stops_at_five_per_cent_and_its_rest_is_canceled() -> None:
    exchange, (maker, taker) = opened("maker", "taker")
    for price in (100, 105, 106):
        exchange.submit(maker, limit(SELL, price, E8), NOW)
    order = exchange.submit(taker, market(BUY, 1000 * E8), NOW)
    assert (order.status, order.amount) == (Status.CANCELED, 2 * E8)
    assert taker.balance("TRY").locked == 0
    for price in (94, 95, 90):
        exchange.submit(maker, limit(BUY, price, E8 * 2), NOW)
    order = exchange.submit(taker, market(SELL, 5 * E8), NOW)
    assert (order.status, order.filled) == (Status.CANCELED, 4 * E8)


def test_a_stop_turns_into_a_new_order_when_the_last_price_reaches_it() -> None:
    exchange, (maker, taker, third) = opened("maker", "taker", "third")
    exchange.submit(maker, limit(BUY, 90, 10 * E8), NOW)
    exchange.submit(maker, limit(BUY, 100, E8), NOW)
    waiting = exchange.submit(taker, stop(SELL, Method.STOP_MARKET, 95, 2 * E8), NOW)
    exchange.submit(third, limit(SELL, 100, E8), NOW)
    assert waiting.status is Status.UNTOUCHED
    exchange.submit(third, limit(SELL, 90, E8), NOW)
    assert waiting.status is Status.CANCELED
    new = list(exchange.register.of(taker).orders.values())[-1]
    assert (new.id != waiting.id, new.client_id, new.method) == (True, "s", Method.MARKET)
    assert (new.status, new.filled) == (Status.CLOSED, 2 * E8)


def test_stops_wait_on_their_side_of_the_market() -> None:
    exchange, (account,) = opened("account")
    buy = exchange.submit(account, stop(BUY, Method.STOP_LIMIT, 110, E8, 111), NOW)
    sell = exchange.submit(account, stop(SELL, Method.STOP_LIMIT, 90, E8, 89), NOW)
    for price in (100, 109, 91):
        exchange.print_trade("BTCTRY", price * E8, E8, BUY, NOW)
    assert buy.status is sell.status is Status.UNTOUCHED
    exchange.print_trade("BTCTRY", 110 * E8, E8, BUY, NOW)
    assert (buy.status, sell.status) == (Status.CANCELED, Status.UNTOUCHED)
    exchange.print_trade("BTCTRY", 90 * E8, E8, SELL, NOW)
    assert sell.status is Status.CANCELED
    assert faults_of(exchange) == []


def test_an_accepted_cancel_takes_its_time_and_a_fill_may_come_first() -> None:
    exchange, (maker, taker) = opened("maker", "taker", cancel_ms=50)
    order = exchange.submit(maker, limit(BUY, 100, 2 * E8), NOW)
    exchange.cancel(maker, order.id, NOW)
    assert order.status is Status.UNTOUCHED
    exchange.submit(taker, limit(SELL, 100, E8), NOW + 10)
    assert (order.status, order.left) == (Status.PARTIAL, E8)
    with pytest.raises(Rejected, match="NO_ORDER_MATCHES_YOUR_REQUEST"):
        exchange.cancel(maker, order.id, NOW + 20)
    exchange.advance(NOW + 50)
    assert (order.status, order.left) == (Status.CANCELED, E8)
    assert maker.balance("TRY").locked == 0


def test_cancels_of_what_is_gone_or_foreign_are_refused() -> None:
    exchange, (maker, taker) = opened("maker", "taker")
    order = exchange.submit(maker, limit(BUY, 100, E8), NOW)
    with pytest.raises(Rejected, match="NO_ORDER_MATCHES"):
        exchange.cancel(taker, order.id, NOW)
    exchange.submit(taker, limit(SELL, 100, E8), NOW)
    with pytest.raises(Rejected, match="ORDER_COULD_NOT_BE_CANCELED"):
        exchange.cancel(maker, order.id, NOW)
    with pytest.raises(Rejected, match="NO_ORDER_MATCHES"):
        exchange.cancel(maker, 1, NOW)


def test_events_come_in_the_order_in_which_things_happen() -> None:
    exchange, (maker, taker) = opened("maker", "taker")
    exchange.submit(maker, limit(SELL, 100, E8), NOW)
    order = exchange.submit(taker, limit(BUY, 100, 2 * E8), NOW)
    exchange.cancel(taker, order.id, NOW)
    assert [type(event) for event in exchange.take_events()] == [
        Inserted, Inserted, Traded, Filled, Filled, Removed,
    ]  # fmt: skip


def test_orders_and_balances_can_be_seen_as_they_were() -> None:
    exchange, (maker, taker) = opened("maker", "taker")
    order = exchange.submit(maker, limit(SELL, 100, 2 * E8), NOW + 10)
    exchange.submit(taker, limit(BUY, 100, E8), NOW + 20)
    assert order.as_of(NOW) is None
    looks = [order.as_of(NOW + after) for after in (10, 20)]
    assert [look and (look.status, look.left) for look in looks] == [
        (Status.UNTOUCHED, 2 * E8),
        (Status.PARTIAL, E8),
    ]
    assert maker.as_of(NOW + 5)["BTC"].locked == 0
    assert maker.as_of(NOW + 10)["BTC"].locked == 2 * E8
    assert maker.as_of(NOW + 20)["BTC"].locked == E8


def test_ended_orders_of_the_house_are_forgotten() -> None:
    exchange, (user,) = opened("user")
    house = exchange.open_account("house", house=True)
    exchange.clearing.deposit(house, "BTC", 10 * E8, NOW)
    quote: Order = exchange.place_house(house, limit(SELL, 100, E8), NOW)
    assert exchange.register.find(quote.id) is quote
    exchange.submit(user, limit(BUY, 100, E8), NOW)
    assert exchange.register.find(quote.id) is None


@given(st.integers(1, 10**15), st.lists(st.integers(1, 10**12), min_size=1, max_size=20), st.booleans())
def test_the_slices_of_a_buy_never_cost_more_than_its_reservation(
    price: int, slices: list[int], maker: bool
) -> None:
    rate = FIRST_TIER.rate("TRY", maker=maker)
    notionals = [notional_of(price, qty) for qty in slices]
    spent = sum(notionals) + sum(commission_of(notional, rate) for notional in notionals)
    assert spent <= reservation(price, sum(slices), rate)


@given(st.integers(0, 10**18), st.integers(0, 300_000))
def test_commissions_split_without_a_rest_and_budgets_are_kept(amount: int, rate: int) -> None:
    fee, tax = split(commission_of(amount, rate))
    assert fee + tax == commission_of(amount, rate)
    assert 0 <= 5 * tax - fee <= 5
    assert spendable(amount, rate) + commission_of(spendable(amount, rate), rate) <= amount
    assert with_commission(amount, rate) - amount - commission_of(amount, rate) in (0, 1)


# -- Corners that a second engine has found -----------------------------------------------------------


def test_a_price_in_the_middle_of_a_sweep_reaches_a_stop_as_the_last_one_does() -> None:
    exchange, (maker, taker, owner) = opened("maker", "taker", "owner")
    exchange.print_trade("BTCTRY", 105 * E8, E8, BUY, NOW)
    waiting = exchange.submit(owner, stop(SELL, Method.STOP_LIMIT, 101, E8, 90), NOW)
    for price in (100, 102, 103):
        exchange.submit(maker, limit(SELL, price, E8), NOW)
    exchange.submit(taker, limit(BUY, 102, 2 * E8), NOW)
    assert exchange.books["BTCTRY"].last == 102 * E8
    assert waiting.status is Status.CANCELED
    again = exchange.submit(owner, stop(BUY, Method.STOP_LIMIT, 104, E8, 104), NOW)
    assert again.status is Status.UNTOUCHED  # what was traded before it came does not count


def test_a_shorter_cancel_does_not_wait_for_a_longer_one_that_was_asked_for_before() -> None:
    exchange, (maker,) = opened("maker", cancel_ms=500)
    slow, quick = (exchange.submit(maker, limit(BUY, price, E8), NOW) for price in (100, 99))
    exchange.cancel(maker, slow.id, NOW)
    exchange.cancel_ms = 10
    exchange.cancel(maker, quick.id, NOW)
    exchange.advance(NOW + 10)
    assert (slow.status, quick.status) == (Status.UNTOUCHED, Status.CANCELED)
    exchange.advance(NOW + 500)
    assert slow.status is Status.CANCELED


def test_a_stop_whose_cancel_is_due_does_not_trigger() -> None:
    exchange, (owner,) = opened("owner", cancel_ms=50)
    waiting = exchange.submit(owner, stop(BUY, Method.STOP_MARKET, 110, 100 * E8), NOW)
    exchange.cancel(owner, waiting.id, NOW)
    exchange.print_trade("BTCTRY", 120 * E8, E8, BUY, NOW + 50)
    assert waiting.status is Status.CANCELED
    assert list(exchange.register.of(owner).orders) == [waiting.id]


def test_a_stop_that_cannot_be_paid_any_more_is_canceled_and_nobody_else_hears_of_it() -> None:
    exchange, (owner, other) = opened("owner", "other")
    exchange.clearing.fee_on_top = False
    waiting = exchange.submit(owner, stop(BUY, Method.STOP_MARKET, 110, 100_000 * E8), NOW)
    exchange.clearing.fee_on_top = True
    behind = exchange.submit(other, stop(BUY, Method.STOP_LIMIT, 110, E8, 110), NOW)
    exchange.submit(other, limit(SELL, 110, E8), NOW)
    exchange.submit(other, limit(BUY, 110, E8), NOW)
    assert waiting.status is behind.status is Status.CANCELED
    assert list(exchange.register.of(owner).orders) == [waiting.id]
    assert exchange.books["BTCTRY"].touch(BUY) == 110 * E8  # the stop behind it became an order
    assert owner.balance("TRY").locked == 0
    assert faults_of(exchange) == []


@pytest.mark.parametrize(("price", "filled"), [(894, 2), (893, 1)])
def test_the_band_of_a_sell_ends_at_five_per_cent_to_the_last_unit(price: int, filled: int) -> None:
    exchange = Exchange(MARKETS)
    maker, taker = (exchange.open_account(name) for name in ("maker", "taker"))
    exchange.clearing.deposit(maker, "USDT", 10**6 * E8, NOW)
    exchange.clearing.deposit(taker, "SHIB", 10**10 * E8, NOW)
    lot = 10**6 * E8
    for bid in (941, price):  # 95 % of 941 are 893.95
        exchange.submit(maker, Request("SHIBUSDT", BUY, Method.LIMIT, lot, "m", bid), NOW)
    order = exchange.submit(taker, Request("SHIBUSDT", SELL, Method.MARKET, 2 * lot, "t"), NOW)
    assert order.filled == filled * lot


def test_a_market_buy_of_less_than_a_lot_is_canceled_and_not_done() -> None:
    exchange = Exchange({"SHIBUSDT": evolve(DUST, max_price=10**12, qty_step=E8)})
    maker, taker = (exchange.open_account(name) for name in ("maker", "taker"))
    exchange.clearing.deposit(maker, "SHIB", 10**10 * E8, NOW)
    exchange.clearing.deposit(taker, "USDT", 10**6 * E8, NOW)
    exchange.submit(maker, Request("SHIBUSDT", SELL, Method.LIMIT, 10 * E8, "m", 3 * E8), NOW)
    order = exchange.submit(taker, Request("SHIBUSDT", BUY, Method.MARKET, 2 * E8, "t"), NOW)
    assert (order.status, order.amount) == (Status.CANCELED, 0)
    assert (taker.balance("USDT").free, taker.balance("USDT").locked) == (10**6 * E8, 0)
