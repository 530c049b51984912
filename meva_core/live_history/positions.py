"""What a book holds, at average cost and in lots, and what of the account is not the book's."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from attrs import frozen

from meva_core.amounts import E8, to_decimal
from meva_core.figures.ratios import quotient
from meva_core.live_book.holdings import Holding
from meva_core.live_history.books import Standing
from meva_core.live_history.orders import Order
from meva_core.operating.records.rounding import divided
from meva_core.orders import Side

AT_MARK: Final = "mark"
AT_COST: Final = "cost"
"""What a holding is valued at: its mark, or, where its last cycle had none, what its lots had cost."""


@frozen
class Position:
    """A holding. `paid` is what was paid for it at average cost, with fees; its lots cost what they would
    have at the marks of their decisions. `buying` and `selling` are what open orders may still bring, and
    take. Without a mark it counts at the cost of its lots, here as in equity. Amounts in e8."""

    symbol: str
    holding: Holding
    mark: int | None
    share: float | None
    buying: Decimal
    selling: Decimal

    def document(self) -> dict[str, Any]:
        """Return it as JSON holds it, amounts as Decimals; the names are those of Stage 7's positions."""
        held = self.holding
        value = held.value(self.mark)
        return {
            "symbol": self.symbol,
            "qty": to_decimal(held.qty),
            "lots": len(held.lots),
            "average_cost_try": to_decimal(divided(held.paid * E8, held.qty)),
            "mark_try": None if self.mark is None else to_decimal(self.mark),
            "paid_try": to_decimal(held.paid),
            "value_try": to_decimal(value),
            "valued_at": AT_COST if self.mark is None else AT_MARK,
            "unrealized_try": to_decimal(value - held.paid),
            "fifo_cost_try": to_decimal(held.cost),
            "fifo_unrealized_try": to_decimal(value - held.cost),
            "realized_average_try": to_decimal(held.realized_average),
            "share_ratio": self.share,
            "buying_qty": self.buying,
            "selling_qty": self.selling,
            "open_lots": [
                {"qty": to_decimal(lot.qty), "cost_try": to_decimal(lot.cost)} for lot in held.lots
            ],
        }


def positions_of(standing: Standing, orders: Sequence[Order]) -> dict[str, Any]:
    """Return what a book holds as JSON holds it, the largest first. `orders` are those that may still fill.

    `others` are coins of the account that are not the book's: Meva never sells them.
    """
    ledger, marks = standing.book.ledger, standing.marks
    equity = ledger.equity(marks)
    held = [
        Position(
            symbol=symbol,
            holding=holding,
            mark=marks.get(symbol),
            share=quotient(holding.value(marks.get(symbol)), equity) if equity > 0 else None,
            buying=_on_order(orders, symbol, Side.BUY),
            selling=_on_order(orders, symbol, Side.SELL),
        )
        for symbol, holding in ledger.holdings.items()
        if holding.qty
    ]
    held.sort(key=lambda one: (-one.holding.value(one.mark), one.symbol))
    return {
        "book": standing.name,
        "run_id": standing.book.run,
        "ts": standing.listed.last,
        "quote": "TRY",
        "cash_try": to_decimal(ledger.cash),
        "equity_try": to_decimal(equity),
        "positions": [one.document() for one in held],
        "others": [
            {"asset": asset, "qty": to_decimal(qty)} for asset, qty in sorted(ledger.foreign.items()) if qty
        ],
    }


def _on_order(orders: Sequence[Order], symbol: str, side: Side) -> Decimal:
    found = (one for one in orders if (one.symbol, one.side) == (symbol, side.name))
    return sum((max(Decimal(0), one.qty - one.booked) for one in found), Decimal(0))
