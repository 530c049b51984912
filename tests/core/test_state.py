"""The state: what a run leaves is all that a next one needs, in any room."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from oracle import World
from oracle.engine_view import engine_of, records_of, state_of
from oracle.world import Row
from strategies import NAMES, examples, worlds

from meva_core.amounts import ABSENT
from meva_core.errors import BadInput
from meva_core.state import (
    FLOWS,
    OPEN_ORDERS,
    OUTDATED,
    State,
    copy_state,
    new_state,
    restore_state,
    state_document,
    with_room,
    with_symbols,
)


def run(world: World, **how: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the records of a run and the document of the state it leaves."""
    engine = engine_of(world, **how)
    records = list(records_of(world, engine))
    return records, state_document(engine.state, world.symbols)


@given(world=worlds(), data=st.data())
def test_a_run_cut_anywhere_goes_on_as_if_it_had_not_been(world: World, data: st.DataObject) -> None:
    whole, end = run(world)
    cut = data.draw(st.integers(0, len(world.cycles)))
    first, middle = run(evolve(world, cycles=world.cycles[:cut]))
    state = restore_state(json.loads(json.dumps(middle)), world.symbols)
    assert state_document(state, world.symbols) == middle
    rest, last = run(evolve(world, cycles=world.cycles[cut:]), state=state)
    assert [*first, *rest] == whole
    assert last == end


@given(world=worlds(), room=st.integers(1, 3), rows=st.integers(1, 40))
def test_the_room_that_a_run_begins_with_makes_no_difference(world: World, room: int, rows: int) -> None:
    assert run(world, room=room, rows=rows) == run(world)


@examples(0.5)
@given(world=worlds(), lots=st.integers(0, 50), orders=st.integers(0, 50))
def test_growing_keeps_what_the_state_holds(world: World, lots: int, orders: int) -> None:
    engine = engine_of(world)
    list(records_of(world, engine))
    before = state_document(engine.state, world.symbols)
    grown = with_room(engine.state, 64 + lots, 64 + orders)
    assert grown.lot_qty.shape == (len(world.symbols), 64 + lots)
    assert len(grown.order_time) == 64 + orders
    assert state_document(grown, world.symbols) == before


@examples(0.5)
@given(world=worlds())
def test_a_copy_shares_nothing(world: World) -> None:
    engine = engine_of(world)
    copy = copy_state(engine.state)
    list(records_of(world, engine))
    assert state_document(copy, world.symbols) == state_document(state_of(world), world.symbols)


# -- Other symbols ------------------------------------------------------------------------------------


def by_name(state: State, symbols: Sequence[str]) -> dict[str, Any]:
    """Return what a state holds with symbols told by name, in no order of theirs but the ranking's."""
    found = state_document(state, symbols)
    del found["symbols"]
    columns = {name: found.pop(name) for name in list(found) if name not in BOOK}
    found["ranking"] = [symbols[i] for i in columns.pop("rank")]
    found["orders"] |= {"symbol": [symbols[i] for i in found["orders"]["symbol"]]}
    found["by symbol"] = {
        symbol: {name: column[i] for name, column in columns.items()} for i, symbol in enumerate(symbols)
    }
    return found


BOOK = {"version", "facts", "money", "tuned", "good_tuned", "orders"}


def ran(world: World) -> State:
    engine = engine_of(world)
    list(records_of(world, engine))
    return engine.state


def needed(state: State, symbols: Sequence[str]) -> set[str]:
    """Return the symbols that a state may not be without."""
    used = int(state.facts[OPEN_ORDERS])
    held = {symbol for symbol, qty in zip(symbols, state.qty, strict=True) if qty}
    return held | {symbols[i] for i in state.order_symbol[:used]}


@given(world=worlds(), data=st.data())
def test_symbols_keep_what_is_theirs_by_name_and_new_ones_have_nothing(
    world: World, data: st.DataObject
) -> None:
    state, before = ran(world), world.symbols
    left = data.draw(st.sets(st.sampled_from(sorted({*NAMES, *before})))) | needed(state, before)
    after = data.draw(st.permutations(sorted(left)))
    carried = with_symbols(state, before, after)
    one, other = by_name(state, before), by_name(carried, after)
    empty = by_name(new_state(1, 0, (0,) * 6, 0), ["NEWTRY"])["by symbol"]["NEWTRY"]
    assert other.pop("by symbol") == {symbol: one["by symbol"].get(symbol, empty) for symbol in after}
    kept = [symbol for symbol in one.pop("ranking") if symbol in after]
    assert other.pop("ranking") == [*kept, *(symbol for symbol in after if symbol not in before)]
    del one["by symbol"]
    assert other == one


@examples(0.5)
@given(world=worlds(), data=st.data())
def test_carrying_over_twice_is_carrying_over_once(world: World, data: st.DataObject) -> None:
    state, before = ran(world), world.symbols
    after = sorted(needed(state, before) | data.draw(st.sets(st.sampled_from(NAMES))))
    between = sorted({*before, *after})
    two = with_symbols(with_symbols(state, before, between), between, after)
    assert state_document(two, after) == state_document(with_symbols(state, before, after), after)


@examples(0.5)
@given(world=worlds())
def test_the_same_symbols_give_an_independent_copy(world: World) -> None:
    state, untouched = ran(world), copy_state(ran(world))
    carried = with_symbols(state, world.symbols, world.symbols)
    assert state_document(carried, world.symbols) == state_document(state, world.symbols)
    for column in carried:
        column[...] = 7
    assert all(np.array_equal(one, other) for one, other in zip(state, untouched, strict=True))


NOTHING = Row(*[None] * 10, closes=())


def without(world: World, symbol: str) -> World:
    """Return a world that does not have a symbol."""
    i = world.symbols.index(symbol)
    cycles = tuple(evolve(given, rows=(*given.rows[:i], *given.rows[i + 1 :])) for given in world.cycles)
    symbols = tuple(name for name in world.symbols if name != symbol)
    rules = tuple(rule for rule in world.rules if rule.symbol != symbol)
    return evolve(world, symbols=symbols, rules=rules, cycles=cycles)


@given(world=worlds().filter(lambda world: len(world.symbols) > 1), data=st.data())
def test_a_symbol_that_joins_later_was_as_good_as_there_all_the_time(
    world: World, data: st.DataObject
) -> None:
    """Unknown to the market and watched by nobody until then, it changed nothing."""
    late = data.draw(st.sampled_from(world.symbols))
    cut = data.draw(st.integers(0, len(world.cycles) - 1))
    i = world.symbols.index(late)
    shown = tuple(
        given if c >= cut else evolve(given, rows=(*given.rows[:i], NOTHING, *given.rows[i + 1 :]))
        for c, given in enumerate(world.cycles)
    )
    unwatched = {"candidates": world.candidates - {late}, "configured": world.configured - {late}}
    always = evolve(world, cycles=shown[:cut], **unwatched)
    fewer = without(always, late)
    carried = with_symbols(ran(fewer), fewer.symbols, world.symbols)
    _, joined = run(evolve(world, cycles=shown[cut:]), state=carried)
    _, there = run(evolve(world, cycles=shown[cut:]), state=ran(always))
    assert joined == there


def test_what_is_held_or_on_order_is_not_left_out() -> None:
    state = new_state(3, 0, (0,) * 6, 0)
    state.qty[0] = 50_000_000
    state.facts[OPEN_ORDERS] = 1
    state.order_symbol[0] = 2
    symbols = ("BTCTRY", "ETHTRY", "SOLTRY")
    named = r"BTCTRY \(0.5 held\), SOLTRY \(an open order\) would be left out of the symbols, and lost"
    with pytest.raises(BadInput, match=named) as refused:
        with_symbols(state, symbols, ("ETHTRY",))
    assert refused.value.action.startswith("keep them among the symbols until they are sold")
    assert with_symbols(state, symbols, ("BTCTRY", "SOLTRY")).order_symbol[0] == 1


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (("A", "A"), ("A",), r"named twice in \['A', 'A'\]"),
        (("A", "B"), ("B", "B"), r"named twice in \['B', 'B'\]"),
        (("A",), ("A",), r"it is for 2 symbols, not for \['A'\]"),
    ],
)
def test_names_that_do_not_fit_a_state_are_refused(
    before: tuple[str, ...], after: tuple[str, ...], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        with_symbols(new_state(2, 0, (0,) * 6, 0), before, after)


# -- Version 1 ----------------------------------------------------------------------------------------


def as_version_1(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document as the program before wishes, average cost and flows wrote it."""
    kept = {name: value for name, value in document.items() if name not in ("paid", "wanted")}
    return kept | {"version": 1, "money": document["money"][:FLOWS], "facts": document["facts"][:OUTDATED]}


@given(world=worlds(), data=st.data())
def test_a_state_of_version_1_goes_on_with_what_its_lots_cost(world: World, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(world.cycles)))
    _, middle = run(evolve(world, cycles=world.cycles[:cut]))
    state = restore_state(json.loads(json.dumps(as_version_1(middle))), world.symbols)
    costs = [sum(costs) for _, costs in middle["lots"]]
    assert state_document(state, world.symbols) == middle | {
        "paid": costs,
        "wanted": [ABSENT] * len(world.symbols),
    }
    rest = evolve(world, cycles=world.cycles[cut:])
    assert run(rest, state=state)[0] == run(rest, state=restore_state(middle, world.symbols))[0]


# -- Refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [0, 3, "2", None])
def test_a_state_of_another_version_is_refused(version: object) -> None:
    document = state_document(new_state(1, 0, (0,) * 6, 0), ["BTCTRY"])
    said = f"state: version {version!r}, but this program reads versions 1 and 2"
    with pytest.raises(BadInput, match=said) as refused:
        restore_state(document | {"version": version}, ["BTCTRY"])
    assert refused.value.action == "go on with the version of Meva that wrote it"


def test_a_state_of_other_symbols_is_refused() -> None:
    document = state_document(new_state(1, 0, (0,) * 6, 0), ["BTCTRY"])
    with pytest.raises(BadInput, match=r"state: it is for \['BTCTRY'\], not for \['ETHTRY'\]"):
        restore_state(document, ["ETHTRY"])


def test_a_book_begins_with_its_cash_as_equity_peak_and_day_open() -> None:
    state = new_state(2, 123_456_789_012, (1, 2, 3, 4, 5, 6), tokens=7)
    pairs = state.money.reshape(-1, 2)
    assert sorted(map(tuple, pairs[pairs.any(axis=1)].tolist())) == [(1234, 56_789_012)] * 8
    assert state.tuned.tolist() == state.good_tuned.tolist() == [1, 2, 3, 4, 5, 6]
    assert not np.any(state.qty)
