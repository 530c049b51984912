"""Profit aware (Stage 3): buy a little of what is cheap to trade, sell a part of it once it has paid."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from meva_core.strategy import Intent, LiveSymbol, LiveView, Side, Strategy, param


class ProfitAwareV1(Strategy):
    """Hold a small position of each symbol, and take profit in parts."""

    id = "profit_aware_v1"
    version = 1
    entry_try = param(110.0, least=0, doc="TRY of a first position")
    max_spread = param(0.01, least=0, doc="the widest spread that is bought into, a share of the bid")
    share = param(0.25, least=0, most=1, doc="the part of a position that is sold at a profit")

    def decide(self, view: LiveView, memory: dict[str, Any]) -> list[Intent]:  # type: ignore[override]
        """Ask for one order a symbol at most, by name."""
        cash = Fraction(view.cash_free) / (1 + Fraction(view.fee_bps) / 10_000)  # so that a fee is left
        asked = []
        for s in view.symbols:
            if not s.bid or not s.ask:
                continue
            if not s.is_flat:
                if self.has_paid(s, Fraction(s.bid), view):
                    asked.append(self.take_profit(s, Fraction(s.bid)))
            elif s.in_universe and s.ask - s.bid <= Fraction(str(self.max_spread)) * Fraction(s.bid):
                amount = min(cash, Fraction(str(self.entry_try)))
                cash -= amount
                asked.append(Intent(s.name, Side.BUY, amount, limit=s.ask, reason="conservative_entry"))
        return asked

    def has_paid(self, s: LiveSymbol, bid: Fraction, view: LiveView) -> bool:
        """Whether selling all of it at the bid leaves the least profit over what it cost, fees and all."""
        left = bid * Fraction(s.qty) * (10_000 - Fraction(view.fee_bps))
        return left >= Fraction(s.paid) * (10_000 + Fraction(view.min_profit_bps))

    def take_profit(self, s: LiveSymbol, bid: Fraction) -> Intent:
        """Sell the share at the bid, or all where the share is too small to be sold."""
        part = Fraction(s.qty) * Fraction(str(self.share))
        if part * bid < s.least_try:
            part = Fraction(s.to_sell or s.qty)
        return Intent(s.name, Side.SELL, qty=part, limit=s.bid, reason="take_profit")
