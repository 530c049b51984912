"""Whose limit it is: the user's setting, with its value, or a rule of the exchange's."""

from __future__ import annotations

import json

import pytest

from meva_core.history.limits import _SETTINGS, EXCHANGE, PROGRAM, USER, Bound, Limits, limits_of
from meva_core.history.recorded import main_reason, told_code
from meva_core.history.words import Telling, explain, say
from meva_core.reasons import Code, Reason
from meva_core.settings import VARIABLES

SETTINGS = {
    "MIN_ORDER_NOTIONAL_TRY": "10",
    "MAX_POSITION_NOTIONAL_TRY": "5000",
    "NOTIONAL_CAP_TRY_PER_CYCLE": "1000",
    "STAGE7_MAX_DRAWDOWN_PCT": "0.25",
    "STAGE7_MAX_DATA_AGE_SEC": 60,
    "STAGE7_SPREAD_SPIKE_BPS": "300",
    "STAGE7_MIN_QUOTE_VOLUME_TRY": "5",
    "STAGE7_UNIVERSE_SIZE": 20,
    "STAGE7_REBALANCE_BAND_BPS": "100",
    "STAGE7_UNIVERSE_WHITELIST": [],
    "STAGE7_UNIVERSE_BLACKLIST": [],
    "STAGE7_UNIVERSE_QUOTE_CCY": "TRY",
    "STAGE7_RULES_FALLBACK_MIN_NOTIONAL_TRY": "10",
}
RULES = {
    "BTCTRY": {"status": "ok", "min_notional_try": "99.91"},
    "ETHTRY": {"status": "fallback", "min_notional_try": "10"},
}


def limits(**settings: object) -> Limits:
    """Return a run's limits, some of its settings changed."""
    return Limits({**SETTINGS, **settings}, RULES)


def least(symbol: str, limit: str, value: str = "3", code: str = "min_notional") -> Reason:
    """Return what is recorded for a planned amount below the least order."""
    return Reason(code, "plan", symbol, value, limit, "1", "TRY")


# -- Whose limit ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["min_notional", "dust", "share_below_minimum"])
def test_the_least_order_is_the_larger_of_the_users_and_the_exchanges(code: str) -> None:
    exchanges = limits().behind(least("BTCTRY", "99.91", code=code))
    assert exchanges == Bound(EXCHANGE, user_minimum_try="10", exchange_minimum_try="99.91")
    own = limits(MIN_ORDER_NOTIONAL_TRY="150").behind(least("BTCTRY", "150", code=code))
    assert own == Bound(USER, "MIN_ORDER_NOTIONAL_TRY", "150", False, "150", "99.91")


def test_equal_minima_are_the_exchanges_since_the_users_alone_changes_nothing() -> None:
    bound = limits(MIN_ORDER_NOTIONAL_TRY="99.91").behind(least("BTCTRY", "99.91"))
    assert bound is not None
    assert bound.whose == EXCHANGE
    telling = Telling("backtest", limits(MIN_ORDER_NOTIONAL_TRY="99.91"))
    assert explain(least("BTCTRY", "99.91"), telling).endswith(
        "that is the exchange's minimum; your MIN_ORDER_NOTIONAL_TRY=99.91 is the same"
    )


def test_a_configured_rule_that_stands_in_is_the_users() -> None:
    bound = limits().behind(least("ETHTRY", "10"))
    assert bound == Bound(USER, "STAGE7_RULES_FALLBACK_MIN_NOTIONAL_TRY", "10", False, "10", None)


@pytest.mark.parametrize(
    ("reason", "bound"),
    [
        (
            Reason("max_drawdown_breach", "assess", "", "0.3", "0.25", "0.05", "ratio"),
            Bound(USER, "STAGE7_MAX_DRAWDOWN_PCT", "0.25"),
        ),
        (
            Reason("stale_market_data", "plan", "BTCTRY", "90", "60", "30", "s"),
            Bound(USER, "STAGE7_MAX_DATA_AGE_SEC", 60),
        ),
        (
            Reason("market_liquidity_guardrail", "assess", "", "310", "300", "10", "bps"),
            Bound(USER, "STAGE7_SPREAD_SPIKE_BPS", "300"),
        ),
        (
            Reason("market_liquidity_guardrail", "assess", "", "1", "5", "4", "TRY"),
            Bound(USER, "STAGE7_MIN_QUOTE_VOLUME_TRY", "5"),
        ),
        (
            Reason("universe_full", "select", "BTCTRY", "20", "19", "1", "rank"),
            Bound(USER, "STAGE7_UNIVERSE_SIZE", 20, adapted=True),
        ),
        (
            Reason("universe_full", "select", "BTCTRY", "100", "250.5", "150.5", "TRY"),
            Bound(USER, "STAGE7_UNIVERSE_SIZE", 20),
        ),
        (Reason("universe_full", "assess", unit="TRY"), Bound(USER, "STAGE7_UNIVERSE_SIZE", 20)),
        (Reason("below_min_volume", "assess", unit="TRY"), Bound(USER, "STAGE7_MIN_QUOTE_VOLUME_TRY", "5")),
        (
            Reason("turnover_cap", "plan", "BTCTRY", "3", "99.91", "96.91", "TRY"),
            Bound(USER, "NOTIONAL_CAP_TRY_PER_CYCLE", "1000"),
        ),
        (
            Reason("within_band", "plan", "BTCTRY", "30", "100", "70", "TRY"),
            Bound(USER, "STAGE7_REBALANCE_BAND_BPS", "100"),
        ),
        (Reason("min_qty", "build", "BTCTRY", "1", "2", "1", "qty"), Bound(EXCHANGE)),
        (Reason("tick_too_coarse", "build", "BTCTRY", "200", "100", "100", "bps"), Bound(PROGRAM)),
        (Reason("on_target", "plan", "BTCTRY"), None),
        (Reason("ok", "assess"), None),
    ],
)
def test_each_limit_is_somebodys(reason: Reason, bound: Bound | None) -> None:
    assert limits().behind(reason) == bound


@pytest.mark.parametrize(
    ("changed", "symbol", "setting"),
    [
        ({"STAGE7_UNIVERSE_WHITELIST": ["ETHTRY"]}, "BTCTRY", "STAGE7_UNIVERSE_WHITELIST"),
        ({"STAGE7_UNIVERSE_BLACKLIST": ["BTCTRY"]}, "BTCTRY", "STAGE7_UNIVERSE_BLACKLIST"),
        ({}, "BTCUSDT", "STAGE7_UNIVERSE_QUOTE_CCY"),
        ({}, "BTCTRY", ""),
    ],
)
def test_what_is_no_candidate_is_kept_out_by_a_list_or_by_the_exchange(
    changed: dict[str, object], symbol: str, setting: str
) -> None:
    bound = limits(**changed).behind(Reason("not_a_candidate", "select", symbol))
    assert bound is not None
    assert (bound.setting, bound.whose) == (setting, USER if setting else EXCHANGE)


def test_every_setting_that_is_named_is_one_and_every_code_is_one() -> None:
    assert set(_SETTINGS.values()) <= set(VARIABLES)
    assert {key.removesuffix(":bps").removesuffix(":TRY") for key in _SETTINGS} <= {c.text for c in Code}


def test_of_the_earlier_systems_cycles_no_limit_is_known() -> None:
    assert limits_of("legacy", {"settings_json": '{"TTL_SECONDS": 1}'}, json.loads) == Limits()
    assert Limits().behind(least("BTCTRY", "10")) is None


@pytest.mark.parametrize(("adapts", "more"), [(False, ""), (True, ", unless it was adapted")])
def test_a_wish_that_was_left_out_tells_how_large_the_universe_is(adapts: bool, more: str) -> None:
    reason = Reason("universe_full", "select", "BTCTRY", "100", "250.5", "150.5", "TRY")
    told = explain(reason, Telling("backtest", limits(STAGE7_UNIVERSE_SIZE=2, include_adaptation=adapts)))
    assert told == (
        "100 TRY is wished for, the least that the universe holds is 250.5 TRY; "
        f"the universe is your STAGE7_UNIVERSE_SIZE=2{more}"
    )


# -- On target --------------------------------------------------------------------------------------------


def test_a_difference_below_the_least_order_is_told_as_on_target() -> None:
    reason = least("BTCTRY", "99.91")
    assert (reason.code, told_code(reason)) == ("min_notional", "on_target")
    assert say(reason, Telling("backtest", limits())) == (
        "BTCTRY: on_target at plan: 3 TRY from its target, less than the least order of 99.91 TRY; that is "
        "the exchange's minimum; your MIN_ORDER_NOTIONAL_TRY=10 is smaller"
    )
    assert main_reason([Reason("ok", "assess"), reason]) == "on_target"


def test_what_no_position_may_reach_is_not_told_as_on_target() -> None:
    reason, small = least("BTCTRY", "99.91", "5"), limits(MAX_POSITION_NOTIONAL_TRY="5")
    assert told_code(reason, small.largest_position) == "min_notional"
    assert main_reason([reason], small.largest_position) == "min_notional"
    assert "no position may be larger than your MAX_POSITION_NOTIONAL_TRY=5" in say(
        reason, Telling("backtest", small)
    )


def test_an_order_that_became_too_small_when_it_was_built_is_no_target_reached() -> None:
    assert (
        told_code(Reason("min_notional", "build", "BTCTRY", "99", "99.91", "0.91", "TRY")) == "min_notional"
    )


@pytest.mark.parametrize(("value", "due"), [("-3", False), ("120", True)])
def test_a_mode_keeps_back_only_what_could_have_been_an_order(value: str, due: bool) -> None:
    reason = Reason("observe_only", "plan", "BTCTRY", value=value, unit="TRY")
    words = explain(reason, Telling("backtest", limits()))
    assert ("OBSERVE_ONLY places no order" in words) == due
    assert ("none was due in any mode" in words) == (not due)


# -- Advice -----------------------------------------------------------------------------------------------


def test_in_a_backtest_nobody_is_told_to_reset_anything() -> None:
    breach = Reason("max_drawdown_breach", "assess", "", "0.3", "0.25", "0.05", "ratio")
    assert "risk reset" in explain(breach, Telling("dry_run", limits()))
    assert "risk reset" not in explain(breach, Telling("legacy", limits()))
    told = explain(breach, Telling("backtest", limits(), lambda name, value: f"from .env line 4: {value}"))
    assert told == (
        "equity is 30 % below its peak, the limit is 25 %; it lasts to the end of a backtest; "
        "the limit is your STAGE7_MAX_DRAWDOWN_PCT=0.25 (from .env line 4: 0.25)"
    )
