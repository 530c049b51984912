"""Reasons in words: what was measured, against which limit, and what would have let it trade."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from meva_core.reasons import Reason

_FRESHER: Final = "data {distance} younger would have let it trade"
_HIGHER: Final = "{distance} places higher would have let it in"
_NARROWER: Final = "{distance} narrower would have let it in"
_MORE: Final = "{distance} more would have let it trade"
_LESS: Final = "{distance} less would have let it trade"
_PASSED: Final = "{distance} less and the rule would not have fired"
_NEXT: Final = "the next cycle plans afresh"

WORDS: Final[dict[str, tuple[str, str]]] = {
    # assess
    "max_drawdown_breach": (
        "equity is {value} below its peak, the limit is {limit}",
        "it stays until a person runs `meva risk reset --reason TEXT`",
    ),
    "daily_loss_breach": ("today's loss is {value}, the limit is {limit}", _PASSED),
    "consecutive_loss_guardrail": (
        "{value} losing sells in a row, the limit is {limit}",
        "the count is forgotten when its cooldown ends",
    ),
    "stale_market_data": (
        "the newest book or ticker of any candidate is {value} old, {limit} is allowed",
        "data {distance} younger and the rule would not have fired",
    ),
    "market_liquidity_guardrail:bps": ("the widest spread is {value}, {limit} is allowed", _PASSED),
    "market_liquidity_guardrail:TRY": (
        "the volume of 24 h is {value}, {limit} is needed",
        "{distance} more and the rule would not have fired",
    ),
    "cooldown_enforced": ("a cooldown holds {value}", "it ends in {distance}"),
    # the other parts of the mode
    "base_mode": ("Stage 4's newest risk decision asks for {value}", "a decision for NORMAL lifts it"),
    "degrade_override": ("Stage 4's degrade state asks for {value}", "it lapses when its cooldown ends"),
    "observe_only_cycle": (
        "a selected or held symbol has no usable rules",
        "STAGE7_RULES_INVALID_METADATA_POLICY=skip_symbol would have cost that symbol only",
    ),
    "nothing_to_reduce": ("the mode lets only sells through, and nothing can be sold", ""),
    # select
    "not_a_candidate": (
        "not tradable, in another currency, or kept out by the whitelist or blacklist",
        "",
    ),
    "below_min_volume": ("the volume of 24 h is {value}, {limit} is needed", _MORE),
    "above_max_spread": ("the spread is {value}, {limit} is allowed", _NARROWER),
    "universe_full": ("ranked {value}, the universe holds {limit}", _HIGHER),
    "not_selected": ("not in the universe, and nothing of it is held", ""),
    # plan
    "on_target": ("what is held and on order is what the plan wants", ""),
    "observe_only": ("a difference of {value} was planned; OBSERVE_ONLY places no order", ""),
    "mode_reduce_risk_only": ("a buy of {value} was planned; REDUCE_RISK_ONLY places sells only", ""),
    "rules_unavailable:missing": ("the exchange's metadata has no rules for it", ""),
    "rules_unavailable:invalid": ("the exchange's rules for it are not usable", ""),
    "missing_mark_price": ("it has no price", ""),
    "stale_market_data:symbol": ("its book is {value} old, {limit} is allowed", _FRESHER),
    "nothing_free_to_sell": ("all that is held is reserved by open orders", ""),
    "dust": ("{value} is left, {limit} is the least that can be sold", _MORE),
    "share_below_minimum": ("its share would be {value}, {limit} is needed", _MORE),
    "superseded": ("an open order on the other side was canceled first", _NEXT),
    "turnover_cap": ("{value} of the cycle's turnover cap is left, {limit} is needed", _MORE),
    "max_orders": ("all {limit} orders of the cycle went to larger differences", ""),
    # build
    "price_rounds_to_zero": ("its price is below one tick", ""),
    "price_out_of_range": (
        "the limit price is {value}, the exchange's bound is {limit}",
        "{distance} nearer would have let it trade",
    ),
    "qty_rounds_to_zero": ("{value} planned, one lot costs {limit}", _MORE),
    "min_qty": ("a quantity of {value}, {limit} is needed", _MORE),
    "max_qty": ("the quantity is above what the exchange or an amount allows", ""),
    "min_notional": ("{value} planned, {limit} needed", _MORE),
    "insufficient_cash": ("free cash does not pay for the least order", _NEXT),
    "insufficient_position": ("less is free than was to be sold", _NEXT),
    "tick_too_coarse": ("its tick moves the price by {value}, {limit} is allowed", _LESS),
    # the earlier system's cycles
    "no_action": ("the plan held no action for it", ""),
}
"""What was measured, and what would have changed it, by code."""

_ABSENT: Final[dict[str, str]] = {
    "stale_market_data": "no candidate has a book or ticker",
    "stale_market_data:symbol": "it has no book",
    "price_out_of_range": "the limit price leaves the range of an amount",
}
"""What is said where there was nothing to measure."""
_SUFFIX: Final = {"TRY": " TRY", "s": " s", "bps": " bps"}


def say(reason: Reason) -> str:
    """Return a reason as a line for people, such as `ETHTRY: min_notional at plan: 12.3 TRY planned, 99.91
    TRY needed; 87.61 TRY more would have let it trade`."""
    head = f"{reason.scope}: " if reason.scope else ""
    words = explain(reason)
    return f"{head}{reason.code} at {reason.step}" + (f": {words}" if words else "")


def explain(reason: Reason) -> str:
    """Return what a reason means, without its name: measured, limit, and what would have changed it."""
    if reason.code == "ok":
        return "an order was placed" if reason.scope else "no rule of risk fired"
    key = _key(reason)
    if key in _ABSENT and (reason.value is None or reason.value.startswith("-")):
        return _ABSENT[key]
    if key not in WORDS:
        return _plain(reason)
    values = {name: measure(getattr(reason, name), reason.unit) for name in ("value", "limit", "distance")}
    measured, flip = (_fill(text, values) for text in WORDS[key])
    return "; ".join(filter(None, (measured, flip)))


def _key(reason: Reason) -> str:
    if reason.code == "stale_market_data" and reason.scope:
        return "stale_market_data:symbol"
    if reason.code == "market_liquidity_guardrail":
        return f"{reason.code}:{reason.unit}"
    return reason.code


def _fill(text: str, values: dict[str, str]) -> str:
    """Fill a text in; one that needs a number which was not recorded is left out."""
    needed = [name for name in values if f"{{{name}}}" in text]
    return text.format(**values) if all(values[name] for name in needed) else ""


def _plain(reason: Reason) -> str:
    """Say the numbers of a code without words."""
    parts = (("", reason.value), ("limit ", reason.limit), ("distance ", reason.distance))
    return ", ".join(f"{name}{measure(number, reason.unit)}" for name, number in parts if number is not None)


def measure(number: str | None, unit: str) -> str:
    """Return a number of a reason with its unit, nothing for None; ratios become percent."""
    if number is None:
        return ""
    if unit == "ratio":
        return f"{(Decimal(number) * 100).normalize():f} %"
    numeric = number.removeprefix("-")[:1].isdigit()
    return f"{number}{_SUFFIX.get(unit, '')}" if numeric else number
