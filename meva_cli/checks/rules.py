"""The exchange's rules of every configured symbol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from meva_cli.checks.check import Check, Look, World
from meva_core.rules import RuleStatus, SymbolRules, symbol_rules

LOOK: Final = Look("rules")
_LEAVE_OUT: Final = "leave it out of SYMBOLS"


def rules_checks(world: World) -> Iterator[Check]:
    """Look at the rules of the configured symbols, as the exchange's metadata have them."""
    if not world.is_live or world.offline or world.answers.metadata is None:
        return
    from meva_core.stages.plan import fallback_of

    settings = world.settings
    pairs = world.answers.metadata.pairs
    for symbol in settings.exchange.symbols:
        entry = pairs.get(symbol)
        rule = symbol_rules(symbol, entry, fallback_of(settings))
        if (fault := _fault_of(rule, entry)) is None:
            yield LOOK.passed(symbol, "ok")
        elif world.sends_orders:
            yield LOOK.failed(symbol, fault, _LEAVE_OUT)
        elif settings.stage7.rules_require_metadata:
            yield LOOK.failed(symbol, fault, _action(rule))
        else:
            yield LOOK.warned(symbol, fault, _LEAVE_OUT)


def _fault_of(rule: SymbolRules, entry: Mapping[str, Any] | None) -> str | None:
    """Return what is wrong with a pair, None where it may be traded by the exchange's own rules."""
    if rule.status is not RuleStatus.OK or entry is None:
        return f"{rule.status.text}: {rule.reason}"
    if rule.tradable:
        return None
    status = entry.get("status")
    if status not in (None, "TRADING"):
        return f"delisted or halted: the exchange's status of it is {status}, expected TRADING"
    return "no LIMIT orders: the exchange takes none of it"


def _action(rule: SymbolRules) -> str:
    if rule.status is RuleStatus.OK:
        return _LEAVE_OUT
    return f"{_LEAVE_OUT}; STAGE7_RULES_REQUIRE_METADATA=false would trade it by rules of your own"
