"""Groups of columns lie in blocks, and nobody who reads or writes a column knows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from meva_core.blocks import blocks_of, copied, in_blocks, names_by_axes, side_by_side
from meva_core.cycle import KINDS, PLACES, new_out, out_blocks
from meva_core.market import Market, empty_market
from meva_core.rules import RuleStatus, SymbolRules, rules_columns
from meva_core.state import new_state, with_room
from meva_core.steps.inputs import no_inputs
from meva_core.steps.scratch import new_scratch

MADE = {
    "market": empty_market(3, 2),
    "one symbol": empty_market(3, 1),
    "one cycle": empty_market(1, 2),
    "inputs": no_inputs(3, 2),
    "rules": rules_columns([SymbolRules("BTCTRY", RuleStatus.MISSING)]),
    "state": new_state(2, 10**8, (1, 2, 3, 4, 5, 6), 7),
    "grown state": with_room(new_state(2, 10**8, (1, 2, 3, 4, 5, 6), 7), 128, 256),
    "scratch": new_scratch(2, 64),
}


@pytest.mark.parametrize("group", MADE.values(), ids=MADE)
def test_what_the_core_makes_lies_in_blocks_of_its_columns(group: Any) -> None:
    blocks = blocks_of(group)
    assert blocks is not None
    for block, names in zip(blocks, names_by_axes(type(group)).values(), strict=True):
        for place, name in enumerate(names):
            assert np.shares_memory(block, getattr(group, name))
            assert np.array_equal(block[..., place], getattr(group, name))
    assert in_blocks(group) is group


def test_the_outputs_of_all_steps_lie_in_two_blocks() -> None:
    out = new_out(3, 2, 5)
    for block, places in zip(out_blocks(out), PLACES.values(), strict=True):
        block[...] = np.arange(block.size).reshape(block.shape)
        for place, (kind, name) in enumerate(places):
            assert np.array_equal(getattr(out[KINDS.index(kind)], name), block[..., place])


@pytest.mark.parametrize("kind", KINDS)
def test_the_columns_of_one_step_lie_side_by_side_in_the_blocks_of_all(kind: Any) -> None:
    group = new_out(3, 2, 5)[KINDS.index(kind)]
    for names in names_by_axes(kind).values():
        columns = tuple(getattr(group, name)[1:3] for name in names)
        found = side_by_side(columns)
        for place, column in enumerate(columns):
            column[...] = place
            assert (found[..., place] == place).all()
    swapped = (group[1], group[0])
    assert side_by_side(swapped) is None


@pytest.mark.parametrize(("cycles", "symbols"), [(0, 2), (3, 0)])
def test_an_empty_group_lies_in_blocks(cycles: int, symbols: int) -> None:
    blocks = blocks_of(empty_market(cycles, symbols))
    assert blocks is not None
    assert [block.shape[:-1] for block in blocks] == [(cycles,), (cycles, symbols)]


def test_a_part_of_a_group_along_time_lies_in_its_blocks_still() -> None:
    market = empty_market(8, 2)
    part = Market(*(column[2:5] for column in market))
    assert in_blocks(part) is part


@pytest.mark.parametrize("skewed", ["apart", "read-only", "every other cycle", "one column elsewhere"])
def test_columns_that_lie_otherwise_are_copied_into_blocks(skewed: str) -> None:
    market = empty_market(8, 2)
    market.bid[:] = np.arange(16).reshape(8, 2)
    given = {
        "apart": Market(*(np.ascontiguousarray(column) for column in market)),
        "read-only": Market(*(np.broadcast_to(column, column.shape) for column in market)),
        "every other cycle": Market(*(column[::2] for column in market)),
        "one column elsewhere": market._replace(ask=market.ask.copy()),
    }[skewed]
    found = in_blocks(given)
    assert found is not given
    assert blocks_of(found) is not None
    for name in Market._fields:
        assert np.array_equal(getattr(found, name), getattr(given, name))


def test_columns_that_lie_symbol_by_symbol_are_copied_into_blocks() -> None:
    market = empty_market(5, 3)
    turned = Market(*(np.asfortranarray(column) for column in market))
    assert blocks_of(turned) is None
    assert blocks_of(in_blocks(turned)) is not None


def test_a_copy_shares_nothing() -> None:
    market = empty_market(2, 2)
    copy = copied(market)
    copy.bid[:] = 7
    assert (market.bid == -1).all()


def test_a_copy_of_columns_that_lie_by_symbol_lies_in_blocks() -> None:
    market = empty_market(8, 3)
    columns = (np.array(column.T, order="C").T for column in market)
    turned = Market(*columns)
    assert blocks_of(turned) is None
    moved = in_blocks(turned)
    assert blocks_of(moved) is not None
    assert all(map(np.array_equal, moved, market))
