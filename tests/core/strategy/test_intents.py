"""What a strategy may ask for, checked where it is written."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from meva_core.errors import BadInput
from meva_core.orders import Side
from meva_core.strategy import Intent, Purpose, Target


def test_amounts_are_exact_and_rounded_down_to_the_eighth_digit():
    for given in ("110.5", Decimal("110.5"), Fraction(221, 2)):
        assert Intent("BTCTRY", Side.BUY, given).notional_try == 11_050_000_000
    assert Intent("BTCTRY", Side.BUY, 110).notional_try == 11_000_000_000
    assert Intent("BTCTRY", Side.SELL, qty=Fraction(1, 3)).qty == 33_333_333
    assert Intent("BTCTRY", Side.BUY, Decimal(1) / 7).notional_try == 14_285_714


def test_a_buy_is_an_entry_and_a_sale_wants_profit_unless_it_says_otherwise():
    assert Intent("BTCTRY", "BUY", 110).purpose is Purpose.ENTRY
    assert Intent("BTCTRY", "SELL", 110).purpose is Purpose.PROFIT
    assert Intent("BTCTRY", "SELL", 110, purpose="reduce").purpose is Purpose.REDUCE


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"notional_try": 110.0}, "notional_try: 110.0 is a float"),
        ({"notional_try": True}, "is a bool"),
        ({"notional_try": "-1"}, "out of range"),
        ({"notional_try": "92000000000"}, "out of range"),
        ({"notional_try": "1e999999"}, "not a number of a usual size"),
        ({"notional_try": Decimal("NaN")}, "not a number of a usual size"),
        ({"notional_try": "much"}, "is not a number"),
        ({}, "exactly one of notional_try and qty"),
        ({"notional_try": 1, "qty": 1}, "exactly one of notional_try and qty"),
        ({"qty": 1}, "a BUY is asked for by notional_try"),
        ({"notional_try": 1, "limit": 0}, "limit 0"),
        ({"notional_try": 1, "purpose": "profit"}, "purpose profit; expected entry"),
        ({"notional_try": 1, "purpose": "hope"}, "is no Purpose"),
        ({"notional_try": 1, "symbol": "btc_try"}, "is no pair symbol"),
        ({"notional_try": 1, "side": 0}, "is no Side"),
        ({"notional_try": 1, "reason": "x" * 81}, "has 81 letters; expected 80"),
        ({"notional_try": 1, "reason": "g\u00fcven"}, "printable ASCII"),
        ({"notional_try": 1, "confidence": object()}, "is no number"),
        ({"notional_try": 1, "confidence": float("nan")}, "is no number"),
    ],
)
def test_what_is_no_order_is_refused_in_words(given: dict[str, Any], words: str):
    with pytest.raises(BadInput, match=words):
        Intent(**({"symbol": "BTCTRY", "side": Side.BUY} | given))


def test_a_sale_is_no_entry():
    with pytest.raises(BadInput, match="expected entry for a BUY, profit or reduce"):
        Intent("BTCTRY", Side.SELL, 110, purpose="entry")


def test_confidence_is_only_stored():
    assert Intent("BTCTRY", Side.BUY, 1, confidence=0.7).confidence == "0.7"
    assert Intent("BTCTRY", Side.BUY, 1).confidence is None


def test_a_target_is_a_value_or_a_weight():
    assert Target("BTCTRY", value_try="12.5").value_try == 1_250_000_000
    assert Target("BTCTRY", weight=0.5).weight == 50_000_000
    assert Target("BTCTRY", weight=Decimal("0.12345649")).weight == 12_345_600
    for given in ({}, {"value_try": 1, "weight": 0.5}):
        with pytest.raises(BadInput, match="exactly one of value_try and weight"):
            Target("BTCTRY", **given)


@pytest.mark.parametrize("weight", [-0.001, 1.001, float("inf"), float("nan"), "0.5", True])
def test_a_weight_is_a_number_from_0_to_1(weight: Any):
    with pytest.raises(BadInput, match="weight"):
        Target("BTCTRY", weight=weight)
