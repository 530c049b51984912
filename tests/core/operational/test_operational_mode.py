"""The final mode: the most restrictive part, named; entered and left by each of its parts."""

from __future__ import annotations

from typing import Any

import pytest
from operational_cases import buy, decided, inputs, order, saying, sell, sent, why

from meva_core.modes import Mode
from meva_core.operational.decide import decide
from meva_core.operational.inputs import Alarm, DegradeState, Listed
from meva_core.operational.lifecycle import Canceling
from meva_core.orders import Side

HELD = {"ETHTRY": ("0.02", "1900")}
BOTH = [buy("BTCTRY", "200"), sell("ETHTRY", "0.01", purpose="reduce")]


def of(**given: Any) -> tuple[str, str, str]:
    """Return the mode, the part that bound and its code."""
    mode = decided(**given).decisions.mode
    return mode.mode.name, *((mode.bound.part, mode.bound.reason.code) if mode.bound else ("", ""))


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, ("NORMAL", "", "")),
        ({"kill": "cancels"}, ("OBSERVE_ONLY", "budget", "KILL_SWITCH")),
        (
            {"degrade": DegradeState(override=Mode.REDUCE_RISK_ONLY, until=1_800_000_001)},
            ("REDUCE_RISK_ONLY", "degrade", "degrade_override"),
        ),
        ({"degrade": DegradeState(override=Mode.OBSERVE_ONLY, until=1_800_000_000)}, ("NORMAL", "", "")),
        ({"alarms": [Alarm("K5", "7", Mode.OBSERVE_ONLY)]}, ("OBSERVE_ONLY", "alarms", "K5")),
        (
            {"alarms": [Alarm("balance_unexplained", "BTC", Mode.REDUCE_RISK_ONLY)]},
            ("REDUCE_RISK_ONLY", "alarms", "balance_unexplained"),
        ),
        ({"alarms": [Alarm("looks_like_ours", "7", Mode.NORMAL)]}, ("NORMAL", "", "")),
        ({"recovery": [Alarm("balances_unread")]}, ("OBSERVE_ONLY", "recovery", "balances_unread")),
        ({"observe": True}, ("OBSERVE_ONLY", "observe", "observe")),
    ],
)
def test_each_part_binds_and_without_it_the_mode_is_normal(given: Any, found: tuple[str, str, str]):
    assert of(**given) == found


def test_three_unknown_orders_at_once_stop_all_and_two_do_not():
    def unknown(count: int) -> list[Any]:
        return [
            order("SOLTRY", Side.BUY, "5000", "0.02", standing="unknown", client_id=f"s4:{n}")
            for n in range(count)
        ]

    assert of(orders=unknown(3)) == ("OBSERVE_ONLY", "recovery", "unknown_orders")
    assert of(orders=unknown(2)) == ("NORMAL", "", "")


def test_the_first_of_equals_is_named_and_all_are_kept():
    found = decided(observe=True, kill="cancels", alarms=[Alarm("K1", "x")]).decisions.mode
    assert [part.part for part in found.parts] == ["budget", "alarms", "observe"]
    assert found.bound is found.parts[0]


def test_normal_buys_and_sells_reduce_sells_and_observe_does_neither():
    normal = decided(BOTH, held=HELD)
    assert sent(normal) == [("submit", "ETHTRY", "SELL"), ("submit", "BTCTRY", "BUY")]
    reduced = decided(BOTH, held=HELD, alarms=[Alarm("absent", "7", Mode.REDUCE_RISK_ONLY)])
    assert sent(reduced) == [("submit", "ETHTRY", "SELL")]
    assert why(reduced, "BTCTRY") == "mode_reduce_risk_only"
    observed = decided(BOTH, held=HELD, alarms=[Alarm("K1", "7")])
    assert (sent(observed), why(observed, "BTCTRY"), why(observed, "ETHTRY")) == ([], *["observe_only"] * 2)
    [dropped, _] = observed.decisions.dropped
    assert (dropped.reason.value, dropped.reason.setting) == ("K1", "program")


def test_both_restrictive_modes_cancel_own_buys_and_normal_does_not():
    orders = [
        order("BTCTRY", Side.BUY, "3000000", "0.0001"),
        order("ETHTRY", Side.SELL, "100000", "0.01"),
        order("SOLTRY", Side.BUY, "5000", "0.02", standing="cancel_requested"),
    ]
    assert sent(decided(orders=orders, held=HELD)) == []
    for mode, code in ((Mode.REDUCE_RISK_ONLY, "mode_reduce_risk_only"), (Mode.OBSERVE_ONLY, "observe_only")):
        found = decided(orders=orders, held=HELD, alarms=[Alarm("absent", "7", mode)])
        assert sent(found) == [("cancel", "BTCTRY", "BUY")]
        assert found.decisions.actions[0].reason == code


@pytest.mark.parametrize(
    ("given", "held_back"),
    [({"kill": "all"}, "KILL_SWITCH"), ({"observe": True}, "observe"), ({"kill": "cancels"}, None)],
)
def test_only_the_switch_at_all_and_a_look_without_writes_leave_a_resting_buy(
    given: Any, held_back: str | None
):
    found = decided(orders=[order("BTCTRY", Side.BUY, "3000000", "0.0001")], **given)
    [cancel] = found.decisions.cancels
    assert isinstance(cancel, Canceling)
    assert (cancel.held_back.code if cancel.held_back else None) == held_back
    assert sent(found) == ([] if held_back else [("cancel", "BTCTRY", "BUY")])


def test_in_a_dry_run_the_kill_switch_is_no_part():
    assert of(kill="all", dry=True) == ("NORMAL", "", "")


# -- Strategies that fail ---------------------------------------------------------------------------------


def failing(view: Any, memory: Any) -> Any:
    raise ValueError("no idea")


def test_where_the_only_strategy_fails_sales_are_left_and_after_three_cycles_nothing_is():
    for before, mode in ((0, "REDUCE_RISK_ONLY"), (1, "REDUCE_RISK_ONLY"), (2, "OBSERVE_ONLY")):
        given = {"failed": {"says": before}}
        assert of(answer=failing, **given) == (mode, "alarms", "strategy_failed")
        found = decided(failing, **given)
        assert found.decisions.failed == {"says": before + 1}
        [failure] = found.inputs.failures
        assert (failure.strategy, failure.code) == ("says", "strategy_failed")
        assert failure.text.startswith("strategy says raised ValueError: no idea (operational_")


def test_one_that_succeeds_ends_it():
    found = decided([], failed={"says": 9})
    assert (found.decisions.mode.mode, found.decisions.failed) == (Mode.NORMAL, {})


def test_where_another_one_answered_the_others_go_on():
    given = inputs(strategies=[Listed("breaks"), Listed("says")])
    found = decide(given, {"says": saying([buy("BTCTRY", "200")]), "breaks": saying(failing)})
    assert found.decisions.mode.mode is Mode.NORMAL
    assert why(found, "BTCTRY") == "sent"
    both = decide(given, {"says": saying(failing), "breaks": saying(failing)})
    assert both.decisions.mode.mode is Mode.REDUCE_RISK_ONLY


def test_a_state_that_lists_no_strategy_only_manages_what_is_there():
    found = decided(strategies=(), orders=[order("BTCTRY", Side.BUY, "3000000", "0.0001", age=120)])
    assert (found.decisions.mode.mode, sent(found)) == (Mode.NORMAL, [("cancel", "BTCTRY", "BUY")])
