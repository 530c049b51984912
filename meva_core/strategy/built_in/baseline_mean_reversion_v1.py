"""Baseline mean reversion (Stage 4): hold a little, buy below an anchor, sell above it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from meva_core.strategy import Intent, LiveView, Side, Strategy, param
from meva_core.strategy.anchors import anchor_of


class BaselineMeanReversionV1(Strategy):
    """Buy a first position, add to it below the anchor, sell of it above."""

    id = "baseline_mean_reversion_v1"
    version = 1
    anchor = param("", doc="a price, or closes:SECONDS:N for a mean; without one, only first positions")
    mean_reversion_bps = param(50, least=1, doc="how far from the anchor it trades")
    max_notional_try = param(110.0, least=0, doc="TRY of an order at most")
    bootstrap_notional_try = param(110.0, least=0, doc="TRY of a first position")

    def __attrs_post_init__(self) -> None:
        """Refuse an anchor that is none."""
        anchor_of(self.anchor)

    @property
    def bars(self) -> str | None:  # type: ignore[override]  # it follows from a parameter
        """The interval of the closes."""
        return anchor_of(self.anchor).bars

    def needs(self) -> int:
        """Return how many closes the anchor is the mean of."""
        return anchor_of(self.anchor).closes

    def decide(self, view: LiveView, memory: dict[str, Any]) -> list[Intent]:  # type: ignore[override]
        """Ask for one order a symbol at most."""
        asked = (self.ask(view, i) for i, s in enumerate(view.symbols) if s.mark)
        return [intent for intent in asked if intent]

    def ask(self, view: LiveView, i: int) -> Intent | None:
        """Return what is to be traded of symbol i, None for nothing."""
        s, most = view.symbols[i], Fraction(str(self.max_notional_try))
        mark, free = Fraction(s.mark or 0), Fraction(view.cash_free)
        if s.is_flat:
            if not view.may_bootstrap or not s.in_universe or s.has_open(Side.BUY):
                return None
            amount = min(Fraction(str(self.bootstrap_notional_try)), most, free)
            return Intent(s.name, Side.BUY, amount, reason="bootstrap_position")
        anchor = anchor_of(self.anchor).at(view, i) or mark
        off = (mark - anchor) / anchor * 10_000
        if off <= -self.mean_reversion_bps and not s.has_open(Side.BUY):
            return Intent(s.name, Side.BUY, min(most, free), reason="below_anchor")
        if off >= self.mean_reversion_bps and not s.has_open(Side.SELL):
            return Intent(s.name, Side.SELL, min(most, Fraction(s.qty) * mark), reason="above_anchor")
        return None
