"""Many cycles in a row: the loop that runs interpreted as it stands, and that `machine` compiles.

Interpreted, the columns are memoryviews: they give Python's unbounded ints, and storing one past 63 bits
raises. So as long as both speeds agree, nothing has wrapped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from meva_core.cycle import FROM_SELECT, Out, cycle
from meva_core.journal import EVENTS_USED, FILLS_USED, INTENTS_USED
from meva_core.kernel import kernel
from meva_core.market import Market
from meva_core.params import Params
from meva_core.rules import Rules
from meva_core.state import ERROR, MAX_ORDERS, NEED, OPEN_ORDERS, State
from meva_core.steps.execute import TOKEN
from meva_core.steps.inputs import Inputs
from meva_core.steps.scratch import Scratch

Loop = Callable[[int, int, int, Market, Inputs, Rules, Params, State, Out, Scratch], int]
"""`run_cycles` at one of its speeds: cycles [start, stop), whole or one half of a single one, over columns;
returns where it stopped."""

ROOM_FOR_LOTS: Final = 1
ROOM_FOR_ORDERS: Final = 2
ROOM_FOR_ROWS: Final = 3


@kernel
def lacks_room(p: Params, s: State, o: Out) -> int:
    """Return what the next cycle might not find room for, 0 if there is enough of everything."""
    open_orders = s.facts[OPEN_ORDERS]
    new_orders = min(s.tuned[MAX_ORDERS], s.qty.shape[0])
    if open_orders + new_orders > s.order_time.shape[0]:
        return ROOM_FOR_ORDERS
    for i in range(s.qty.shape[0]):
        if s.lot_count[i] + open_orders + 2 * new_orders > s.lot_qty.shape[1]:
            return ROOM_FOR_LOTS
    used = o.journal.used
    if used[INTENTS_USED] + s.qty.shape[0] > o.journal.intents.cycle.shape[0]:
        return ROOM_FOR_ROWS
    attempts = min(p.max_attempts, p.token_burst // TOKEN + 1)  # each takes a token
    if used[EVENTS_USED] + 2 * open_orders + new_orders * (attempts + 6) > o.journal.events.cycle.shape[0]:
        return ROOM_FOR_ROWS
    if used[FILLS_USED] + open_orders + 2 * new_orders > o.journal.fills.cycle.shape[0]:
        return ROOM_FOR_ROWS
    return 0


def run_cycles(
    start: int,
    stop: int,
    half: int,
    m: Market,
    x: Inputs,
    r: Rules,
    p: Params,
    s: State,
    o: Out,
    w: Scratch,
) -> int:
    """Run cycles [start, stop) and return where it stopped: earlier if room is lacking or an identity broke.

    `half` is one of `cycle`: WHOLE, or for one cycle in two calls TO_ASSESS and FROM_SELECT, over the same
    columns, state and scratch. There was room for all of it before its first half.
    """
    for c in range(start, stop):
        if half != FROM_SELECT:
            need = lacks_room(p, s, o)
            s.facts[NEED] = need
            if need != 0:
                return c
        cycle(c, half, m, x, r, p, s, o, w)
        if s.facts[ERROR] != 0:
            return c
    return stop


def views(group: Any) -> Any:
    """Return a group of columns, at any depth, as memoryviews."""
    if isinstance(group, np.ndarray):
        return memoryview(group)  # type: ignore[arg-type]  # numpy's stubs lack the buffer protocol before 3.12
    return type(group)(*map(views, group))


def interpreted(
    start: int,
    stop: int,
    half: int,
    m: Market,
    x: Inputs,
    r: Rules,
    p: Params,
    s: State,
    o: Out,
    w: Scratch,
) -> int:
    """`run_cycles`, interpreted."""
    return run_cycles(start, stop, half, views(m), views(x), views(r), p, views(s), views(o), views(w))
