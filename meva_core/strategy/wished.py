"""How many symbols a strategy wishes for at a time, and what is said where the universe holds fewer."""

from __future__ import annotations

from typing import Any

import numpy as np

from meva_core.amounts import ABSENT


def wished_for(weights: Any, before: Any) -> Any:
    """Return which symbols are wished for in each cycle, bool [cycles, symbols]: those with a weight above 0,
    now or as decided before; `before`, bool [symbols], are those of the cycle before the first."""
    rows = np.arange(len(weights))[:, np.newaxis]
    newest = np.maximum.accumulate(np.where(weights == ABSENT, -1, rows), axis=0)
    return np.where(newest < 0, before, np.take_along_axis(weights, np.maximum(newest, 0), axis=0) > 0)


def most_wished_for(weights: Any) -> int:
    """Return how many symbols are wished for at most at a time, of weights from a run's beginning on."""
    found = wished_for(weights, np.zeros(weights.shape[1], dtype=bool))
    return int(found.sum(axis=1).max()) if len(found) else 0


def universe_note(most: int, universe_size: int) -> str | None:
    """Return that the universe is smaller than what a strategy wishes for; None where it is not."""
    if most <= universe_size:
        return None
    return (
        f"the strategy wishes for up to {most} symbols at a time, of which "
        f"STAGE7_UNIVERSE_SIZE={universe_size} keeps the largest: the others are universe_full, "
        "and what is held of them is sold; which these are changes with prices"
    )
