"""The settings that an imported dataset needs to be run as it is."""

from __future__ import annotations

from typing import Final

from meva_adapters.importing.importing import Import
from meva_core.amounts import E8, parse_e8, to_decimal
from meva_core.rules import FallbackRules

TRY: Final = "TRY"


def needed_settings(found: Import) -> dict[str, str]:
    """Return values of settings by their variables: the quote of the pairs, and where pairs have no rules of
    their own, what lets the fallback rules stand in."""
    needed = {}
    if found.quote not in ("", TRY):
        needed["STAGE7_UNIVERSE_QUOTE_CCY"] = found.quote
    lacking = found.without_rules
    if lacking and found.rules.document is not None:
        needed["STAGE7_RULES_REQUIRE_METADATA"] = "false"
    finest = min((found.tick_of(symbol) for symbol in lacking), default=E8)
    if finest < parse_e8(FallbackRules().tick_size, "tick"):
        needed["STAGE7_RULES_FALLBACK_TICK_SIZE"] = f"{to_decimal(finest):f}"
    return needed
