"""A cycle in two halves: between them the book stands as assess saw it, and what is decided there counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from oracle import World
from oracle.engine_view import engine_of, inputs_of, market_of, params_of, rules_of, state_of
from strategies import examples, wished_worlds, worlds

from meva_core.amounts import join_pair
from meva_core.engine import Halfway
from meva_core.fingerprint import CycleDigests, Digester
from meva_core.journal import FILLS_USED, SETTLE
from meva_core.loop import Loop, interpreted
from meva_core.modes import Mode
from meva_core.orders import Side
from meva_core.stages.run import Book, Part, run
from meva_core.state import CASH, EQUITY, TIME, state_document
from meva_core.steps.inputs import Inputs

Decide = Callable[[Halfway], None]


def look(at: Halfway) -> None:
    """Decide nothing."""


def digests(
    world: World, decide: Decide | None, loop: Loop = interpreted
) -> tuple[list[CycleDigests], dict[str, Any]]:
    """Return the digests of a run in little room, and the state it leaves."""
    engine, rules, market, found = engine_of(world, loop, 2, 40), rules_of(world), market_of(world), []
    digester = Digester(world.symbols, engine.params)
    for start, stop, out in engine.advance(market, inputs_of(world), rules, decide):
        found += digester.digest(market, rules, out, start, stop)
    return found, state_document(engine.state, world.symbols)


@given(world=worlds())
def test_half_by_half_is_whole_in_any_room(world: World) -> None:
    assert digests(world, look) == digests(world, None)


@pytest.mark.xdist_group("compiled")
@given(world=worlds())
def test_half_by_half_is_whole_compiled(machine_code: Loop, world: World) -> None:
    assert digests(world, look, machine_code) == digests(world, None)


@given(world=worlds())
def test_the_book_is_seen_with_the_fills_of_this_very_cycle(world: World) -> None:
    engine, market = engine_of(world), market_of(world)
    held: Any = np.zeros(len(world.symbols), dtype=np.int64)

    def decide(at: Halfway) -> None:
        fills, used = at.out.journal.fills, at.out.journal.used[FILLS_USED]
        settled = held.copy()
        for row in range(used):
            assert fills.cycle[row] < at.c or fills.step[row] == SETTLE
            sign = 1 if fills.side[row] == Side.BUY else -1
            settled[fills.symbol[row]] += sign * fills.qty[row]
        assert at.state.qty.tolist() == settled.tolist()
        money = at.state.money.tolist()
        equity = join_pair(int(at.out.assess.equity_whole[at.c]), int(at.out.assess.equity_rest[at.c]))
        assert equity == join_pair(*money[EQUITY : EQUITY + 2])
        assert join_pair(*money[CASH : CASH + 2]) <= equity
        assert at.state.facts[TIME] < at.market.time[at.c]

    for _, stop, out in engine.advance(market, inputs_of(world), rules_of(world), decide):
        held[:] = out.account.qty[stop - 1]


def observing(world: World, decide: Decide | None, mode: Mode) -> tuple[list[CycleDigests], list[int]]:
    """Return the digests of a run whose inputs lie in no blocks, and the override that its stretches show."""

    def source() -> Iterator[Part]:
        inputs = Inputs(*(column.copy() for column in inputs_of(world)))
        inputs.override_mode[:] = mode
        yield market_of(world), inputs, rules_of(world)

    found: list[CycleDigests] = []
    shown: list[int] = []
    book = Book(world.symbols, params_of(world), state_of(world))
    digester = Digester(book.symbols, book.params)
    for market, inputs, rules, out, start, stop, _ in run(book, source(), interpreted, decide):
        found += digester.digest(market, rules, out, start, stop)
        shown += inputs.override_mode[start:stop].tolist()
    return found, shown


@given(world=worlds())
def test_what_is_written_between_the_halves_counts_from_select_on(world: World) -> None:
    def observe(at: Halfway) -> None:
        at.inputs.override_mode[at.c] = Mode.OBSERVE_ONLY

    written, shown = observing(world, observe, Mode.NORMAL)
    assert (written, shown) == observing(world, None, Mode.OBSERVE_ONLY)
    assert shown == [Mode.OBSERVE_ONLY] * len(world.cycles)


@pytest.mark.parametrize("together", [1, 3, 128])
@examples(0.5)
@given(world=wished_worlds().filter(lambda world: len(world.cycles) > 1), failing=st.integers(1, 29))
def test_what_decide_raises_ends_the_run_after_the_cycles_before(
    together: int, world: World, failing: int
) -> None:
    failing = min(failing, len(world.cycles) - 1)

    def fail(at: Halfway) -> None:
        if at.c == failing:
            raise ArithmeticError("no weights")

    book = Book(world.symbols, params_of(world), state_of(world))
    given = [(market_of(world), inputs_of(world), rules_of(world))]
    found: list[CycleDigests] = []
    left: dict[str, Any] = {}
    digester = Digester(book.symbols, book.params)

    def take_all() -> None:
        for market, _, rules, out, start, stop, state in run(book, given, interpreted, fail):
            found.extend(digester.digest(market, rules, out, start, stop))
            left.update(state_document(state, book.symbols))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("meva_core.engine.DECIDED", together)
        with pytest.raises(ArithmeticError, match="no weights"):
            take_all()
    cut = evolve(world, cycles=world.cycles[:failing])
    assert (found, left) == digests(cut, None)
    assert (book.seq, book.last_time) == (failing, world.cycles[failing - 1].time)
