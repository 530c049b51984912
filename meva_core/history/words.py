"""Reasons in words: what was measured, against which limit, whose limit that is, and what would have let it
trade."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from attrs import Factory, frozen

from meva_core.amounts import digits_of
from meva_core.history.limits import EXCHANGE, OWN_LEAST, USER, WISHED, Bound, Limits
from meva_core.history.recorded import ON_TARGET, told_code
from meva_core.reasons import Reason

_FRESHER: Final = "data {distance} younger would have let it trade"
_HIGHER: Final = "a rank {distance} higher would have let it in"
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
    "strategy_failed": (
        "failures of the strategy in a row: {value}; from {limit} on nothing is traded",
        "the log says why; it is asked again in the next cycle",
    ),
    "nothing_to_reduce": ("the mode lets only sells through, and nothing can be sold", ""),
    # select
    "not_a_candidate": (
        "not tradable, without a book yet, in another currency, or kept out by the whitelist or blacklist",
        "",
    ),
    "below_min_volume": ("the volume of 24 h is {value}, {limit} is needed", _MORE),
    "above_max_spread": ("the spread is {value}, {limit} is allowed", _NARROWER),
    "universe_full": ("ranked {value}, the universe holds {limit}", _HIGHER),
    "universe_full:TRY": ("{value} is wished for, the least that the universe holds is {limit}", ""),
    "no_opinion": (
        "the strategy has no opinion on it: it failed, or wished for nothing of it since it has a price, "
        "and nothing is held",
        "",
    ),
    "not_selected": ("not in the universe, or not wished for, and nothing of it is held", ""),
    # plan
    "on_target": ("what is held and on order is what the plan wants", ""),
    "within_band": ("{value} from its target, the rebalance band is {limit}", _MORE),
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
_ENDED: Final[dict[str, dict[str, str]]] = {
    "backtest": {"max_drawdown_breach": "it lasts to the end of a backtest"},
    "legacy": {"max_drawdown_breach": "in the earlier system it stayed until a person reset it"},
}
"""What is said in runs, by kind, in which nobody can do what is advised elsewhere."""
_NEAR: Final = "{value} from its target, less than the least order of {limit}"
_NOT_DUE: Final = "a difference of {value} was planned, less than the least order: none was due in any mode"
_OF_EXCHANGE: Final = {
    "not_a_candidate": "no setting keeps it out: the exchange does not trade it, or it has no book yet",
    "max_qty": "the limit is the exchange's, or that of an amount",
}
_SUFFIX: Final = {"TRY": " TRY", "s": " s", "bps": " bps"}


def _unplaced(setting: str, value: Any) -> str:
    return ""


@frozen
class Telling:
    """What is known around reasons: the kind of their run, what is behind its limits, and `place`, which says
    where a setting with the run's value was set."""

    kind: str = ""
    limits: Limits = Factory(Limits)
    place: Callable[[str, Any], str] = _unplaced


def say(reason: Reason, telling: Telling | None = None) -> str:
    """Return a reason as a line for people, such as `ETHTRY: min_notional at plan: 12.3 TRY planned, 99.91
    TRY needed; 87.61 TRY more would have let it trade`."""
    head = f"{reason.scope}: " if reason.scope else ""
    words = explain(reason, telling)
    code = told_code(reason, telling.limits.largest_position) if telling else reason.code
    return f"{head}{code} at {reason.step}" + (f": {words}" if words else "")


def explain(reason: Reason, telling: Telling | None = None) -> str:
    """Return what a reason means, without its name: measured, limit, what would have changed it, and, with
    `telling`, whose limit it is and where that was set."""
    if reason.code == "ok":
        return "an order was placed" if reason.scope else "no rule of risk fired"
    key = _key(reason)
    said = _said(reason, key, telling)
    bound = telling.limits.behind(reason) if telling else None
    if telling and bound:
        said.append(whose(reason, bound, telling))
    if telling and (key, reason.step) == ("min_notional", "plan"):
        said.append(_too_small(reason, telling))
    return "; ".join(filter(None, said))


def briefly(reason: Reason, largest: Decimal | None = None) -> str:
    """Return what was measured, without what would have changed it, such as `ETHTRY: 12.3 TRY planned, 99.91
    TRY needed`. `largest` is the largest position, in TRY, as `told_code` takes it."""
    head = f"{reason.scope}: " if reason.scope else ""
    if told_code(reason, largest) == ON_TARGET:
        return WORDS[ON_TARGET][0]
    return head + (_said(reason, _key(reason), None)[0] or reason.code)


def _said(reason: Reason, key: str, telling: Telling | None) -> list[str]:
    """Return what was measured, and, where there are words for it, what would have changed it."""
    if key in _ABSENT and (reason.value is None or reason.value.startswith("-")):
        return [_ABSENT[key]]
    if key in WORDS:
        return _measured(reason, *_words(reason, key, telling))
    return [_plain(reason)]


def _words(reason: Reason, key: str, telling: Telling | None) -> tuple[str, str]:
    measured, flip = WORDS[key]
    if telling is None:
        return measured, flip
    if told_code(reason, telling.limits.largest_position) == ON_TARGET != reason.code:
        return _NEAR, ""
    if key == "not_a_candidate" and telling.limits.behind(reason):
        return "no candidate", ""
    if reason.scope and reason.code in ("observe_only", "mode_reduce_risk_only") and reason.value:
        least = telling.limits.least_order(reason.scope)
        if least is not None and abs(Decimal(reason.value)) < least:
            return _NOT_DUE, ""
    return measured, _ENDED.get(telling.kind, {}).get(key, flip)


def _measured(reason: Reason, *texts: str) -> list[str]:
    values = {name: measure(getattr(reason, name), reason.unit) for name in ("value", "limit", "distance")}
    return [_fill(text, values) for text in texts]


def whose(reason: Reason, bound: Bound, telling: Telling) -> str:
    """Return whose limit it is: the setting with its value and place, or the exchange."""
    if bound.user_minimum_try is not None:
        return _whose_minimum(bound, telling)
    if bound.whose == EXCHANGE:
        return _OF_EXCHANGE.get(reason.code, "the limit is the exchange's")
    if bound.whose != USER:
        return "the limit is the program's own"
    named = _named(bound.setting, bound.value, telling)
    if bound.adapted:
        return f"the limit was adapted from your {named}"
    if (reason.code, reason.unit) == WISHED:
        return f"the universe is your {named}{', unless it was adapted' if telling.limits.adapt else ''}"
    what = "the cap is" if reason.code == "turnover_cap" else "the limit is" if reason.limit else "set by"
    return f"{what} your {named}"


def _whose_minimum(bound: Bound, telling: Telling) -> str:
    """Return whose least order it is, and what the other's is."""
    if bound.whose == USER:
        known = bound.exchange_minimum_try
        other = f"the exchange's is {known} TRY" if known else "the exchange names none"
        return f"that is your {_named(bound.setting, bound.value, telling)}; {other}"
    own = _named(OWN_LEAST, bound.user_minimum_try, telling)
    same = Decimal(bound.user_minimum_try or 0) == Decimal(bound.exchange_minimum_try or 0)
    return f"that is the exchange's minimum; your {own} is {'the same' if same else 'smaller'}"


def _named(setting: str, value: Any, telling: Telling) -> str:
    place = telling.place(setting, value)
    return f"{setting}={_value(value)}" + (f" ({place})" if place else "")


def _too_small(reason: Reason, telling: Telling) -> str:
    """Say that no position may reach the least order, where that is so."""
    largest = telling.limits.largest_position
    if largest is None or reason.limit is None or largest >= Decimal(reason.limit):
        return ""
    name = "MAX_POSITION_NOTIONAL_TRY"
    return f"no position may be larger than your {_named(name, telling.limits.settings[name], telling)}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, list) else str(value)


def _key(reason: Reason) -> str:
    if reason.code == "stale_market_data" and reason.scope:
        return "stale_market_data:symbol"
    if reason.code == "market_liquidity_guardrail":
        return f"{reason.code}:{reason.unit}"
    if (reason.code, reason.unit) == WISHED:
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
        return f"{digits_of((Decimal(number) * 100).normalize())} %"
    numeric = number.removeprefix("-")[:1].isdigit()
    return f"{number}{_SUFFIX.get(unit, '')}" if numeric else number
