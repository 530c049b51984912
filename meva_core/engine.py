"""A book in motion: its state, advanced over stretches of a market at one of two speeds, interpreted or
compiled to machine code by numba. Both give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any, Final, NamedTuple

import numpy as np
from attrs import define, field

from meva_core.blocks import axes_of, copied, in_blocks
from meva_core.cycle import FROM_SELECT, TO_ASSESS, WHOLE, Out, new_out
from meva_core.errors import BadInput, BrokenBooks, IllegalStep
from meva_core.journal import ERROR_ILLEGAL_STEP, ERROR_OVERDRAWN, new_journal
from meva_core.loop import ROOM_FOR_LOTS, ROOM_FOR_ORDERS, Loop, interpreted
from meva_core.market import Market
from meva_core.modes import Mode
from meva_core.orders import Side, Status
from meva_core.params import Params
from meva_core.rules import LETTERS, Rules, RuleStatus
from meva_core.state import ERROR, FACT_CELLS, MONEY_CELLS, NEED, TUNED, State, with_room
from meva_core.steps.inputs import Inputs, SubmitFault
from meva_core.steps.scratch import Scratch, new_scratch

_MEMBERS: Final[dict[str, dict[str, type[IntEnum]]]] = {
    "inputs": {"base_mode": Mode, "override_mode": Mode, "fault_kind": SubmitFault},
    "rules": {"status": RuleStatus},
    "state": {"order_side": Side, "order_status": Status},
}
"""The columns that hold members of an enum, all of which count from 0."""


def compiled(*, cache: bool = False) -> Loop:
    """Return the loop compiled at its first call, which takes a while unless numba's cache knows it.

    Ask for `cache` only with numba's cache folder pointed at a place of this core's own: numba does not see
    edits of inner modules. `meva_adapters.system.compiled` does that.
    """
    from meva_core.machine.entry import compiled_loop  # numba takes half a second to import

    return compiled_loop(cache=cache)


class Halfway(NamedTuple):
    """Cycle c after its first half: what it sees, the rules that hold, what the steps to assess put out, and
    the book as it stands then. The columns are those of the cycles around it, in their places."""

    c: int
    market: Market
    inputs: Inputs
    rules: Rules
    out: Out
    state: State


Decide = Callable[[Halfway], None]
"""Asked between the halves of every cycle. It may write row c of the inputs, for the steps from select on;
all else is to be looked at only, and used again after it."""

DECIDED: Final = 128
"""The most cycles of a stretch in which somebody decides: whoever takes stretches pays for each of them, and
whoever watches sees one go by."""


class _Undecided(Exception):
    """Of cycle c nobody knows what was decided: that was raised instead."""

    def __init__(self, c: int, error: Exception) -> None:
        super().__init__(c, error)
        self.c, self.error = c, error


@define
class Engine:
    """A book in motion: its state, and the loop that advances it.

    `loop` is `interpreted` or what `compiled()` returned.
    """

    params: Params
    state: State
    loop: Loop = interpreted
    rows: int = 4096
    inputs: Inputs = field(init=False, eq=False, repr=False)
    """Of the cycles that run, as `decide` left them; not the given ones where those lie in no blocks."""
    _out: Out | None = field(default=None, init=False)

    def advance(
        self, market: Market, inputs: Inputs, rules: Rules, decide: Decide | None = None
    ) -> Iterator[tuple[int, int, Out]]:
        """Run all cycles of `market` under `rules` and yield (start, stop, out) for each stretch that is
        done.

        `rules` and the state have one position per symbol of the market; the next market may come with
        others.
        The columns of `out` are used again for the next stretch: take what you need before going on. `state`
        may be another object after each. The journal holds the rows of this stretch only; their `cycle`
        counts from the start of `market`. With `decide` each cycle runs in two halves; what it raises is
        raised when the stretch of the cycles before has been taken, if there are any, and then the state is
        not to be used. Raises BadInput for columns that are not as they should be, IllegalStep or BrokenBooks
        for a bug in Meva.
        """
        check_columns(market, inputs, rules, self.state)
        market, inputs, rules, self.state = map(in_blocks, (market, inputs, rules, self.state))
        self.inputs = inputs
        cycles, symbols = market.bid.shape
        out = self._room_for(cycles, symbols)
        scratch = new_scratch(symbols, len(self.state.order_time))
        start = 0
        while start < cycles:
            out.journal.used[:] = 0
            undecided: _Undecided | None = None
            if decide is None:
                given = market, inputs, rules, self.params, self.state, out, scratch
                stop = self.loop(start, cycles, WHOLE, *given)
            else:
                at, before = Halfway(start, market, inputs, rules, out, self.state), copied(self.state)
                try:
                    stop = self._in_halves(at, min(cycles, start + DECIDED), scratch, decide)
                except _Undecided as error:
                    undecided, stop = error, error.c
                    self._run_again(at, stop, before, scratch)
            self._halt_on_error(market, stop)
            if stop > start:
                yield start, stop, out
            if undecided is not None:
                raise undecided.error
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

    def _in_halves(self, at: Halfway, last: int, scratch: Scratch, decide: Decide) -> int:
        """Run cycles [at.c, last) half by half, and return where that stopped: before a cycle that lacks
        room, or at one where an identity broke. Raises _Undecided for what `decide` raised."""
        given = at.market, at.inputs, at.rules, self.params, at.state, at.out, scratch
        for c in range(at.c, last):
            if self.loop(c, c + 1, TO_ASSESS, *given) == c:
                return c
            try:
                decide(at._replace(c=c))
            except Exception as error:
                raise _Undecided(c, error) from error
            if self.loop(c, c + 1, FROM_SELECT, *given) == c:
                return c
        return last

    def _run_again(self, at: Halfway, stop: int, before: State, scratch: Scratch) -> None:
        """Run cycles [at.c, stop) once more, with what was decided for them, from the state before them: so
        nothing of a cycle that nobody decided for is in the state or the journal."""
        self.state = before
        at.out.journal.used[:] = 0
        if stop > at.c:
            given = at.market, at.inputs, at.rules, self.params, before, at.out, scratch
            stopped = self.loop(at.c, stop, WHOLE, *given)
            assert stopped == stop, "they ran before, and had room"

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
        if error == ERROR_OVERDRAWN:
            raise BrokenBooks(f"cycle at {time}: cash fell below zero")
        raise BrokenBooks(f"cycle at {time}: starting cash + flows + net PnL is not cash + value of holdings")


def check_columns(market: Market, inputs: Inputs, rules: Rules, state: State) -> None:
    """Make sure that all columns are int64, writable and of fitting shapes, and that times increase.

    Compiled code looks at none of that. A number that is no member of a column's enum, which the kernels
    would take for another one, is refused as well. Raises BadInput.
    """
    cycles, symbols = market.bid.shape
    sizes = {"c": cycles, "i": symbols, "k": len(state.order_time), "l": state.lot_qty.shape[1]}
    sizes |= {"M": MONEY_CELLS, "F": FACT_CELLS, "T": len(TUNED), "L": LETTERS}
    for name, group in (("market", market), ("inputs", inputs), ("rules", rules), ("state", state)):
        for (column, letters), values in zip(axes_of(type(group)).items(), group, strict=True):
            if values.dtype != np.int64 or not values.flags.writeable:
                raise BadInput(f"{name}.{column}: expected a writable int64 array, got {values.dtype}")
            expected = tuple(sizes[letter] for letter in letters)
            if values.shape != expected:
                raise BadInput(f"{name}.{column}: shape {values.shape}, expected {expected}")
        for column, kind in _MEMBERS.get(name, {}).items():
            _check_members(getattr(group, column), kind, f"{name}.{column}")
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
