"""Why many cycles did, or did not, trade, in words and rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import evolve

from meva_adapters.texts.words import as_text, counted
from meva_core.history.explain_many import Held, Many
from meva_core.history.recorded import told_code
from meva_core.history.window import Window
from meva_core.history.words import Telling, explain

CYCLE_COLUMNS: Final = ("rule for the whole cycle", "cycles", "without orders", "nearest to letting go")
SYMBOL_COLUMNS: Final = ("symbol", "reason", "step", "cycles", "of", "nearest to letting go")


def head_lines(window: Window, found: Many) -> Iterator[str]:
    """Yield how many cycles there were, and what became of them."""
    span = f"{as_text(window.first_ts)} to {as_text(window.last_ts)}"
    yield f"Run {window.run_id}, {counted(found.cycles, 'cycle')} from {span}"
    yield f"{found.cycles - found.idle} placed orders, {found.idle} did not"
    if on_target := found.on_target():
        yield f"  on target for {on_target} of {counted(found.cycles, 'cycle')}, within one least order"
    for code, count in found.blocked().items():
        yield f"  blocked for {count} of {counted(found.cycles, 'cycle')} by {code}"


def cycle_rows(found: Many, telling: Telling) -> list[list[object]]:
    """Return a row for each rule for whole cycles, the most frequent first."""
    return [_cycle_row(held, telling) for held in found.of_cycles()]


def _cycle_row(held: Held, telling: Telling) -> list[object]:
    return [held.nearest.code, held.cycles, held.idle, explain(held.nearest, _of_its_run(held, telling))]


def _of_its_run(held: Held, telling: Telling) -> Telling:
    """Return what is known around a reason: the limits are those of the run that it is of."""
    return evolve(telling, limits=held.limits)


def symbol_rows(found: Many, telling: Telling) -> list[list[object]]:
    """Return the rows of every symbol: its orders, then each reason, the most frequent first."""
    return [row for symbol in found.symbols() for row in _symbol_rows(found, symbol, telling)]


def _symbol_rows(found: Many, symbol: str, telling: Telling) -> Iterator[list[object]]:
    if found.ordered[symbol]:
        yield [symbol, "ok", "build", found.ordered[symbol], found.cycles, "an order was placed"]
    for held in found.of_symbol(symbol):
        reason, largest = held.nearest, held.limits.largest_position
        told, words = told_code(reason, largest), explain(reason, _of_its_run(held, telling))
        yield [symbol, told, reason.step, held.cycles, found.cycles, words]
