"""The exchange's rules of every configured symbol."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from meva_cli.checks.check import Check, Look, World
from meva_core.rules import RuleStatus, symbol_rules

LOOK: Final = Look("rules")


def rules_checks(world: World) -> Iterator[Check]:
    """Look at the rules of the configured symbols, as the exchange's metadata have them."""
    if not world.is_live or world.offline or world.answers.metadata is None:
        return
    from meva_core.stages.plan import fallback_of

    settings = world.settings
    needed, policy = settings.stage7.rules_require_metadata, "STAGE7_RULES_REQUIRE_METADATA"
    pairs = world.answers.metadata.pairs
    for symbol in settings.exchange.symbols:
        rule = symbol_rules(symbol, pairs.get(symbol), fallback_of(settings))
        if rule.status is RuleStatus.OK and rule.tradable:
            yield LOOK.passed(symbol, "ok")
        elif rule.status is RuleStatus.OK:
            yield LOOK.warned(
                symbol, "it is delisted, halted, or takes no LIMIT orders", "leave it out of SYMBOLS"
            )
        else:
            said = f"{rule.status.text}: {rule.reason}"
            if rule.usable or not needed:
                yield LOOK.warned(symbol, said, "leave it out of SYMBOLS")
            else:
                action = f"leave it out of SYMBOLS; {policy}=false would trade it by rules of your own"
                yield LOOK.failed(symbol, said, action)
