"""Cycles joined from parts of any size are one stretch, whatever the parts were: bars and aside, too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from golden_worlds import KINDS, world_of
from kept_worlds import CODEC, copied
from oracle.engine_view import engine_of, inputs_of, market_of, rules_of
from oracle.world import World

from meva_core.live_market import TouchFrom
from meva_core.stretches.body import pack
from meva_core.stretches.groups import Aside, Bars
from meva_core.stretches.joining import Joiner
from meva_core.stretches.layout import Layout, layout_of
from meva_core.stretches.opened import Opened, open_stretch
from meva_core.stretches.stored import stored_stretch


class Beside(NamedTuple):
    """Bars and aside over all cycles of a world."""

    bars: Bars
    aside: Aside

    def part(self, first: int, start: int, stop: int) -> dict[str, Any]:
        """Return what belongs to cycles [start, stop) of a part whose first cycle is `first`, as the joiner
        takes it."""
        rows = (first + start <= self.bars.cycle) & (self.bars.cycle < first + stop)
        bars = Bars(*(column[rows] for column in self.bars))
        cells = Aside(*(column[first:] for column in self.aside))
        return {"bars": bars._replace(cycle=bars.cycle - first), "aside": cells}


def beside(world: World, cycles: int) -> Beside:
    """Return bars of two cycles in three, several seen at once at the start, and an aside, of any
    values that may be there."""
    chance, symbols = np.random.default_rng(3), len(world.symbols)
    seen = np.array([0] * 4 + [cycle for cycle in range(cycles) if cycle % 3], dtype=np.int64)

    def some(*shape: int) -> Any:
        return chance.integers(-(2**60), 2**60, shape)

    bars = Bars(
        np.cumsum(np.full(len(seen), 60)), seen, *(some(len(seen), symbols) for _ in Bars._fields[2:])
    )
    touches = chance.integers(0, len(TouchFrom), (cycles, symbols))
    return Beside(bars, Aside(*(some(cycles) for _ in Aside._fields[:-1]), touches))


def changing(world: World) -> Iterator[tuple[int, Any]]:
    """Yield from which cycles on which rules hold: one changes, changes back, and nothing changes after."""
    rules = rules_of(world)
    for at in (0, 4, 9, 10):
        found = copied(rules)
        if at in (4, 10):
            found.tick[0] *= 3
        yield at, found


def joined(world: World, size: int) -> list[Opened]:
    """Return a world as stored stretches of at most so many cycles, each opened again."""
    engine, market, inputs = engine_of(world), market_of(world), inputs_of(world)
    cycles, rules = len(market.time), dict(changing(world))
    known, layout = beside(world, cycles), layout_of(engine.params, bars=True, aside=True)
    found, joiner, seq = [], Joiner(), 0
    for first in range(cycles):
        now = rules[max(at for at in rules if at <= first)]
        one = slice(first, first + 1)
        seen = type(market)(*(column[one] for column in market))
        given = type(inputs)(*(column[one] for column in inputs))
        for start, stop, out in engine.advance(seen, given, now):
            joiner.add(seen, given, now, out, start, stop, **known.part(first, start, stop))
        if joiner.cycles == size or first == cycles - 1:
            found.append(kept(world, layout, joiner, seq))
            joiner, seq = Joiner(), first + 1
    return found


def kept(world: World, layout: Layout, joiner: Joiner, seq: int) -> Opened:
    body = pack(layout, joiner.groups(), CODEC)
    links = bytes(32 * joiner.cycles)
    stored = stored_stretch("run", seq, joiner.start, joiner.end, layout.form(), "all", links, body)
    return open_stretch(stored, world.symbols, layout, CODEC)


@pytest.mark.parametrize("name", ["ordinary", "falling"])
def test_stretches_of_any_size_are_joined_to_the_one_that_they_were_parts_of(name: str) -> None:
    world = world_of(name, KINDS[name])
    [whole] = joined(world, 2**30)
    for size in (1, 4, 7):
        parts = joined(world, size)
        joiner = Joiner()
        for part in parts:
            for span in part.spans():
                given = {"bars": span.bars, "aside": span.aside}
                joiner.add(span.market, span.inputs, span.rules, span.out, 0, span.cycles, **given)
        again = kept(world, whole.layout, joiner, 0)
        assert again.stored == whole.stored, size


@pytest.mark.parametrize("size", [1, 5, 2**30])
def test_bars_and_aside_come_back_as_they_were_given(size: int) -> None:
    world = world_of("ordinary", KINDS["ordinary"])
    parts = joined(world, size)
    cycles = sum(part.stored.cycles for part in parts)
    known = beside(world, cycles)
    for column in Bars._fields:
        found = [getattr(part.bars, column) + (part.stored.seq if column == "cycle" else 0) for part in parts]
        assert np.array_equal(np.concatenate(found), getattr(known.bars, column)), column
    for column in Aside._fields:
        found = [getattr(part.aside, column) for part in parts]
        assert np.array_equal(np.concatenate(found), getattr(known.aside, column)), column


def test_only_rules_that_changed_are_kept_again() -> None:
    world = world_of("ordinary", KINDS["ordinary"])
    [whole] = joined(world, 2**30)
    symbols = len(world.symbols)
    assert whole.rules.cycle.tolist() == [0] * symbols + [4, 9, 10]
    assert whole.rules.symbol.tolist()[symbols:] == [0, 0, 0]
    assert [(span.start, span.cycles) for span in whole.spans()][:3] == [(0, 4), (4, 5), (9, 1)]
