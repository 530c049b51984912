"""What a recorded cycle says about itself: its reasons, its mode's parts, its flags.

Our own cycles store typed reasons. What cycles of the earlier system say is gathered from their documents:
codes without numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from attrs import frozen

from meva_core.history.window import LEGACY, Decode, StoredRow, document
from meva_core.modes import Mode
from meva_core.reasons import Code, Reason

OK: Final = Code.OK.text
ON_TARGET: Final = Code.ON_TARGET.text
REASON_COLUMNS: Final = ("reasons_json",)
LEGACY_COLUMNS: Final = (
    "mode_json",
    "order_intents_json",
    "selected_universe_json",
    "universe_scores_json",
)
NO_TROUBLE: Final = {"simulated_execution", "blocked_exchange_writes"}
"""Quality flags of the earlier system that every dry run of its raised."""


def reason_columns(run_id: str) -> tuple[str, ...]:
    """Return the trace's columns that `reasons_of` needs for cycles of a run."""
    return LEGACY_COLUMNS if run_id == LEGACY else REASON_COLUMNS


def reasons_of(run_id: str, row: StoredRow, decode: Decode) -> list[Reason]:
    """Return the reasons of a cycle of a run: those for the whole of it, then one for each symbol."""
    if run_id == LEGACY:
        return [*_legacy_rules(row, decode), *_legacy_fates(row, decode)]
    return [Reason(*stored) for stored in document(decode, row["reasons_json"], [])]


def told_code(reason: Reason, largest: Decimal | None = None) -> str:
    """Return the code that a reason is told by, which is not always the one that is recorded.

    A planned difference below the least order is no hindrance: the symbol is on target as nearly as orders
    can bring it. But where no position may reach the least order (`largest`, in TRY), nothing is ever bought.
    """
    if (reason.code, reason.step) != (Code.MIN_NOTIONAL.text, "plan"):
        return reason.code
    least = None if reason.limit is None else Decimal(reason.limit)
    never = least is not None and largest is not None and largest < least
    return reason.code if never else ON_TARGET


def main_reason(reasons: Sequence[Reason], largest: Decimal | None = None) -> str:
    """Return the code that says most about a cycle without orders: the first rule for the whole of it, else
    what most symbols share. Codes are those that are told (`told_code`)."""
    whole = [reason.code for reason in reasons if not reason.scope and reason.code != OK]
    codes = Counter(told_code(reason, largest) for reason in reasons if reason.scope)
    return whole[0] if whole else next((code for code, _ in codes.most_common(1)), OK)


# -- Flags ------------------------------------------------------------------------------------------------


def raised(decode: Decode, text: str | None) -> tuple[str, ...]:
    """Return the names of the raised flags of a stored document, sorted.

    A flag that is not there is not raised. The earlier system wrote true as a text at times.
    """
    flags = document(decode, text, {})
    return tuple(sorted(name for name, flag in flags.items() if flag is True or flag == "true"))


# -- The mode ---------------------------------------------------------------------------------------------

_RULE_MODES: Final = {
    "max_drawdown_breach": "OBSERVE_ONLY",
    "daily_loss_breach": "OBSERVE_ONLY",
    "stale_market_data": "OBSERVE_ONLY",
    "market_liquidity_guardrail": "REDUCE_RISK_ONLY",
}


@frozen
class ModeParts:
    """The parts that a cycle's final mode was combined from; None where nothing asked for one."""

    final: str
    base: str
    override: str | None
    rules: str
    risk: str
    cooldown_until: str | None
    strategy: str | None = None
    """None where no strategy was asked."""

    def binding(self) -> list[str]:
        """Return the names of the parts that gave the final mode; none if nothing was restricted."""
        if self.final == Mode.NORMAL.name:
            return []
        parts = {"base": self.base, "override": self.override, "rules": self.rules, "risk": self.risk}
        parts["strategy"] = self.strategy
        return [name for name, mode in parts.items() if mode == self.final]


def mode_parts(
    row: StoredRow, reasons: Sequence[Reason], settings: Mapping[str, Any], decode: Decode
) -> ModeParts:
    """Return the parts of a cycle's mode, from its document, or from its reasons where the trace was brief.

    `row` has mode_json, mode_base and mode_final; `settings` are the run's.
    """
    stored = document(decode, row["mode_json"], {})
    asked = {reason.code: reason.value for reason in reasons if not reason.scope}
    rules = "OBSERVE_ONLY" if "observe_only_cycle" in asked else "NORMAL"
    fired = [_rule_mode(reason, settings) for reason in reasons if not reason.scope]
    return ModeParts(
        final=_first(stored.get("final_mode"), row["mode_final"]),
        base=_first(stored.get("base_mode"), row["mode_base"]),
        override=stored.get("override_mode") or asked.get("degrade_override"),
        rules=_first(stored.get("rules_mode"), rules),
        risk=_first(stored.get("risk_mode"), max(fired, key=_rank, default="NORMAL")),
        cooldown_until=stored.get("cooldown_until") or stored.get("risk_cooldown_until"),
        strategy=stored.get("strategy_mode"),
    )


def mode_of(row: StoredRow, which: str, decode: Decode) -> str | None:
    """Return a cycle's `mode_final` or `mode_base`: from its metrics, or, as the earlier system recorded none
    at first, from the trace's document."""
    if row[which] or not row["mode_json"]:
        found: str | None = row[which]
        return found
    name = "final_mode" if which == "mode_final" else "base_mode"
    stored: str | None = document(decode, row["mode_json"], {}).get(name)
    return stored


def _first(*modes: str | None) -> str:
    return next((mode for mode in modes if mode), "")


def _rank(mode: str) -> int:
    return Mode[mode] if mode in Mode.__members__ else 0


def _rule_mode(reason: Reason, settings: Mapping[str, Any]) -> str:
    """Return the mode that a rule of risk asks for when it fires."""
    if reason.code == "consecutive_loss_guardrail":
        return str(settings.get("STAGE7_LOSS_GUARDRAIL_MODE", "reduce_risk_only")).upper()
    if reason.code == "cooldown_enforced":
        return reason.value or "NORMAL"
    return _RULE_MODES.get(reason.code, "NORMAL")


# -- The earlier system's documents -------------------------------------------------------------------------


def _legacy_rules(row: StoredRow, decode: Decode) -> Iterator[Reason]:
    """Yield the rules that its risk layer named: a list of codes, or an object with a list of rules."""
    found = document(decode, row["mode_json"], {}).get("risk_reasons")
    if isinstance(found, dict):
        rules = found.get("rules")
        codes = [rule.get("code") for rule in rules if isinstance(rule, dict)] if rules else []
        codes += ["cooldown_enforced"] if found.get("cooldown_enforced") is True else []
    else:
        codes = found if isinstance(found, list) else []
    named = [code.lower() for code in codes if isinstance(code, str)]
    yield from (Reason(code, "assess") for code in named or [OK])


def _legacy_fates(row: StoredRow, decode: Decode) -> Iterator[Reason]:
    """Yield what became of every symbol that it ranked, selected or wanted to trade."""
    intents = {intent.get("symbol"): intent for intent in _objects(row, "order_intents_json", decode)}
    chosen = document(decode, row["selected_universe_json"], [])
    ranked = [score.get("symbol") for score in _objects(row, "universe_scores_json", decode)]
    mode = document(decode, row["mode_json"], {}).get("final_mode")
    for symbol in dict.fromkeys([*ranked, *chosen, *intents]):
        if not isinstance(symbol, str) or not symbol:
            continue
        if symbol in intents:
            skipped = intents[symbol].get("skip_reason") if intents[symbol].get("skipped") else None
            yield Reason(str(skipped or OK), "build", symbol)
        elif symbol not in chosen:
            yield Reason("not_selected", "select", symbol)
        else:
            yield Reason("observe_only" if mode == "OBSERVE_ONLY" else "no_action", "plan", symbol)


def _objects(row: StoredRow, column: str, decode: Decode) -> list[dict[str, Any]]:
    return [found for found in document(decode, row[column], []) if isinstance(found, dict)]
