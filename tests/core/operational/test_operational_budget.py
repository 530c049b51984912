"""The risk budget: each limit binds at its number, the first that matches names itself."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from operational_cases import DAY, MARKET, buy, decided, e8, inputs, symbol, why

from meva_core.modes import Mode
from meva_core.operational.assess import assess
from meva_core.operational.budget import Budget, auto_kill, risk_budget
from meva_core.operational.inputs import RiskState
from meva_core.operational.scene import scene_of


def budget(**given: Any) -> Budget:
    scene = scene_of(inputs(**given))
    return risk_budget(scene, assess(scene.inputs))


def told(found: Budget) -> tuple[str, str, str | None, str | None, str]:
    return found.mode.name, found.reason.code, found.reason.value, found.reason.limit, found.reason.setting


def test_nothing_breached_is_ok():
    assert told(budget()) == ("NORMAL", "OK", None, None, "")


@pytest.mark.parametrize("level", ["cancels", "all"])
def test_the_kill_switch_comes_first_and_is_no_part_of_a_dry_run(level: str):
    found = budget(kill=level, peak="90000")
    assert told(found) == ("OBSERVE_ONLY", "KILL_SWITCH", level, None, "KILL_SWITCH")
    assert budget(kill=level, dry=True).reason.code == "OK"


def test_example_a_deposit_moves_the_peak_and_the_drawdown_counts_from_there():
    """Peak 100500, deposit 10000: 110500; equity 107500: OBSERVE_ONLY; 107500.01: not."""
    peak = str(100500 + 10000)
    found = budget(cash="107500", peak=peak)
    assert told(found) == ("OBSERVE_ONLY", "DRAWDOWN_LIMIT", "3000", "3000", "RISK_MAX_DRAWDOWN_TRY")
    assert budget(cash="107500.01", peak=peak).mode is Mode.NORMAL


def test_the_loss_of_a_day_binds_at_its_limit():
    found = budget(cash="9000", peak="10000", day_open="10000")
    assert told(found) == ("OBSERVE_ONLY", "DRAWDOWN_LIMIT", "1000", "1000", "RISK_MAX_DAILY_DRAWDOWN_TRY")
    assert budget(cash="9000.00000001", peak="10000", day_open="10000").mode is Mode.NORMAL


def test_exposure_leaves_sales_alone():
    many = {"RISK_MAX_POSITION_PCT": "1", "RISK_MAX_GROSS_EXPOSURE_TRY": "2999.99"}
    found = budget(held={"BTCTRY": ("0.001", "3000")}, settings=many)
    assert told(found) == (
        "REDUCE_RISK_ONLY", "EXPOSURE_LIMIT", "3000", "2999.99", "RISK_MAX_GROSS_EXPOSURE_TRY",
    )  # fmt: skip
    assert budget(
        held={"BTCTRY": ("0.001", "3000")}, settings=many | {"RISK_MAX_GROSS_EXPOSURE_TRY": "3000"}
    ) == (budget())


def test_one_position_may_be_so_large_a_share_of_equity():
    held = {"BTCTRY": ("0.001", "3000"), "ETHTRY": ("0.01", "1000")}
    found = budget(cash="5999.99", held=held)
    assert told(found) == (
        "REDUCE_RISK_ONLY", "EXPOSURE_LIMIT", "3000", "2999.997", "RISK_MAX_POSITION_PCT",
    )  # fmt: skip
    assert found.reason.scope == "BTCTRY"
    assert budget(cash="6000", held=held).mode is Mode.NORMAL


def test_without_equity_any_position_is_too_large():
    found = budget(cash="-1100", held={"ETHTRY": ("0.01", "1000")}, peak="0", day_open="-100")
    assert told(found)[1:4] == ("EXPOSURE_LIMIT", "1000", "0")


def test_fees_of_the_day_bind_where_they_are_limited():
    paid = {"fees_today": e8("50.01")}
    found = budget(risk=paid, settings={"RISK_MAX_FEE_TRY_PER_DAY": "50"})
    assert told(found) == ("REDUCE_RISK_ONLY", "FEE_BUDGET", "50.01", "50", "RISK_MAX_FEE_TRY_PER_DAY")
    assert (
        budget(risk={"fees_today": e8(50)}, settings={"RISK_MAX_FEE_TRY_PER_DAY": "50"}).mode is Mode.NORMAL
    )
    assert budget(risk=paid).mode is Mode.NORMAL


def test_what_is_held_and_never_had_a_mark_leaves_sales_alone():
    held = {"AAATRY": ("5", "100")}
    without = symbol("AAATRY", None)
    found = budget(held=held, market=(*MARKET, without))
    assert (*told(found)[:2], found.reason.scope) == ("REDUCE_RISK_ONLY", "MARK_UNKNOWN", "AAATRY")
    once = symbol("AAATRY", None, valuation=e8(20))
    assert budget(held=held, market=(*MARKET, once)).mode is Mode.NORMAL
    gone = symbol("AAATRY", None, listed=False)
    assert budget(held=held, market=(*MARKET, gone)).mode is Mode.NORMAL


def test_in_a_restrictive_mode_no_buy_goes_and_in_normal_it_does():
    asked, limits = [buy("BTCTRY", "200")], {"MAX_DRAWDOWN_PCT": "90"}
    assert why(decided(asked, peak="13000", settings=limits), "BTCTRY") == "observe_only"
    assert why(decided(asked, peak="12999", settings=limits), "BTCTRY") == "sent"


# -- K8 ---------------------------------------------------------------------------------------------------


def killed(state: RiskState, equity: str, **given: Any) -> tuple[str | None, RiskState]:
    """Return the setting for whose limit the switch is pulled, and the state after."""
    scene = scene_of(evolve(inputs(cash=equity, **given), risk=state))
    kill, after = auto_kill(scene, assess(scene.inputs))
    return (kill.reason.setting if kill else None), after


FRESH = RiskState(peak=e8(10_000), percent_peak=e8(10_000), day=DAY, day_open=e8(10_000))


def test_a_drawdown_in_two_cycles_running_pulls_the_switch_once_a_peak():
    limits = {"settings": {"RISK_MAX_DAILY_DRAWDOWN_TRY": "9000"}}
    first, state = killed(FRESH, "7000", **limits)
    second, state = killed(state, "7000", **limits)
    third, state = killed(state, "6999", **limits)
    assert (first, second, third) == (None, "RISK_MAX_DRAWDOWN_TRY", None)
    _, state = killed(state, "10000", **limits)  # back at the peak: the next fall is another
    _, state = killed(state, "7000", **limits)
    assert killed(state, "7000", **limits)[0] == "RISK_MAX_DRAWDOWN_TRY"


def test_one_cycle_is_none_and_a_pause_begins_anew():
    _, state = killed(FRESH, "7000")
    _, state = killed(state, "9999")
    assert killed(state, "7000")[0] is None


def test_the_loss_of_a_day_pulls_it_once_that_day():
    _, state = killed(FRESH, "9000")
    second, state = killed(state, "9000")
    third, state = killed(state, "9000")
    assert (second, third) == ("RISK_MAX_DAILY_DRAWDOWN_TRY", None)
    tomorrow = evolve(state, day=DAY + 1, day_open=e8(9_000))
    first, tomorrow = killed(tomorrow, "7999", settings={"RISK_MAX_DRAWDOWN_TRY": "9000"})
    again, _ = killed(tomorrow, "7999", settings={"RISK_MAX_DRAWDOWN_TRY": "9000"})
    assert (first, again) == (None, "RISK_MAX_DAILY_DRAWDOWN_TRY")


def test_switched_off_the_mode_alone_answers():
    off = {"settings": {"ENABLE_AUTO_KILL_SWITCH": "false"}}
    _, state = killed(FRESH, "7000", **off)
    found, state = killed(state, "7000", **off)
    assert (found, state.breached) == (None, ("day", "peak"))
    assert decided(cash="7000", peak="10000", **off).decisions.mode.mode is Mode.OBSERVE_ONLY
