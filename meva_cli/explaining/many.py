"""Many cycles: how often each reason held in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meva_cli.explaining.reasons import reason_document
from meva_cli.render import print_line, print_table
from meva_cli.telling import telling_of

if TYPE_CHECKING:
    from meva_core.history.explain_many import Held, Many
    from meva_core.history.window import Window
    from meva_core.history.words import Telling
    from meva_core.ports import Reads


def explain_many(reads: Reads, window: Window, *, as_json: bool) -> dict[str, Any]:
    """Explain the cycles of a window, for people where no JSON is asked for; return what JSON holds."""
    from meva_adapters.codec import CODEC
    from meva_core.history.explain_many import explain_cycles

    found = explain_cycles(reads, [window], CODEC.decode)
    telling = telling_of(found.kind, found.limits)
    if not as_json:
        _print_many(window, found, telling)
    return _many_document(window, found, telling)


def _many_document(window: Window, found: Many, telling: Telling) -> dict[str, Any]:
    """Return what many cycles say as JSON holds it."""
    return {
        "run_id": window.run_id,
        "first_ts": window.first_ts,
        "last_ts": window.last_ts,
        "cycles": found.cycles,
        "cycles_without_orders": found.idle,
        "cycles_on_target": found.on_target(),
        "blocked_by": found.blocked(),
        "reasons": [_held_document(held, telling) for held in found.of_cycles()],
        "symbols": [
            {
                "symbol": symbol,
                "cycles_ordered": found.ordered[symbol],
                "reasons": [_held_document(held, telling) for held in found.of_symbol(symbol)],
            }
            for symbol in found.symbols()
        ],
    }


def _held_document(held: Held, telling: Telling) -> dict[str, Any]:
    return {
        "code": held.nearest.code,
        "step": held.nearest.step,
        "cycles": held.cycles,
        "cycles_without_orders": held.idle,
        "first_ts": held.first_ts,
        "last_ts": held.last_ts,
        "nearest": reason_document(held.nearest, telling),
    }


def _print_many(window: Window, found: Many, telling: Telling) -> None:
    """Print what many cycles say for people."""
    from meva_adapters.texts.why_page import (
        CYCLE_COLUMNS,
        SYMBOL_COLUMNS,
        cycle_rows,
        head_lines,
        symbol_rows,
    )

    for line in head_lines(window, found):
        print_line(line)
    if rows := cycle_rows(found, telling):
        print_line()
        print_table(CYCLE_COLUMNS, rows)
    print_line()
    print_table(SYMBOL_COLUMNS, symbol_rows(found, telling))
