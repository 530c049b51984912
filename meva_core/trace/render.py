"""Rows of a run's cycles, rendered stretch by stretch.

`full` keeps everything of every cycle. `changes` keeps of a quiet cycle, one in which nothing was decided and
nothing happened, only metrics, reasons and digests. `columns` makes only the rows of what happened: those
that every cycle has can be made out of its columns (`per_cycle`). The fingerprint is the same at every level.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np
from attrs import define, field

from meva_core.cycle import Out
from meva_core.errors import BadInput
from meva_core.fingerprint import CycleDigests
from meva_core.ids import canonical_json
from meva_core.market import Market
from meva_core.params import Params
from meva_core.rules import Rules
from meva_core.trace.adaptation import change_row, checkpoint_row
from meva_core.trace.chosen import CELLS, FEW, Chosen, Terms, parts_of
from meva_core.trace.columns import COLUMNS, Names, Rendered, Row
from meva_core.trace.happenings import Orders, event_rows, fill_rows, intent_rows, key_rows
from meva_core.trace.per_cycle import TABLES, always, rows
from meva_core.trace.texts import PLAIN, Texts

FULL: Final = "full"
CHANGES: Final = "changes"
ONLY_COLUMNS: Final = "columns"
LEVELS: Final = (FULL, CHANGES, ONLY_COLUMNS)
_TRACE: Final = "stage7_cycle_trace"
_DECISIONS: Final = "stage7_risk_decisions"
_BRIEF: Final = {
    "selected_universe_json": "[]",
    "universe_scores_json": "[]",
    "intents_summary_json": "{}",
    "mode_json": "{}",
    "portfolio_plan_json": "{}",
    "market_json": None,
    "account_json": None,
}
"""What stands for the documents of a cycle that are not kept."""


@define
class Renderer:
    """Renders the stretches of one book, in order.

    `encode` turns a document into stored JSON; `seq` is the place of the next cycle in the run, `last_mode`
    the final mode of the one before (-1 before the first), `gross` what open orders have traded by then
    (`state.open_gross`). `cells` is how many cycles times symbols are rendered at a time, `few` how many of
    them without `texts`. Raises BadInput for a `level` that is not one of LEVELS.
    """

    names: Names
    params: Params
    starting_cash: str
    level: str = FULL
    encode: Callable[[Any], str] = canonical_json
    texts: Texts = PLAIN
    seq: int = 0
    last_mode: int = -1
    gross: dict[tuple[int, int], int] = field(factory=dict)
    cells: int = CELLS
    few: int = FEW

    def __attrs_post_init__(self) -> None:
        if self.level not in LEVELS:
            raise BadInput(
                f"level: {self.level!r} is no level of the trace; expected one of {', '.join(LEVELS)}"
            )

    def render(
        self,
        market: Market,
        rules: Rules,
        out: Out,
        start: int,
        stop: int,
        digests: Iterable[CycleDigests] | None = None,
    ) -> Rendered:
        """Return the rows of cycles [start, stop) of a stretch, in which `rules` held, and stand where the
        next one begins. At level `columns`, rules and digests are not looked at."""
        done, orders = Rendered(), Orders(self.names, self.gross)
        for part in parts_of(self._terms(), market, rules, out, start, stop, seq=self.seq, digests=digests):
            for table, made in self._every_cycle(part).items():
                done.rows[table] += made
            _happened(part, orders, done.rows)
            if self.params.adapt:
                _adapted(part, done.rows)
            self.last_mode = part.final[-1]
        done.rows["stage7_orders"] += orders.rows()
        done.order_changes += orders.changes()
        orders.drop_ended()
        self.seq += stop - start
        return done

    def _terms(self) -> Terms:
        names, cash, texts = self.names, self.starting_cash, self.texts
        return Terms(names, self.params, cash, self.encode, lambda: texts, self.cells, self.few)

    def _every_cycle(self, part: Chosen) -> dict[str, Iterable[Row]]:
        """Return the rows of the tables that have one for every cycle."""
        if self.level == ONLY_COLUMNS:
            return {}
        found: dict[str, Iterable[Row]] = {table: rows(table, COLUMNS[table], part) for table in TABLES}
        if self.level == CHANGES:
            moved = np.diff(part.final, prepend=self.last_mode) != 0
            told = np.flatnonzero(part.ends.intended | part.ends.happened | moved | part.changed)
            found |= {_TRACE: _brief(part, told), _DECISIONS: _some(part, told, _DECISIONS)}
        return found


def _some(part: Chosen, which: Any, table: str) -> Iterable[Row]:
    """Return the rows of some of the cycles, by their places, int64 [n]."""
    return rows(table, COLUMNS[table], part.some(which)) if len(which) else ()


def _brief(part: Chosen, told: Any) -> list[Row]:
    """Return the rows of the trace, without the documents of the cycles that are not told, int64 [n]."""
    made = (
        always(_BRIEF[name])(part) if name in _BRIEF else TABLES[_TRACE][name](part)
        for name in COLUMNS[_TRACE]
    )
    found = list(zip(*made, strict=True))
    for k, row in zip(told.tolist(), _some(part, told, _TRACE), strict=True):
        found[k] = row
    return found


def _happened(part: Chosen, orders: Orders, done: dict[str, list[Row]]) -> None:
    """Add the rows of what happened in some cycles, and note it in the orders of their stretch."""
    names, ends = part.names, part.ends
    for k in np.flatnonzero(ends.intended | ends.happened).tolist():
        cycle, ts, intents = part.ids[k], part.stamps[k], part.intents.get(k)
        events, fills = ends.events.of(k), ends.fills.of(k)
        if intents:
            done["stage7_order_intents"] += intent_rows(intents, cycle, ts, names)
            done["stage7_idempotency_keys"] += key_rows(intents, ts, part.terms.params)
            orders.submit(part.times[k], intents)
        done["stage7_order_events"] += event_rows(part.journal, events, cycle, ts, names, part.encode)
        orders.happened(part.journal, events, ts)
        done["ledger_events"] += fill_rows(part.journal, fills, cycle, ts, names)
        orders.filled(part.journal, fills)


def _adapted(part: Chosen, done: dict[str, list[Row]]) -> None:
    """Add the rows of versions of parameters that proved good, and of changes."""
    out, names = part.out, part.names
    for k in np.flatnonzero(out.adapt.became_good[part.at]).tolist():
        row = checkpoint_row(out, int(part.cycles[k]), part.stamps[k], names, part.encode)
        done["stage7_checkpoints"].append(row)
    for k in np.flatnonzero(part.changed).tolist():
        row = change_row(out, int(part.cycles[k]), part.ids[k], part.stamps[k], names, part.encode)
        done["stage7_param_changes"].append(row)
