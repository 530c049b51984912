"""Flows: what an owner brings to a book or takes out of it is neither profit nor loss nor drawdown."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from oracle import World
from oracle.engine_view import engine_of, inputs_of, market_of, records_of, rules_of
from strategies import worlds

from meva_core.amounts import E8, LIMIT, join_pair
from meva_core.errors import BrokenBooks
from meva_core.journal import reserved_cash
from meva_core.ledger import flow
from meva_core.state import (
    CASH,
    DAY_OPEN,
    EQUITY,
    FLOWS,
    LAST_EQUITY,
    LOW,
    MAX_DRAWDOWN,
    NET,
    PEAK,
    PEAK_EVER,
    STARTING,
    State,
    copy_state,
    new_state,
    state_document,
)

MOVED: Final = (CASH, FLOWS, EQUITY, LAST_EQUITY, DAY_OPEN, PEAK, PEAK_EVER, LOW)


def total(state: State, place: int) -> int:
    return join_pair(*state.money[place : place + 2].tolist())


def ran(world: World, state: State | None = None) -> State:
    engine = engine_of(world, state=state)
    list(records_of(world, engine))
    return engine.state


def flow_for(state: State, data: st.DataObject) -> int:
    """Draw a deposit, or a withdrawal of what cash there is that no open order needs."""
    most = max(0, min(LIMIT, total(state, CASH) - reserved_cash(state), total(state, PEAK)))
    return data.draw(st.integers(-most, 10**16) | st.integers(-min(most, 1_000), 1_000) | st.just(-most))


@given(world=worlds(), data=st.data())
def test_a_flow_moves_all_that_equity_is_measured_by_alike(world: World, data: st.DataObject) -> None:
    state = ran(world)
    before, amount = copy_state(state), flow_for(state, data)
    flow(state, amount)
    assert {place: total(state, place) - total(before, place) for place in MOVED} == dict.fromkeys(
        MOVED, amount
    )
    others = [cell for cell in range(len(state.money)) if cell & ~1 not in MOVED]
    assert np.array_equal(state.money[others], before.money[others])
    left = before._replace(money=state.money)
    assert all(np.array_equal(one, other) for one, other in zip(state, left, strict=True))
    flow(state, -amount)
    assert np.array_equal(state.money, before.money)


def next_cycle(world: World, state: State) -> dict[str, Any]:
    """Return what assess of the first cycle of a world finds, over a copy of a state."""
    engine = engine_of(world, state=copy_state(state))
    _, _, out = next(engine.advance(market_of(world), inputs_of(world), rules_of(world)))
    found = {
        name: join_pair(*(int(getattr(out.assess, f"{name}_{part}")[0]) for part in ("whole", "rest")))
        for name in ("equity", "peak", "day_pnl")
    }
    return found | {"drawdown": found["peak"] - found["equity"], "streak": int(out.assess.streak[0])}


@given(world=worlds().filter(lambda world: len(world.cycles) > 1), data=st.data())
def test_a_flow_is_neither_drawdown_nor_a_result_of_the_day(world: World, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(world.cycles) - 1))
    state = ran(evolve(world, cycles=world.cycles[:cut]))
    rest = evolve(world, cycles=world.cycles[cut:])
    one = next_cycle(rest, state)
    amount = flow_for(state, data)
    flow(state, amount)
    other = next_cycle(rest, state)
    assert other == one | {"equity": one["equity"] + amount, "peak": one["peak"] + amount}


@given(world=worlds(), data=st.data())
def test_the_books_balance_with_fills_and_flows(world: World, data: st.DataObject) -> None:
    """The engine looks at it in every cycle; here it is reckoned again, in numbers without end."""
    cuts = sorted({0, len(world.cycles), *data.draw(st.sets(st.integers(0, len(world.cycles)), max_size=4))})
    state, flows = None, 0
    for first, last in pairwise(cuts):
        state = ran(evolve(world, cycles=world.cycles[first:last]), state)
        assert total(state, STARTING) + flows + total(state, NET) == total(state, EQUITY)
        assert total(state, FLOWS) == flows
        amount = flow_for(state, data)
        flow(state, amount)
        flows += amount
        assert total(state, STARTING) + flows + total(state, NET) == total(state, EQUITY)


@given(world=worlds())
def test_no_flow_changes_nothing(world: World) -> None:
    state = ran(world)
    before = state_document(state, world.symbols)
    flow(state, 0)
    assert state_document(state, world.symbols) == before


@given(world=worlds())
def test_cash_from_nowhere_is_found(world: World) -> None:
    state = ran(evolve(world, cycles=()))
    flow(state, E8)
    state.money[FLOWS] -= 1
    with pytest.raises(BrokenBooks, match=r"starting cash \+ flows \+ net PnL is not cash"):
        ran(world, state)


def test_a_peak_that_was_withdrawn_is_a_peak_of_nothing() -> None:
    """The fills of the last cycle made the book worth more than the peak that assess saw before them."""
    state = new_state(1, 10 * E8, (0,) * 6, 0)
    for place in (CASH, EQUITY, LAST_EQUITY, PEAK_EVER):
        state.money[place] = 11
    flow(state, -11 * E8)
    assert (total(state, CASH), total(state, PEAK), total(state, PEAK_EVER)) == (0, 0, 0)
    assert total(state, DAY_OPEN) == -1 * E8
    assert state.facts[MAX_DRAWDOWN] == 0
