"""The state of a run as it is kept: read whole, or named as damage."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kept_worlds import kept
from oracle.engine_view import engine_of, inputs_of, market_of, rules_of
from strategies import examples

from meva_core.errors import StoreCorrupt
from meva_core.state import FLOOR, OtherVersion, state_document
from meva_core.stretches.kept_state import standing_of, state_of

WORLD = kept("ordinary").world


def left() -> dict[str, Any]:
    """Return what a world leaves in the middle, with orders that rest."""
    engine = engine_of(WORLD)
    for _ in engine.advance(market_of(WORLD), inputs_of(WORLD), rules_of(WORLD)):
        pass
    return state_document(engine.state, WORLD.symbols)


LEFT = left()


def read(state: Any) -> None:
    standing = {"state": state, "link": "00" * 32, "seq": 1, "counts": {}, "modes": {}}
    kept_row = {"state_json": json.dumps(standing)}
    found = state_of(standing_of(kept_row, "testrun", json.loads), "testrun", WORLD.symbols)
    assert state_document(found, WORLD.symbols)["symbols"] == list(WORLD.symbols)


def changed(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    document = deepcopy(LEFT)
    change(document)
    return document


def test_what_was_kept_is_read() -> None:
    read(LEFT)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["facts"].__setitem__(FLOOR, 3), "the floor is 3, which is not 0 to 2"),
        (lambda d: d["rank"].__setitem__(0, 99), "rank is not an order of its"),
        (lambda d: d["rank"].__setitem__(0, d["rank"][1]), "rank is not an order of its"),
        (lambda d: d["qty"].pop(), r"qty is not \d+ whole numbers"),
        (lambda d: d["qty"].__setitem__(0, 0.5), "qty is not"),
        (lambda d: d["qty"].__setitem__(0, 2**64), "qty is not"),
        (lambda d: d["money"].pop(), "money is not 28 whole numbers"),
        (lambda d: d["lots"][0][1].append(7), "lots of .* is not"),
        (lambda d: d["orders"]["n"].append(7), "orders.n is not"),
        (lambda d: d.pop("cost"), "KeyError"),
        (lambda d: d["symbols"].pop(), "it is for"),
        (lambda d: d.__setitem__("lots", None), "TypeError"),
    ],
)
def test_what_no_state_holds_is_named(change: Callable[[dict[str, Any]], None], said: str) -> None:
    message = f"what is stored of run testrun is damaged: how it stands: .*{said}"
    with pytest.raises(StoreCorrupt, match=message) as refused:
        read(changed(change))
    assert refused.value.action.endswith("`meva db check --deep` names all that is damaged")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"state": 3}', '{"state": {}}', "null"])
def test_what_is_no_state_at_all_is_named(text: str) -> None:
    with pytest.raises(StoreCorrupt, match="what is stored of run testrun is damaged: how it stands"):
        standing_of({"state_json": text}, "testrun", json.loads)


def test_another_version_is_no_damage() -> None:
    with pytest.raises(OtherVersion, match="this program reads versions 1 and 2"):
        read({**LEFT, "version": 9})


@examples(0.8)
@given(name=st.sampled_from(sorted(LEFT)), at=st.integers(0, 40), value=st.integers(-(2**65), 2**65))
def test_any_number_anywhere_is_read_or_named(name: str, at: int, value: int) -> None:
    def change(document: dict[str, Any]) -> None:
        found = document[name]
        if isinstance(found, list) and found:
            found[at % len(found)] = value
        else:
            document[name] = value

    try:
        read(changed(change))
    except (StoreCorrupt, OtherVersion):
        return
