"""The flags of a cycle: quality of its data, and alerts."""

from __future__ import annotations

from collections.abc import Mapping

from meva_core.cycle import Out
from meva_core.market import Market
from meva_core.params import Params
from meva_core.reasons import Code
from meva_core.steps.measure import CLOCK_SKEW, NO_MARK, ONE_SIDED, STALE


def quality_flags(
    c: int, market: Market, out: Out, params: Params, counts: Mapping[str, int]
) -> dict[str, bool]:
    """Return the raised quality flags of cycle c; those of symbols look at every symbol that has a book."""
    seen = 0
    for flags, stamp in zip(out.measure.flags[c].tolist(), market.book_ts[c].tolist(), strict=True):
        if stamp >= 0:
            seen |= flags
    return _raised(
        {
            "stale_data": bool(seen & STALE) or bool(out.assess.fired[c] >> Code.STALE_MARKET_DATA & 1),
            "missing_mark_price": bool(seen & NO_MARK),
            "spread_spike": bool(out.assess.wide[c]),
            "throttled": counts["throttled"] > 0,
            "retry_scheduled": counts["retries"] > 0,
            "retry_giveup": counts["giveups"] > 0,
            "book_crossed": bool(seen & ONE_SIDED),
            "clock_skew": bool(seen & CLOCK_SKEW),
            "missing_data": bool(out.assess.fresh[c] == 0),
        }
    )


def alert_flags(
    c: int, out: Out, quality: Mapping[str, bool], counts: Mapping[str, int], reject_spike: int, retries: int
) -> dict[str, bool]:
    """Return the raised alerts of cycle c, with the thresholds of the settings."""
    return _raised(
        {
            "drawdown_breach": bool(out.assess.fired[c] >> Code.MAX_DRAWDOWN_BREACH & 1),
            "reject_spike": counts["rejected"] >= reject_spike,
            "missing_data": "missing_data" in quality,
            "throttled": "throttled" in quality,
            "retry_excess": counts["retries"] >= retries,
            "retry_giveup": "retry_giveup" in quality,
        }
    )


def _raised(flags: Mapping[str, bool]) -> dict[str, bool]:
    """Keep the flags that are raised: most cycles have none, and a year has half a million cycles."""
    return {name: True for name, raised in flags.items() if raised}
