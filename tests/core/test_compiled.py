"""Interpreted and compiled, the engine gives the same bits.

`NUMBA_BOUNDSCHECK=1 pytest tests/core/test_compiled.py` runs the same with every index checked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from oracle import World
from oracle.engine_view import engine_of, inputs_of, market_of, rules_of
from strategies import amounts, examples, wished_worlds, worlds

from meva_adapters.system.warming import warm
from meva_core.amounts import (
    LIMIT,
    div_e8,
    midpoint,
    mul_e8,
    net_of_rate,
    product_parts,
    scale,
    scale_down,
    scale_up,
)
from meva_core.ledger import share_of
from meva_core.loop import Loop, interpreted
from meva_core.steps.assess import spread_above

pytestmark = pytest.mark.xdist_group("compiled")


def columns(group: Any, name: str, rows: slice) -> dict[str, np.ndarray]:
    """Return copies of all columns of a group, at any depth, cut to `rows`."""
    if isinstance(group, np.ndarray):
        return {name: group[rows].copy()}
    found: dict[str, np.ndarray] = {}
    for field, column in zip(group._fields, group, strict=True):
        found |= columns(column, f"{name}.{field}", rows)
    return found


def run(world: World, loop: Loop) -> dict[str, np.ndarray]:
    """Return everything that a run puts out, and the state it leaves."""
    engine, found = engine_of(world, loop, room=2, rows=40), {}
    for start, stop, out in engine.advance(market_of(world), inputs_of(world), rules_of(world)):
        used = dict(zip(("intents", "events", "fills"), out.journal.used.tolist(), strict=True))
        for name, group in out._asdict().items():
            if name != "journal":
                found |= columns(group, f"{start}.{name}", slice(start, stop))
        for name, column in out.journal._asdict().items():
            rows = slice(used[name]) if name in used else slice(start, stop)
            if name != "used":
                found |= columns(column, f"{start}.journal.{name}", rows)
    return found | columns(engine.state, "state", slice(None))


@examples(1.5)
@given(world=st.one_of(worlds(), wished_worlds()))
def test_both_speeds_give_the_same_bits(machine_code: Loop, world: World) -> None:
    one, other = run(world, interpreted), run(world, machine_code)
    assert one.keys() == other.keys()
    different = [name for name, column in one.items() if not np.array_equal(column, other[name])]
    assert different == []


@examples(0.2)
@given(world=worlds())
def test_a_call_for_no_cycle_compiles_it_for_markets_of_every_size(machine_code: Any, world: World) -> None:
    warm(machine_code)
    run(world, machine_code)
    assert len(machine_code.signatures) == 1


@pytest.fixture(scope="module")
def probe(machine_code: Loop) -> Callable[..., tuple[int, ...]]:
    """Return a compiled function that applies the kernels of amounts to its arguments."""
    from numba import njit

    return njit(all_kernels)


def all_kernels(a: int, b: int, factor: int, rate: int, part: int) -> tuple[int, ...]:
    low, high = min(a, b), max(a, b)
    q, r = product_parts(a, b)
    return (
        q,
        r,
        mul_e8(a, b),
        scale(a, factor),
        scale_up(a, factor),
        scale_down(a, factor),
        div_e8(a, max(1, b)),
        net_of_rate(a, rate),
        midpoint(low, high),
        share_of(a, min(part, max(1, b)), max(1, b)),
        int(spread_above(low, high, factor)),
    )


@examples(10)
@given(
    a=amounts,
    b=amounts,
    factor=st.integers(0, 2 * 10**12 - 1),
    rate=st.integers(0, 10**12 - 1),
    part=amounts,
)
@example(a=LIMIT - 1, b=LIMIT - 1, factor=2 * 10**12 - 1, rate=10**12 - 1, part=LIMIT - 1)
@example(a=LIMIT - 1, b=1, factor=2 * 10**12 - 1, rate=10**12 - 1, part=1)
def test_no_kernel_wraps_in_machine_integers(
    probe: Callable[..., tuple[int, ...]], a: int, b: int, factor: int, rate: int, part: int
) -> None:
    assert probe(a, b, factor, rate, part) == all_kernels(a, b, factor, rate, part)
