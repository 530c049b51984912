"""A live cycle in one line for people, and as JSON holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meva_cli.render import as_text, counted

if TYPE_CHECKING:
    from meva_core.history.last_cycle import LastCycle


def cycle_document(name: str, cycle: LastCycle) -> dict[str, Any]:
    """Return the last cycle of a book as JSON holds it."""
    return {
        "book": name,
        "run_id": cycle.run_id,
        "cycle_ts": cycle.ts,
        "mode": cycle.mode,
        "equity_try": cycle.equity_try,
        "day_result_try": cycle.day_result_try,
        "net_pnl_try": cycle.net_pnl_try,
        "orders": cycle.orders,
        "fills": cycle.fills,
        "main_reason": cycle.main or None,
        "reason": cycle.reason or None,
    }


def cycle_texts(cycle: LastCycle) -> list[str]:
    """Return the parts of the one line of a cycle."""
    gained = as_text(cycle.day_result_try)
    return [
        f"{cycle.ts:%Y-%m-%d %H:%M:%S}",
        cycle.mode,
        f"equity {as_text(cycle.equity_try)}",
        f"today {gained if gained.startswith('-') else f'+{gained}'}",
        counted(cycle.orders, "order"),
        counted(cycle.fills, "fill"),
        *([cycle.reason] if cycle.reason else []),
    ]
