"""Charts as a script draws them: series as whole numbers of a step, four bytes each."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from meva_adapters.pictures.charts import BANDS
from meva_adapters.pictures.gathered import Gathered
from meva_core.amounts import E8
from meva_core.figures.trips import Fill
from meva_core.orders import Side

MARKED: Final = 4_000
"""Fills of a chart that are marked at most: the largest."""
_NONE: Final = -(2**31)
_STEPS: Final = 2**31 - 2


def packed(values: Any) -> dict[str, Any]:
    """Return float64 values as whole numbers of a step above the least, in base64; NaN is none."""
    there = values[np.isfinite(values)]
    base, top = (float(there.min()), float(there.max())) if len(there) else (0.0, 0.0)
    step = (top - base) / _STEPS or 1.0
    whole = np.where(np.isfinite(values), np.rint((values - base) / step), _NONE)
    return {"base": base, "step": step, "int32": base64.b64encode(whole.astype("<i4").tobytes()).decode()}


def equity_charts(told: Gathered, quote: str) -> dict[str, Any]:
    """Return the charts of equity and of how far it fell, by name."""
    times, values = told.equity.line()
    at = np.interp([fill.time for fill in told.fills], times, values) if told.fills else []
    there = np.flatnonzero(np.isfinite(told.fall.greatest))
    return {
        "equity": {
            "title": f"Equity, {quote}",
            "height": 300,
            "bands": True,
            "times": packed(times),
            "series": [{"label": f"equity, {quote}", "colour": "line", "values": packed(values)}],
            "fills": _marks(told.fills, [float(value) for value in at]),
        },
        "fall": {
            "title": "Below the highest, %",
            "height": 150,
            "bands": True,
            "down": True,
            "times": packed(told.fall.middles()[there]),
            "series": [
                {
                    "label": "below the highest, %",
                    "colour": "fall",
                    "fill": True,
                    "values": packed(told.fall.greatest[there]),
                }
            ],
            "fills": [],
        },
    }


def symbol_chart(told: Gathered, symbol: str, quote: str) -> dict[str, Any]:
    """Return the chart of a symbol's marks, as candles, and its fills."""
    marks, fills = told.marks[symbol], [fill for fill in told.fills if fill.symbol == symbol]
    there = np.flatnonzero(np.isfinite(marks.last))
    sides = {"first": marks.first, "least": marks.least, "greatest": marks.greatest, "last": marks.last}
    return {
        "title": f"{symbol}, {quote}",
        "height": 300,
        "candles": True,
        "times": packed(marks.middles()[there]),
        "series": [
            {"label": name, "colour": "soft", "values": packed(values[there])}
            for name, values in sides.items()
        ],
        "fills": _marks(fills, [fill.price / E8 for fill in fills]),
    }


def bands(told: Gathered) -> list[tuple[float, float, str]]:
    """Return the times of restricted modes: from, until and kind."""
    return [(since, until, BANDS[mode]) for since, until, mode in told.bands() if mode in BANDS]


def _marks(fills: Sequence[Fill], values: Sequence[float]) -> list[tuple[int, float, str]]:
    kept = sorted(range(len(fills)), key=lambda n: -fills[n].notional)[:MARKED]
    return [(fills[n].time, values[n], "buy" if fills[n].side == Side.BUY else "sell") for n in sorted(kept)]
