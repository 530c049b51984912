"""A side, a mode, a status: itself or exactly its recorded text, and nothing that merely equals or resembles
it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle.engine_view import engine_of, inputs_of, market_of, rules_of
from strategies import examples, worlds

from meva_core.choices import member_of, recorded_text
from meva_core.errors import BadInput, VenueReason
from meva_core.ids import client_id
from meva_core.live.standing import Standing, after, reported
from meva_core.modes import Mode
from meva_core.orders import Event, Side, Status, advance
from meva_core.reasons import Code
from meva_core.rules import RuleStatus, SymbolRules, quantize
from meva_core.steps.inputs import SubmitFault
from meva_core.trace import Names, Renderer
from meva_core.venue import Method, NewOrder, OrderState, Trade

KINDS: tuple[type[Enum], ...] = (Side, Status, Event, Mode, Code, RuleStatus, Standing, OrderState, Method)
MEMBERS = st.sampled_from([member for kind in KINDS for member in kind])
RULES = SymbolRules("BTCTRY", RuleStatus.OK, Decimal(10), Decimal("0.1"), Decimal(10))
ORDER = {"client_id": "a", "symbol": "BTCTRY", "price": Decimal(1), "qty": Decimal(1)}
NO_SIDE: list[Any] = [
    -1,
    0,
    1,
    True,
    False,
    0.0,
    np.int64(0),
    np.bool_(True),
    None,
    b"BUY",
    "buy",
    "Buy",
    " BUY",
    "BUY\n",
    "Side.BUY",
    "0",
    "",
    "ＢＵＹ",
    Status.PLANNED,
    Mode.REDUCE_RISK_ONLY,
    Standing.OPEN,
    Side,
    [Side.BUY],
]
DOORS: dict[str, Callable[[Any], object]] = {
    "quantize": lambda side: quantize(RULES, side, Decimal(105), Decimal(1)),
    "client_id": lambda side: client_id("abcdefg-20260101000000", "BTCTRY", side, 0),
    "NewOrder": lambda side: NewOrder(side=side, **ORDER),
    "Trade": lambda side: Trade("1", "BTCTRY", 0, side, Decimal(1), Decimal(1)),
}
"""Everything in the core that takes a side from outside."""


@given(MEMBERS)
def test_a_member_is_taken_as_itself_and_by_the_text_under_which_it_is_recorded(member: Enum) -> None:
    kind, text = type(member), recorded_text(member)
    assert member_of(kind, member, "x") is member
    assert member_of(kind, text, "x") is member
    assert member_of(kind, np.str_(text), "x") is member


@given(MEMBERS, st.one_of(MEMBERS, st.integers(), st.booleans(), st.text(), st.floats(), st.none()))
def test_nothing_else_is_taken_for_one(member: Enum, given_: Any) -> None:
    kind = type(member)
    if type(given_) is kind or (type(given_) is str and given_ in map(recorded_text, kind)):
        assert type(member_of(kind, given_, "x")) is kind
    else:
        with pytest.raises(BadInput, match=rf"^x: .* is no {kind.__name__}; expected {kind.__name__}\."):
            member_of(kind, given_, "x")


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("side", NO_SIDE, ids=repr)
def test_no_number_and_no_other_text_becomes_a_side(door: str, side: Any) -> None:
    if door == "Trade" and side is None:  # of a public trade the taker's side may not be known
        assert DOORS[door](side).side is None
        return
    with pytest.raises(BadInput, match=r"^side: .* is no Side; expected Side\.BUY .*texts BUY, SELL$"):
        DOORS[door](side)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("side", Side)
def test_the_text_of_a_side_does_what_the_side_does(door: str, side: Side) -> None:
    assert DOORS[door](side.name) == DOORS[door](side)


def test_a_buy_that_is_given_as_text_is_rounded_down() -> None:
    assert quantize(RULES, "BUY", Decimal(105), Decimal(1))[0] == 100
    assert quantize(RULES, "SELL", Decimal(105), Decimal(1))[0] == 110
    assert NewOrder(side="BUY", **ORDER).side is Side.BUY
    with pytest.raises(BadInput, match=r"^side: Status.PLANNED is no Side; "):
        quantize(RULES, Status.PLANNED, Decimal(105), Decimal(1))  # type: ignore[arg-type]
    with pytest.raises(BadInput, match=r"^side: -1 \(int\) is no Side; "):
        quantize(RULES, -1, Decimal(105), Decimal(1))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "call",
    [
        lambda: advance(0, Event.SUBMIT_REQUESTED),  # type: ignore[arg-type]
        lambda: advance(Status.PLANNED, Side.BUY),  # type: ignore[arg-type]
        lambda: advance("planned", Event.SUBMIT_REQUESTED),
        lambda: after(Standing.OPEN, "FILLED"),
        lambda: after(Standing.OPEN, VenueReason.OTHER),
        lambda: reported(Standing.OPEN, "done"),
        lambda: reported(Standing.OPEN, Standing.FILLED),
        lambda: SymbolRules("BTCTRY", 0),  # type: ignore[arg-type]
        lambda: SymbolRules("BTCTRY", "OK"),
        lambda: SymbolRules("BTCTRY", Side.BUY),  # type: ignore[arg-type]
    ],
)
def test_every_public_door_refuses_what_is_not_a_member(call: Callable[[], object]) -> None:
    with pytest.raises(BadInput, match=r" is (no|not a) \w+; expected "):
        call()


def test_every_public_door_takes_recorded_texts() -> None:
    assert advance("PLANNED", "SUBMIT_REQUESTED") is Status.SUBMITTED
    assert after("sending", "unknown_closed") is Standing.ABSENT
    assert reported("open", "filled") is Standing.FILLED
    assert SymbolRules("BTCTRY", "fallback").usable
    assert not SymbolRules("BTCTRY", "invalid").usable


@pytest.mark.parametrize(
    ("group", "column", "number", "said"),
    [
        ("inputs", "base_mode", -1, r"inputs.base_mode\[0\]: -1 is no Mode; .* 2 OBSERVE_ONLY"),
        ("inputs", "override_mode", 3, r"inputs.override_mode\[0\]: 3 is no Mode"),
        ("inputs", "fault_kind", len(SubmitFault), r"inputs.fault_kind\[0\]: 6 is no SubmitFault"),
        ("rules", "status", 4, r"rules.status\[0\]: 4 is no RuleStatus"),
        ("state", "order_side", 2, r"state.order_side\[0\]: 2 is no Side; expected one of 0 BUY, 1 SELL"),
        ("state", "order_status", -1, r"state.order_status\[0\]: -1 is no Status"),
    ],
)
@examples(0.3)
@given(world=worlds())
def test_no_cycle_runs_on_a_number_that_is_no_member(
    world: Any, group: str, column: str, number: int, said: str
) -> None:
    engine, inputs, rules = engine_of(world), inputs_of(world), rules_of(world)
    columns = {"inputs": inputs, "rules": rules, "state": engine.state}[group]
    getattr(columns, column)[0] = number
    with pytest.raises(BadInput, match=said):
        next(engine.advance(market_of(world), inputs, rules))


@given(world=worlds())
def test_a_level_of_the_trace_is_one_of_two(world: Any) -> None:
    engine = engine_of(world)
    names = Names("abcdefg", tuple(world.symbols))
    said = "level: 'change' is no level of the trace; expected one of full, columns"
    with pytest.raises(BadInput, match=said):
        Renderer(names, engine.params, "1000", level="change")
