"""The universe: which of the configured symbols may be bought."""

from __future__ import annotations

from fractions import Fraction
from math import floor

from meva_core.operational.inputs import SymbolView
from oracle.operational.funds import Funds, mid_of
from oracle.operational.sums import Why, bps, whole, worth
from oracle.world import E8, e8


def universe(funds: Funds) -> tuple[list[str], dict[str, Why]]:
    """Return the names that may be bought, best first, and of each other configured one what stopped it."""
    most = funds.given.limits.universe_max_size
    dropped: dict[str, Why] = {}
    kept: list[SymbolView] = []
    for name in sorted(funds.given.limits.symbols):
        seen = funds.market.get(name)
        why = _by_lists(funds, name) or (Why("rules_unavailable:missing") if seen is None else None)
        if seen is not None:
            why = why or _by_pair(funds, seen) or _by_amounts(funds, seen)
        if why is not None:
            dropped[name] = why
        elif seen is not None:
            kept.append(seen)
    kept.sort(key=_rank)
    for place, seen in enumerate(kept[most:], most + 1):
        dropped[seen.name] = Why("universe_full", whole(place), whole(most))
    return [seen.name for seen in kept[:most]], dropped


def _by_lists(funds: Funds, name: str) -> Why | None:
    limits = funds.given.limits
    if name in limits.universe_deny_symbols:
        return Why("denied")
    if limits.universe_allow_symbols and name not in limits.universe_allow_symbols:
        return Why("not_allowed")
    return None


def _by_pair(funds: Funds, seen: SymbolView) -> Why | None:
    limits, rules = funds.given.limits, seen.rules
    if rules.quote != limits.universe_quote_currency:
        return Why("other_quote", rules.quote, limits.universe_quote_currency)
    if limits.universe_require_try_quote and rules.quote != "TRY":
        return Why("other_quote", rules.quote, "TRY")
    if limits.universe_require_active and not (rules.tradable and seen.listed):
        return Why("not_active")
    return None if rules.usable else Why(f"rules_unavailable:{rules.status.text}")


def _by_amounts(funds: Funds, seen: SymbolView) -> Why | None:
    limits, rules = funds.given.limits, seen.rules
    least = 0 if rules.min_notional_try is None else e8(rules.min_notional_try)
    if least > limits.universe_max_exchange_min_total_try:
        return Why("exchange_minimum", least, limits.universe_max_exchange_min_total_try)
    if rules.max_qty is not None and seen.mark is not None:
        largest = worth(e8(rules.max_qty), seen.mark)
        if largest < limits.universe_min_notional_try:
            return Why("largest_order", largest, limits.universe_min_notional_try)
    spread = spread_of(seen)
    if spread is not None and spread > bps(limits.universe_max_spread_bps):
        return Why("above_max_spread", floor(spread * 10_000 * E8), limits.universe_max_spread_bps)
    return None


def spread_of(seen: SymbolView) -> Fraction | None:
    """Return the spread of the real book as a share of its middle."""
    mid = mid_of(seen)
    if mid is None or seen.ask is None or seen.bid is None:
        return None
    return (seen.ask - seen.bid) / mid


def _rank(seen: SymbolView) -> tuple[bool, Fraction, int, str]:
    """A pair without a two-sided book comes behind all others."""
    spread = spread_of(seen)
    return spread is None, spread or Fraction(0), -(seen.quote_volume or 0), seen.name
