"""What a strategy answered: checked, and rounded to what is stored, hashed and compared."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from meva_core.amounts import ABSENT, E6, E8
from meva_core.errors import MevaError
from meva_core.ids import stamp_text
from meva_core.strategy.base import Strategy
from meva_core.strategy.history import History

SLACK: Final = 1e-9
"""Weights are sums of doubles: so much below 0 is 0, and so much above 1 in all is 1."""


class StrategyFailed(MevaError):
    """A strategy raised, or answered with what can be no weights."""

    code = "strategy_failed"


def weights_of(strategy: Strategy, history: History) -> Any:
    """Ask a strategy for its weights at the cycles of a history; int64 [cycles, symbols], e8, rounded to
    1e-6, ABSENT where it goes on as decided.

    Raises StrategyFailed for whatever the strategy raises, and for an answer of another shape or kind, an
    infinity, a weight below 0, or weights above 1 in all: it names the first cycle, the symbol, the value.
    """
    name = f"strategy {strategy.name()}"
    span = _span(history)
    try:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            answer = strategy.weights(history)
    except Exception as error:
        at = _line_of(error)
        raise StrategyFailed(
            f"{name} raised {type(error).__name__}: {error} ({at}) when asked for {span}",
            action="mend the strategy; the cycles recorded before stay, and --debug shows the traceback",
        ) from error
    shape = (len(history.seconds), len(history.symbols))
    found = np.asarray(answer) if not hasattr(answer, "to_numpy") else np.asarray(answer.to_numpy())
    if found.dtype.kind not in "fiub" or found.shape != shape:
        what = f"{found.dtype} {list(found.shape)}" if found.shape else f"{answer!r:.60}"
        raise StrategyFailed(
            f"{name} returned {what} for {span}; expected float64 {list(shape)}: a row for each cycle, a "
            "column for each symbol",
            action="h.on_cycles(x) makes of rows by bar what is wanted: rows by cycle",
        )
    return _rounded(name, found.astype(np.float64), history)


def _rounded(name: str, weights: Any, history: History) -> Any:
    missing = np.isnan(weights)
    held = np.where(missing, 0.0, weights)
    _refuse(name, history, held, np.isinf(held) | (held < -SLACK) | (held > 1 + SLACK))
    total = held.sum(axis=1)
    over = np.flatnonzero(total > 1 + SLACK)
    if len(over):
        c = int(over[0])
        raise StrategyFailed(
            f"{name}: cycle at {stamp_text(int(history.seconds[c]))}: the weights sum up to "
            f"{total[c].item()!r}; expected at most 1",
            action="divide the weights of a row by their sum",
        )
    whole = np.rint(np.clip(held, 0.0, 1.0) * E6).astype(np.int64) * (E8 // E6)  # half even
    whole[missing] = ABSENT
    return whole


def _refuse(name: str, history: History, weights: Any, bad: Any) -> None:
    """Raise StrategyFailed that names the first cell that is bad."""
    if bad.any():
        c, i = (int(place) for place in np.argwhere(bad)[0])
        raise StrategyFailed(
            f"{name}: cycle at {stamp_text(int(history.seconds[c]))}, {history.symbols[i]}: weight "
            f"{weights[c, i].item()!r}; expected 0 to 1, or NaN to go on as decided",
            action="mend the strategy; the cycles recorded before stay",
        )


def _span(history: History) -> str:
    first, last = stamp_text(int(history.seconds[0])), stamp_text(int(history.seconds[-1]))
    return f"the cycle at {first}" if first == last else f"the cycles from {first} to {last}"


def _line_of(error: BaseException) -> str:
    """Return where an error was raised: the innermost frame, by file name and line."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "no line"
    file = trace.tb_frame.f_code.co_filename.replace("\\", "/").rpartition("/")[2]
    return f"{file}:{trace.tb_lineno}"
