"""The account as a cycle finds it, against its peaks and the day's opening."""

from __future__ import annotations

from attrs import frozen

from meva_core.operational.documents import Amount
from meva_core.operational.inputs import Inputs


@frozen(kw_only=True)
class Assessed:
    """Equity, values and losses, e8 TRY. `largest` is the largest value of one symbol."""

    equity: Amount
    exposure: Amount
    largest: Amount
    largest_symbol: str
    drawdown: Amount
    day_pnl: Amount


def assess(inputs: Inputs) -> Assessed:
    """Return what the account comes to."""
    book, risk = inputs.positions, inputs.risk
    largest = max(book.positions, key=lambda position: position.value, default=None)
    return Assessed(
        equity=book.equity,
        exposure=book.exposure,
        largest=largest.value if largest else 0,
        largest_symbol=largest.symbol if largest else "",
        drawdown=max(0, risk.peak - book.equity),
        day_pnl=book.equity - risk.day_open,
    )
