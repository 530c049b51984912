"""Positions and cursors of the live book, as the earlier system's tables have them. No other book has any."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from meva_core.amounts import E8, format_e8
from meva_core.live.live_orders import stamp
from meva_core.live_book.book import LiveBook
from meva_core.live_book.holdings import Holding
from meva_core.live_book.ledger import Marks
from meva_core.operating.records.rounding import divided
from meva_core.ports import UnitOfWork

CURSOR: Final = "fills_cursor:"
TABLES: Final = {
    "stage4_positions": ("qty", "avg_cost_try", "realized_pnl_try"),
    "positions": ("qty", "avg_cost", "realized_pnl"),
}
"""Tables of positions, and the columns of `amounts` in each."""


def amounts(held: Holding) -> tuple[str, str, str]:
    """Return what a row of each table (`TABLES`) says of a holding: its quantity, the average cost of one
    coin with fees, and what was realized by that."""
    average = format_e8(divided(held.paid * E8, held.qty))
    return format_e8(held.qty), average, format_e8(held.realized_average)


def write(work: UnitOfWork, book: LiveBook, symbols: Iterable[str], marks: Marks, now: int) -> None:
    """Store what is held of symbols, at average cost with fees: of one coin, and what was realized."""
    for symbol in sorted(set(symbols)):
        held = book.ledger.holding(symbol)
        stage4, stage3 = (dict(zip(columns, amounts(held), strict=True)) for columns in TABLES.values())
        # Without a mark nothing is known of profit that is not realized.
        unrealized = held.value(marks[symbol]) - held.paid if symbol in marks else 0
        work.upsert("stage4_positions", {"symbol": symbol, **stage4, "last_update_ts": stamp(now)})
        work.upsert(
            "positions",
            {
                "symbol": symbol,
                **stage3,
                "unrealized_pnl": format_e8(unrealized),
                "fees_paid": format_e8(held.fees),
                "updated_at": stamp(now),
            },
        )


def write_cursors(work: UnitOfWork, book: LiveBook, before: Mapping[str, int], now: int) -> None:
    """Store the cursors that moved, in milliseconds."""
    for symbol, at in sorted(book.cursors.items()):
        if before.get(symbol) != at:
            work.upsert("cursors", {"key": f"{CURSOR}{symbol}", "value": str(at), "updated_at": stamp(now)})
