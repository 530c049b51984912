"""What a recorded cycle says about itself, ours and the earlier system's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meva_core.history.recorded import main_reason, mode_of, mode_parts, raised, reasons_of
from meva_core.reasons import Reason


def legacy(**documents: Any) -> dict[str, Any]:
    """Return a row of the earlier system's trace."""
    empty = {
        "mode_json": {},
        "order_intents_json": [],
        "selected_universe_json": [],
        "universe_scores_json": [],
    }
    return {name: json.dumps(value) for name, value in {**empty, **documents}.items()}


@pytest.mark.parametrize(
    ("stored", "found"),
    [
        ('{"stale_data":true}', ("stale_data",)),
        ('{"throttled":true,"stale_data":false,"clock_skew":"true"}', ("clock_skew", "throttled")),
        ('{"a":"false","b":1,"c":null,"d":"True"}', ()),
        ("{}", ()),
        ("[]", ()),
        ("{'a': True}", ()),
        ("", ()),
        (None, ()),
    ],
)
def test_a_flag_counts_when_it_is_true_and_absent_ones_are_not_raised(
    stored: str | None, found: tuple[str, ...]
) -> None:
    assert raised(json.loads, stored) == found


def test_our_reasons_are_read_as_they_were_stored() -> None:
    stored = [["ok", "assess", "", None, None, None, ""], ["dust", "plan", "BTCTRY", "1", "2", "1", "TRY"]]
    assert reasons_of("abc1234", {"reasons_json": json.dumps(stored)}, json.loads) == [
        Reason("ok", "assess"),
        Reason("dust", "plan", "BTCTRY", "1", "2", "1", "TRY"),
    ]


def test_the_main_reason_is_a_rule_for_the_whole_cycle_before_what_most_symbols_share() -> None:
    symbols = [
        Reason("dust", "plan", "A"),
        Reason("on_target", "plan", "B"),
        Reason("on_target", "plan", "C"),
    ]
    assert main_reason([Reason("ok", "assess"), *symbols]) == "on_target"
    assert main_reason([Reason("daily_loss_breach", "assess"), *symbols]) == "daily_loss_breach"
    assert main_reason([]) == "ok"


@pytest.mark.parametrize(
    "rules",
    [
        ["MAX_DRAWDOWN_BREACH", "cooldown_enforced"],
        {"rules": [{"code": "max_drawdown_breach", "x": 1}, "odd"], "cooldown_enforced": True},
    ],
)
def test_the_earlier_systems_rules_are_read_in_both_their_shapes(rules: Any) -> None:
    row = legacy(mode_json={"risk_reasons": rules})
    codes = [reason.code for reason in reasons_of("legacy", row, json.loads)]
    assert codes == ["max_drawdown_breach", "cooldown_enforced"]


def test_fates_of_the_earlier_system_come_from_its_documents() -> None:
    row = legacy(
        universe_scores_json=[{"symbol": "AAATRY"}, {"symbol": "BBBTRY"}, "odd", {"no": "symbol"}],
        selected_universe_json=["BBBTRY", "CCCTRY", 7],
        order_intents_json=[
            {"symbol": "CCCTRY", "skipped": True, "skip_reason": "min_notional"},
            {"symbol": "DDDTRY", "skipped": False, "skip_reason": None},
        ],
    )
    assert reasons_of("legacy", row, json.loads) == [
        Reason("ok", "assess"),
        Reason("not_selected", "select", "AAATRY"),
        Reason("no_action", "plan", "BBBTRY"),
        Reason("min_notional", "build", "CCCTRY"),
        Reason("ok", "build", "DDDTRY"),
    ]


@pytest.mark.parametrize("text", ["", "nonsense", "NaN", "[1, 2", '"text"', "null", None])
def test_documents_that_are_none_say_nothing(text: str | None) -> None:
    row = dict.fromkeys(legacy(), text)
    assert [reason for reason in reasons_of("legacy", row, json.loads) if reason.scope] == []


def row_of(mode: dict[str, Any], base: str = "NORMAL", final: str = "NORMAL") -> dict[str, Any]:
    """Return what `mode_parts` reads of a cycle."""
    return {"mode_json": json.dumps(mode), "mode_base": base, "mode_final": final}


@pytest.mark.parametrize(
    ("metrics", "trace", "shown"),
    [("OBSERVE_ONLY", "NORMAL", "OBSERVE_ONLY"), (None, "NORMAL", "NORMAL"), (None, None, None)],
)
def test_the_mode_of_a_cycle_without_metrics_is_in_its_trace(
    metrics: str | None, trace: str | None, shown: str | None
) -> None:
    row = {"mode_final": metrics, "mode_json": json.dumps({"final_mode": trace}) if trace else "{}"}
    assert mode_of(row, "mode_final", json.loads) == shown


def test_the_parts_that_gave_the_final_mode_bind_and_no_others() -> None:
    mode = {
        "base_mode": "REDUCE_RISK_ONLY",
        "override_mode": "OBSERVE_ONLY",
        "risk_mode": "OBSERVE_ONLY",
        "rules_mode": "NORMAL",
        "final_mode": "OBSERVE_ONLY",
        "cooldown_until": "2026-01-01T00:00:00.000000+00:00",
    }
    parts = mode_parts(row_of(mode), [], {}, json.loads)
    assert parts.binding() == ["override", "risk"]
    assert parts.cooldown_until == "2026-01-01T00:00:00.000000+00:00"
    assert mode_parts(row_of({"final_mode": "NORMAL"}), [], {}, json.loads).binding() == []


@pytest.mark.parametrize(
    ("reason", "settings", "part", "mode"),
    [
        (Reason("daily_loss_breach", "assess"), {}, "risk", "OBSERVE_ONLY"),
        (Reason("market_liquidity_guardrail", "assess"), {}, "risk", "REDUCE_RISK_ONLY"),
        (
            Reason("consecutive_loss_guardrail", "assess"),
            {"STAGE7_LOSS_GUARDRAIL_MODE": "observe_only"},
            "risk",
            "OBSERVE_ONLY",
        ),
        (Reason("cooldown_enforced", "assess", "", "REDUCE_RISK_ONLY"), {}, "risk", "REDUCE_RISK_ONLY"),
        (Reason("degrade_override", "plan", "", "OBSERVE_ONLY"), {}, "override", "OBSERVE_ONLY"),
        (Reason("observe_only_cycle", "plan", "", "OBSERVE_ONLY"), {}, "rules", "OBSERVE_ONLY"),
    ],
)
def test_of_a_quiet_cycle_the_parts_follow_from_its_reasons(
    reason: Reason, settings: dict[str, str], part: str, mode: str
) -> None:
    parts = mode_parts(row_of({}, final=mode), [reason], settings, json.loads)
    assert getattr(parts, part) == mode
    assert parts.binding() == [part]
