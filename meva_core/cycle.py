"""One cycle, as a chain of steps. Each step reads what those above it wrote, and writes only its own
columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from meva_core.blocks import axes_of, block_of, names_by_axes
from meva_core.journal import Journal, new_journal
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

WHOLE: Final = 0
TO_ASSESS: Final = 1
FROM_SELECT: Final = 2
"""What of a cycle is to be run. Between its halves somebody may look at the book as it stands after settle
and assess; what the second takes from the first lies in the columns, the state and the scratch."""


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
def cycle(c: int, half: int, m: Market, x: Inputs, r: Rules, p: Params, s: State, o: Out, w: Scratch) -> None:
    """Run cycle c, or half of it: the row c of the market and the inputs, over the state that the cycle
    before left."""
    if half != FROM_SELECT:
        note_tuned(c, s, o.adapt, w)
        measure(c, m, p, s, o.measure, w)
        settle(c, m, r, p, s, o.measure, o.journal, w)
        assess(c, m, x, r, p, s, o.measure, o.assess, w)
    if half != TO_ASSESS:
        select(c, m, x, r, p, s, o.measure, o.select)
        plan(c, m, x, r, p, s, o.measure, o.assess, o.select, o.plan, o.journal, w)
        build(c, r, p, s, o.measure, o.plan, o.journal, w)
        execute(c, m, x, r, p, s, o.measure, o.journal, w)
        account(c, m.time[c], s, o.account, w)
        adapt(c, r, p, s, o.measure, o.plan, o.journal, o.adapt, w)


KINDS: Final = (Measured, Assessed, Selected, Planned, Accounted, Adapted)
"""The groups of columns of `Out`, in its order."""
PLACES: Final[Mapping[str, tuple[tuple[Any, str], ...]]] = {
    letters: tuple((kind, name) for kind in KINDS for name in names_by_axes(kind).get(letters, ()))
    for letters in ("c", "ci")
}
"""The columns of all steps that have one value per cycle, and those with one per cycle and symbol: they lie
in two blocks."""


def new_out(cycles: int, symbols: int, rows: int) -> Out:
    """Return columns for so many cycles and symbols, and a journal with room for `rows` of each kind."""
    blocks = {
        "c": np.zeros((cycles, len(PLACES["c"])), dtype=np.int64),
        "ci": np.zeros((cycles, symbols, len(PLACES["ci"])), dtype=np.int64),
    }

    def group(kind: Any) -> Any:
        columns = ((letters, (kind, name)) for name, letters in axes_of(kind).items())
        return kind(*(blocks[letters][..., PLACES[letters].index(place)] for letters, place in columns))

    return Out(
        measure=group(Measured),
        assess=group(Assessed),
        select=group(Selected),
        plan=group(Planned),
        account=group(Accounted),
        adapt=group(Adapted),
        journal=new_journal(cycles, rows),
    )


def out_blocks(out: Out) -> tuple[Any, ...]:
    """Return the two blocks that the columns of `new_out` lie in, by cycle and by cycle and symbol."""
    return tuple(
        block_of(tuple(getattr(out[KINDS.index(kind)], name) for kind, name in places))
        for places in PLACES.values()
    )
