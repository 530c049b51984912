"""Many cycles at one of two speeds: interpreted, or compiled to machine code by numba. Both give the same
bits.

Interpreted, the columns are memoryviews: they give Python's unbounded ints, and storing one past 63 bits
raises. So as long as both speeds agree, nothing has wrapped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any, Final

import numpy as np
from attrs import define, field

from meva_core.cycle import Out, cycle, new_journal, new_out
from meva_core.errors import BadInput, BrokenBooks, IllegalStep
from meva_core.journal import ERROR_ILLEGAL_STEP, EVENTS_USED, FILLS_USED, INTENTS_USED
from meva_core.kernel import KERNELS, kernel
from meva_core.market import Market
from meva_core.modes import Mode
from meva_core.orders import Side, Status
from meva_core.params import Params
from meva_core.rules import Rules, RuleStatus
from meva_core.state import ERROR, MAX_ORDERS, NEED, OPEN_ORDERS, State, with_room
from meva_core.steps.execute import TOKEN
from meva_core.steps.inputs import Fault, Inputs
from meva_core.steps.scratch import Scratch, new_scratch

BATCH: Final = 8192
"""Cycles of one call, so that progress shows and Ctrl-C is heard."""

_MEMBERS: Final[dict[str, dict[str, type[IntEnum]]]] = {
    "inputs": {"base_mode": Mode, "override_mode": Mode, "fault_kind": Fault},
    "rules": {"status": RuleStatus},
    "state": {"order_side": Side, "order_status": Status},
}
"""The columns that hold members of an enum, all of which count from 0."""

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


def run(
    start: int, stop: int, m: Market, x: Inputs, r: Rules, p: Params, s: State, o: Out, w: Scratch
) -> int:
    """Run cycles [start, stop) and return where it stopped: earlier if room is lacking or an identity
    broke."""
    for c in range(start, stop):
        need = lacks_room(p, s, o)
        s.facts[NEED] = need
        if need != 0:
            return c
        cycle(c, m, x, r, p, s, o, w)
        if s.facts[ERROR] != 0:
            return c
    return stop


def views(group: Any) -> Any:
    """Return a group of columns, at any depth, as memoryviews."""
    if isinstance(group, np.ndarray):
        return memoryview(group)  # type: ignore[arg-type]  # numpy's stubs lack the buffer protocol before 3.12
    return type(group)(*map(views, group))


def interpreted(
    start: int, stop: int, m: Market, x: Inputs, r: Rules, p: Params, s: State, o: Out, w: Scratch
) -> int:
    """`run`, interpreted."""
    return run(start, stop, views(m), views(x), views(r), p, views(s), views(o), views(w))


def compiled(*, cache: bool = False) -> Callable[..., int]:
    """Return `run` compiled at its first call, which takes half a minute unless numba's cache knows it.

    Ask for `cache` only with numba's cache folder pointed at a place of this core's own: numba does not see
    edits of inner modules. `meva_adapters.system.compiled` does that.
    """
    from numba import njit
    from numba.extending import register_jitable

    for function in KERNELS:
        register_jitable(forceinline=True)(function)
    # Without reference counting the outermost loop runs several times faster; the option is numba's own, not
    # public.
    options: dict[str, Any] = {"nogil": True, "_nrt": False, "cache": cache, "error_model": "numpy"}
    loop: Callable[..., int] = njit(**options)(run)
    return loop


@define
class Engine:
    """A book in motion: its state, and the loop that advances it.

    `loop` is `interpreted` or what `compiled()` returned. `rules` has one position per symbol of the market.
    """

    rules: Rules
    params: Params
    state: State
    loop: Callable[..., int] = interpreted
    rows: int = 4096
    _out: Out | None = field(default=None, init=False)

    def advance(self, market: Market, inputs: Inputs) -> Iterator[tuple[int, int, Out]]:
        """Run all cycles of `market` and yield (start, stop, out) for each stretch that is done.

        The columns of `out` are used again for the next stretch: take what you need before going on. The
        journal holds the rows of this stretch only; their `cycle` counts from the start of `market`.
        Raises IllegalStep or BrokenBooks for a bug in Meva, after which the state is not to be used.
        """
        check_columns(market, inputs, self.rules, self.state)
        cycles, symbols = market.bid.shape
        out = self._room_for(cycles, symbols)
        scratch = new_scratch(symbols, len(self.state.order_time))
        start = 0
        while start < cycles:
            out.journal.used[:] = 0
            stop = self.loop(start, cycles, market, inputs, self.rules, self.params, self.state, out, scratch)
            self._halt_on_error(market, stop)
            if stop > start:
                yield start, stop, out
            need = int(self.state.facts[NEED])
            if stop < cycles and need in (ROOM_FOR_LOTS, ROOM_FOR_ORDERS):
                lots, orders = self.state.lot_qty.shape[1], len(self.state.order_time)
                more_lots = need == ROOM_FOR_LOTS
                self.state = with_room(self.state, lots * (1 + more_lots), orders * (2 - more_lots))
                scratch = new_scratch(symbols, len(self.state.order_time))
            elif stop < cycles and stop == start:
                self.rows *= 2
                out = self._out = out._replace(journal=new_journal(cycles, self.rows))
            start = stop

    def _room_for(self, cycles: int, symbols: int) -> Out:
        if self._out is None or self._out.measure.mark.shape != (cycles, symbols):
            self._out = new_out(cycles, symbols, self.rows)
        return self._out

    def _halt_on_error(self, market: Market, at: int) -> None:
        error = int(self.state.facts[ERROR])
        if error == 0:
            return
        time = int(market.time[at])
        if error == ERROR_ILLEGAL_STEP:
            raise IllegalStep(f"cycle at {time}: an order took a step that the table does not have")
        raise BrokenBooks(f"cycle at {time}: starting cash + net PnL is not cash + value of holdings")


def check_columns(market: Market, inputs: Inputs, rules: Rules, state: State) -> None:
    """Make sure that all columns are int64, C-contiguous, writable and of fitting shapes, and that times
    increase.

    The compiled loop has one signature; another layout would compile everything again. A number that is no
    member of a column's enum, which the kernels would take for another one, is refused as well. Raises
    BadInput.
    """
    cycles, symbols = market.bid.shape
    for name, group in (("market", market), ("inputs", inputs), ("rules", rules), ("state", state)):
        for column, values in zip(group._fields, group, strict=True):
            flags = values.flags
            if values.dtype != np.int64 or not flags.c_contiguous or not flags.writeable:
                raise BadInput(
                    f"{name}.{column}: expected a writable, C-contiguous int64 array, got {values.dtype}"
                )
        for column, kind in _MEMBERS.get(name, {}).items():
            _check_members(getattr(group, column), kind, f"{name}.{column}")
    for column, values in zip(Market._fields[1:], market[1:], strict=True):
        if values.shape != (cycles, symbols):
            raise BadInput(f"market.{column}: shape {values.shape}, expected {(cycles, symbols)}")
    for name, values, length in (("market.time", market.time, cycles), ("rules.tick", rules.tick, symbols)):
        if len(values) != length:
            raise BadInput(f"{name}: length {len(values)}, expected {length}")
    before = int(state.facts[0])
    if cycles and (int(market.time[0]) <= before or np.any(np.diff(market.time) <= 0)):
        raise BadInput("market.time: cycle times must increase, and lie after the last cycle of the book")


def _check_members(values: Any, kind: type[IntEnum], column: str) -> None:
    """Raise BadInput for the first number of a column that is no member of its enum."""
    strange = np.flatnonzero((values < 0) | (values >= len(kind)))
    if len(strange):
        at = int(strange[0])
        named = ", ".join(f"{member.value} {member.name}" for member in kind)
        raise BadInput(f"{column}[{at}]: {values[at]} is no {kind.__name__}; expected one of {named}")
