"""A book under other terms: what it keeps, what begins anew, and that its cash never falls below 0."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest
from attrs import evolve
from golden_worlds import BUSY, Kind, world_of
from hypothesis import given
from hypothesis import strategies as st
from nightly import every
from oracle import Oracle, World
from oracle.engine_view import engine_of as engine_in
from oracle.engine_view import final_of, inputs_of, market_of, params_of, record_of, records_of, rules_of
from strategies import run_settings, worlds

from meva_core.amounts import ABSENT, E8, join_pair
from meva_core.engine import Engine
from meva_core.errors import BadInput, BrokenBooks
from meva_core.loop import Loop, interpreted
from meva_core.orders import Event
from meva_core.params import FILL_INSTANT, MARK_LAST, Params, own_tuned
from meva_core.reasons import Code
from meva_core.stages.books import Terms, carried, genesis
from meva_core.state import (
    CASH,
    DAY,
    GOOD_VERSION,
    OPEN_ORDERS,
    OUTDATED,
    PARAM_VERSION,
    STREAK,
    TIME,
    TOKENS,
    State,
    copy_state,
    restore_state,
    state_document,
    with_room,
    with_symbols,
)

RESTING = Kind(
    settings=BUSY | {"STAGE7_ORDER_OFFSET_BPS": "40", "TTL_SECONDS": "100000", "TRY_CASH_TARGET": "0"},
    symbols=5,
    moves=120,
)
"""A world whose buys stand below the touch and rest."""
OTHER: dict[str, Any] = {
    "mark_source": MARK_LAST,
    "fill_model": FILL_INSTANT,
    "slippage": 9_999 * E8,
    "fee": 9_999 * E8,
    "loss_mode": 2,
    "token_burst": 10**6,
    "ttl": 60,
    "max_drawdown": 1,
    "min_order_notional": 300 * E8,
    "own_order_offset": -500 * E8,
    "own_turnover_cap": 10_000 * E8,
    "max_position": 10_000 * E8,
    "require_metadata": 0,
    "observe_on_bad_rules": 1,
    "adapt": 1,
}
"""Another value of a parameter, where one more than before would not do."""


def ran(world: World, params: Params, state: State, loop: Loop = interpreted) -> tuple[list[Any], State]:
    """Return what the cycles of a world decide under parameters, and the state they leave."""
    engine, records = Engine(params, copy_state(state), loop), []
    for start, stop, out in engine.advance(market_of(world), inputs_of(world), rules_of(world)):
        records += [record_of(world, out, c, start) for c in range(start, stop)]
        assert all(join_pair(int(out.account.cash_whole[c]), 0) >= 0 for c in range(start, stop))
    return records, engine.state


def with_orders_resting() -> tuple[World, World, State]:
    """Return a world up to a cycle that leaves orders open, its rest, and the state between."""
    world = world_of("resting", RESTING)
    for cut in range(10, 30):
        first = evolve(world, cycles=world.cycles[:cut])
        engine = engine_in(first)
        list(records_of(first, engine))
        if engine.state.facts[OPEN_ORDERS] > 1:
            return first, evolve(world, cycles=world.cycles[cut:]), engine.state
    raise AssertionError("no cycle leaves orders open")


@pytest.fixture(scope="module")
def resting() -> tuple[World, World, State]:
    return with_orders_resting()


def total(state: State, place: int) -> int:
    return join_pair(*map(int, state.money[place : place + 2]))


@pytest.mark.parametrize("name", every(3, Params._fields))
def test_after_any_parameter_has_changed_orders_end_first_and_cash_never_falls_below_0(
    name: str, resting: tuple[World, World, State]
) -> None:
    first, rest, state = resting
    before = params_of(first)
    after = before._replace(**{name: OTHER.get(name, getattr(before, name) + 1)})
    assert after != before
    begun = carried(state, Terms(first.symbols, before), Terms(rest.symbols, after))
    open_orders = int(state.facts[OPEN_ORDERS])

    records, end = ran(rest, after, begun)

    ended = records[0]["settle_events"]
    assert [(event["kind"], event["code"]) for event in ended] == [
        (Event.CANCELED, Code.RUN_CHANGED)
    ] * open_orders
    assert records[0]["settle_fills"] == []
    codes = [event["code"] for record in records[1:] for event in record["settle_events"]]
    assert Code.RUN_CHANGED not in codes
    assert total(end, CASH) >= 0
    assert end.facts[OUTDATED] == 0


def overdrawing() -> tuple[World, World, State]:
    """Return a world in which all cash is reserved for a buy, its rest in which that fills, and the state
    between."""
    large = RESTING.settings | {"MAX_POSITION_NOTIONAL_TRY": "10000", "NOTIONAL_CAP_TRY_PER_CYCLE": "10000"}
    world = world_of("overdrawing", evolve(RESTING, symbols=1, settings=large, sizes=(10**9,)))
    spent = (
        c
        for c, record in enumerate(records_of(world, engine_in(world)))
        if record["settle_fills"] and record["account"]["cash"] < 100 * E8
    )
    cut = next(spent)
    first = evolve(world, cycles=world.cycles[:cut])
    engine = engine_in(first)
    list(records_of(first, engine))
    return first, evolve(world, cycles=world.cycles[cut:]), engine.state


def test_orders_that_were_kept_under_a_larger_fee_would_overdraw_the_book() -> None:
    first, rest, state = overdrawing()
    before = params_of(first)
    after = before._replace(fee=100 * before.fee)
    begun = carried(state, Terms(first.symbols, before), Terms(rest.symbols, after))
    ran(rest, after, begun)
    begun.facts[OUTDATED] = 0
    with pytest.raises(BrokenBooks, match="cash fell below zero"):
        ran(rest, after, begun)


def test_cash_below_zero_halts_a_cycle_in_which_nothing_happens(resting: tuple[World, World, State]) -> None:
    first, rest, state = resting
    spent = copy_state(state)
    for place in (0, 2):  # cash and what the identity compares it with
        spent.money[CASH + place] += -100_000 if place == 0 else 100_000
    with pytest.raises(BrokenBooks, match="cash fell below zero"):
        ran(rest, params_of(first), spent)


def test_other_parameters_begin_versions_anew_and_all_else_stays(resting: tuple[World, World, State]) -> None:
    first, _, state = resting
    state = copy_state(state)
    state.tuned[:] += 1
    state.facts[[PARAM_VERSION, GOOD_VERSION, STREAK]] = 3, 2, 2
    before = params_of(first)
    after = before._replace(own_universe_size=7, token_burst=10**6)
    made = carried(state, Terms(first.symbols, before), Terms(first.symbols, after))
    assert tuple(made.tuned) == tuple(made.good_tuned) == own_tuned(after)
    assert (made.facts[PARAM_VERSION], made.facts[GOOD_VERSION]) == (0, 0)
    assert made.facts[TOKENS] == 10**6 < state.facts[TOKENS]
    assert list(made.facts[[TIME, DAY, STREAK, OPEN_ORDERS]]) == list(
        state.facts[[TIME, DAY, STREAK, OPEN_ORDERS]]
    )
    kept, then = (state_document(one, first.symbols) for one in (made, state))
    for name in kept.keys() - {"facts", "tuned", "good_tuned"}:
        assert kept[name] == then[name], name


def test_under_another_strategy_nothing_is_wished_for_yet(resting: tuple[World, World, State]) -> None:
    first, _, state = resting
    state = copy_state(state)
    state.wanted[:] = 5 * E8
    before = params_of(first)._replace(strategy=7)
    for after, kept in ((before._replace(fee=1), True), (before._replace(strategy=8), False)):
        made = carried(state, Terms(first.symbols, before), Terms(first.symbols, after))
        assert (made.wanted == 5 * E8).all() == kept
        assert (made.wanted == ABSENT).all() != kept


def test_what_is_carried_over_hangs_on_what_is_given_alone(resting: tuple[World, World, State]) -> None:
    first, _, state = resting
    before = Terms(first.symbols, params_of(first))
    after = Terms(("AAAATRY", *first.symbols), before.params._replace(fee=0))
    was = state_document(state, first.symbols)
    made = [state_document(carried(state, before, after), after.symbols) for _ in range(2)]
    assert made[0] == made[1]
    assert state_document(state, first.symbols) == was
    roomy = with_room(state, 500, 500)
    assert state_document(carried(roomy, before, after), after.symbols) == made[0]


def test_the_same_parameters_change_nothing_and_orders_stay(resting: tuple[World, World, State]) -> None:
    first, _, state = resting
    terms = Terms(first.symbols, params_of(first))
    assert state_document(carried(state, terms, terms), first.symbols) == state_document(state, first.symbols)


def test_other_symbols_go_by_name_and_orders_stay(resting: tuple[World, World, State]) -> None:
    first, _, state = resting
    before = Terms(first.symbols, params_of(first))
    symbols = ("AAAATRY", *first.symbols, "ZZZZTRY")
    made = carried(state, before, before._replace(symbols=symbols))
    there = with_symbols(state, first.symbols, symbols)
    assert state_document(made, symbols) == state_document(there, symbols)
    assert made.facts[OUTDATED] == 0
    named = [symbols[i] for i in made.order_symbol[: made.facts[OPEN_ORDERS]]]
    with pytest.raises(BadInput, match=f"{named[0]} .*would be left out"):
        carried(made, before._replace(symbols=symbols), before._replace(symbols=("ZZZZTRY",)))


@given(world=worlds(), data=st.data())
def test_a_book_that_goes_on_under_other_settings_decides_what_the_oracle_decides(
    world: World, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(world.cycles)))
    balance = int(world.settings.live.dry_run_try_balance * E8)
    others = data.draw(run_settings(balance))
    seen = world.settings.stage7.vol_lookback  # the world holds no more closes
    others = evolve(others, stage7=evolve(others.stage7, vol_lookback=seen))
    first = evolve(world, cycles=world.cycles[:cut])
    rest = evolve(world, cycles=world.cycles[cut:], settings=others)
    before, after = (Terms(each.symbols, params_of(each)) for each in (first, rest))
    oracle = Oracle(first)
    for inputs in first.cycles:
        oracle.step(inputs)
    if after.params == before.params:
        oracle.world = oracle.venue.world = oracle.tuner.world = rest
    else:
        oracle.go_on_in(rest)
    engine = engine_in(first)
    list(records_of(first, engine))

    document = state_document(carried(engine.state, before, after), rest.symbols)
    begun = restore_state(json.loads(json.dumps(document)), rest.symbols)
    records, end = ran(rest, after.params, begun)

    assert records == [oracle.step(inputs) for inputs in rest.cycles]
    assert final_of(end) == oracle.final()


@pytest.mark.xdist_group("compiled")
def test_so_it_does_compiled(machine_code: Loop, resting: tuple[World, World, State]) -> None:
    first, rest, state = resting
    before = Terms(first.symbols, params_of(first))
    after = before._replace(params=before.params._replace(fee=0))
    begun = carried(state, before, after)
    records, end = ran(rest, after.params, begun)
    compiled, compiled_end = ran(rest, after.params, begun, machine_code)
    assert compiled == records
    assert state_document(compiled_end, rest.symbols) == state_document(end, rest.symbols)


def test_genesis_is_the_hash_over_the_last_link_and_the_state_as_json() -> None:
    document = {"version": 2, "money": [1, 0], "symbols": ["ÇTRY"], "facts": [-1]}
    text = '{"facts":[-1],"money":[1,0],"symbols":["ÇTRY"],"version":2}'
    assert genesis(bytes(range(32)), document) == sha256(bytes(range(32)) + text.encode()).digest()
    assert genesis(bytes(32), document) != genesis(bytes(range(32)), document)
