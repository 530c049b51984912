"""The risk filters of both stages: an order passes all of them, or is dropped by the first that it fails."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

from meva_core.operational.inputs import OwnOrder
from meva_core.orders import Side
from oracle.operational.funds import Funds
from oracle.operational.hurdles import stale_data
from oracle.operational.orders import Order, by_rules
from oracle.operational.sums import Why, bps, ratio, whole, worth
from oracle.world import E8

MICROS = 10**6


def stage4(
    funds: Funds, equity: int, orders: list[Order], replaces: dict[int, OwnOrder]
) -> tuple[list[Order], list[tuple[Order, Why]]]:
    """Return what passes in sending order, and what does not."""
    passed: list[Order] = []
    dropped: list[tuple[Order, Why]] = []
    slots = sum(order.rests for order in funds.given.orders)
    for order in sorted(orders, key=sending):
        takes = order.wish.n not in replaces  # a replacement keeps the slot of what it replaces
        why = (
            _of_losses(funds, equity, order)
            or _of_the_cycle(funds, len(passed))
            or (_of_open_orders(funds, slots) if takes else None)
            or _of_sizes(funds, order)
            or _of_profit(funds, order)
        )
        if why is None:
            passed.append(order)
            slots += takes
        else:
            dropped.append((order, why))
    return passed, dropped


def _of_losses(funds: Funds, equity: int, order: Order) -> Why | None:
    risk, limits = funds.given.risk, funds.given.limits
    if order.wish.side is Side.SELL:
        return None
    if risk.realized_today < 0 and -risk.realized_today >= limits.max_daily_loss_try:
        return Why("max_daily_loss", -risk.realized_today, limits.max_daily_loss_try)
    fall, peak = risk.percent_peak - equity, risk.percent_peak
    if peak > 0 and fall * 100 >= ratio(limits.max_drawdown_pct) * peak:
        return Why("max_drawdown", floor(Fraction(max(0, fall) * 100 * E8, peak)), limits.max_drawdown_pct)
    return None


def _of_the_cycle(funds: Funds, passed: int) -> Why | None:
    most = funds.given.limits.max_orders_per_cycle
    return Why("max_orders_per_cycle", whole(passed), whole(most)) if passed >= most else None


def _of_open_orders(funds: Funds, slots: int) -> Why | None:
    most = funds.given.limits.max_open_orders
    return Why("max_open_orders", whole(slots), whole(most)) if slots >= most else None


def _of_sizes(funds: Funds, order: Order) -> Why | None:
    limits = funds.given.limits
    if order.notional > limits.risk_max_order_notional_try:
        return Why("max_order_notional_try", order.notional, limits.risk_max_order_notional_try)
    after = _after(funds, order)
    if order.wish.side is Side.BUY and after > limits.max_position_notional_try:
        return Why("max_position_notional_try", after, limits.max_position_notional_try)
    return None


def _of_profit(funds: Funds, order: Order) -> Why | None:
    limits, position = funds.given.limits, funds.held(order.wish.symbol)
    if order.wish.purpose != "profit" or not position.qty:
        return None
    rates = funds.given.effective_fee + limits.slippage_bps_buffer + limits.min_profit_bps
    least = Fraction(position.cost * E8, position.qty) * (1 + bps(rates))
    return Why("min_profit_threshold", order.price, ceil(least)) if order.price < least else None


def _after(funds: Funds, order: Order) -> int:
    """Return what a position would be worth with all open BUYs and this one."""
    name = order.wish.symbol
    return funds.held(name).value + funds.open_buys(name) + order.notional


def stage3(funds: Funds, orders: list[Order]) -> tuple[list[Order], list[tuple[Order, Why]]]:
    """Return what passes, and what does not."""
    passed: list[Order] = []
    dropped: list[tuple[Order, Why]] = []
    used = spent = 0
    for order in sorted(orders, key=sending):
        why = (
            _of_the_cycle(funds, len(passed))
            or _of_its_symbol(funds, order)
            or _of_its_rules(funds, order)
            or _of_its_amount(funds, order, used, spent)
        )
        if why is None:
            passed.append(order)
            used += order.notional
            spent += _cost(funds, order) if order.wish.side is Side.BUY else 0
        else:
            dropped.append((order, why))
    return passed, dropped


def _of_its_symbol(funds: Funds, order: Order) -> Why | None:
    given, limits = funds.given, funds.given.limits
    name, side = order.wish.symbol, order.wish.side
    resting = sum(one.symbol == name and one.rests for one in given.orders)
    if resting >= limits.max_open_orders_per_symbol:
        return Why("max_open_orders_per_symbol", whole(resting), whole(limits.max_open_orders_per_symbol))
    for sent in given.last_sent:
        since = given.time * MICROS - sent.created
        if (sent.symbol, sent.side) == (name, side) and since < limits.cooldown_seconds * MICROS:
            return Why("cooldown", floor(Fraction(since * E8, MICROS)), whole(limits.cooldown_seconds))
    return stale_data(funds, name) if funds.is_stale(name) else None


def _of_its_rules(funds: Funds, order: Order) -> Why | None:
    code = by_rules(funds, order.wish, order.price, order.qty)
    if code == "min_notional":
        return Why(code, worth(order.qty, order.price), funds.least(order.wish.symbol))
    return None if code == "ok" else Why(code)


def _of_its_amount(funds: Funds, order: Order, used: int, spent: int) -> Why | None:
    limits = funds.given.limits
    if used + order.notional > limits.notional_cap_try_per_cycle:
        return Why("notional_cap", used + order.notional, limits.notional_cap_try_per_cycle)
    if order.wish.side is Side.SELL:
        free = funds.to_sell(order.wish.symbol)
        return Why("insufficient_position", order.qty, free) if order.qty > free else None
    after = _after(funds, order)
    if after > limits.max_position_try_per_symbol:
        return Why("max_position", after, limits.max_position_try_per_symbol)
    cost = _cost(funds, order)
    free = max(0, funds.cash_for_buys - (limits.risk_min_cash_try or 0) - spent)
    return Why("insufficient_cash", cost, free) if cost > free else None


def _cost(funds: Funds, order: Order) -> int:
    """Return what a BUY costs with its fee."""
    return order.notional + round(order.notional * bps(funds.given.effective_fee))


def sending(order: Order) -> tuple[bool, str, int]:
    """Return where an order comes as they are sent: SELLs, then BUYs, each by symbol."""
    return order.wish.side is Side.BUY, order.wish.symbol, order.wish.n
