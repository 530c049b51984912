"""Why something happened or did not: codes for the engine, typed reasons for people."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from attrs import frozen


class Code(IntEnum):
    """What a step found. The engine stores the number, everything else shows `text`."""

    OK = 0
    # assess: the rules of risk, in the order in which they are looked at
    MAX_DRAWDOWN_BREACH = 1
    DAILY_LOSS_BREACH = 2
    CONSECUTIVE_LOSS_GUARDRAIL = 3
    STALE_MARKET_DATA = 4
    MARKET_LIQUIDITY_GUARDRAIL = 5
    COOLDOWN_ENFORCED = 6
    # plan: the other parts of the mode
    BASE_MODE = 10
    DEGRADE_OVERRIDE = 11
    OBSERVE_ONLY_CYCLE = 12
    STRATEGY_FAILED = 13
    # select
    NOT_A_CANDIDATE = 20
    BELOW_MIN_VOLUME = 21
    ABOVE_MAX_SPREAD = 22
    UNIVERSE_FULL = 23
    # plan
    NOT_SELECTED = 30
    ON_TARGET = 31
    OBSERVE_ONLY = 32
    MODE_REDUCE_RISK_ONLY = 33
    RULES_MISSING = 34
    RULES_INVALID = 35
    MISSING_MARK_PRICE = 36
    NOTHING_FREE_TO_SELL = 37
    DUST = 38
    SHARE_BELOW_MINIMUM = 39
    SUPERSEDED = 40
    TURNOVER_CAP = 41
    MAX_ORDERS = 42
    NOTHING_TO_REDUCE = 43
    WITHIN_BAND = 44
    NO_OPINION = 45
    # build
    PRICE_ROUNDS_TO_ZERO = 50
    PRICE_OUT_OF_RANGE = 51
    QTY_ROUNDS_TO_ZERO = 52
    MIN_QTY = 53
    MAX_QTY = 54
    MIN_NOTIONAL = 55
    INSUFFICIENT_CASH = 56
    INSUFFICIENT_POSITION = 57
    TICK_TOO_COARSE = 58
    # settle and execute
    TTL_EXPIRED = 70
    SIM_REJECT = 71
    THROTTLED = 72
    RETRY_GIVEUP = 73
    NON_RETRYABLE = 74
    IDEMPOTENCY_CONFLICT = 75
    # settle: the book goes on under other parameters
    RUN_CHANGED = 76

    @property
    def text(self) -> str:
        """The code as it is stored and shown."""
        return _TEXTS[self]


_TEXTS = {code: code.name.lower() for code in Code} | {
    Code.RULES_MISSING: "rules_unavailable:missing",
    Code.RULES_INVALID: "rules_unavailable:invalid",
}

CODES: Final = {int(code): code for code in Code}
"""The codes by number: quicker than `Code(number)`."""

RISK_RULES = (
    Code.MAX_DRAWDOWN_BREACH,
    Code.DAILY_LOSS_BREACH,
    Code.CONSECUTIVE_LOSS_GUARDRAIL,
    Code.STALE_MARKET_DATA,
    Code.MARKET_LIQUIDITY_GUARDRAIL,
    Code.COOLDOWN_ENFORCED,
)
"""The codes that assess can give; rule k fired when bit k of `fired` is set (`fired_codes`)."""


def fired_codes(fired: int) -> tuple[Code, ...]:
    """Return the rules whose bits are set in `fired`, in the order of the rules."""
    return tuple(code for code in RISK_RULES if fired >> code & 1)


@frozen
class Reason:
    """One reason: what was measured, against which limit, and how far it was from the other side.

    `scope` is a symbol, or empty for the whole cycle. `value`, `limit` and `distance` are plain decimal text
    in `unit`, or None where the reason has no number. `distance` is what must change for the reason to fall
    away.
    """

    code: str
    step: str
    scope: str = ""
    value: str | None = None
    limit: str | None = None
    distance: str | None = None
    unit: str = ""
