"""Reasons of Stages 3 and 4 in sentences: what was measured, against which limit, whose that is, and what
would have let it through. There is one for every code that a decision can hold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from meva_core.live_book.alarms import AlarmCode
from meva_core.live_history.block_words import ALARMS, BLOCKS
from meva_core.operational.because import EXCHANGE, PROGRAM, Because, Cause

_LESS: Final = "{distance} less would have passed"
_MORE: Final = "{distance} more would have passed"
_NEXT: Final = "the next cycle plans afresh"


class Words(NamedTuple):
    """What was measured, with `{value}` and `{limit}`; what would have let it through; and what is said in
    place of both where nothing could be measured, which may have a `{limit}`."""

    measured: str
    flip: str = ""
    absent: str = ""


WORDS: Final[Mapping[str, Words]] = {
    "OK": Words("no limit of the risk budget is breached"),
    Cause.OK: Words("all that was asked for"),
    # the mode
    Cause.KILL_SWITCH: Words(
        "the kill switch is on: {value}",
        "`meva gates` and `meva status` say where; `meva arm --reason TEXT` takes file and rows back",
    ),
    "DRAWDOWN_LIMIT:RISK_MAX_DRAWDOWN_TRY": Words(
        "equity is {value} below its peak, {limit} ends trading",
        "`meva risk reset --book NAME --reason TEXT` lets it count from the equity of then",
    ),
    "DRAWDOWN_LIMIT:RISK_MAX_DAILY_DRAWDOWN_TRY": Words(
        "today lost {value}, {limit} ends trading", "it ends with the UTC day"
    ),
    "EXPOSURE_LIMIT:RISK_MAX_GROSS_EXPOSURE_TRY": Words(
        "what is held is worth {value}, {limit} is allowed", "{distance} less and buys go on"
    ),
    "EXPOSURE_LIMIT:RISK_MAX_POSITION_PCT": Words(
        "what is held of it is worth {value}, {limit} of equity is allowed", "{distance} less and buys go on"
    ),
    Cause.FEE_BUDGET: Words("today's fees are {value}, {limit} is allowed", "it ends with the UTC day"),
    Cause.MARK_UNKNOWN: Words("it is held, and never had a price", "it ends with its first price"),
    Cause.DEGRADE_OVERRIDE: Words("oddities of earlier cycles hold the mode until {until}"),
    Cause.UNKNOWN_ORDERS: Words(
        "of {value} nobody knows what became; from {limit} on nothing is submitted",
        "it ends when the exchange has shown what became of them",
    ),
    Cause.STRATEGY_FAILED: Words(
        "all strategies failed, in {value} running; from {limit} on nothing is traded",
        "it ends when one answers; the log says why it failed",
    ),
    Cause.OBSERVE: Words("the run only looks on"),
    # the universe
    Cause.DENIED: Words("it is among the pairs that are not to be bought"),
    "not_allowed:UNIVERSE_ALLOW_SYMBOLS": Words("it is not among the pairs that may be bought"),
    "not_allowed:SYMBOLS": Words("it is not among the configured pairs: it is managed to its end"),
    Cause.OTHER_QUOTE: Words("it is traded for {value}, {limit} is wanted"),
    Cause.NOT_ACTIVE: Words("the exchange does not trade it now"),
    Cause.EXCHANGE_MINIMUM: Words("the exchange's least order is {value}, {limit} is wanted at most", _LESS),
    Cause.LARGEST_ORDER: Words("the exchange takes {value} at most, {limit} is wanted at least", _MORE),
    Cause.ABOVE_MAX_SPREAD: Words(
        "its spread is {value}, {limit} is allowed", "{distance} narrower would do"
    ),
    Cause.UNIVERSE_FULL: Words("it is number {value}, the universe holds {limit}"),
    "rules_unavailable:missing": Words("the exchange's description has no rules for it"),
    "rules_unavailable:invalid": Words("the exchange's rules for it cannot be used"),
    # what was asked for
    Cause.ON_TARGET: Words("what is held and on order, {value}, is what is wanted"),
    Cause.NEAR_TARGET: Words("{value} from its target, {limit} is the least that is traded", _MORE),
    Cause.OBSERVE_ONLY: Words("the mode is OBSERVE_ONLY because of {value}: nothing is submitted"),
    Cause.MODE_REDUCE_RISK_ONLY: Words("the mode is REDUCE_RISK_ONLY because of {value}: nothing is bought"),
    Cause.NO_MARK_PRICE: Words(
        "it had no price in this cycle: {value}", absent="it had no price in this cycle"
    ),
    "no_mark_price:program": Words(
        "its book had no middle to buy by: {value}",
        absent="its book had no middle to buy by: it was one-sided or crossed",
    ),
    Cause.STALE_MARKET_DATA: Words(
        "what its mark is made of was {value} old when it was decided, {limit} is allowed",
        "data {distance} younger would have passed",
        "what its mark is made of could not be read, so that nobody knows its age; {limit} is allowed",
    ),
    Cause.NO_POSITION: Words("nothing of it is held"),
    Cause.DUST: Words("all that is held, {value}, is less than the least order of {limit}", _MORE),
    # allocation
    Cause.CASH_TARGET: Words("{value} was asked for, {limit} of cash is left above what has to stay"),
    Cause.MAX_POSITION_EXPOSURE_CAP: Words("{value} was asked for, its position has room for {limit}"),
    # Caps that the risk budget also looks at leave it a tenth.
    "max_position_exposure_cap:RISK_MAX_POSITION_PCT": Words(
        "{value} was asked for, its position has room for {limit}, up to nine tenths of what is allowed"
    ),
    Cause.GROSS_EXPOSURE_CAP: Words(
        "{value} was asked for, all positions have room for {limit}, up to nine tenths of what is allowed"
    ),
    Cause.CYCLE_NOTIONAL_CAP: Words("{value} was asked for, the cycle has {limit} left"),
    Cause.MAX_INTENT_CAP: Words("{value} was asked for, one order may have {limit}"),
    Cause.POSITION_VALUE_CAP: Words("{value} was asked for, what may be sold is worth {limit}"),
    Cause.MIN_NOTIONAL: Words("{value} is less than the least order of {limit}", _MORE),
    # lifecycle
    "stale:s": Words("the order is {value} old, it lives for {limit}"),
    "stale:bps": Words("the market moved by {value} since it was decided, {limit} ends it"),
    Cause.DEDUPED: Words("order {value}, which rests, is as good"),
    Cause.ORDER_OPEN: Words("order {value} rests on this side"),
    Cause.SUPERSEDED: Words("order {value} of the other side has to end first", _NEXT),
    # risk filters
    Cause.MAX_DAILY_LOSS: Words(
        "sales of today lost {value}, {limit} ends buys", "it ends with the UTC day, or with a gain"
    ),
    Cause.MAX_DRAWDOWN: Words(
        "equity is {value} below its peak, {limit} ends buys",
        "`meva risk reset --book NAME --reason TEXT` lets it count from the equity of then",
    ),
    Cause.MAX_ORDERS_PER_CYCLE: Words("{value} came before it, a cycle may send {limit}", _NEXT),
    Cause.MAX_OPEN_ORDERS: Words("{value} rest or come before it, {limit} may", _NEXT),
    Cause.MAX_OPEN_ORDERS_PER_SYMBOL: Words("{value} rest in it, {limit} may", _NEXT),
    Cause.MAX_ORDER_NOTIONAL_TRY: Words("the order is worth {value}, {limit} is allowed", _LESS),
    Cause.MAX_POSITION_NOTIONAL_TRY: Words("with it {value} would be held, {limit} is allowed", _LESS),
    Cause.MIN_PROFIT_THRESHOLD: Words(
        "its limit is {value}, {limit} is the least that leaves a profit",
        "a limit {distance} higher would do",
    ),
    Cause.COOLDOWN: Words("the last order of this side was {value} ago, {limit} has to pass", _NEXT),
    Cause.NOTIONAL_CAP: Words("with it the cycle would come to {value}, {limit} is allowed", _LESS),
    Cause.MAX_POSITION: Words("with it {value} would be held, {limit} is allowed", _LESS),
    Cause.INSUFFICIENT_CASH: Words(
        "it costs {value} with its fee, {limit} is free", "{distance} more would do"
    ),
    Cause.INSUFFICIENT_POSITION: Words("it sells {value}, {limit} may be sold", "{distance} more would do"),
    # the exchange's rules
    "price_rounds_to_zero": Words(
        "its price is {value}, one tick is {limit}",
        "a price {distance} higher would have passed",
        "its price is below one tick",
    ),
    "price_out_of_range": Words(
        "its price is {value}, the exchange's prices end at {limit}",
        absent="its price is outside what the exchange takes",
    ),
    "qty_rounds_to_zero": Words(
        "{value} was asked for, one lot is {limit}", _MORE, "it is less than one lot"
    ),
    "min_qty": Words(
        "its quantity is {value}, the exchange takes {limit} at least",
        _MORE,
        "its quantity is less than the exchange takes",
    ),
    "max_qty": Words(
        "its quantity is {value}, the exchange takes {limit} at most",
        _LESS,
        "its quantity is more than the exchange takes",
    ),
    "tick_too_coarse": Words(
        "its tick moves its price by {value}, {limit} is allowed",
        _LESS,
        "one tick would move its price by more than one percent",
    ),
    # oddities
    "STALE_MARKET_DATA": Words("of {value} the data are old, of {limit} they may be"),
    "EXCHANGE_LATENCY_SPIKE": Words("the slowest call took {value}, {limit} is odd"),
    "ORDER_REJECT_SPIKE": Words("the exchange refused {value} in the cycle before, {limit} are odd"),
    "CURSOR_STALL": Words("its fills could not be read for {value}, {limit} are odd"),
    "CLOCK_SKEW": Words("this machine's clock is {value} off, {limit} is odd"),
    "PNL_DIVERGENCE": Words("{value} is missing at the exchange, {limit} is odd"),
}
"""By code; where one code has two senses, by code and setting, or code and unit."""
_SUFFIX: Final = {
    "TRY": " TRY",
    "s": " s",
    "ms": " ms",
    "bps": " bps",
    "percent": " %",
    "coins": " coins",
    "orders": " orders",
    "cycles": " cycles",
    "symbols": " symbols",
    "refusals": " orders",
}
_PREFIXED: Final = {
    Cause.SUPERSEDED_BY: "strategy {rest} comes first, and asked for something of it",
    Cause.SYMBOL_BLOCKED: "nothing is submitted in it: {rest}",
    Cause.NOT_IN_UNIVERSE: "it is not to be bought: {rest}",
}
"""Codes that another one, or a name, follows behind a colon."""


def say(reason: Because, settings: Mapping[str, Any] | None = None) -> str:
    """Return a reason as a line for people: `BTCTRY: min_notional at allocation: 50 TRY is less than ...`."""
    head = f"{reason.scope}: " if reason.scope else ""
    return f"{head}{reason.code} at {reason.step}: {explain(reason, settings)}"


def explain(reason: Because, settings: Mapping[str, Any] | None = None) -> str:
    """Return what a reason means: what was measured, what would have changed it, whose limit it is.

    `settings` are those of its cycle, by name. Raises KeyError for a code without words.
    """
    said = [measured(reason), *_flip(reason)]
    whose = whose_limit(reason, settings or {})
    return "; ".join(part for part in (*said, whose) if part)


def ends(reason: Because) -> str:
    """Return what would let through what a reason stopped, empty where nothing is said of that."""
    return "; ".join(_flip(reason))


def measured(reason: Because) -> str:
    """Return what was measured, in one clause."""
    code, _, rest = reason.code.partition(":")
    if code in _PREFIXED and rest:
        return _PREFIXED[Cause(code)].format(rest=_rest(code, rest, reason))
    if (alarm := _of_alarm(reason)) is not None:
        return alarm
    words = _words(reason)
    if words.absent and reason.value is None:
        return words.absent.format(**_values(reason))
    return words.measured.format(**_values(reason))


def whose_limit(reason: Because, settings: Mapping[str, Any]) -> str:
    """Return whose limit a reason's is: a setting with the value that it had, the exchange's, or nothing
    where the program alone says so."""
    name = reason.setting
    if not is_behind(name, settings):
        return ""
    if name.startswith("--"):
        return f"{name} says so"
    if name == EXCHANGE:
        return "the limit is the exchange's" if reason.limit is not None else ""
    value = settings.get(name)
    return f"your {name}" + ("" if value is None else f"={_shown(value)}")


def is_behind(name: str, settings: Mapping[str, Any]) -> bool:
    """Whether something stands behind a reason besides the program, by the name that stands as its setting
    and the settings of its cycle. The kill switch may have been thrown elsewhere than in them."""
    if not name or name == PROGRAM:
        return False
    return name != "KILL_SWITCH" or _shown(settings.get(name)) == "true"


def _flip(reason: Because) -> list[str]:
    if ":" in reason.code and reason.code.partition(":")[0] in _PREFIXED:
        return []
    if _of_alarm(reason) is not None:
        return []
    words = _words(reason)
    if not words.flip or (words.absent and reason.value is None):
        return []
    return (
        []
        if "{distance}" in words.flip and reason.distance is None
        else [words.flip.format(**_values(reason))]
    )


def _rest(code: str, rest: str, reason: Because) -> str:
    if code == Cause.SYMBOL_BLOCKED:
        return BLOCKS[rest].why
    if code == Cause.NOT_IN_UNIVERSE:
        from attrs import evolve

        return measured(evolve(reason, code=rest))
    return rest


def _of_alarm(reason: Because) -> str | None:
    """Return what an alarm says that binds the mode, or what this cycle's own reading lacked."""
    if reason.step != "mode" or reason.value is not None or reason.code not in BLOCKS:
        return None
    found = BLOCKS[reason.code].why
    return f"{found} ({reason.scope})" if reason.scope else found


def _words(reason: Because) -> Words:
    for key in (f"{reason.code}:{reason.setting}", f"{reason.code}:{reason.unit}", reason.code):
        if key in WORDS:
            return WORDS[key]
    raise KeyError(reason.code)


def _values(reason: Because) -> dict[str, str]:
    found = {name: _measure(getattr(reason, name), reason.unit) for name in ("value", "limit", "distance")}
    return {**found, "until": _until(reason)}


def _until(reason: Because) -> str:
    if reason.code != Cause.DEGRADE_OVERRIDE or reason.limit is None:
        return ""
    return f"{datetime.fromtimestamp(int(reason.limit), UTC):%Y-%m-%d %H:%M:%S} UTC"


def _measure(number: str | None, unit: str) -> str:
    if number is None:
        return "nothing"
    if not number.removeprefix("-")[:1].isdigit():
        return number
    suffix = _SUFFIX.get(unit, "")
    return f"{number}{suffix[:-1] if number == '1' and suffix.endswith('s') and len(suffix) > 4 else suffix}"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def alarm_words(code: str) -> str:
    """Return what an alarm of this code means, and what ends it."""
    words = ALARMS[AlarmCode(code)]
    return f"{words.why}; {words.end}"
