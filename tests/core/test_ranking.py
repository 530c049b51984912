"""Ranking: the same whatever order symbols came in."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from oracle import World
from oracle.engine_view import engine_of, records_of, state_of
from strategies import examples, reordered, worlds


def records(world: World, **how: Any) -> list[dict[str, Any]]:
    return list(records_of(world, engine_of(world, **how)))


@examples(0.8)
@given(world=worlds(), data=st.data())
def test_the_order_of_the_last_ranking_makes_no_difference(world: World, data: st.DataObject) -> None:
    state = state_of(world)
    state.rank[:] = data.draw(st.permutations(range(len(world.symbols))))
    assert records(world, state=state) == records(world)


@examples(0.8)
@given(world=worlds(), data=st.data())
def test_the_order_of_symbols_makes_no_difference_to_the_first_ranking(
    world: World, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(world.symbols))))
    one, other = records(world)[0]["select"], records(reordered(world, order))[0]["select"]
    assert one.keys() == other.keys()
    merit = {name: (-symbol["total"], -symbol["liquidity"]) for name, symbol in one.items()}
    for name, symbol in one.items():
        alike = [other_name for other_name in merit if merit[other_name] == merit[name]]
        if len(alike) == 1:  # else the place among the columns decides, and they are sorted by name
            assert other[name] == symbol
        else:
            assert (-other[name]["total"], -other[name]["liquidity"]) == merit[name]


@examples(0.8)
@given(world=worlds())
def test_ranks_follow_total_liquidity_and_name(world: World) -> None:
    for record in records(world):
        ranked = sorted(record["select"].items(), key=lambda item: item[1]["rank"])
        keys = [(-symbol["total"], -symbol["liquidity"], name) for name, symbol in ranked]
        assert keys == sorted(keys)
        assert len({symbol["rank"] for _, symbol in ranked}) == len(ranked)


@examples(0.8)
@given(world=worlds())
def test_ranks_of_a_cycle_are_a_permutation(world: World) -> None:
    engine = engine_of(world)
    list(records_of(world, engine))
    assert np.array_equal(np.sort(engine.state.rank), np.arange(len(world.symbols)))
