"""What labels may be: a closed set each, so that no number of symbols or errors makes more series.

Not in it are the labels of the two `_info` metrics, of which one series is shown at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from meva_adapters.btcturk import endpoints
from meva_adapters.btcturk.observed import OUTCOMES as CALL_OUTCOMES
from meva_adapters.measuring.asked import BARS, BOOK, METADATA, TICKERS, TIME
from meva_adapters.measuring.shown import CHANGED, SKEW
from meva_adapters.metrics import vocabulary as v
from meva_adapters.metrics.cycles import LIQUIDITY, ORDER_OUTCOMES, OUTCOMES, REJECTIONS, SYMBOL_STATES
from meva_adapters.metrics.live_cycles import BUDGET, LEVELS, REFUSALS, SENT, STEPS, UNTOLD
from meva_core.errors import VenueReason
from meva_core.live_book.alarms import AlarmCode
from meva_core.live_market import TouchFrom
from meva_core.modes import Mode
from meva_core.orders import Side
from meva_core.reasons import RISK_RULES
from meva_core.stages.dry_loop import Missed
from meva_core.stages.parts import PARTS

_SIDES: Final = tuple(side.name for side in Side)
_ENDPOINTS: Final = tuple(
    dict.fromkeys(found.quota for found in vars(endpoints).values() if isinstance(found, endpoints.Endpoint))
)
_STATS: Final = ("max", "median")
VALUES: Final[Mapping[v.Metric, Mapping[str, tuple[str, ...]]]] = {
    v.CYCLES: {"outcome": OUTCOMES},
    v.MISSED: {"reason": tuple(map(str, Missed))},
    v.CYCLE_SECONDS: {"part": tuple(dict.fromkeys((*PARTS, *STEPS.values())))},
    v.SYMBOLS: {"state": SYMBOL_STATES},
    v.TOUCHES: {"source": tuple(source.name.lower() for source in TouchFrom)},
    v.TOUCH_AGE: {"stat": _STATS},
    v.BAR_AGE: {"stat": _STATS},
    v.FAILURES: {
        "what": (TIME, METADATA, TICKERS, BOOK, BARS, "ticker", "touch", "bar", "stream", SKEW, CHANGED),
        "reason": (*map(str, VenueReason), "unreadable", "disagreed", ""),
    },
    v.REQUESTS: {"endpoint": _ENDPOINTS, "outcome": CALL_OUTCOMES},
    v.REQUEST_SECONDS: {"endpoint": _ENDPOINTS},
    v.RETRIES: {"endpoint": _ENDPOINTS},
    v.WITHHELD: {"endpoint": _ENDPOINTS},
    v.BUDGET: {"endpoint": _ENDPOINTS},
    v.MODE: {"mode": tuple(mode.name for mode in Mode)},
    v.RULES_FIRED: {"rule": (*(code.text for code in RISK_RULES), *BUDGET)},
    v.KILL_SWITCH: {"level": LEVELS},
    v.ALARMS: {"code": tuple(map(str, AlarmCode))},
    v.ORDERS: {"outcome": tuple(dict.fromkeys((*ORDER_OUTCOMES.values(), *SENT)))},
    v.REJECTS: {"reason": (*(code.text for code in REJECTIONS), *REFUSALS)},
    v.FILLS: {"side": _SIDES, "liquidity": (*LIQUIDITY, UNTOLD)},
    v.TURNOVER: {"side": _SIDES},
    v.DATABASE: {"part": ("main", "log")},
}
"""By metric and label beside `book`."""
