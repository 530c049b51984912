"""The market: pairs whose prices walk at random, in whole ticks; what anyone may see of them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from math import isqrt
from random import Random
from typing import Final

from attrs import define, evolve

from meva_core.rules import RuleStatus, SymbolRules

E8: Final = 10**8
_MILLION: Final = 10**6


def amount(e8: int) -> Decimal:
    """Return an amount in e8 as an exact Decimal."""
    return Decimal(e8).scaleb(-8)


@define
class Pair:
    """A pair. Prices are e8 TRY and multiples of `tick`; `lot` and `minimum` are e8.

    `noise` is how far its price goes in a second, in millionths; `spread` is between its best prices.
    """

    name: str
    price: int
    tick: int
    lot: int
    minimum: int
    spread: int
    noise: int
    listed: bool = True
    has_rules: bool = True

    @property
    def asset(self) -> str:
        """What is traded for TRY."""
        return self.name.removesuffix("TRY")

    @property
    def bid(self) -> int:
        """The best price that somebody pays."""
        low = self.price - self.spread // 2
        return max(self.tick, low - low % self.tick)

    @property
    def ask(self) -> int:
        """The best price at which somebody sells."""
        return self.bid + max(self.tick, self.spread - self.spread % self.tick)

    def walks(self, random: Random, seconds: int) -> None:
        """Let the price go on for so many seconds."""
        reach = max(1, self.noise * isqrt(seconds * _MILLION) // 1000)
        step = self.price * random.randint(-reach, reach) // _MILLION
        self.price = max(20 * self.tick, self.price + step)

    def rules(self) -> SymbolRules:
        """Return the exchange's rules for it."""
        if not self.listed or not self.has_rules:
            reason = "not in the exchange's metadata"
            return SymbolRules(self.name, RuleStatus.MISSING, reason=reason, quote="TRY")
        return SymbolRules(
            self.name, RuleStatus.OK, amount(self.tick), amount(self.lot), amount(self.minimum), quote="TRY"
        )


_KINDS: Final = (
    Pair("BTCTRY", 3_000_000 * E8, 1 * E8, 1, 9991 * E8 // 100, 400 * E8, 300),
    Pair("ETHTRY", 100_000 * E8, E8 // 10, 1, 9991 * E8 // 100, 30 * E8, 400),
    Pair("SOLTRY", 7_000 * E8, E8 // 100, 1, 9991 * E8 // 100, 4 * E8, 500),
    Pair("XRPTRY", 95 * E8, E8 // 1000, 10**4, 9991 * E8 // 100, E8 // 10, 500),
    Pair("DOGETRY", 12 * E8, E8 // 10_000, 10**8, 9991 * E8 // 100, E8 // 100, 700),
    Pair("USDTTRY", 40 * E8, E8 // 1000, 10**6, 9991 * E8 // 100, E8 // 100, 20),
)


def draw_pairs(random: Random, names: tuple[str, ...] = ()) -> dict[str, Pair]:
    """Return the pairs of one world by name: three to five of those that are known, or these names and others
    beside them."""
    kinds = {pair.name: pair for pair in _KINDS}
    if names:
        others = [name for name in kinds if name not in names][:2]
        found = [kinds.get(name) or evolve(_KINDS[2], name=name) for name in (*names, *others)]
    else:
        found = random.sample(_KINDS, random.randint(3, 5))
    return {
        pair.name: evolve(pair, noise=pair.noise * random.choice((1, 1, 2, 4)), spread=_spread(random, pair))
        for pair in sorted(found, key=lambda one: one.name)
    }


def _spread(random: Random, pair: Pair) -> int:
    return pair.spread * random.choice((1, 1, 2, 10)) // random.choice((1, 2))


def walk_all(pairs: Mapping[str, Pair], random: Random, seconds: int) -> None:
    """Let every price go on."""
    for pair in pairs.values():
        pair.walks(random, seconds)
