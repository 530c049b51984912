"""Equity over time: what it ended with, and its means weighted by the time to the next cycle."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import define, field

from meva_core.figures.cycles import Cycles
from meva_core.figures.days import Days
from meva_core.figures.drawdown import Drawdown
from meva_core.figures.exact import joined, weighted
from meva_core.figures.ratios import with_shares


@define
class Curve:
    """The equity of a book that began with `opening`, all in e8. `area` is the sum of equity x seconds to the
    next cycle; `invested` that of the share of equity that is not cash, in seconds."""

    opening: int
    cycles: int = 0
    final: int = 0
    area: int = 0
    invested: float = 0
    drawdown: Drawdown = field(init=False)
    days: Days = field(init=False)
    _tail: tuple[Any, Any, Any] | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.final = self.opening
        self.drawdown, self.days = Drawdown(self.opening), Days(self.opening)

    @property
    def seconds(self) -> int:
        """From the first cycle to the last."""
        first, last = self.days.first, self.days.last
        return 0 if first is None or last is None else last - first

    def take(self, part: Cycles) -> None:
        """Take the columns of the next cycles."""
        a, rows, times = part.out.account, slice(part.start, part.stop), part.times()
        equity = joined(a.equity_whole[rows], a.equity_rest[rows])
        self.add(times, equity, joined(a.cash_whole[rows], a.cash_rest[rows]))

    def add(self, times: Any, equity: Any, cash: Any) -> None:
        """Take equity and cash after the next cycles, e8 [n], at these times, int64 seconds [n]."""
        self.cycles += len(times)
        self.final = int(equity[-1])
        self.drawdown.take(times, equity)
        self.days.take(times, equity)
        self._weigh(times, equity, equity - cash)

    def _weigh(self, times: Any, equity: Any, value: Any) -> None:
        """Weigh all but the newest cycle, whose time to the next one is not known yet."""
        now = times, equity, value
        before = self._tail
        if before is not None:
            times, equity, value = (np.concatenate(both) for both in zip(before, now, strict=True))
        self._tail = (now[0][-1:].copy(), now[1][-1:].copy(), now[2][-1:].copy())
        seconds = np.diff(times)
        if len(seconds):
            self.area += weighted(equity[:-1], seconds)
            self.invested = with_shares(self.invested, value[:-1], equity[:-1], seconds)
