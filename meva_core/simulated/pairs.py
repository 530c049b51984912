"""The pairs that a simulated exchange lists, by their rules."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TypeAlias

from meva_core.errors import Refused, VenueReason
from meva_core.rules import Rules, RuleStatus, SymbolRules, rules_columns

RulesBySymbol: TypeAlias = Mapping[str, SymbolRules]


def rules_of(symbol: str, rules: RulesBySymbol) -> SymbolRules:
    """Return the rules that an order of a pair is held against; Refused where the pair takes none."""
    found = rules.get(symbol)
    if found is None or found.status is RuleStatus.MISSING:
        raise unknown_pair(symbol)
    if not found.tradable or not found.usable:
        raise Refused(f"{symbol}: limit orders are not taken", reason=VenueReason.NOT_SUPPORTED)
    return found


def unknown_pair(symbol: str) -> Refused:
    """Return the refusal of a pair that there is not."""
    return Refused(f"{symbol}: there is no such pair", reason=VenueReason.UNKNOWN_SYMBOL)


@lru_cache(maxsize=1024)
def columns_of(rules: SymbolRules) -> Rules:
    """Return the rules of one pair as columns, for kernels. Whoever has them must not change them."""
    return rules_columns([rules])
