"""Why a cycle of Stages 3 and 4 did not do something: code, what was measured, the limit, whose it is."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from attrs import frozen

from meva_core.amounts import E8, format_e8
from meva_core.reasons import Code, Reason


class Cause(StrEnum):
    """The codes of these stages. Those that Stage 7 has in the same sense are its words."""

    OK = "ok"
    # the risk budget
    KILL_SWITCH = "KILL_SWITCH"
    DRAWDOWN_LIMIT = "DRAWDOWN_LIMIT"
    EXPOSURE_LIMIT = "EXPOSURE_LIMIT"
    FEE_BUDGET = "FEE_BUDGET"
    MARK_UNKNOWN = "MARK_UNKNOWN"
    # other parts of the mode
    DEGRADE_OVERRIDE = "degrade_override"
    UNKNOWN_ORDERS = "unknown_orders"
    STRATEGY_FAILED = "strategy_failed"
    OBSERVE = "observe"
    # the universe
    DENIED = "denied"
    NOT_ALLOWED = "not_allowed"
    OTHER_QUOTE = "other_quote"
    NOT_ACTIVE = "not_active"
    EXCHANGE_MINIMUM = "exchange_minimum"
    LARGEST_ORDER = "largest_order"
    ABOVE_MAX_SPREAD = "above_max_spread"
    UNIVERSE_FULL = "universe_full"
    NOT_IN_UNIVERSE = "not_in_universe"
    # what was asked for
    SUPERSEDED_BY = "superseded_by"
    ON_TARGET = "on_target"
    NEAR_TARGET = "near_target"
    OBSERVE_ONLY = "observe_only"
    MODE_REDUCE_RISK_ONLY = "mode_reduce_risk_only"
    SYMBOL_BLOCKED = "symbol_blocked"
    NO_MARK_PRICE = "no_mark_price"
    STALE_MARKET_DATA = "stale_market_data"
    NO_POSITION = "no_position"
    DUST = "dust"
    # allocation
    CASH_TARGET = "cash_target"
    MAX_POSITION_EXPOSURE_CAP = "max_position_exposure_cap"
    GROSS_EXPOSURE_CAP = "gross_exposure_cap"
    CYCLE_NOTIONAL_CAP = "cycle_notional_cap"
    MAX_INTENT_CAP = "max_intent_cap"
    POSITION_VALUE_CAP = "position_value_cap"
    MIN_NOTIONAL = "min_notional"
    # lifecycle
    STALE = "stale"
    DEDUPED = "deduped"
    ORDER_OPEN = "order_open"
    SUPERSEDED = "superseded"
    # risk filters
    MAX_DAILY_LOSS = "max_daily_loss"
    MAX_DRAWDOWN = "max_drawdown"
    MAX_ORDERS_PER_CYCLE = "max_orders_per_cycle"
    MAX_OPEN_ORDERS = "max_open_orders"
    MAX_OPEN_ORDERS_PER_SYMBOL = "max_open_orders_per_symbol"
    MAX_ORDER_NOTIONAL_TRY = "max_order_notional_try"
    MAX_POSITION_NOTIONAL_TRY = "max_position_notional_try"
    MIN_PROFIT_THRESHOLD = "min_profit_threshold"
    COOLDOWN = "cooldown"
    NOTIONAL_CAP = "notional_cap"
    MAX_POSITION = "max_position"
    INSUFFICIENT_CASH = "insufficient_cash"
    INSUFFICIENT_POSITION = "insufficient_position"


EXCHANGE: Final = "exchange"
"""Stands as the setting where a rule of the exchange is the limit."""
PROGRAM: Final = "program"
"""Stands as the setting where the program itself is: no setting moves it."""


@frozen
class Because(Reason):
    """A reason, and the setting behind its limit: `exchange` or `program` where no setting is."""

    setting: str = ""


def because(
    code: str,
    step: str,
    scope: str = "",
    value: int | str | None = None,
    limit: int | str | None = None,
    *,
    unit: str = "",
    setting: str = "",
) -> Because:
    """Return a reason. `value` and `limit` are e8 integers, or texts; the distance is that of two
    integers."""
    both = isinstance(value, int) and isinstance(limit, int)
    distance = format_e8(abs(value - limit)) if both else None  # type: ignore[operator]  # both are ints
    return Because(str(code), step, scope, _text(value), _text(limit), distance, unit, setting)


def counted(number: int) -> int:
    """Return a count, seconds or a number of bps as `because` takes it."""
    return number * E8


def of_rules(code: int) -> str:
    """Return the text of a code of the rules' kernels."""
    return Code(code).text


def _text(value: int | str | None) -> str | None:
    return format_e8(value) if isinstance(value, int) else value
