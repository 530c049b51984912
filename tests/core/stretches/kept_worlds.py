"""Golden worlds, run and kept as stored stretches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from attrs import evolve
from golden_worlds import KINDS, world_of
from oracle.engine_view import engine_of, inputs_of, market_of, rules_of
from oracle.world import World

from meva_adapters.column_codec import ZstdColumns
from meva_core.cycle import Out
from meva_core.fingerprint import Digester
from meva_core.market import Market
from meva_core.params import Params
from meva_core.rules import Rules
from meva_core.steps.inputs import Inputs
from meva_core.stretches.body import pack
from meva_core.stretches.joining import Joiner
from meva_core.stretches.layout import TABLES, Layout, kind_of, layout_of
from meva_core.stretches.opened import Opened, open_stretch, whole
from meva_core.stretches.stored import StoredStretch, stored_stretch

CODEC = ZstdColumns()


class Seen(NamedTuple):
    """What the loop yielded, copied."""

    market: Market
    inputs: Inputs
    rules: Rules
    out: Out
    start: int
    stop: int


class Kept(NamedTuple):
    """A world as one stored stretch, and what it was made of."""

    world: World
    params: Params
    layout: Layout
    seen: list[Seen]
    stored: StoredStretch
    fingerprint: bytes


def stretches_of(world: World, rows: int) -> Iterator[tuple[Params, Seen]]:
    """Run a world with room for so many rows of the journal, and yield what the loop yields."""
    engine, market, rules = engine_of(world), market_of(world), rules_of(world)
    engine.rows = rows
    inputs = inputs_of(world)
    for start, stop, out in engine.advance(market, inputs, rules):
        yield engine.params, Seen(market, inputs, rules, out, start, stop)


def copied(group: Any) -> Any:
    """Return a copy of groups of columns at any depth."""
    return group.copy() if isinstance(group, np.ndarray) else type(group)(*map(copied, group))


@cache
def kept(name: str, rows: int = 4096) -> Kept:
    """Return a golden world as one stored stretch."""
    world = world_of(name, KINDS[name])
    joiner, seen, links, digester = Joiner(), [], b"", None
    for params, one in stretches_of(world, rows):
        digester = digester or Digester(world.symbols, params)
        links += b"".join(
            found.link for found in digester.digest(one.market, one.rules, one.out, one.start, one.stop)
        )
        joiner.add(*one)
        seen.append(one._replace(out=copied(one.out)))
    layout = layout_of(params)
    body = pack(layout, joiner.groups(), CODEC)
    stored = stored_stretch("testrun", 0, joiner.start, joiner.end, layout.form(), "all", links, body)
    return Kept(world, params, layout, seen, stored, digester.link)


def with_cell(one: Kept, group: str, column: str, row: int, change: Callable[[int], int]) -> StoredStretch:
    """Return the stretch with another number in a column, of the first symbol if it has more, and the
    checksum that belongs to it; `row` counts on from the first again behind the last."""
    opened = open_stretch(one.stored, one.world.symbols, one.layout, CODEC)
    groups = {name: copied(whole(part, kind_of(name))) for name, part in parts_of(opened).items()}
    cells = getattr(groups[group], column)
    place = row % len(cells)
    at = place if cells.ndim == 1 else (place, 0)
    cells[at] = change(int(cells[at]))
    changed = evolve(one.stored, body=pack(one.layout, groups, CODEC))
    return evolve(changed, sha256=changed.checksum())


def parts_of(opened: Opened) -> dict[str, Any]:
    """Return the groups of a stretch by name, as they lie in its body."""
    found = {"market": opened.market, "inputs": opened.inputs, "rules": opened.rules}
    found |= {name: getattr(opened.out, name) for name in Out._fields[:-1]}
    journal = opened.out.journal
    found |= {name: getattr(journal, name) for name in TABLES}
    found["ends"] = journal
    return found
