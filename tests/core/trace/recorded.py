"""Stretches of the golden worlds as they stood, with all their rows as the plain renderer makes them.

The worlds give every reason there is; they are run once for all tests of a process.
"""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

import numpy as np
from attrs import evolve, frozen
from golden_worlds import KINDS, world_of
from oracle import World
from oracle.engine_view import engine_of, inputs_of, market_of, rules_of
from plain_renderer import PlainRenderer

from meva_core.cycle import Out
from meva_core.fingerprint import CycleDigests, Digester
from meva_core.market import Market
from meva_core.params import Params
from meva_core.reasons import Code
from meva_core.rules import Rules
from meva_core.state import open_gross
from meva_core.trace import Names, Rendered

CASH = "1000"
ROOM = 60
"""Rows of the journal: so little that every world has several stretches."""
ENOUGH = 4096
"""So many that every world is one stretch."""


@frozen
class Recorded:
    """A stretch, and its rows. `seq` is the place of its first cycle in the run."""

    names: Names
    params: Params
    market: Market
    rules: Rules
    out: Out
    start: int
    stop: int
    seq: int
    digests: list[CycleDigests]
    rendered: Rendered
    gross: dict[tuple[int, int], int]
    """What the orders that are open after it have traded."""


@cache
def golden(name: str, room: int = ROOM) -> tuple[Recorded, ...]:
    """The stretches of a golden world."""
    return tuple(recorded(world_of(name, KINDS[name]), room))


@cache
def wide(width: int) -> Recorded:
    """A few cycles with so many symbols, in whose columns all codes stand that may."""
    world = world_of("ordinary", KINDS["ordinary"])
    [only] = recorded(widened(evolve(world, cycles=world.cycles[:5]), width), ENOUGH, any_code=True)
    return only


def recorded(world: World, room: int = ROOM, *, any_code: bool = False) -> list[Recorded]:
    """Run a world and keep every stretch of it."""
    engine, market, rules = engine_of(world, rows=room), market_of(world), rules_of(world)
    names = Names("abcdefg", tuple(world.symbols))
    digester = Digester(world.symbols, engine.params)
    plain = PlainRenderer(names, rules, engine.params, CASH)
    found = []
    for start, stop, passing in engine.advance(market, inputs_of(world), rules):
        out = deepcopy(passing)  # the next stretch uses the columns again
        if any_code:
            put_any_code(market, out, np.random.default_rng(7))
        digests, seq = list(digester.digest(market, rules, out, start, stop)), plain.seq
        rows, gross = plain.render(market, out, start, stop, digests), open_gross(engine.state)
        stretch = (market, rules, out, start, stop)
        found.append(Recorded(names, engine.params, *stretch, seq, digests, rows, gross))
    return found


def put_any_code(market: Market, out: Out, chance: Any) -> None:
    """Put codes into the columns of selection and plan, whatever was decided."""
    for codes in (out.select.code, out.plan.code):
        codes[...] = chance.choice([int(code) for code in Code], codes.shape)
        no_book = (codes == Code.ABOVE_MAX_SPREAD) & ((market.bid <= 0) | (market.ask <= 0))
        codes[no_book] = Code.OK
    out.plan.code[chance.random(out.plan.code.shape) < 0.5] = Code.NOT_SELECTED
    out.plan.cycle_code[...] = chance.choice(
        [int(Code.OK), int(Code.NOTHING_TO_REDUCE)], out.plan.cycle_code.shape
    )


def widened(world: World, width: int) -> World:
    """Return a world with so many symbols, which repeat the markets of the given ones."""
    symbols = tuple(f"S{i:03}TRY" for i in range(width))
    source = [i % len(world.symbols) for i in range(width)]
    rules = tuple(evolve(world.rules[i], symbol=name) for i, name in zip(source, symbols, strict=True))
    traded = frozenset(rule.symbol for rule in rules if rule.tradable)
    cycles = tuple(evolve(given, rows=tuple(given.rows[i] for i in source)) for given in world.cycles)
    return evolve(world, symbols=symbols, rules=rules, candidates=traded, configured=traded, cycles=cycles)
