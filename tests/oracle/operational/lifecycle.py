"""The life of our orders: what is stale, what a new order meets, what is replaced or canceled."""

from __future__ import annotations

from fractions import Fraction
from math import floor

from attrs import define, field

from meva_core.modes import Mode
from meva_core.operational.inputs import OwnOrder
from meva_core.orders import Side
from oracle.operational.funds import RESTING, UNKNOWN, Funds, mid_of
from oracle.operational.orders import Order, by_rules
from oracle.operational.sums import Why, whole
from oracle.operational.wishes import Drop, Wish
from oracle.world import E8

MICROS = 10**6


@define
class Lived:
    """The orders that go on, the ones that they replace, what is canceled and why, what is dropped."""

    orders: list[Order] = field(factory=list)
    replaces: dict[int, OwnOrder] = field(factory=dict)
    cancels: dict[str, Why] = field(factory=dict)
    dropped: list[Drop] = field(factory=list)


def stale(funds: Funds, order: OwnOrder) -> Why | None:
    """Return that an order has outlived its time or, in Stage 4, that its market has moved away since it was
    decided."""
    given, age = funds.given, funds.given.time * MICROS - order.created
    if age >= given.limits.ttl_seconds * MICROS:
        return Why("stale", age * E8 // MICROS, whole(given.limits.ttl_seconds))
    mid = mid_of(funds.market[order.symbol]) if order.symbol in funds.market else None
    if given.stage == 3 or mid is None:
        return None
    since = order.decision_mark or order.price
    moved = Fraction(abs(round(mid) - since), since) * 10_000
    return Why("stale", floor(moved * E8), whole(25)) if moved >= 25 else None


def superseded(funds: Funds, wishes: list[Wish], lived: Lived) -> list[Wish]:
    """Return the wishes that meet no order of the other side; of a target such an order is canceled first."""
    kept = []
    for wish in wishes:
        against = _against(funds, wish) if wish.target else []
        if not against:
            kept.append(wish)
            continue
        why = Why("superseded", against[0].client_id)
        lived.cancels |= {order.client_id: why for order in against if order.standing in RESTING}
        lived.dropped.append(wish.drop(why))
    return kept


def _against(funds: Funds, wish: Wish) -> list[OwnOrder]:
    other = Side.SELL if wish.side is Side.BUY else Side.BUY
    return [one for one in funds.orders(wish.symbol, other) if one.rests and one.standing not in UNKNOWN]


def _would_trade(funds: Funds, one: OwnOrder, order: Order) -> bool:
    """Whether a resting order of the other side and a new one would trade with each other; one that rules
    refuse is never there."""
    if by_rules(funds, order.wish, order.price, order.qty) != "ok":
        return False
    return one.price <= order.price if order.wish.side is Side.BUY else one.price >= order.price


def live(funds: Funds, mode: Mode, bound: str, orders: list[Order], lived: Lived) -> None:
    """Take the new orders to what already rests; cancel what is stale, or not wanted in this mode."""
    given = funds.given
    if mode is not Mode.NORMAL:
        code = "observe_only" if mode is Mode.OBSERVE_ONLY else "mode_reduce_risk_only"
        buys = [one for one in given.orders if one.side is Side.BUY and one.standing in RESTING]
        lived.cancels |= {one.client_id: Why(code, bound) for one in buys}
    for order in orders:
        why = _beside_the_others(funds, order, lived)
        if why is None:
            lived.orders.append(order)
        else:
            lived.dropped.append(order.wish.drop(why))
    replaced = {one.client_id for one in lived.replaces.values()}
    for one in given.orders:
        why = stale(funds, one) if one.standing in RESTING and one.client_id not in replaced else None
        if why is not None:
            lived.cancels.setdefault(one.client_id, why)


def _beside_the_others(funds: Funds, order: Order, lived: Lived) -> Why | None:
    """Return what keeps a new order from going on beside our resting ones, None where nothing does."""
    wish = order.wish
    meets = [one for one in _against(funds, wish) if _would_trade(funds, one, order)]
    if meets:
        why = Why("superseded", meets[0].client_id)
        lived.cancels |= {one.client_id: why for one in meets if one.standing in RESTING}
        return why
    same = [one for one in funds.orders(wish.symbol, wish.side) if one.rests]
    for one in same:
        has_rules = funds.market[wish.symbol].rules.usable  # without them nothing is on a grid
        if has_rules and not stale(funds, one) and _is_duplicate(one, order):
            return Why("deduped", one.client_id)
    if not same:
        return None
    if funds.given.stage == 4 and len(same) == 1 and same[0].standing in RESTING and stale(funds, same[0]):
        lived.replaces[wish.n] = same[0]
        return None
    return Why("order_open", same[0].client_id)


def _is_duplicate(one: OwnOrder, order: Order) -> bool:
    near = abs(one.price - order.price) * 10**4 <= 5 * order.price
    return near and abs(one.left - order.qty) * 100 <= order.qty
