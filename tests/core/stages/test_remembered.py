"""What a strategy has in mind, beside the state of its book: kept, given back, not to be changed unseen."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from oracle import World
from oracle.engine_view import inputs_of, market_of, params_of, rules_of, state_of
from strategies import examples, wished_worlds

from meva_core.errors import StoreCorrupt
from meva_core.loop import interpreted
from meva_core.params import params_from
from meva_core.settings import Settings
from meva_core.stages.conditions import Beginning
from meva_core.stages.deciding import Deciding
from meva_core.stages.remembered import described, memory_in, memory_of
from meva_core.stages.run import Book, run
from meva_core.state import new_state
from meva_core.strategy import Strategy, View
from meva_core.strategy.answers import StrategyFailed
from meva_core.strategy.bars import no_bars
from meva_core.strategy.history import history_at
from meva_core.strategy.memory import Kept


class Counting(Strategy):
    """Count its cycles, and fail in one of them."""

    version = 2

    def decide(self, view: View, memory: dict[str, Any]) -> Any:
        """Hold half of the first symbol."""
        memory["n"] = memory.get("n", 0) + 1
        return {view.symbols[0].name: 0.5 if memory["n"] < 5 else "half"}


def ran(world: World, memory: Kept | None) -> Book:
    """Return the book of a world after as many cycles as the strategy decides."""
    book, market = Book(world.symbols, params_of(world), state_of(world), memory=memory), market_of(world)

    def look(c: int) -> Any:
        return history_at(c, world.symbols, market, no_bars(len(world.symbols)), 0)

    given = [(market, inputs_of(world), rules_of(world))]
    with suppress(StrategyFailed):
        for _ in run(book, given, interpreted, Deciding(Counting(), book, look).decide):
            pass
    return book


@examples(0.5)
@given(world=wished_worlds())
def test_memory_goes_on_cycle_by_cycle_and_a_failure_leaves_it(world: World) -> None:
    book = ran(world, None)
    asked = [c for c, cycle in enumerate(world.cycles) if not cycle.strategy_failed]
    assert book.memory == (Kept("counting", 2, f'{{"n":{min(4, len(asked))}}}') if asked else None)
    assert book.seq == (asked[4] if len(asked) > 4 else len(world.cycles))
    document = json.loads(json.dumps(described(book)))
    assert memory_of(document) == book.memory
    assert Beginning(document["state"], bytes(32)).memory == book.memory


@pytest.mark.parametrize(
    ("memory", "said"),
    [
        (None, '{"n":1}'),
        (Kept("counting", 2, '{"n":2}'), '{"n":3}'),
        (Kept("counting", 1, '{"n":2}'), '{"n":1}'),
        (Kept("other", 2, '{"n":2}'), '{"n":1}'),
    ],
)
@given(world=wished_worlds())
@examples(0.04)
def test_of_what_another_strategy_or_version_left_it_is_told_nothing(
    memory: Kept | None, said: str, world: World
) -> None:
    first = evolve(world.cycles[0], strategy_failed=0)
    assert ran(evolve(world, cycles=(first,)), memory).memory == Kept("counting", 2, said)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"json": '{"n":5}'}, "its strategy's memory has another SHA-256"),
        ({"version": 3}, "its strategy's memory has another SHA-256"),
    ],
)
def test_a_memory_that_was_changed_is_damage(change: dict[str, Any], said: str) -> None:
    document = standing(Kept("counting", 2, '{"n":4}'))
    document["state"]["memory"] |= change
    with pytest.raises(StoreCorrupt, match=said):
        memory_of(document)
    for name in ("memory", "memory_sha256"):
        lacking = {**document, "state": {**document["state"]}}
        (lacking["state"] if name == "memory" else lacking).pop(name)
        with pytest.raises(StoreCorrupt, match="has another SHA-256"):
            memory_of(lacking)


@pytest.mark.parametrize("text", ["[1]", "{", '{"n": 4}', '{"n":NaN}', '{"b":1,"a":2}'])
def test_what_is_no_memory_is_none_whatever_vouches_for_it(text: str) -> None:
    document = standing(Kept("counting", 2, text))
    with pytest.raises(ValueError, match=r"memory|Expecting"):
        memory_in(document["state"])
    with pytest.raises(StoreCorrupt, match="its strategy's memory cannot be read"):
        memory_of(document)


def test_it_goes_on_with_a_run_of_the_same_strategy_in_the_same_version() -> None:
    kept, identity = Kept("counting", 2, '{"n":4}'), {"id": "counting", "version": 2, "parameters": {}}
    assert kept.if_of(identity) == kept
    for other in (None, {**identity, "version": 3}, {**identity, "id": "other"}):
        assert kept.if_of(other) is None


def standing(memory: Kept | None) -> dict[str, Any]:
    """Return how a book stands that has just begun."""
    state = new_state(1, 10**8, (1, 0, 0, 1, 0, 0), 1)
    found: dict[str, Any] = described(Book(("BTCTRY",), params_from(Settings()), state, memory=memory))
    return found


def test_without_one_nothing_is_said_of_it() -> None:
    document = standing(None)
    assert memory_of(document) is None
    assert "memory" not in document["state"]
    assert document.keys() == {"state", "link", "seq"}
