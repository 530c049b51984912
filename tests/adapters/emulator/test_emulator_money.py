"""Commission and reservations: exact rates, every rounding, and what an order holds at each point."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor

import pytest
from emulator_strategies import COARSE, E8, FINE, MARKETS, PAIRS
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters.emulator.exchange.accounts import TradingAccount
from meva_adapters.emulator.exchange.audit import faults_of, totals
from meva_adapters.emulator.exchange.clearing import Clearing
from meva_adapters.emulator.exchange.fees import (
    FIRST_TIER,
    FREE,
    commission_of,
    notional_of,
    reservation,
    spendable,
    split,
    with_commission,
)
from meva_adapters.emulator.exchange.matching import Exchange
from meva_adapters.emulator.exchange.orders import Method, Order, Request, Side, Status
from meva_adapters.emulator.exchange.pairs import Pair
from meva_adapters.emulator.exchange.rejections import Rejected
from meva_core.errors import BrokenBooks

amounts = st.integers(0, 10**18)
rates = st.sampled_from([0, 100_000, 120_000, 140_000, 240_000, E8])


def account(exchange: Exchange, name: str, **funds: int) -> TradingAccount:
    """An account with funds in whole units."""
    found = exchange.open_account(name)
    for asset, amount in funds.items():
        exchange.clearing.deposit(found, asset, amount * E8, 0)
    return found


def held(who: TradingAccount, asset: str) -> tuple[int, int]:
    """What is free and what is locked."""
    return who.balance(asset).free, who.balance(asset).locked


# -- Arithmetic ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quote", "maker", "per_cent"),
    [("TRY", True, "0.12"), ("TRY", False, "0.24"), ("USDT", True, "0.10"), ("USDT", False, "0.14")],
)
def test_the_rates_are_those_of_the_first_tier(quote: str, maker: bool, per_cent: str) -> None:
    assert Fraction(FIRST_TIER.rate(quote, maker=maker), E8) == Fraction(per_cent) / 100
    assert FREE.rate(quote, maker=maker) == 0


@given(amounts, amounts, rates)
def test_each_amount_is_the_exact_one_rounded_its_way(price: int, qty: int, rate: int) -> None:
    exact = Fraction(price * qty, E8)
    share = Fraction(rate, E8)
    assert notional_of(price, qty) == floor(exact)
    assert commission_of(price, rate) == floor(price * share)
    assert with_commission(price, rate) == price + ceil(price * share)
    assert reservation(price, qty, rate) == ceil(exact) + ceil(ceil(exact) * share)


@given(amounts)
def test_five_sixths_of_a_commission_are_fee_and_the_rest_is_tax(commission: int) -> None:
    fee, tax = split(commission)
    assert fee == floor(Fraction(commission * 5, 6))
    assert fee + tax == commission


@given(amounts, rates)
def test_what_can_be_spent_of_a_budget_is_the_most_that_fits(budget: int, rate: int) -> None:
    most = spendable(budget, rate)
    assert most + most * Fraction(rate, E8) <= budget
    assert (most + 1) * (1 + Fraction(rate, E8)) > budget


# -- What an order holds ------------------------------------------------------------------------------


def test_a_buy_that_trades_at_once_holds_the_takers_rate_until_it_rests() -> None:
    exchange = Exchange(PAIRS)
    seller, buyer = account(exchange, "seller", BTC=10), account(exchange, "buyer", TRY=100_240)
    exchange.submit(seller, Request("BTCTRY", Side.SELL, Method.LIMIT, E8, "s", 100 * E8), 0)
    # Nothing to spare: 1000 x 100 and 0.24 %.
    order = exchange.submit(buyer, Request("BTCTRY", Side.BUY, Method.LIMIT, 1000 * E8, "b", 100 * E8), 0)
    assert order.locked == (99_900 * E8) * 10_012 // 10_000
    assert held(buyer, "TRY") == (100_240 * E8 - 100 * E8 * 10_024 // 10_000 - order.locked, order.locked)


def test_a_stop_limit_holds_the_takers_rate_while_it_waits_and_the_makers_when_it_rests() -> None:
    exchange = Exchange(PAIRS)
    buyer = account(exchange, "buyer", TRY=1000)
    request = Request("BTCTRY", Side.BUY, Method.STOP_LIMIT, E8, "b", 200 * E8, 150 * E8)
    exchange.submit(buyer, request, 0)
    assert held(buyer, "TRY")[1] == 20_048 * E8 // 100
    exchange.print_trade("BTCTRY", 150 * E8, E8, Side.BUY, 0)
    assert held(buyer, "TRY")[1] == 20_024 * E8 // 100


@pytest.mark.parametrize(
    ("on_top", "bought", "spent"),
    # 1000 lira at 100: 10 coins and 2.40 on top, or what 1000 / 1.0024 buys.
    [(True, 10 * E8, 1002_40000000), (False, 9_97605746, 999_99999999)],
)
def test_a_market_buy_pays_its_commission_on_top_or_out_of_its_money(
    on_top: bool, bought: int, spent: int
) -> None:
    exchange = Exchange(PAIRS, clearing=Clearing(fee_on_top=on_top))
    seller, buyer = account(exchange, "seller", BTC=100), account(exchange, "buyer", TRY=2000)
    exchange.submit(seller, Request("BTCTRY", Side.SELL, Method.LIMIT, 100 * E8, "s", 100 * E8), 0)
    order = exchange.submit(buyer, Request("BTCTRY", Side.BUY, Method.MARKET, 1000 * E8, "b"), 0)
    assert (order.amount, order.status) == (bought, Status.CLOSED)
    assert abs(held(buyer, "TRY")[0] - (2000 * E8 - spent)) <= 300  # less than a lot, at most
    assert held(buyer, "TRY")[1] == 0
    assert faults_of(exchange) == []


@pytest.mark.parametrize("on_top", [True, False])
@given(st.integers(10 * E8, 10**12), st.integers(1, 10**4), st.integers(1, 10**10))
def test_a_market_buy_of_any_size_never_needs_more_than_it_reserved(
    on_top: bool, money: int, price: int, depth: int
) -> None:
    exchange = Exchange(PAIRS, clearing=Clearing(fee_on_top=on_top))
    money -= money % COARSE.price_step
    house = exchange.open_account("house", house=True)
    exchange.clearing.deposit(house, "BTC", 10**14, 0)
    buyer = exchange.open_account("buyer")
    need = with_commission(money, 240_000) if on_top else money
    exchange.clearing.deposit(buyer, "TRY", need, 0)
    for number in range(5):
        level = (price + number) * E8
        exchange.place_house(house, Request("BTCTRY", Side.SELL, Method.LIMIT, depth, "h", level), 0)
    order = exchange.submit(buyer, Request("BTCTRY", Side.BUY, Method.MARKET, money, "b"), 0)
    paid = sum(notional_of(fill.price, fill.qty) + fill.fee + fill.tax for fill in order.fills)
    assert held(buyer, "TRY") == (need - paid, 0)
    assert paid <= need
    assert faults_of(exchange) == []


@pytest.mark.parametrize("pair", [COARSE, FINE])
def test_whoever_has_exactly_what_an_order_needs_may_place_it_and_nobody_with_less(pair: Pair) -> None:
    price, qty = 101 * E8, 3 * E8 + 10**4
    need = reservation(price, qty, FIRST_TIER.rate(pair.quote, maker=True))
    request = Request(pair.name, Side.BUY, Method.LIMIT, qty, "b", price)
    for funds in (need, need - 1):
        exchange = Exchange(MARKETS)
        buyer = exchange.open_account("buyer")
        exchange.clearing.deposit(buyer, pair.quote, funds, 0)
        if funds == need:
            exchange.submit(buyer, request, 0)
            assert held(buyer, pair.quote) == (0, need)
        else:
            with pytest.raises(Rejected, match="BALANCE_NOT_ENOUGH"):
                exchange.submit(buyer, request, 0)


def test_fees_and_taxes_are_collected_in_the_quote_asset_alone() -> None:
    exchange = Exchange(MARKETS)
    one, two = (account(exchange, name, TRY=10**6, USDT=10**6, BTC=10**3, XRP=10**6) for name in "ab")
    for name, price in (("BTCTRY", 100), ("XRPUSDT", 90)):
        exchange.submit(one, Request(name, Side.SELL, Method.LIMIT, 7 * E8, "s", price * E8), 0)
        exchange.submit(two, Request(name, Side.BUY, Method.LIMIT, 7 * E8, "b", price * E8), 0)
    # 700 lira at 0.36 % and 630 dollars at 0.24 %, for both sides together.
    assert exchange.clearing.fees == {"TRY": 210_000_000, "USDT": 126_000_000}
    assert exchange.clearing.taxes == {"TRY": 42_000_000, "USDT": 25_200_000}
    collected = {"TRY": 252_000_000, "USDT": 151_200_000}
    for asset, amount in totals(exchange).items():
        assert amount + collected.get(asset, 0) == exchange.clearing.deposits[asset]


def test_an_account_that_trades_with_itself_pays_both_commissions_and_nothing_else() -> None:
    exchange = Exchange(PAIRS)
    both = account(exchange, "both", TRY=1000, BTC=1)
    exchange.submit(both, Request("BTCTRY", Side.SELL, Method.LIMIT, E8, "s", 100 * E8), 0)
    exchange.submit(both, Request("BTCTRY", Side.BUY, Method.LIMIT, E8, "b", 100 * E8), 0)
    assert held(both, "BTC") == (E8, 0)
    assert held(both, "TRY") == (1000 * E8 - 36_000_000, 0)


def test_fill_ids_grow_and_are_beyond_what_a_float_can_hold() -> None:
    exchange = Exchange(PAIRS)
    both = account(exchange, "both", TRY=10_000, BTC=10)
    for _ in range(3):
        exchange.submit(both, Request("BTCTRY", Side.SELL, Method.LIMIT, E8, "s", 100 * E8), 0)
        exchange.submit(both, Request("BTCTRY", Side.BUY, Method.LIMIT, E8, "b", 100 * E8), 0)
    ids = [fill.id for fill in exchange.register.fills_of(both)]
    assert ids == sorted(set(ids))
    assert all(number > 2**53 for number in ids)


# -- Accounts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [-1, 11])
def test_an_account_never_locks_or_pays_what_is_not_there(amount: int) -> None:
    who = TradingAccount("x", 1, FREE)
    who.deposit("TRY", 10, 0)
    with pytest.raises(BrokenBooks, match="cannot lock"):
        who.reserve("TRY", amount, 0)
    who.reserve("TRY", 10, 0)
    with pytest.raises(BrokenBooks, match="cannot take"):
        who.pay("TRY", amount, 0)
    with pytest.raises(BrokenBooks, match="cannot take"):
        who.release("TRY", amount, 0)
    assert held(who, "TRY") == (0, 10)


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("AB"), st.integers(0, 50)), max_size=40))
def test_balances_of_any_earlier_moment_are_what_they_were_then(moves: list[tuple[int, str, int]]) -> None:
    who = TradingAccount("x", 1, FREE)
    now, seen = 0, {-1: {"A": (0, 0), "B": (0, 0)}}
    for later, asset, amount in moves:
        now += later
        if amount % 2:
            who.deposit(asset, amount, now)
        else:
            who.reserve(asset, min(amount, who.balance(asset).free), now)
        seen[now] = {name: held(who, name) for name in "AB"}
    for time in range(-1, now + 2):
        expected = seen[max(moment for moment in seen if moment <= time)]
        then = who.as_of(time)
        assert {name: (b.free, b.locked) for name, b in then.items()} == {n: expected[n] for n in then}


def take_away(exchange: Exchange, who: TradingAccount, ask: Order) -> None:
    who.balance("TRY").free -= 2000 * E8


def unlock(exchange: Exchange, who: TradingAccount, ask: Order) -> None:
    who.balance("BTC").locked -= 1
    who.balance("BTC").free += 1


def lock_too_much(exchange: Exchange, who: TradingAccount, ask: Order) -> None:
    who.reserve("BTC", 1, 0)
    ask.locked += 1


def cross(exchange: Exchange, who: TradingAccount, ask: Order) -> None:
    exchange.books["BTCTRY"].asks.remove(ask)
    ask.price = 90 * E8
    exchange.books["BTCTRY"].asks.add(ask)


def lose_a_fill(exchange: Exchange, who: TradingAccount, ask: Order) -> None:
    ask.left -= 1


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (take_away, ["free and", "were deposited"]),
        (unlock, ["its orders hold"]),
        (lock_too_much, ["it needs"]),
        (cross, ["is not below ask"]),
        (lose_a_fill, ["its orders add up to", "its fills add up to"]),
    ],
)
def test_the_audit_names_whatever_does_not_hold(
    spoil: Callable[[Exchange, TradingAccount, Order], None], says: list[str]
) -> None:
    exchange = Exchange(PAIRS)
    who = account(exchange, "who", TRY=1000, BTC=10)
    exchange.submit(who, Request("BTCTRY", Side.BUY, Method.LIMIT, E8, "b", 100 * E8), 0)
    ask = exchange.submit(who, Request("BTCTRY", Side.SELL, Method.LIMIT, E8, "s", 120 * E8), 0)
    assert faults_of(exchange) == []
    spoil(exchange, who, ask)
    found = "; ".join(faults_of(exchange))
    assert all(words in found for words in says), found
