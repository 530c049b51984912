"""The loop as machine code: `run_cycles` over groups that are made of blocks, with all kernels inlined."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
from numba import config, njit
from numba.extending import register_jitable

from meva_core.blocks import blocks_of
from meva_core.cycle import Out, out_blocks
from meva_core.journal import Ends, Events, Fills, Intents, Journal
from meva_core.kernel import KERNELS
from meva_core.loop import Loop, interpreted, run_cycles
from meva_core.machine.groups import maker, numbers_maker
from meva_core.machine.once import optimised_once
from meva_core.market import Market
from meva_core.params import Params
from meva_core.rules import Rules
from meva_core.state import State
from meva_core.steps.account import Accounted
from meva_core.steps.adapt import Adapted
from meva_core.steps.assess import Assessed
from meva_core.steps.inputs import Inputs
from meva_core.steps.measure import Measured
from meva_core.steps.plan import Planned
from meva_core.steps.scratch import Scratch
from meva_core.steps.select import Selected

_market, _inputs, _rules, _state, _scratch = map(maker, (Market, Inputs, Rules, State, Scratch))
_measured, _assessed, _selected = map(maker, (Measured, Assessed, Selected))
_planned, _accounted, _adapted = map(maker, (Planned, Accounted, Adapted))
_ends, _intents, _events, _fills = map(maker, (Ends, Intents, Events, Fills))
_params = numbers_maker(Params)


def run_blocks(
    start: int,
    stop: int,
    half: int,
    m: Any,
    x: Any,
    r: Any,
    p: Any,
    s: Any,
    o: Any,
    ends: Any,
    intents: Any,
    events: Any,
    fills: Any,
    w: Any,
) -> int:
    """`loop.run_cycles` over the blocks of each group, in the order of `blocks.names_by_axes`; `o` are those
    of `cycle.PLACES`."""
    cycles, symbols, _ = m[1].shape
    lots, orders = s[4].shape[1], s[5].shape[0]
    sizes = (cycles, symbols, orders, lots, intents[0].shape[0])
    e = _ends(ends, sizes)
    j = Journal(
        e.used,
        _intents(intents, sizes),
        _events(events, sizes),
        _fills(fills, sizes),
        e.intents_end,
        e.settle_events_end,
        e.plan_events_end,
        e.events_end,
        e.settle_fills_end,
        e.fills_end,
    )
    out = Out(
        _measured(o, sizes),
        _assessed(o, sizes),
        _selected(o, sizes),
        _planned(o, sizes),
        _accounted(o, sizes),
        _adapted(o, sizes),
        j,
    )
    return run_cycles(
        start,
        stop,
        half,
        _market(m, sizes),
        _inputs(x, sizes),
        _rules(r, sizes),
        _params(p),
        _state(s, sizes),
        out,
        _scratch(w, sizes),
    )


def compiled_loop(*, cache: bool) -> Loop:
    """Return the loop, compiled at its first call; the interpreted one where numba is told to compile
    nothing."""
    if config.DISABLE_JIT:
        return interpreted
    for function in (*KERNELS, run_cycles):
        register_jitable(forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)
    # Without reference counting the outermost loop runs several times faster; the option is numba's own, not
    # public.
    options: dict[str, Any] = {"nogil": True, "_nrt": False, "cache": cache, "error_model": "numpy"}
    return CompiledLoop(njit(**options)(run_blocks))


class CompiledLoop:
    """A `Loop` of machine code. `stats` and `signatures` are numba's, of what is compiled and cached."""

    def __init__(self, machine_code: Any) -> None:
        self._machine_code = machine_code
        self._blocks = _Remembered()

    @property
    def stats(self) -> Any:
        """What numba's cache says of itself."""
        return self._machine_code.stats

    @property
    def signatures(self) -> Any:
        """What it is compiled for; empty before the first call."""
        return self._machine_code.signatures

    def __call__(
        self,
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
        """Run cycles [start, stop), or a half of one, and return where it stopped."""
        j, blocks = o.journal, self._blocks
        tables = (j, j.intents, j.events, j.fills, w)
        given = (*map(blocks.of, (m, x, r)), np.array(p, dtype=np.int64), *map(blocks.of, (s, o, *tables)))
        with nullcontext() if self.signatures else optimised_once(run_blocks.__name__):
            stopped: int = self._machine_code(start, stop, half, *given)
        return stopped


class _Remembered:
    """The blocks of the last group of each kind: looking for them costs more than a live cycle."""

    def __init__(self) -> None:
        self._known: dict[Any, tuple[Any, tuple[Any, ...]]] = {}

    def of(self, group: Any) -> tuple[Any, ...]:
        """Return the blocks of a group whose columns lie in some."""
        known, blocks = self._known.get(type(group), (None, ()))
        if known is not group:
            blocks = _found(group)
            self._known[type(group)] = (group, blocks)
        return blocks


def _found(group: Any) -> tuple[Any, ...]:
    if isinstance(group, Out):
        return out_blocks(group)
    blocks = blocks_of(group.ends if isinstance(group, Journal) else group)
    assert blocks is not None, f"the columns of {type(group).__name__} do not lie in blocks"
    return blocks
