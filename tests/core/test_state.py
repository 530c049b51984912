"""The state: what a run leaves is all that a next one needs, in any room."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from oracle import World
from oracle.engine_view import engine_of, records_of, state_of
from strategies import examples, worlds

from meva_core.errors import BadInput
from meva_core.state import copy_state, new_state, restore_state, state_document, with_room


def run(world: World, **how: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the records of a run and the document of the state it leaves."""
    engine = engine_of(world, **how)
    records = list(records_of(world, engine))
    return records, state_document(engine.state, world.symbols)


@examples(0.6)
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


@examples(0.6)
@given(world=worlds(), room=st.integers(1, 3), rows=st.integers(1, 40))
def test_the_room_that_a_run_begins_with_makes_no_difference(world: World, room: int, rows: int) -> None:
    assert run(world, room=room, rows=rows) == run(world)


@examples(0.3)
@given(world=worlds(), lots=st.integers(0, 50), orders=st.integers(0, 50))
def test_growing_keeps_what_the_state_holds(world: World, lots: int, orders: int) -> None:
    engine = engine_of(world)
    list(records_of(world, engine))
    before = state_document(engine.state, world.symbols)
    grown = with_room(engine.state, 64 + lots, 64 + orders)
    assert grown.lot_qty.shape == (len(world.symbols), 64 + lots)
    assert len(grown.order_time) == 64 + orders
    assert state_document(grown, world.symbols) == before


@examples(0.3)
@given(world=worlds())
def test_a_copy_shares_nothing(world: World) -> None:
    engine = engine_of(world)
    copy = copy_state(engine.state)
    list(records_of(world, engine))
    assert state_document(copy, world.symbols) == state_document(state_of(world), world.symbols)


def test_a_state_of_another_version_is_refused() -> None:
    document = state_document(new_state(1, 0, (0,) * 6, 0), ["BTCTRY"])
    with pytest.raises(BadInput, match="state: version 0, but this program reads version 1"):
        restore_state(document | {"version": 0}, ["BTCTRY"])


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
