"""Exchange rules: rounding to their grid, and reading them out of the exchange's metadata."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from strategies import amounts, steps

from meva_core.amounts import BAD, LIMIT, mul_e8, parse_e8, to_decimal
from meva_core.errors import BadInput, RulesUnusable
from meva_core.orders import Side
from meva_core.reasons import Code
from meva_core.rules import (
    FallbackRules,
    RuleStatus,
    SymbolRules,
    ceil_to,
    fallback_rules,
    floor_to,
    quantize,
    round_price,
    rules_columns,
    symbol_rules,
)

sides = st.sampled_from(Side)
ticks = st.one_of(steps.map(parse_e8), st.integers(1, 10**12))
REQUIRED = FallbackRules(Decimal("0.01"), Decimal("0.00000001"), Decimal(10), require_metadata=True)
ALLOWED = evolve(REQUIRED, require_metadata=False)
ENTRY: dict[str, Any] = {
    "name": "BTCTRY",
    "status": "TRADING",
    "denominator": "TRY",
    "numeratorScale": 8,
    "denominatorScale": 2,
    "hasFraction": True,
    "filters": [{"filterType": "PRICE_FILTER", "tickSize": "0.01", "minExchangeValue": "99.91"}],
    "orderMethods": ["MARKET", "LIMIT"],
    "maximumLimitOrderPrice": None,
    "minimumLimitOrderPrice": None,
}


def entry(**changes: Any) -> dict[str, Any]:
    """Return one pair's metadata with fields changed; `price` changes its price filter."""
    price = ENTRY["filters"][0] | changes.pop("price", {})
    return ENTRY | {"filters": [price]} | changes


def read(**changes: Any) -> SymbolRules:
    return symbol_rules("BTCTRY", entry(**changes), REQUIRED)


# -- Rounding -----------------------------------------------------------------------------------------


@given(side=sides, tick=ticks, price=amounts)
def test_a_price_lands_on_the_tick_and_stays_there(side: Side, tick: int, price: int) -> None:
    rounded = round_price(side, tick, price)
    if rounded != BAD:
        assert rounded % tick == 0
        assert round_price(side, tick, rounded) == rounded
        assert abs(rounded - price) < tick


@given(side=sides, tick=ticks, price=amounts)
def test_a_price_is_never_better_for_the_counterparty(side: Side, tick: int, price: int) -> None:
    rounded = round_price(side, tick, price)
    if side is Side.BUY:
        assert 0 <= rounded <= price
    else:
        assert rounded == BAD or rounded >= price
        assert (rounded == BAD) == (-(-price // tick) * tick >= LIMIT)


@given(side=sides, tick=ticks, a=amounts, b=amounts)
def test_rounding_keeps_the_order_of_prices(side: Side, tick: int, a: int, b: int) -> None:
    low, high = sorted((a, b))
    rounded = round_price(side, tick, low), round_price(side, tick, high)
    assert BAD in rounded or rounded[0] <= rounded[1]


@given(tick=ticks, count=st.integers(0, 10**6))
def test_a_hair_below_a_tick_is_the_tick_below(tick: int, count: int) -> None:
    price = tick * count
    if tick < price < LIMIT:
        assert floor_to(tick, price) == ceil_to(tick, price) == price
        assert floor_to(tick, price - 1) == price - tick
        assert ceil_to(tick, price - tick + 1) == price


@pytest.mark.parametrize(
    ("tick", "price", "down", "up"),
    [
        ("1", "2.99999999", "2", "3"),
        ("10", "29.99999999", "20", "30"),
        ("0.0005", "2.99999999", "2.9995", "3"),
        ("0.00000001", "2.99999999", "2.99999999", "2.99999999"),
        ("0.0005", "0.00049999", "0", "0.0005"),
        ("10", "0.00000001", "0", "10"),
        ("1", "3", "3", "3"),
    ],
)
def test_prices_at_boundaries(tick: str, price: str, down: str, up: str) -> None:
    grid, amount = parse_e8(tick), parse_e8(price)
    assert round_price(Side.BUY, grid, amount) == parse_e8(down)
    assert round_price(Side.SELL, grid, amount) == parse_e8(up)


@given(side=sides, tick=steps, lot=steps, price=amounts, qty=amounts, minimum=amounts)
def test_an_order_is_rounded_against_ourselves_and_taken_or_refused(
    side: Side, tick: Decimal, lot: Decimal, price: int, qty: int, minimum: int
) -> None:
    rules = SymbolRules("BTCTRY", RuleStatus.OK, tick, lot, to_decimal(minimum))
    on_tick, on_lot, code = quantize(rules, side, to_decimal(price), to_decimal(qty))
    assert on_tick % tick == 0
    assert on_lot % lot == 0
    assert on_lot <= to_decimal(qty)
    assert (
        quantize(rules, side, on_tick, on_lot) == (on_tick, on_lot, code) or code is Code.PRICE_OUT_OF_RANGE
    )
    if code is Code.OK:
        assert (on_tick <= to_decimal(price)) if side is Side.BUY else (on_tick >= to_decimal(price))
        assert mul_e8(parse_e8(on_tick), parse_e8(on_lot)) >= minimum


@pytest.mark.parametrize(
    ("price", "qty", "bounds", "code"),
    [
        ("0.4", "100", {}, Code.PRICE_ROUNDS_TO_ZERO),
        ("9", "100", {"min_price": Decimal(10)}, Code.PRICE_OUT_OF_RANGE),
        ("10", "100", {"min_price": Decimal(10)}, Code.OK),
        ("20", "100", {"max_price": Decimal(20)}, Code.OK),
        ("21", "100", {"max_price": Decimal(20)}, Code.PRICE_OUT_OF_RANGE),
        ("10", "0.09", {}, Code.QTY_ROUNDS_TO_ZERO),
        ("10", "4.99", {"min_qty": Decimal(5)}, Code.MIN_QTY),
        ("10", "5", {"min_qty": Decimal(5)}, Code.OK),
        ("10", "5", {"max_qty": Decimal(5)}, Code.OK),
        ("10", "5.1", {"max_qty": Decimal(5)}, Code.MAX_QTY),
        ("1", "9.9", {}, Code.MIN_NOTIONAL),
        ("1", "10", {}, Code.OK),
        ("90000000000", "90000000000", {}, Code.MAX_QTY),
    ],
)
def test_what_an_exchange_refuses_is_named(
    price: str, qty: str, bounds: dict[str, Decimal], code: Code
) -> None:
    rules = SymbolRules("BTCTRY", RuleStatus.OK, Decimal(1), Decimal("0.1"), Decimal(10), **bounds)
    assert quantize(rules, Side.BUY, Decimal(price), Decimal(qty))[2] is code


@pytest.mark.parametrize("status", [RuleStatus.MISSING, RuleStatus.INVALID])
def test_nothing_is_rounded_without_rules(status: RuleStatus) -> None:
    with pytest.raises(RulesUnusable, match=rf"BTCTRY: .* rules \({status.name.lower()}: why\)"):
        quantize(SymbolRules("BTCTRY", status, reason="why"), Side.BUY, Decimal(1), Decimal(1))


@pytest.mark.parametrize(("price", "qty"), [("-1", "1"), ("1", "-1"), ("0.000000001", "1"), ("1", "NaN")])
def test_an_order_of_impossible_amounts_is_refused(price: str, qty: str) -> None:
    rules = SymbolRules("BTCTRY", RuleStatus.OK, Decimal(1), Decimal(1), Decimal(10))
    with pytest.raises(BadInput):
        quantize(rules, Side.BUY, Decimal(price), Decimal(qty))


# -- Reading the exchange's metadata ------------------------------------------------------------------


def test_the_usual_entry_gives_its_rules() -> None:
    assert read() == SymbolRules(
        "BTCTRY", RuleStatus.OK, Decimal("0.01"), Decimal("0.00000001"), Decimal("99.91"), quote="TRY"
    )


@pytest.mark.parametrize(
    ("changes", "tick"),
    [
        ({"hasFraction": False, "price": {"tickSize": "10"}}, "10"),
        ({"hasFraction": False, "price": {"tickSize": "0.01"}}, "1"),
        ({"hasFraction": "False", "price": {"tickSize": "0.01"}}, "1"),
        ({"hasFraction": "true"}, "0.01"),
        ({"hasFraction": None}, "0.01"),
        ({"hasFraction": False, "denominatorScale": 8, "price": {"tickSize": None}}, "1"),
        ({"denominatorScale": 3, "price": {"tickSize": "0.0005"}}, "0.001"),
        ({"denominatorScale": 4, "price": {"tickSize": "0.0005"}}, "0.0005"),
        ({"denominatorScale": 8, "price": {"tickSize": "1E-8"}}, "0.00000001"),
        ({"denominatorScale": 2, "price": {"tickSize": None}}, "0.01"),
        ({"denominatorScale": None, "price": {"tickSize": "0.25"}}, "0.25"),
        # Finer than 1e-8 by one source only: the other decides.
        ({"denominatorScale": 10, "price": {"tickSize": "0.01"}}, "0.01"),
        ({"denominatorScale": 8, "price": {"tickSize": "0.0000000001"}}, "0.00000001"),
        ({"tickSize": "0.05", "price": {"tickSize": "0.01"}}, "0.05"),
        ({"tickSize": Decimal("0.10"), "filters": None, "minTotalAmount": 10}, "0.1"),
    ],
)
def test_the_tick_is_the_coarser_of_two_steps(changes: dict[str, Any], tick: str) -> None:
    rules = read(**changes)
    assert (rules.status, rules.reason) == (RuleStatus.OK, "")
    assert rules.tick_size == Decimal(tick)


@pytest.mark.parametrize("kind", ["LOT_SIZE", "MARKET_LOT_SIZE", "QUANTITY_FILTER"])
@pytest.mark.parametrize(
    ("scale", "step", "lot"), [(8, "0.0005", "0.0005"), (2, "0.0001", "0.01"), (0, None, "1")]
)
def test_the_lot_is_the_coarser_of_two_steps(kind: str, scale: int, step: str | None, lot: str) -> None:
    sizes = {"filterType": kind, "stepSize": step, "minQty": "0.5", "maxQty": "70"}
    rules = read(numeratorScale=scale, filters=[*ENTRY["filters"], sizes])
    assert rules.status is RuleStatus.OK
    assert rules.lot_size == Decimal(lot)
    assert (rules.min_qty, rules.max_qty) == (Decimal("0.5"), Decimal(70))


def test_the_first_filter_that_names_a_field_counts() -> None:
    first = {"filterType": "LOT_SIZE", "stepSize": "0.1"}
    second = {"filterType": "MARKET_LOT_SIZE", "stepSize": "1", "maxQty": "5"}
    rules = read(filters=[*ENTRY["filters"], first, second])
    assert (rules.lot_size, rules.max_qty) == (Decimal("0.1"), Decimal(5))


@pytest.mark.parametrize(
    ("low", "high", "bounds"),
    [
        ("0.0000001", "10000000.0", (Decimal("1E-7"), Decimal(10_000_000))),
        (1e-07, 10000000.0, (Decimal("1E-7"), Decimal(10_000_000))),
        ("0.0000000000001", "1000000000000", (Decimal("1E-8"), None)),
        ("0", None, (None, None)),
        ("1e-999999999", "1e999999999", (Decimal("1E-8"), None)),
        (None, "2.999999999", (None, Decimal("2.99999999"))),
    ],
)
def test_limit_prices_bind_where_they_are_named(
    low: Any, high: Any, bounds: tuple[Decimal | None, Decimal | None]
) -> None:
    rules = read(minimumLimitOrderPrice=low, maximumLimitOrderPrice=high)
    assert rules.status is RuleStatus.OK
    assert (rules.min_price, rules.max_price) == bounds


def test_bounds_of_quantity_that_bind_nothing_are_no_bounds() -> None:
    sizes = {"filterType": "LOT_SIZE", "minQty": "0", "maxQty": "1000000000000000"}
    rules = read(filters=[*ENTRY["filters"], sizes])
    assert (rules.status, rules.min_qty, rules.max_qty) == (RuleStatus.OK, None, None)


def test_the_minimum_of_the_entry_comes_before_the_filter() -> None:
    assert read(minTotalAmount="10").min_notional_try == Decimal(10)
    assert read(minTotalAmount=None).min_notional_try == Decimal("99.91")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"price": {"tickSize": "0.03"}, "denominatorScale": 1}, "neither of 0.1 and 0.03 divides the other"),
        ({"price": {"tickSize": "0.000000015"}, "denominatorScale": 9}, "more than 8 decimal places"),
        ({"price": {"tickSize": "0"}}, "tickSize: 0 is not above zero"),
        ({"price": {"tickSize": "-0.01"}}, "tickSize: -0.01 is not above zero"),
        ({"price": {"tickSize": "a cent"}}, "tickSize: 'a cent' is not a number"),
        ({"price": {"tickSize": "1-2"}}, "tickSize: '1-2' is not a number"),
        ({"price": {"tickSize": "١"}}, "is not a number"),
        ({"price": {"tickSize": "NaN"}}, "tickSize: 'NaN' is not a number"),
        ({"price": {"tickSize": True}}, "tickSize: 'True' is not a number"),
        ({"price": {"tickSize": ["0.01"]}}, "is not a number"),
        ({"price": {"tickSize": None}, "denominatorScale": None}, "tick size: the metadata names none"),
        ({"hasFraction": 0}, "hasFraction: 0 is neither true nor false"),
        ({"hasFraction": "no"}, "hasFraction: 'no' is neither true nor false"),
        ({"numeratorScale": None}, "lot size: the metadata names none"),
        ({"numeratorScale": 9}, "more than 8 decimal places"),
        ({"numeratorScale": -1}, "numeratorScale: -1 is not a whole number"),
        ({"numeratorScale": "8"}, "numeratorScale: '8' is not a whole number"),
        ({"numeratorScale": True}, "numeratorScale: True is not a whole number"),
        ({"price": {"minExchangeValue": None}}, "minimum notional: the metadata names none"),
        ({"price": {"minExchangeValue": "0"}}, "minExchangeValue: 0 is not above zero"),
        ({"minTotalAmount": "1e11"}, "minimum notional: 1E+11 is too large"),
        ({"minTotalAmount": 0}, "minTotalAmount: 0 is not above zero"),
        ({"maximumLimitOrderPrice": "much"}, "maximumLimitOrderPrice: 'much' is not a number"),
        ({"filters": "PRICE_FILTER"}, "filters: 'PRICE_FILTER' is not a list"),
        ({"filters": [1]}, "filters: 1 is not an object"),
        ({"price": {"tickSize": "1e999999999"}}, "tickSize: 1E+999999999 is too large or too fine"),
        ({"price": {"tickSize": Decimal("1e-999999999")}}, "tickSize: 1E-999999999 is too large or too fine"),
        ({"stepSize": 10**5000}, "stepSize: 'an integer of more than 60 digits' is not a number"),
        ({"minTotalAmount": "9" * 10**6}, "' is not a number"),
        ({"numeratorScale": 10**5000}, "an integer of more than 60 digits is not a whole number"),
        ({"filters": "x" * 10**6}, "... is not a list"),
    ],
)
def test_unusable_metadata_are_invalid_with_the_reason(changes: dict[str, Any], reason: str) -> None:
    rules = read(**changes)
    assert rules.status is RuleStatus.INVALID
    assert not rules.usable
    assert reason in rules.reason
    assert len(rules.reason) < 300
    assert symbol_rules("BTCTRY", entry(**changes), ALLOWED).status is RuleStatus.FALLBACK


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
fields = st.sampled_from(
    (*ENTRY, "tickSize", "stepSize", "minTotalAmount", "minQty", "maxQty", "minExchangeValue", "filterType")
)


@given(entry=st.dictionaries(fields, json_values), changes=st.dictionaries(fields, json_values, max_size=2))
def test_no_metadata_raise(entry: dict[str, Any], changes: dict[str, Any]) -> None:
    for found in (entry, ENTRY | changes, ENTRY | {"filters": [ENTRY["filters"][0] | changes]}):
        rules = symbol_rules("BTCTRY", found, REQUIRED)
        assert rules.status in (RuleStatus.OK, RuleStatus.INVALID)
        assert rules.usable or rules.reason
        if rules.usable:
            assert min(rules.tick_size, rules.lot_size, rules.min_notional_try) > 0
        rules_columns([rules])


def test_a_symbol_without_metadata_is_missing_or_falls_back() -> None:
    missing = symbol_rules("ETHUSDT", None, REQUIRED)
    assert (missing.status, missing.usable, missing.quote) == (RuleStatus.MISSING, False, "USDT")
    fallen = symbol_rules("ETHUSDT", None, ALLOWED)
    assert fallen.status is RuleStatus.FALLBACK
    assert (fallen.tick_size, fallen.lot_size, fallen.min_notional_try) == (
        ALLOWED.tick_size,
        ALLOWED.lot_size,
        ALLOWED.min_notional_try,
    )
    assert fallback_rules("ETHTRY", REQUIRED).status is RuleStatus.FALLBACK


@pytest.mark.parametrize(
    ("changes", "tradable"),
    [
        ({}, True),
        ({"status": "HALT"}, False),
        ({"orderMethods": ["MARKET"]}, False),
        ({"orderMethods": None}, True),
        ({"orderMethods": []}, False),
        ({"orderMethods": ["STOP_LIMIT"]}, False),
        ({"orderMethods": "LIMIT"}, False),
        ({"status": None}, True),
    ],
)
def test_a_pair_that_trades_with_limit_orders_is_tradable(changes: dict[str, Any], tradable: bool) -> None:
    assert read(**changes).tradable is tradable


def test_columns_hold_the_rules_in_the_order_given() -> None:
    first = SymbolRules("BTCTRY", RuleStatus.OK, Decimal("0.01"), Decimal("0.5"), Decimal(10), Decimal(3))
    second = SymbolRules("ETHTRY", RuleStatus.MISSING)
    columns = rules_columns(
        [first, second], candidates=frozenset({"ETHTRY"}), configured=frozenset({"BTCTRY"})
    )
    assert columns.status.tolist() == [RuleStatus.OK, RuleStatus.MISSING]
    assert columns.candidate.tolist() == [0, 1]
    assert columns.configured.tolist() == [1, 0]
    assert columns.tick.tolist() == [10**6, 1]
    assert columns.lot.tolist() == [5 * 10**7, 1]
    assert columns.min_price.tolist() == [3 * 10**8, 0]
    assert columns.max_qty.tolist() == [LIMIT - 1, LIMIT - 1]
    assert bytes(columns.letters[1][:6].tolist()) == b"ETHTRY"
    assert not columns.letters[1][6:].any()


def test_the_recorded_metadata_of_the_exchange_are_usable() -> None:
    path = Path(__file__).parents[3] / "shared" / "data" / "exchangeinfo.json"
    if not path.exists():
        pytest.skip("no recorded metadata beside the repository")
    tree = json.loads(path.read_text(), parse_float=Decimal)
    listed = tree.get("data", tree)["symbols"]
    for found in listed:
        rules = symbol_rules(found["name"], found, REQUIRED)
        assert (rules.status, rules.reason) == (RuleStatus.OK, "")
        assert rules.tradable
        assert rules.quote == found["denominator"]
