"""Rows of a run's cycles, rendered stretch by stretch.

`full` makes every row of every cycle. `columns` makes only the rows of what happened: those that every cycle
has can be made out of its columns (`per_cycle`). The fingerprint is the same at both levels.
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
from meva_core.trace.per_cycle import TABLES, rows
from meva_core.trace.texts import PLAIN, Texts

FULL: Final = "full"
ONLY_COLUMNS: Final = "columns"
LEVELS: Final = (FULL, ONLY_COLUMNS)


@define
class Renderer:
    """Renders the stretches of one book, in order.

    `encode` turns a document into stored JSON; `seq` is the place of the next cycle in the run, `gross`
    what open orders have traded by then (`state.open_gross`). `cells` is how many cycles times symbols are
    rendered at a time, `few` how many of them without `texts`. Raises BadInput for a `level` that is not one
    of LEVELS.
    """

    names: Names
    params: Params
    starting_cash: str
    level: str = FULL
    encode: Callable[[Any], str] = canonical_json
    texts: Texts = PLAIN
    seq: int = 0
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
            if self.level == FULL:
                for table in TABLES:
                    done.rows[table] += rows(table, COLUMNS[table], part)
            _happened(part, orders, done.rows)
            if self.params.adapt:
                _adapted(part, done.rows)
        done.rows["stage7_orders"] += orders.rows()
        done.order_changes += orders.changes()
        orders.drop_ended()
        self.seq += stop - start
        return done

    def _terms(self) -> Terms:
        names, cash, texts = self.names, self.starting_cash, self.texts
        return Terms(names, self.params, cash, self.encode, lambda: texts, self.cells, self.few)


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
