"""What Stages 3 and 4 show a strategy beyond what every stage does."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from attrs import frozen

from meva_core.strategy.view import SymbolView, View


@frozen
class LiveSymbol(SymbolView):
    """One symbol as Stages 3 and 4 see it; `least_try` is its least order."""

    least_try: Decimal

    @property
    def is_flat(self) -> bool:
        """Whether nothing is held, or less than can be sold."""
        price = self.mark or self.bid
        return not self.qty or price is None or Fraction(self.qty) * Fraction(price) < self.least_try


@frozen
class LiveView(View):
    """One cycle as Stages 3 and 4 see it. `cash_free` is what BUYs may spend with their fees, `cash_target`
    what stays aside of it. `fee_bps` is what a taking fill costs in truth, `min_profit_bps` and
    `may_bootstrap` are the settings `MIN_PROFIT_BPS` and `STAGE4_BOOTSTRAP_INTENTS`."""

    symbols: tuple[LiveSymbol, ...]
    fee_bps: Decimal
    min_profit_bps: Decimal
    may_bootstrap: bool
