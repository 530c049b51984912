"""Columns by what must hold: of four prices the high is the highest and the low the lowest in every row, and
a candle opens near where the one before it closed.

Doubles serve here: what is compared are orders of magnitude, and no figure is taken from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from typing import Any, Final

import numpy as np

from meva_adapters.importing.unsaid import Unsaid
from meva_core.errors import BadInput

_MOST_COLUMNS: Final = 16
_SAME_MAGNITUDE: Final = 10
_CLEARLY: Final = 3
"""So many times smaller has the gap to the close before to be than that of any other reading."""
_LEAST_ROWS: Final = 8
_SLACK: Final = 1e-3
_MOSTLY: Final = 0.95


def find_prices(columns: Mapping[str, Any], name: str) -> tuple[dict[str, str], str]:
    """Return which columns [n, in order of time] are open, high, low and close, and why.

    Raises BadInput where none or more than one layout fits.
    """
    positive = [key for key, values in columns.items() if len(values) and (values > 0).all()][:_MOST_COLUMNS]
    fits = [
        (high, low, between)
        for high, low in permutations(positive, 2)
        if _is_range(columns[high], columns[low])
        and len(between := _between(columns, positive, high, low)) >= 2
    ]
    if not fits:
        raise BadInput(
            f"{name}: no four columns are open, high, low and close: in no reading is one the highest and "
            "one the lowest in every row",
            action="say which they are: --columns ts=1,open=2,high=3,low=4,close=5",
        )
    most = max(len(between) for _, _, between in fits)
    widest = [fit for fit in fits if len(fit[2]) == most]
    if len(widest) > 1:
        first, second = widest[:2]
        raise BadInput(
            f"{name}: high and low may be {first[0]} and {first[1]}, or {second[0]} and {second[1]}",
            action="say which they are: --columns open=2,high=3,low=4,close=5",
        )
    high, low, between = widest[0]
    opening, close, why = _by_continuity(columns, high, low, between, name)
    return {"open": opening, "high": high, "low": low, "close": close}, why


def _is_range(high: Any, low: Any) -> bool:
    """Whether one column is above another in every row, and of its size."""
    return bool((high >= low).all() and (high > low).any() and np.median(high / low) < _SAME_MAGNITUDE)


def _between(columns: Mapping[str, Any], names: list[str], high: str, low: str) -> list[str]:
    top, bottom = columns[high], columns[low]
    return [
        name
        for name in names
        if name not in (high, low) and ((columns[name] <= top) & (columns[name] >= bottom)).all()
    ]


def _by_continuity(
    columns: Mapping[str, Any], high: str, low: str, between: list[str], name: str
) -> tuple[str, str, str]:
    """Return open and close: the two by which a candle opens nearest to where the one before it closed."""
    moved = columns[high][1:] > columns[low][1:]
    gaps = sorted(
        (_gap(columns[opening], columns[close], moved), opening, close)
        for opening, close in permutations(between, 2)
    )
    (best, opening, close), (next_best, other_open, other_close) = gaps[:2]
    if moved.sum() < _LEAST_ROWS or not best * _CLEARLY < next_best:
        raise Unsaid(
            f"{name}: two layouts fit: open {opening} and close {close}, or open {other_open} and close "
            f"{other_close} (gaps to the close before of {best:.1E} and {next_best:.1E})",
            choice="columns",
            columns={"open": opening, "high": high, "low": low, "close": close},
            action=f"say which: --columns open={opening},high={high},low={low},close={close} or the other",
        )
    why = f"a candle opens {best:.1E} from the close before, {next_best:.1E} in the next best reading"
    return opening, close, why


def _gap(opening: Any, close: Any, moved: Any) -> float:
    distances = np.abs(opening[1:] - close[:-1]) / close[:-1]
    return float(np.median(distances[moved])) if moved.any() else 0.0


def find_volumes(columns: Mapping[str, Any], high: Any, low: Any, name: str) -> tuple[dict[str, str], str]:
    """Return which of the columns that are left are base and quote volume, and why.

    Two are told apart by their ratio, which is a price. Raises BadInput where it does not tell.
    """
    left = [key for key, values in columns.items() if len(values) and (values >= 0).all() and values.any()]
    if len(left) < 2:
        return dict.fromkeys(["volume"][: len(left)], left[0] if left else ""), "the one column that is left"
    pairs = [
        (float(np.median(columns[base])), base, quote)
        for base, quote in permutations(left, 2)
        if _ratio_is_price(columns[base], columns[quote], high, low)
    ]
    if pairs:
        _, base, quote = max(pairs)
        return {"volume": base, "quote_volume": quote}, f"{quote} by {base} is a price within the candle"
    raise Unsaid(
        f"{name}: columns {left[0]} and {left[1]} may both be the volume: neither by the other is a price",
        choice="columns",
        columns={"volume": left[0]},
        action=f"say which: --columns volume={left[0]}, or --columns volume=- for none",
    )


def _ratio_is_price(base: Any, quote: Any, high: Any, low: Any) -> bool:
    traded = base > 0
    if not traded.any():
        return False
    ratio = quote[traded] / base[traded]
    fits = (ratio <= high[traded] * (1 + _SLACK)) & (ratio >= low[traded] * (1 - _SLACK))
    return bool(fits.mean() >= _MOSTLY)
