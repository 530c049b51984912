"""Which of the configured pairs may be bought, in which order, and why the others may not."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from attrs import frozen

from meva_core.amounts import E8, LIMIT
from meva_core.operational.because import EXCHANGE, Because, Cause, because, counted, of_rules
from meva_core.operational.inputs import QUOTE, SymbolView
from meva_core.operational.scene import Scene
from meva_core.reasons import Code
from meva_core.rules import RuleStatus
from meva_core.steps.assess import spread_above
from meva_core.steps.shape import rules_code
from meva_core.steps.wishes import worth

STEP: Final = "universe"
_BPS: Final = 10**4


@frozen
class Universe:
    """The names that may be bought, best first, and for each other configured one what stopped it."""

    names: tuple[str, ...]
    dropped: tuple[Because, ...]

    def why_not(self, symbol: str) -> Because:
        """Return why a symbol is not in it."""
        found = (reason for reason in self.dropped if reason.scope == symbol)
        return next(found, because(Cause.NOT_ALLOWED, STEP, symbol, setting="SYMBOLS"))


def universe_of(scene: Scene) -> Universe:
    """Return the universe: what no rule drops, narrow spreads first, then large volumes, then by name.

    A pair without a two-sided book has no spread that could drop it; it comes last and is not bought for want
    of a middle (`draft.why_not`) or of fresh data.
    """
    kept, dropped = [], []
    for name in sorted(set(scene.inputs.limits.symbols)):
        reason = next(_against(scene, name), None)
        if reason is None:
            kept.append(name)
        else:
            dropped.append(reason)
    kept.sort(key=lambda name: _order(scene.inputs.symbols[scene.place[name]]))
    most = scene.inputs.limits.universe_max_size
    for place, name in enumerate(kept[most:], most + 1):
        limit = counted(most)
        dropped.append(
            because(
                Cause.UNIVERSE_FULL,
                STEP,
                name,
                counted(place),
                limit,
                unit="place",
                setting="UNIVERSE_MAX_SIZE",
            )
        )
    return Universe(tuple(kept[:most]), tuple(sorted(dropped, key=lambda reason: reason.scope)))


def _against(scene: Scene, name: str) -> Iterator[Because]:
    """Yield what is against a symbol, in order."""
    limits = scene.inputs.limits
    if name in limits.universe_deny_symbols:
        yield because(Cause.DENIED, STEP, name, setting="UNIVERSE_DENY_SYMBOLS")
    if limits.universe_allow_symbols and name not in limits.universe_allow_symbols:
        yield because(Cause.NOT_ALLOWED, STEP, name, setting="UNIVERSE_ALLOW_SYMBOLS")
    seen = scene.symbol(name)
    if seen is None:
        yield because(of_rules(Code.RULES_MISSING), STEP, name, setting=EXCHANGE)
    else:
        yield from _of_the_pair(scene, seen)
        yield from _of_its_rules(scene, seen)
        yield from _of_its_spread(scene, seen)


def _of_the_pair(scene: Scene, seen: SymbolView) -> Iterator[Because]:
    limits, quote = scene.inputs.limits, seen.rules.quote
    for wanted, setting, asked in (
        (limits.universe_quote_currency, "UNIVERSE_QUOTE_CURRENCY", True),
        (QUOTE, "UNIVERSE_REQUIRE_TRY_QUOTE", limits.universe_require_try_quote),
    ):
        if asked and quote != wanted:
            yield because(Cause.OTHER_QUOTE, STEP, seen.name, quote, wanted, setting=setting)
    is_told = seen.rules.status is not RuleStatus.MISSING  # else its rules are what lacks
    if limits.universe_require_active and not (seen.listed and (seen.rules.tradable or not is_told)):
        yield because(Cause.NOT_ACTIVE, STEP, seen.name, setting="UNIVERSE_REQUIRE_ACTIVE")


def _of_its_rules(scene: Scene, seen: SymbolView) -> Iterator[Because]:
    limits, i = scene.inputs.limits, scene.place[seen.name]
    code = rules_code(scene.rules, i)
    if code != Code.OK:
        yield because(of_rules(code), STEP, seen.name, setting=EXCHANGE)
    least, most = scene.rules.min_notional[i], limits.universe_max_exchange_min_total_try
    if least > most:
        yield because(
            Cause.EXCHANGE_MINIMUM, STEP, seen.name, least, most,
            unit="TRY", setting="UNIVERSE_MAX_EXCHANGE_MIN_TOTAL_TRY",
        )  # fmt: skip
    largest = worth(scene.rules.max_qty[i], seen.mark or 0) if scene.rules.max_qty[i] < LIMIT - 1 else None
    if largest is not None and seen.mark and largest < limits.universe_min_notional_try:
        yield because(
            Cause.LARGEST_ORDER, STEP, seen.name, largest, limits.universe_min_notional_try,
            unit="TRY", setting="UNIVERSE_MIN_NOTIONAL_TRY",
        )  # fmt: skip


def _of_its_spread(scene: Scene, seen: SymbolView) -> Iterator[Because]:
    limit = scene.inputs.limits.universe_max_spread_bps
    bid, ask = seen.bid or 0, seen.ask or 0
    if seen.mid is not None and spread_above(bid, ask, limit):
        found = (ask - bid) * 2 * _BPS * E8 // (ask + bid)
        yield because(
            Cause.ABOVE_MAX_SPREAD,
            STEP,
            seen.name,
            found,
            limit,
            unit="bps",
            setting="UNIVERSE_MAX_SPREAD_BPS",
        )


def _order(seen: SymbolView) -> tuple[bool, Fraction, int, str]:
    if seen.mid is None or seen.bid is None or seen.ask is None:
        return True, Fraction(0), -(seen.quote_volume or 0), seen.name
    spread = Fraction(seen.ask - seen.bid, seen.ask + seen.bid)
    return False, spread, -(seen.quote_volume or 0), seen.name
