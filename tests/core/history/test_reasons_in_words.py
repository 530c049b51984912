"""Reasons in words: every code has some, every number of a reason is said, and nothing is made up."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_core.history.words import WORDS, briefly, explain, say
from meva_core.reasons import Code, Reason

NO_REASON = {
    Code.OK,  # said apart
    Code.TTL_EXPIRED,
    Code.SIM_REJECT,
    Code.THROTTLED,
    Code.RETRY_GIVEUP,
    Code.NON_RETRYABLE,
    Code.IDEMPOTENCY_CONFLICT,
    Code.RUN_CHANGED,
}
"""Codes that end orders; they are no reasons of a cycle."""


def test_the_line_says_what_was_planned_what_was_needed_and_what_was_missing() -> None:
    reason = Reason("min_notional", "plan", "ETHTRY", "12.3", "99.91", "87.61", "TRY")
    assert say(reason) == (
        "ETHTRY: min_notional at plan: 12.3 TRY planned, 99.91 TRY needed; "
        "87.61 TRY more would have let it trade"
    )


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (
            Reason("share_below_minimum", "plan", "ETHTRY", "12.3", "99.91", "87.61", "TRY"),
            "ETHTRY: its share would be 12.3 TRY, 99.91 TRY is needed",
        ),
        (
            Reason("observe_only", "plan", "ETHTRY", "50", unit="TRY"),
            "ETHTRY: a difference of 50 TRY was planned; OBSERVE_ONLY places no order",
        ),
        (
            Reason("stale_market_data", "assess", limit="60", unit="s"),
            "no candidate has a book or ticker",
        ),
        # below the least order is on target, as `why` tells it
        (
            Reason("min_notional", "plan", "ETHTRY", "12.3", "99.91", "87.61", "TRY"),
            "what is held and on order is what the plan wants",
        ),
        (Reason("min_notional", "build", "ETHTRY"), "ETHTRY: min_notional"),
    ],
)
def test_a_short_line_says_what_was_measured_and_nothing_else(reason: Reason, words: str) -> None:
    assert briefly(reason) == words


@pytest.mark.parametrize("code", [code for code in Code if code not in NO_REASON], ids=lambda code: code.name)
def test_every_code_that_can_be_a_reason_has_words(code: Code) -> None:
    assert any(key.partition(":")[0] == code.text or key == code.text for key in WORDS)


@pytest.mark.parametrize("texts", WORDS.values(), ids=list(WORDS))
def test_words_name_only_numbers_that_a_reason_has(texts: tuple[str, str]) -> None:
    assert set(re.findall(r"{(\w*)}", " ".join(texts))) <= {"value", "limit", "distance"}


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason("ok", "assess"), "no rule of risk fired"),
        (Reason("ok", "build", "ETHTRY"), "an order was placed"),
        (
            Reason("max_drawdown_breach", "assess", "", "0.25125", "0.25", "0.00125", "ratio"),
            "equity is 25.125 % below its peak, the limit is 25 %; "
            "it stays until a person runs `meva risk reset --reason TEXT`",
        ),
        (
            Reason("cooldown_enforced", "assess", "", "OBSERVE_ONLY", None, "300", "s"),
            "a cooldown holds OBSERVE_ONLY; it ends in 300 s",
        ),
        (
            Reason("market_liquidity_guardrail", "assess", "", "310", "300", "10", "bps"),
            "the widest spread is 310 bps, 300 bps is allowed; 10 bps less and the rule would not have fired",
        ),
        (
            Reason("market_liquidity_guardrail", "assess", "", "1", "5", "4", "TRY"),
            "the volume of 24 h is 1 TRY, 5 TRY is needed; 4 TRY more and the rule would not have fired",
        ),
        (
            Reason("stale_market_data", "assess", "", None, "60", None, "s"),
            "no candidate has a book or ticker",
        ),
        (Reason("stale_market_data", "plan", "ETHTRY", "-1", "60", "61", "s"), "it has no book"),
        (
            Reason("stale_market_data", "plan", "ETHTRY", "90", "60", "30", "s"),
            "its book is 90 s old, 60 s is allowed; data 30 s younger would have let it trade",
        ),
    ],
)
def test_reasons_read_as_a_trader_would_say_them(reason: Reason, words: str) -> None:
    assert explain(reason) == words


def test_a_code_without_its_numbers_is_said_by_its_name() -> None:
    assert say(Reason("min_notional", "build", "BTCTRY")) == "BTCTRY: min_notional at build"


def test_a_code_of_another_version_keeps_its_numbers() -> None:
    assert say(Reason("lunar_phase", "plan", "", "3", "4", "1", "s")) == (
        "lunar_phase at plan: 3 s, limit 4 s, distance 1 s"
    )


AMOUNTS = st.decimals(0, 10**9, places=8).map(lambda number: f"{number:f}")


@given(
    st.sampled_from(["below_min_volume", "turnover_cap", "dust", "min_notional"]), AMOUNTS, AMOUNTS, AMOUNTS
)
def test_numbers_are_said_digit_for_digit(code: str, value: str, limit: str, distance: str) -> None:
    words = explain(Reason(code, "plan", "BTCTRY", value, limit, distance, "TRY"))
    assert all(f"{number} TRY" in words for number in (value, limit, distance))
