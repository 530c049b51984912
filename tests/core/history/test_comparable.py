"""What of a stored document two runs are compared by."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_core.history.comparable import comparable, on_grid

amounts = st.decimals(-(10**12), 10**12, places=8)
steps = st.decimals("0.00000001", 10**6, places=8)


@given(amount=amounts, step=steps)
def test_the_grid_has_the_nearest_multiple_and_keeps_it(amount: Decimal, step: Decimal) -> None:
    found = on_grid(amount, step)
    assert found % step == 0
    assert abs(found - amount) * 2 <= step
    assert on_grid(found, step) == found


@given(a=amounts, b=amounts, step=steps)
def test_the_grid_never_turns_an_order_round(a: Decimal, b: Decimal, step: Decimal) -> None:
    assert (on_grid(a, step) <= on_grid(b, step)) == (a <= b) or on_grid(a, step) == on_grid(b, step)


@pytest.mark.parametrize(("amount", "found"), [("0.005", "0"), ("0.015", "0.02"), ("-0.015", "-0.02")])
def test_halves_go_to_the_even_neighbour(amount: str, found: str) -> None:
    assert on_grid(Decimal(amount), Decimal("0.01")) == Decimal(found)


@pytest.mark.parametrize(
    "name",
    [
        "client_order_id",
        "cycle_id",
        "risk_inputs_hash",
        "latency_ms",
        "created_at",
        "timestamp",
        "age_sec",
        "ts",
    ],
)
@pytest.mark.parametrize("step", [None, Decimal("0.01")])
def test_names_of_a_run_and_the_wall_clock_are_left_out(name: str, step: Decimal | None) -> None:
    assert comparable({name: "a", "side": "BUY"}, step) == {"side": "BUY"}


@pytest.mark.parametrize("name", ["bid", "symbols", "cooldown_until", "status", "weight", "amount_try"])
def test_what_was_decided_is_kept(name: str) -> None:
    assert comparable({name: "word"}, None) == {name: "word"}


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        ({"notional_try": "1.004"}, {"notional_try": Decimal(1)}),
        ({"notional_try": Decimal("1.006")}, {"notional_try": Decimal("1.01")}),
        ({"try_cash_target": "300.001"}, {"try_cash_target": Decimal(300)}),
        ({"TRY": {"free": "1000.001"}}, {"TRY": {"free": Decimal(1000)}}),
        ({"qty": "2", "price_try": "10.001"}, {"qty_worth_try": Decimal(20), "price_try": Decimal(10)}),
        ({"est_qty": "2", "weight": "0.3333"}, {"weight": Decimal("0.3333")}),
        ({"max_drawdown_ratio": "0.1", "code": "ok"}, {"code": "ok"}),
        ({"reason": "target=700.0 now"}, {"reason": "target=# now"}),
        ({"symbol": "1INCHTRY"}, {"symbol": "1INCHTRY"}),
        ({"on": True, "off": None, "list": [1, "2"]}, {"on": True, "off": None, "list": [1, 2]}),
    ],
)
def test_on_a_grid_money_is_rounded_and_nothing_else(found: Any, kept: Any) -> None:
    assert comparable(found, Decimal("0.01")) == kept


@pytest.mark.parametrize("odd", ["NaN", "Infinity", "1E+999", "9" * 101, "0x10", "", "\u0661"])
def test_what_is_no_amount_is_compared_as_it_stands(odd: str) -> None:
    assert comparable({"price_try": odd}, Decimal("0.01")) == {"price_try": odd}


def test_numbers_are_equal_however_they_are_written() -> None:
    assert comparable({"w": "1.0"}, None) == comparable({"w": 1}, None) == comparable({"w": "1"}, None)
