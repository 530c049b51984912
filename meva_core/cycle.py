"""One cycle, as a chain of steps. Each step reads what those above it wrote, and writes only its own
columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from meva_core.journal import Events, Fills, Intents, Journal
from meva_core.kernel import kernel
from meva_core.market import Market
from meva_core.params import Params
from meva_core.rules import Rules
from meva_core.state import State
from meva_core.steps.account import Accounted, account
from meva_core.steps.adapt import Adapted, adapt, note_tuned
from meva_core.steps.assess import Assessed, assess
from meva_core.steps.build import build
from meva_core.steps.execute import execute
from meva_core.steps.inputs import Inputs
from meva_core.steps.measure import Measured, measure
from meva_core.steps.plan import Planned, plan
from meva_core.steps.scratch import Scratch
from meva_core.steps.select import Selected, select
from meva_core.steps.settle import settle


class Out(NamedTuple):
    """What the steps of many cycles put out. settle, build and execute write the journal."""

    measure: Measured
    assess: Assessed
    select: Selected
    plan: Planned
    account: Accounted
    adapt: Adapted
    journal: Journal


@kernel
def cycle(c: int, m: Market, x: Inputs, r: Rules, p: Params, s: State, o: Out, w: Scratch) -> None:
    """Run cycle c: the row c of the market and the inputs, over the state that the cycle before left."""
    note_tuned(c, s, o.adapt, w)
    measure(c, m, p, s, o.measure, w)
    settle(c, m, r, p, s, o.measure, o.journal, w)
    assess(c, m, x, r, p, s, o.measure, o.assess, w)
    select(c, m, r, p, s, o.measure, o.select)
    plan(c, m, x, r, p, s, o.measure, o.assess, o.select, o.plan, o.journal, w)
    build(c, r, p, s, o.measure, o.plan, o.journal, w)
    execute(c, m, x, r, p, s, o.measure, o.journal, w)
    account(c, m.time[c], s, o.account, w)
    adapt(c, r, p, s, o.measure, o.assess, o.plan, o.journal, o.adapt, w)


PER_SYMBOL: Final[Mapping[Any, frozenset[str]]] = {
    Measured: frozenset(Measured._fields),
    Assessed: frozenset(),
    Selected: frozenset(Selected._fields),
    Planned: frozenset({"target", "value", "open_value", "delta", "amount", "code"}),
    Accounted: frozenset({"qty", "value", "cost"}),
    Adapted: frozenset(),
}
"""Which columns of a step's output have one value per cycle and symbol; the others have one per cycle."""


def new_out(cycles: int, symbols: int, rows: int) -> Out:
    """Return columns for so many cycles and symbols, and a journal with room for `rows` of each kind."""

    def group(kind: Any) -> Any:
        shapes = ((cycles, symbols) if name in PER_SYMBOL[kind] else (cycles,) for name in kind._fields)
        return kind(*(np.zeros(shape, dtype=np.int64) for shape in shapes))

    return Out(
        measure=group(Measured),
        assess=group(Assessed),
        select=group(Selected),
        plan=group(Planned),
        account=group(Accounted),
        adapt=group(Adapted),
        journal=new_journal(cycles, rows),
    )


def new_journal(cycles: int, rows: int) -> Journal:
    """Return an empty journal for so many cycles, with room for `rows` intents, events and fills each."""

    def table(kind: Any) -> Any:
        return kind(*(np.zeros(rows, dtype=np.int64) for _ in kind._fields))

    ends = {name: np.zeros(cycles, dtype=np.int64) for name in Journal._fields[4:]}
    return Journal(np.zeros(3, dtype=np.int64), table(Intents), table(Events), table(Fills), **ends)
