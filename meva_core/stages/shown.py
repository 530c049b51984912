"""The market as a strategy that decides is shown it: cycle by cycle, with the bars that each sees alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from attrs import define, field

from meva_core.market import Market
from meva_core.params import MARK_LAST, Params
from meva_core.stages.sights import Look
from meva_core.strategy.base import Strategy, bars_needed
from meva_core.strategy.history import History, history_at


@define
class Shown:
    """The part at hand of a run: its market and the bars that its cycles see."""

    strategy: Strategy
    symbols: tuple[str, ...]
    params: Params
    _market: Market = field(init=False)
    _looks: list[Look] = field(init=False)
    _starts: Any = field(init=False)
    _before: int | None = field(default=None, init=False)
    _needs: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._needs = bars_needed(self.strategy)

    def take(self, market: Market, looks: Iterable[Look], before: int | None) -> None:
        """Take the next part, of which `looks` are the cycles that the strategy is asked at; `before` is the
        time of the cycle before it, seconds, None before the run's first."""
        self._market, self._looks, self._before = market, list(looks), before
        self._starts = np.array([start for start, *_ in self._looks])

    def at(self, c: int) -> History:
        """Return what is seen at cycle c of the part, one at which the strategy is asked."""
        _, _, seen = self._looks[int(np.searchsorted(self._starts, c, side="right")) - 1]
        before = self._before if c == 0 else int(self._market.time[c - 1])
        last = self.params.mark_source == MARK_LAST
        return history_at(c, self.symbols, self._market, seen, self._needs, before, marks_are_last=last)
