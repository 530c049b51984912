"""Allocation of Stage 4: what each wish gets of cash, caps and position, and the orders that this makes."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from typing import TypeAlias

from attrs import define, frozen

from meva_core.orders import Side
from oracle.operational.funds import Funds
from oracle.operational.hurdles import refused
from oracle.operational.orders import Order, by_rules
from oracle.operational.sums import OK, Why, coins, ratio, worth
from oracle.operational.wishes import Wish

Caps: TypeAlias = list[tuple[str, int]]
TOO_SMALL = ("min_notional", "min_qty", "qty_rounds_to_zero")


@frozen
class Given:
    """What a wish got."""

    n: int
    requested: int
    allocated: int
    status: str
    why: Why


@define
class Purse:
    """What earlier wishes have got, in 1e-8 TRY."""

    bought: int = 0
    traded: int = 0


def allocate(funds: Funds, equity: int, wishes: list[Wish]) -> tuple[list[Given], list[Order]]:
    """Return what each wish gets, SELLs first, and the orders of those that get something."""
    purse = Purse()
    found: list[Given] = []
    orders: list[Order] = []
    for side in (Side.SELL, Side.BUY):
        for wish in wishes:
            if wish.side is side:
                got, order = _one(funds, equity, purse, wish)
                found.append(got)
                if order is not None:
                    orders.append(order)
                    purse.traded += got.allocated
                    purse.bought += got.allocated if side is Side.BUY else 0
    return found, orders


def _one(funds: Funds, equity: int, purse: Purse, wish: Wish) -> tuple[Given, Order | None]:
    if (why := refused(funds, wish)) is not None:
        return _rejected(wish, why), None
    mark, least = funds.market[wish.symbol].mark, funds.least(wish.symbol)
    assert mark is not None
    buying = wish.side is Side.BUY
    price = funds.price(wish.symbol, wish.side, wish.limit)
    request, caps = wish.request, _caps_of_buy(funds, equity, purse, wish.symbol)
    if not buying:
        value = worth(funds.to_sell(wish.symbol), mark)
        request, caps = max(1, value) if wish.whole else wish.request, _caps_of_sell(funds, purse, value)
    allocated, bound = _least(wish, request, caps)
    if buying:
        qty = coins(max(0, allocated), max(price, mark))
    else:
        allocated, qty, bound = _with_no_rest(funds, wish, allocated, bound, caps)
    if allocated <= 0 and bound is not None:
        return _rejected(wish, bound), None
    qty = funds.on_lot(wish.symbol, qty)
    rules = by_rules(funds, wish, price, qty)
    if allocated < least or rules in TOO_SMALL:
        if buying and allocated == funds.cash_left - purse.bought:
            return _rejected(wish, Why("cash_target", wish.request, allocated)), None
        told = allocated if allocated < least else worth(qty, price)
        return _rejected(wish, Why("min_notional", told, least) if told < least else Why(rules)), None
    if rules != "ok":
        return _rejected(wish, Why(rules)), None
    if bound is not None and allocated < wish.request:
        got = Given(wish.n, wish.request, allocated, "scaled", bound)
    else:  # a target of nothing asks for what may be sold, so that is all of it
        got = Given(wish.n, wish.request, allocated, "accepted", OK)
    return got, Order(wish, price, qty, mark)


def _rejected(wish: Wish, why: Why) -> Given:
    return Given(wish.n, wish.request, 0, "rejected", why)


def _least(wish: Wish, request: int, caps: Caps) -> tuple[int, Why | None]:
    """Return the least of a request and its caps, and the first cap in precedence that made it less."""
    least = min(request, *(most for _, most in caps))
    for code, most in caps:
        if most == least < request:
            return least, Why(code, wish.request, most)
    return least, None


def _caps_of_buy(funds: Funds, equity: int, purse: Purse, name: str) -> Caps:
    limits = funds.given.limits
    most = min(
        limits.max_position_notional_try,
        limits.max_position_try_per_symbol,
        floor(Fraction(9, 10) * ratio(limits.risk_max_position_pct) * max(0, equity)),
    )
    values = sum(position.value for position in funds.given.positions.positions)
    gross = floor(Fraction(9, 10) * limits.risk_max_gross_exposure_try)
    return [
        ("cash_target", funds.cash_left - purse.bought),
        ("max_position_exposure_cap", most - funds.held(name).value - funds.open_buys(name)),
        ("gross_exposure_cap", gross - values - funds.all_open_buys - purse.bought),
        ("cycle_notional_cap", limits.notional_cap_try_per_cycle - purse.traded),
        ("max_intent_cap", limits.risk_max_order_notional_try),
    ]


def _caps_of_sell(funds: Funds, purse: Purse, value: int) -> Caps:
    limits = funds.given.limits
    return [
        ("position_value_cap", value),
        ("cycle_notional_cap", limits.notional_cap_try_per_cycle - purse.traded),
        ("max_intent_cap", limits.risk_max_order_notional_try),
    ]


def _with_no_rest(
    funds: Funds, wish: Wish, amount: int, bound: Why | None, caps: Caps
) -> tuple[int, int, Why | None]:
    """Return what a SELL gets so that nothing is left that could not be sold any more: TRY, coins, and what
    bound it. It takes all, also where what was asked for alone could not be sold, or, capped, leaves the
    minimum."""
    (_, value), *others = caps
    least, all_of_it = funds.least(wish.symbol), funds.to_sell(wish.symbol)
    if amount == value:
        return amount, all_of_it, bound
    if value - amount < least:
        most, tightest = _least(wish, value, others)
        if most == value:
            return value, all_of_it, bound
        amount, bound = value - least, tightest
    if amount == wish.request and wish.qty is not None:
        return amount, wish.qty, bound
    return amount, coins(max(0, amount), funds.market[wish.symbol].mark or 0), bound
