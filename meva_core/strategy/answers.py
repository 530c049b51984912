"""What a strategy answered: checked, and rounded to what is stored, hashed and compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Final

import numpy as np

from meva_core.amounts import ABSENT, E6, E8
from meva_core.errors import MevaError
from meva_core.ids import told_time
from meva_core.strategy.base import SLACK, Strategy
from meva_core.strategy.history import History
from meva_core.strategy.intents import Intent, Target
from meva_core.strategy.labels import misplaced_columns, misplaced_rows
from meva_core.strategy.memory import memorised, recalled
from meva_core.strategy.raised import file_of, told, undisturbed
from meva_core.strategy.view import View
from meva_core.strategy.watching import Watch, unwatched

_MEND: Final = "mend the strategy; the cycles recorded before stay"


class StrategyFailed(MevaError):
    """A strategy raised, or answered with what can be no weights."""

    code = "strategy_failed"


def weights_of(strategy: Strategy, history: History, watch: Watch = unwatched) -> Any:
    """Ask a strategy for its weights at the cycles of a history; int64 [cycles, symbols], e8, rounded to
    1e-6, ABSENT where it goes on as decided.

    Raises StrategyFailed for whatever the strategy raises, and for an answer of another shape or kind, an
    infinity, a weight below 0, or weights above 1 in all: it names the first cycle, the symbol, the value.
    """
    return rounded(strategy, doubles_of(strategy, history, watch), history)


def doubles_of(strategy: Strategy, history: History, watch: Watch = unwatched) -> Any:
    """Ask a strategy for its weights at the cycles of a history, and return them before they are rounded:
    float64 [cycles, symbols]. Raises StrategyFailed for whatever the strategy raises, and for an answer of
    another shape or kind."""
    name, span = f"strategy {strategy.name()}", span_of(history)
    with asking(strategy, type(strategy).weights, span, watch):
        answer = strategy.weights(history)
    shape = (len(history.seconds), len(history.symbols))
    if (said := misplaced_columns(answer, history.symbols)) is not None:
        raise StrategyFailed(
            f"{name} returned {said}, for {span}: places count, not names",
            action="return answer[list(h.symbols)]: a column for each symbol, in that order",
        )
    found = _as_array(answer)
    if found.dtype.kind not in "fiub" or found.shape != shape:
        plain = answer is None or isinstance(answer, str | int | float)
        single = f"{answer!r:.60}" if plain else f"a {type(answer).__name__}"
        what = f"{found.dtype} {list(found.shape)}" if found.shape else single
        raise StrategyFailed(
            f"{name} returned {what} for {span}; expected float64 {list(shape)}: a row for each cycle, a "
            "column for each symbol",
            action="h.on_cycles(x) makes of rows by bar what is wanted: rows by cycle",
        )
    if (said := misplaced_rows(answer, history.seconds)) is not None:
        raise StrategyFailed(
            f"{name} returned {said}, for {span}",
            action="return a row for each cycle, in time order; h.on_cycles(x) makes that of rows by bar",
        )
    if np.ma.is_masked(answer):
        raise StrategyFailed(
            f"{name} returned a masked array for {span}: some of its weights are masked",
            action="fill it: .filled(np.nan) goes on as decided, .filled(0) holds nothing",
        )
    return found.astype(np.float64)


def _as_array(answer: Any) -> Any:
    """Return an answer as an array; one that is none, such as rows of different lengths, as one object."""
    try:
        return np.asarray(answer.to_numpy() if hasattr(answer, "to_numpy") else answer)
    except Exception:  # noqa: BLE001 - whatever the author's object does: it is refused as what it is
        return np.array(None, dtype=object)


def decision_of(strategy: Strategy, view: View, memory: str, watch: Watch = unwatched) -> tuple[Any, str]:
    """Ask a strategy that decides for its weights at one cycle, with the text of what it has in mind; int64
    [symbols] as `weights_of` has them, ABSENT for a symbol left out, and the text of its memory after.

    Raises StrategyFailed as `weights_of` does, and for an answer that is no dict, a symbol that is not there,
    a weight that is no number, and a memory that JSON has no exact form of or that is too long.
    """
    history = view.history
    name, span, kept = f"strategy {strategy.name()}", span_of(history), recalled(memory)
    with asking(strategy, type(strategy).decide, span, watch):
        answer = strategy.decide(view, kept)
    if not isinstance(answer, Mapping):
        raise _no_weights(name, span, answer, history.symbols[0])
    weights = np.full((1, len(history.symbols)), np.nan)
    for symbol, weight in answer.items():
        if symbol not in history.symbols:
            raise _unknown(name, span, symbol, weight, history.symbols)
        number = number_of(weight)
        if number is None:
            raise StrategyFailed(
                f"{name}: {span}, {symbol}: weight {weight!r:.60} is a {type(weight).__name__}; expected a "
                "number from 0 to 1, or NaN to go on as decided",
                action=_MEND,
            )
        weights[0, history.symbols.index(symbol)] = number
    decided = rounded(strategy, weights, history)[0]
    try:
        return decided, memorised(kept)
    except ValueError as error:
        raise StrategyFailed(f"{name}: {span}: {error}", action=_MEND) from error


def _no_weights(name: str, span: str, answer: Any, symbol: str) -> StrategyFailed:
    dict_of = f'return {{"{symbol}": 0.5}}, or {{}} to go on as decided'
    if isinstance(answer, list | tuple) and any(isinstance(item, Intent | Target) for item in answer):
        return StrategyFailed(
            f"{name} answered with a list of Intent or Target for {span}, which Stages 3 and 4 take; "
            "backtests and Stage 7 take a dict of weights by symbol",
            action=f"run it in a dry run of Stage 4: list it in STAGE4_STRATEGIES; here {dict_of}",
        )
    return StrategyFailed(
        f"{name} returned {answer!r:.60} for {span}; expected a dict of weights by symbol", action=dict_of
    )


def _unknown(name: str, span: str, symbol: Any, weight: Any, symbols: tuple[str, ...]) -> StrategyFailed:
    near = get_close_matches(symbol, symbols, n=1) if isinstance(symbol, str) else []
    more = f" and {len(symbols) - 6} more" if len(symbols) > 6 else ""
    said = f"did you mean {near[0]}?" if near else f"there are {', '.join(symbols[:6])}{more}"
    return StrategyFailed(
        f"{name}: {span}: weight {weight!r:.60} for {symbol!r:.60}, which is none of its symbols; {said}",
        action=_MEND,
    )


def number_of(weight: Any) -> Any:
    """Return a weight as the nearest double, None for what is no number."""
    if isinstance(weight, np.generic | np.ndarray) and np.ndim(weight) == 0:
        weight = weight.item()
    if not isinstance(weight, int | float | Decimal):
        return None
    if isinstance(weight, Decimal) and weight.is_nan():
        return np.nan
    try:
        return np.float64(weight)
    except OverflowError:
        return np.inf if weight > 0 else -np.inf


@contextmanager
def asking(strategy: Strategy, method: Any, span: str, watch: Watch = unwatched) -> Iterator[None]:
    """Say of whatever a strategy raises, as StrategyFailed, which one it was, where, and what it was asked
    for. `watch` is told that it is waited for."""
    try:
        with undisturbed(), np.errstate(divide="ignore", invalid="ignore", over="ignore"), watch(span):
            yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise StrategyFailed(
            f"strategy {strategy.name()} raised {told(error, file_of(method))} when asked for {span}",
            action="mend the strategy; the cycles recorded before stay, and --debug shows the traceback",
        ) from error


def rounded(strategy: Strategy, weights: Any, history: History) -> Any:
    """Return weights as they are stored: int64, e8, rounded to 1e-6, ABSENT for NaN. Raises StrategyFailed
    for what can be no weights."""
    name = f"strategy {strategy.name()}"
    missing = np.isnan(weights)
    held = np.where(missing, 0.0, weights)
    _refuse(name, history, held, np.isinf(held) | (held < -SLACK) | (held > 1 + SLACK))
    total = held.sum(axis=1)
    over = np.flatnonzero(total > 1 + SLACK)
    if len(over):
        c = int(over[0])
        raise StrategyFailed(
            f"{name}: cycle at {told_time(int(history.seconds[c]))}: the weights sum up to "
            f"{total[c].item()!r}; expected at most 1",
            action="divide the weights of a row by their sum",
        )
    whole = np.rint(np.clip(held, 0.0, 1.0) * E6).astype(np.int64) * (E8 // E6)  # half even
    whole[missing] = ABSENT
    return whole


def as_doubles(weights: Any) -> Any:
    """Return stored weights as a strategy answers them: float64, NaN for ABSENT."""
    return np.where(weights == ABSENT, np.nan, weights / E8)


def _refuse(name: str, history: History, weights: Any, bad: Any) -> None:
    """Raise StrategyFailed that names the first cell that is bad."""
    if bad.any():
        c, i = (int(place) for place in np.argwhere(bad)[0])
        raise StrategyFailed(
            f"{name}: cycle at {told_time(int(history.seconds[c]))}, {history.symbols[i]}: weight "
            f"{weights[c, i].item()!r}; expected 0 to 1, or NaN to go on as decided",
            action=_MEND,
        )


def span_of(history: History) -> str:
    """Return the cycles of a history in words."""
    first, last = told_time(int(history.seconds[0])), told_time(int(history.seconds[-1]))
    return f"the cycle at {first}" if first == last else f"the cycles from {first} to {last}"
