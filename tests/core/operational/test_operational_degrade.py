"""What is odd, how bad it is, and what it makes of the mode for how long."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from operational_cases import TIME, e8, inputs, symbol

from meva_core.modes import Mode
from meva_core.operational.anomalies import Anomaly, Severity, anomalies_of
from meva_core.operational.because import because
from meva_core.operational.degrade import degrade
from meva_core.operational.inputs import DegradeState, Inputs, Signals
from meva_core.operational.scene import scene_of
from meva_core.operational.universe import universe_of

WARN = Anomaly(Severity.WARN, because("STALE_MARKET_DATA", "anomalies"))
ERROR = Anomaly(Severity.ERROR, because("PNL_DIVERGENCE", "anomalies"))


def seen(given: Inputs) -> list[tuple[str, str]]:
    """Return what is odd, as (code, severity)."""
    scene = scene_of(given)
    found, _ = anomalies_of(scene, universe_of(scene).names)
    return [(one.reason.code, str(one.severity)) for one in found]


def of(**signals: Any) -> Inputs:
    return inputs(signals=Signals(**signals))


def test_a_usual_cycle_has_nothing_odd():
    assert seen(of(slowest_call_ms=1999, refusals=2, stalls={"BTCTRY": 4}, skew_ms=-30_000)) == []


@pytest.mark.parametrize(
    ("signals", "code", "value", "limit", "setting"),
    [
        ({"slowest_call_ms": 2000}, "EXCHANGE_LATENCY_SPIKE", "2000", "2000", "LATENCY_SPIKE_MS"),
        ({"refusals": 3}, "ORDER_REJECT_SPIKE", "3", "3", "REJECT_SPIKE_THRESHOLD"),
        ({"stalls": {"BTCTRY": 5}}, "CURSOR_STALL", "5", "5", "CURSOR_STALL_CYCLES"),
        ({"skew_ms": -30_001}, "CLOCK_SKEW", "30.001", "30", "CLOCK_SKEW_SECONDS_THRESHOLD"),
    ],
)
def test_each_is_seen_at_its_number(signals: Any, code: str, value: str, limit: str, setting: str):
    scene = scene_of(of(**signals))
    [found] = anomalies_of(scene, ())[0]
    reason = found.reason
    assert (reason.code, reason.value, reason.limit, reason.setting) == (code, value, limit, setting)
    assert found.severity is Severity.WARN


def test_a_setting_of_none_switches_one_off():
    assert seen(inputs(signals=Signals(slowest_call_ms=10**6), settings={"LATENCY_SPIKE_MS": "none"})) == []


def test_data_are_stale_when_over_half_of_what_is_watched_is():
    old, new = {"age": 31}, {"age": 30}
    market = [symbol("BTCTRY", "5", **old), symbol("ETHTRY", "5", **new)]
    assert seen(inputs(market=market)) == []  # one of two is not over half
    held = inputs(market=[*market, symbol("AAATRY", None, age=None)], held={"AAATRY": ("1", "1")})
    assert seen(held) == [("STALE_MARKET_DATA", "WARN")]
    unwatched = [*market, symbol("AAATRY", None, age=None)]
    assert seen(inputs(market=unwatched)) == []


def test_shortfalls_warn_at_once_and_are_an_error_once_they_stood_four_looks_over_ten_minutes():
    short = {"BTC": e8("0.00007")}  # 210 TRY
    given = of(shortfalls=short, looked=True)
    told = []
    for minute in (0, 3, 6, 9, 10):
        given = evolve(given, time=TIME + 60 * minute)
        found, state = anomalies_of(scene_of(given), ())
        told.append((str(found[0].severity), found[0].reason.value, found[0].reason.limit))
        given = evolve(given, degrade=state)
    assert told == [("WARN", "210", "50")] * 4 + [("ERROR", "210", "200")]
    assert (state.divergence_looks, state.divergence_since) == (5, TIME)


def test_a_look_at_which_less_is_missing_ends_the_count_and_none_changes_nothing():
    standing = DegradeState(divergence_since=TIME - 900, divergence_looks=9)
    less = evolve(of(shortfalls={"TRY": e8("199.99")}, looked=True), degrade=standing)
    found, state = anomalies_of(scene_of(less), ())
    assert (found[0].severity, state) == (Severity.WARN, DegradeState())
    unseen = evolve(of(shortfalls={"TRY": e8(200)}), degrade=standing)
    found, state = anomalies_of(scene_of(unseen), ())
    assert (found[0].severity, state) == (Severity.ERROR, standing)
    assert seen(of(shortfalls={"TRY": e8("49.99")}, looked=True)) == []


# -- Degrade ----------------------------------------------------------------------------------------------


def played(happened: dict[int, Anomaly], cycles: int, step: int = 60, **settings: str) -> list[str]:
    """Return the mode of each of so many cycles, by number from 1."""
    given, modes = inputs(settings=settings), []
    for number in range(1, cycles + 1):
        given = evolve(given, time=TIME + number * step)
        anomalies = [happened[number]] if number in happened else []
        found = degrade(given, given.degrade, anomalies)
        given = evolve(given, degrade=found.state)
        modes.append(found.mode.name)
        assert (found.reason is None) == (found.mode is Mode.NORMAL)
    return modes


def test_example_warnings_restrict_and_an_error_restricts_more():
    """WARN in cycles 1, 4, 9: REDUCE_RISK_ONLY at 9 for 15 min; ERROR in 10: OBSERVE_ONLY for 30 min."""
    modes = played({1: WARN, 4: WARN, 9: WARN, 10: ERROR}, 41)
    assert modes == ["NORMAL"] * 8 + ["REDUCE_RISK_ONLY"] + ["OBSERVE_ONLY"] * 30 + ["NORMAL"] * 2


def test_a_restriction_falls_when_its_time_is_up():
    modes = played({1: WARN, 4: WARN, 9: WARN}, 25)
    assert modes == ["NORMAL"] * 8 + ["REDUCE_RISK_ONLY"] * 15 + ["NORMAL"] * 2


def test_an_equal_or_milder_one_extends_nothing_and_the_window_was_emptied():
    modes = played(dict.fromkeys(range(1, 6), WARN), 25)  # cycles 3 to 17
    assert modes == ["NORMAL"] * 2 + ["REDUCE_RISK_ONLY"] * 15 + ["NORMAL"] * 8
    again = played({1: ERROR, 20: ERROR}, 32)
    assert again == ["OBSERVE_ONLY"] * 30 + ["NORMAL"] * 2


def test_what_restricted_once_does_not_restrict_again():
    modes = played(dict.fromkeys(range(1, 4), WARN), 8, step=300)  # all within one window of ten cycles
    assert modes == ["NORMAL"] * 2 + ["REDUCE_RISK_ONLY"] * 3 + ["NORMAL"] * 3


def test_warnings_count_within_the_window_and_only_those_that_are_named():
    assert set(played({1: WARN, 2: WARN, 12: WARN}, 12)) == {"NORMAL"}
    other = Anomaly(Severity.WARN, because("CLOCK_SKEW", "anomalies"))
    assert set(played(dict.fromkeys(range(1, 9), other), 9)) == {"NORMAL"}
    named = played(dict.fromkeys(range(1, 4), other), 3, DEGRADE_WARN_CODES_CSV="CLOCK_SKEW")
    assert named[-1] == "REDUCE_RISK_ONLY"


def test_a_shortfall_that_stands_is_one_warning_however_many_cycles_see_it():
    short = Anomaly(Severity.WARN, because("PNL_DIVERGENCE", "anomalies"))
    state, modes = DegradeState(), []
    for found in [*[[short]] * 30, *[[], [short]] * 3]:
        done = degrade(inputs(), state, found)
        state = done.state
        modes.append(done.mode)
    assert set(modes[:-1]) == {Mode.NORMAL}
    assert modes[-1] is Mode.REDUCE_RISK_ONLY, "three that began within ten cycles"
    beside = degrade(inputs(), DegradeState(diverged=True), [short, WARN]).state
    assert beside.warned == (True,), "another warning counts beside one that stands"
