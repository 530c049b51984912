"""Strategies that decide, written by hand: the built-in ideas once more, and some that look at the book."""

from __future__ import annotations

from itertools import pairwise
from math import isfinite, isnan, nan, sqrt
from typing import Any

from meva_core.strategy import Strategy, View, param
from meva_core.strategy.periods import seconds_of


class BuyAndHoldByHand(Strategy):
    """Buy equal parts once."""

    def decide(self, view: View, memory: dict[str, Any]) -> Any:
        """Wish for something in the first cycle only."""
        if memory.setdefault("bought", str(view.time)) != str(view.time):
            return {}
        return {s.name: 1 / len(view.symbols) for s in view.symbols}


class FixedWeightsByHand(Strategy):
    """Hold equal parts, brought back to them from time to time."""

    rebalance = param("1d")

    def decide(self, view: View, memory: dict[str, Any]) -> Any:
        """Wish for them at the beginning of each period."""
        if not begins(self.rebalance, view, memory):
            return dict.fromkeys((s.name for s in view.symbols), nan)
        return {s.name: 1 / len(view.symbols) for s in view.symbols}


class MomentumByHand(Strategy):
    """Hold what rose most."""

    closes = param(60)
    count = param(3)

    def needs(self) -> int:
        """Return the closes between which one rise lies."""
        return int(self.closes) + 1

    def decide(self, view: View, memory: dict[str, Any]) -> Any:
        """Look at the oldest and the newest close."""
        close, rises = view.history.close, {}
        if not len(close):
            return {}
        for i, s in enumerate(view.symbols):
            rise = close[-1, i] / close[-1 - self.closes, i] - 1 if len(close) > self.closes else nan
            if not isnan(rise):
                rises[s.name] = rise
        best = sorted(rises, key=lambda name: (-rises[name], name))[: self.count]
        return {s.name: 1 / self.count if s.name in best else 0 for s in view.symbols}


class InverseVolatilityByHand(Strategy):
    """Hold all, the calmer the more."""

    closes = param(60)
    rebalance = param("1d")

    def needs(self) -> int:
        """Return the closes of so many returns."""
        return int(self.closes) + 1

    def decide(self, view: View, memory: dict[str, Any]) -> Any:
        """Divide 1 by each deviation."""
        close = view.history.close.tolist()
        if not begins(self.rebalance, view, memory) or not close:
            return {}
        calm = []
        for column in zip(*close, strict=True):
            returns = [now / then - 1 for then, now in pairwise(column)]
            if len(returns) < self.closes:
                calm.append(0.0)
                continue
            mean = sum(returns) / self.closes
            spread = sqrt(sum((one - mean) * (one - mean) for one in returns) / self.closes)
            calm.append(1 / spread if spread > 0 and isfinite(spread) else 0.0)
        total = sum(calm) or 1.0
        return {s.name: one / total for s, one in zip(view.symbols, calm, strict=True)}


class Stopping(Strategy):
    """Hold equal parts until one is so far below its highest mark since it was bought."""

    fall = param(0.002)

    def decide(self, view: View, memory: dict[str, Any]) -> Any:
        """Remember the highest mark of each holding."""
        if not memory:
            memory["high"] = {}
            return {s.name: 1 / len(view.symbols) for s in view.symbols}
        wish, high = {}, memory["high"]
        for s in view.symbols:
            if s.qty and s.mark:
                high[s.name] = max(high.get(s.name, 0.0), float(s.mark))
                if float(s.mark) < (1 - self.fall) * high[s.name]:
                    wish[s.name] = 0.0
                    del high[s.name]
        return wish


def begins(period: str, view: View, memory: dict[str, Any]) -> bool:
    """Whether a period begins with this cycle."""
    number = int(view.time.timestamp()) // seconds_of(period)
    before = memory.get("period")
    memory["period"] = number
    return number != before
