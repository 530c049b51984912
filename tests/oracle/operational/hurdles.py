"""What stops a wish whatever its size: the mode, the symbol's state, the position."""

from __future__ import annotations

from meva_core.modes import Mode
from meva_core.orders import Side
from oracle.operational.funds import UNKNOWN, Funds, mid_of
from oracle.operational.sums import Why, whole, worth
from oracle.operational.wishes import Wish


def hurdle(
    funds: Funds, mode: Mode, bound: str, names: list[str], why_not: dict[str, Why], wish: Wish
) -> Why | None:
    """Return what stops a wish in either stage, None where nothing does. `bound` is what the mode comes
    from."""
    given, name = funds.given, wish.symbol
    seen, buying = funds.market[name], wish.side is Side.BUY
    if mode is Mode.OBSERVE_ONLY:
        return Why("observe_only", bound)
    if mode is Mode.REDUCE_RISK_ONLY and buying:
        return Why("mode_reduce_risk_only", bound)
    if name in given.blocked:
        return Why(f"symbol_blocked:{given.blocked[name]}", given.blocked[name])
    if any(order.symbol == name and order.standing in UNKNOWN for order in given.orders):
        return Why("symbol_blocked:unknown_order", "unknown_order")
    if buying and name not in names:
        why = why_not.get(name, Why("not_allowed"))
        return Why(f"not_in_universe:{why.code}", why.value, why.limit)
    if seen.mark is None or (buying and mid_of(seen) is None):
        return Why("no_mark_price")
    return None


def refused(funds: Funds, wish: Wish) -> Why | None:
    """Return what keeps a wish of Stage 4 from any money."""
    name, seen = wish.symbol, funds.market[wish.symbol]
    if not seen.rules.usable:
        return Why(f"rules_unavailable:{seen.rules.status.text}")
    if funds.is_stale(name):
        return stale_data(funds, name)
    if wish.side is Side.SELL:
        held = funds.held(name)
        if held.qty == 0:
            return Why("no_position", 0)
        if worth(held.qty, seen.mark or 0) < funds.least(name):
            return Why("dust", held.value, funds.least(name))
    return None


def stale_data(funds: Funds, name: str) -> Why:
    """Return how old the data of a symbol are; nobody may know."""
    age, most = funds.age(name), funds.given.limits.stale_market_data_seconds
    return Why("stale_market_data", None if age is None else whole(age), whole(most))
