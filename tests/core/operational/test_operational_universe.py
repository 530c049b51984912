"""Which pairs may be bought: one rule drops one pair, and names what was measured, the limit, the setting."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from operational_cases import e8, inputs, symbol

from meva_core.operational.scene import scene_of
from meva_core.operational.universe import Universe, universe_of
from meva_core.rules import RuleStatus


def universe(*market: Any, names: str = "BTCTRY", **settings: str) -> Universe:
    given = {"SYMBOLS": names, **settings}
    return universe_of(scene_of(inputs(market=market, settings=given)))


def test_a_pair_that_nothing_is_against_is_in_it():
    assert universe(symbol("BTCTRY", "3000000", "100")) == Universe(("BTCTRY",), ())


@pytest.mark.parametrize(
    ("pair", "settings", "code", "setting"),
    [
        ({}, {"UNIVERSE_DENY_SYMBOLS": "BTCTRY"}, "denied", "UNIVERSE_DENY_SYMBOLS"),
        ({}, {"UNIVERSE_ALLOW_SYMBOLS": "ETHTRY"}, "not_allowed", "UNIVERSE_ALLOW_SYMBOLS"),
        ({"rules": {"quote": "USDT"}}, {}, "other_quote", "UNIVERSE_QUOTE_CURRENCY"),
        ({"rules": {"tradable": False}}, {}, "not_active", "UNIVERSE_REQUIRE_ACTIVE"),
        ({"listed": False}, {}, "not_active", "UNIVERSE_REQUIRE_ACTIVE"),
        ({"rules": {"status": RuleStatus.INVALID}}, {}, "rules_unavailable:invalid", "exchange"),
        ({"rules": {"status": RuleStatus.MISSING}}, {}, "rules_unavailable:missing", "exchange"),
        (
            {"rules": {"status": RuleStatus.MISSING, "tradable": False}},
            {},
            "rules_unavailable:missing",
            "exchange",
        ),
        (
            {"rules": {"status": RuleStatus.MISSING}, "listed": False},
            {},
            "not_active",
            "UNIVERSE_REQUIRE_ACTIVE",
        ),
    ],
)
def test_each_rule_drops_a_pair(pair: Any, settings: dict[str, str], code: str, setting: str):
    found = universe(symbol("BTCTRY", "3000000", **pair), **settings)
    [reason] = found.dropped
    assert (found.names, reason.code, reason.scope, reason.setting) == ((), code, "BTCTRY", setting)


def test_a_quote_other_than_try_needs_both_settings():
    pair = symbol("BTCUSDT", "60000", rules={"quote": "USDT"})
    other = {"names": "BTCUSDT", "UNIVERSE_QUOTE_CURRENCY": "USDT"}
    assert universe(pair, **other).dropped[0].setting == "UNIVERSE_REQUIRE_TRY_QUOTE"
    assert universe(pair, **other, UNIVERSE_REQUIRE_TRY_QUOTE="false").names == ("BTCUSDT",)


def test_a_pair_that_rests_may_be_kept():
    pair = symbol("BTCTRY", "3000000", rules={"tradable": False})
    assert universe(pair, UNIVERSE_REQUIRE_ACTIVE="false").names == ("BTCTRY",)


@pytest.mark.parametrize(
    ("rule", "settings", "value", "limit", "passes"),
    [
        (
            {"min_notional_try": Decimal(500)},
            "UNIVERSE_MAX_EXCHANGE_MIN_TOTAL_TRY",
            "500",
            "499.99",
            "500",
        ),
        ({"max_qty": Decimal("0.00001")}, "UNIVERSE_MIN_NOTIONAL_TRY", "30", "30.01", "30"),
    ],
)
def test_what_the_exchange_allows_is_measured(rule: Any, settings: str, value: str, limit: str, passes: str):
    pair = symbol("BTCTRY", "3000000", rules=rule)
    [reason] = universe(pair, **{settings: limit}).dropped
    assert (reason.value, reason.limit, reason.setting, reason.unit) == (value, limit, settings, "TRY")
    assert universe(pair, **{settings: passes}).names == ("BTCTRY",)


def test_a_wide_spread_drops_and_one_of_exactly_the_limit_does_not():
    wide = symbol("BTCTRY", "3000000", "60002")  # 200.006 bps of the middle
    [reason] = universe(wide).dropped
    assert (reason.code, reason.limit, reason.unit) == ("above_max_spread", "200", "bps")
    assert reason.value.startswith("200.0066")
    assert universe(symbol("BTCTRY", "3000000", "60000")).names == ("BTCTRY",)


def test_a_pair_without_a_book_stays_and_comes_last():
    nothing = symbol("AAATRY", None, age=None)
    assert universe(nothing, symbol("BTCTRY", "5", "0.01"), names="AAATRY,BTCTRY").names == (
        "BTCTRY",
        "AAATRY",
    )


def test_narrow_spreads_come_first_then_volumes_then_names():
    market = [
        symbol("BTCTRY", "100", "1"),
        symbol("ETHTRY", "200", "1"),  # half the spread in bps
        symbol("SOLTRY", "100", "1", quote_volume=e8(2_000_000)),
        symbol("AAATRY", "100", "1"),
    ]
    names = "BTCTRY,ETHTRY,SOLTRY,AAATRY"
    assert universe(*market, names=names).names == ("ETHTRY", "SOLTRY", "AAATRY", "BTCTRY")


def test_the_first_so_many_are_kept_and_the_others_are_told_their_place():
    market = [symbol(name, "100", "1") for name in ("AAATRY", "BTCTRY", "ETHTRY")]
    found = universe(*market, names="AAATRY,BTCTRY,ETHTRY", UNIVERSE_MAX_SIZE="1")
    assert found.names == ("AAATRY",)
    assert [(one.scope, one.code, one.value, one.limit, one.setting) for one in found.dropped] == [
        ("BTCTRY", "universe_full", "2", "1", "UNIVERSE_MAX_SIZE"),
        ("ETHTRY", "universe_full", "3", "1", "UNIVERSE_MAX_SIZE"),
    ]
    assert universe(*market, names="AAATRY", UNIVERSE_MAX_SIZE="0").names == ()


def test_a_configured_pair_that_the_exchange_does_not_know_is_dropped():
    [reason] = universe(symbol("ETHTRY", "5"), names="BTCTRY").dropped
    assert (reason.code, reason.setting) == ("rules_unavailable:missing", "exchange")
