"""The flags of cycles: quality of their data, and alerts, as bits for all cycles of a stretch at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from meva_core.cycle import Out
from meva_core.market import Market
from meva_core.reasons import Code
from meva_core.steps.measure import CLOCK_SKEW, NO_MARK, ONE_SIDED, STALE

QUALITY: Final = (
    "stale_data",
    "missing_mark_price",
    "spread_spike",
    "throttled",
    "retry_scheduled",
    "retry_giveup",
    "book_crossed",
    "clock_skew",
    "missing_data",
)
ALERTS: Final = (
    "drawdown_breach",
    "reject_spike",
    "missing_data",
    "throttled",
    "retry_excess",
    "retry_giveup",
)


def quality_flags(market: Market, out: Out, part: Any, counts: Mapping[str, Any]) -> Any:
    """Return the raised quality flags, int64 [cycles], a bit for each of QUALITY.

    Those of symbols look at every symbol that has a book. `part` are places of rows, a slice or int64
    [cycles]; `counts` are columns of these cycles.
    """
    seen = np.bitwise_or.reduce(np.where(market.book_ts[part] >= 0, out.measure.flags[part], 0), axis=1)
    stale = out.assess.fired[part] >> int(Code.STALE_MARKET_DATA) & 1
    return _bits(
        (seen & STALE != 0) | (stale != 0),
        seen & NO_MARK != 0,
        out.assess.wide[part] != 0,
        counts["throttled"] > 0,
        counts["retries"] > 0,
        counts["giveups"] > 0,
        seen & ONE_SIDED != 0,
        seen & CLOCK_SKEW != 0,
        out.assess.fresh[part] == 0,
    )


def alert_flags(out: Out, part: Any, counts: Mapping[str, Any], reject_spike: int, retries: int) -> Any:
    """Return the raised alerts, int64 [cycles], a bit for each of ALERTS, by the thresholds given."""
    return _bits(
        out.assess.fired[part] >> int(Code.MAX_DRAWDOWN_BREACH) & 1 != 0,
        counts["rejected"] >= reject_spike,
        out.assess.fresh[part] == 0,
        counts["throttled"] > 0,
        counts["retries"] >= retries,
        counts["giveups"] > 0,
    )


def raised(bits: int, names: tuple[str, ...]) -> dict[str, bool]:
    """Return the flags that are raised: most cycles have none, and a year has half a million cycles."""
    return {name: True for place, name in enumerate(names) if bits >> place & 1}


def _bits(*flags: Any) -> Any:
    return sum(flag.astype(np.int64) << place for place, flag in enumerate(flags))
