"""The engine decides what the oracle decides, in every cycle of every world."""

from __future__ import annotations

from typing import Any

import pytest
from golden_worlds import KINDS, world_of
from hypothesis import given, note
from nightly import every
from oracle import Oracle, World
from oracle.engine_view import engine_of, final_of, records_of
from strategies import examples, wished_worlds, worlds


def differences(a: Any, b: Any, path: str = "") -> list[str]:
    """Return where two records differ, each as one line."""
    if isinstance(a, dict) and isinstance(b, dict):
        keys = [*a, *(key for key in b if key not in a)]
        return [line for key in keys for line in differences(a.get(key), b.get(key), f"{path}.{key}")]
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return [
            line
            for k, pair in enumerate(zip(a, b, strict=True))
            for line in differences(*pair, f"{path}[{k}]")
        ]
    return [] if a == b else [f"{path}: the oracle has {a!r}, the engine {b!r}"]


def check(world: World) -> None:
    """Run both and stop at the first cycle that differs."""
    oracle, engine = Oracle(world), engine_of(world)
    for c, (inputs, found) in enumerate(zip(world.cycles, records_of(world, engine), strict=True)):
        lines = differences(oracle.step(inputs), found)
        if lines:
            note(f"cycle {c}:\n" + "\n".join(lines))
        assert not lines
    assert differences(oracle.final(), final_of(engine.state)) == []


@examples(4)
@given(world=worlds())
def test_the_engine_decides_what_the_oracle_decides(world: World) -> None:
    check(world)


@examples(2)
@given(world=wished_worlds())
def test_so_it_does_with_what_a_strategy_wishes_for(world: World) -> None:
    check(world)


@pytest.mark.parametrize("name", every(2, [*KINDS], 1))
def test_so_it_does_in_the_worlds_of_the_golden_fingerprints(name: str) -> None:
    check(world_of(name, KINDS[name]))
