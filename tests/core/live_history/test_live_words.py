"""Every code that a decision of Stages 3 and 4 can hold has a sentence."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

import meva_core.operational
from meva_core.gates import BlockCode
from meva_core.live_book.alarms import BLOCKING, AlarmCode
from meva_core.live_history.block_words import ALARMS, BLOCKS, NOT_SENT
from meva_core.live_history.words import WORDS, alarm_words, explain, say, whose_limit
from meva_core.operating.guards import observing, permit
from meva_core.operating.steps import (
    comparing,
    executing,
    filling,
    inputs_made,
    live_bars,
    measuring,
    reading,
    settling,
)
from meva_core.operational.because import Because, Cause, because, counted
from meva_core.reasons import Code
from meva_core.settings.operational import ANOMALY_CODES

OF_RULES = {
    Code.RULES_MISSING, Code.RULES_INVALID, Code.PRICE_ROUNDS_TO_ZERO, Code.PRICE_OUT_OF_RANGE,
    Code.QTY_ROUNDS_TO_ZERO, Code.MIN_QTY, Code.MAX_QTY, Code.MIN_NOTIONAL, Code.TICK_TOO_COARSE,
}  # fmt: skip
"""What the exchange's rules say of an order (`rules.check_order`, `steps.shape`)."""
PREFIXED = {Cause.SUPERSEDED_BY, Cause.SYMBOL_BLOCKED, Cause.NOT_IN_UNIVERSE}
STEPS = ("assess", "mode", "universe", "strategies", "allocation", "lifecycle", "filters", "anomalies")


@cache
def calls() -> list[ast.Call]:
    """Return the calls of `because` in the code that decides."""
    paths = Path(meva_core.operational.__path__[0]).glob("*.py")
    nodes = [node for path in paths for node in ast.walk(ast.parse(path.read_text("utf-8")))]
    return [
        node for node in nodes if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "because"
    ]


def written_codes() -> set[str]:
    """Return the codes that are written out where reasons are made."""
    return {call.args[0].value for call in calls() if isinstance(call.args[0], ast.Constant)}


def settings_of(code: str) -> set[str]:
    """Return the settings that are written out beside a code."""
    found = set()
    for call in calls():
        named = ast.unparse(call.args[0]) == f"Cause.{code}"
        for keyword in call.keywords if named else ():
            if keyword.arg == "setting" and isinstance(keyword.value, ast.Constant):
                found.add(keyword.value.value)
    return found


ALL = sorted({*map(str, Cause), *(one.text for one in OF_RULES), *ANOMALY_CODES, *written_codes()} - PREFIXED)


@pytest.mark.parametrize("code", ALL)
@pytest.mark.parametrize("value", [True, False])
def test_every_code_has_a_sentence_with_and_without_numbers(code: str, value: bool):
    """With each setting and unit that it comes with."""
    names = settings_of(next((one.name for one in Cause if one == code), "")) or {""}
    for setting in names:
        for unit in ("TRY", "s", "bps"):
            keyed = any(
                key.startswith(f"{code}:") and key.rpartition(":")[2] in ("s", "bps") for key in WORDS
            )
            if keyed and unit == "TRY":
                continue
            numbers: Any = (counted(7), counted(3)) if value else (None, None)
            if code == Cause.NOT_ALLOWED and not setting:
                continue
            made = because(code, "filters", "BTCTRY", *numbers, unit=unit, setting=setting)
            text = explain(made, {})
            assert text
            assert "{" not in text
            assert "None" not in text


def test_codes_behind_a_colon_say_what_follows():
    blocked = because("symbol_blocked:no_mark", "allocation", "BTCTRY", setting="exchange")
    assert explain(blocked) == "nothing is submitted in it: its book could not be read"
    first = because("superseded_by:mine", "strategies", "BTCTRY", setting="STAGE4_STRATEGIES")
    assert explain(first, {"STAGE4_STRATEGIES": "mine"}) == (
        "strategy mine comes first, and asked for something of it; your STAGE4_STRATEGIES=mine"
    )
    wide = because(
        "not_in_universe:above_max_spread", "allocation", "BTCTRY", counted(40), counted(30),
        unit="bps", setting="UNIVERSE_MAX_SPREAD_BPS",
    )  # fmt: skip
    assert explain(wide, {"UNIVERSE_MAX_SPREAD_BPS": "30"}) == (
        "it is not to be bought: its spread is 40 bps, 30 bps is allowed; your UNIVERSE_MAX_SPREAD_BPS=30"
    )


def test_every_universe_code_may_follow_not_in_universe():
    of_universe = [
        Cause.DENIED, Cause.OTHER_QUOTE, Cause.NOT_ACTIVE, Cause.EXCHANGE_MINIMUM, Cause.LARGEST_ORDER,
        Cause.ABOVE_MAX_SPREAD, Cause.UNIVERSE_FULL, "rules_unavailable:missing", "rules_unavailable:invalid",
    ]  # fmt: skip
    for code in of_universe:
        reason = because(f"not_in_universe:{code}", "allocation", "BTCTRY", counted(2), counted(1))
        assert explain(reason).startswith("it is not to be bought: ")
    for setting in ("SYMBOLS", "UNIVERSE_ALLOW_SYMBOLS"):
        reason = because("not_in_universe:not_allowed", "allocation", "BTCTRY", setting=setting)
        assert explain(reason).startswith("it is not to be bought: it is not among the ")


def test_a_reason_says_what_was_measured_what_would_have_changed_it_and_whose_limit_it_is():
    reason = because(
        Cause.MIN_NOTIONAL, "allocation", "ETHTRY", 50 * 10**8, 9991 * 10**6, unit="TRY", setting="exchange"
    )
    assert say(reason) == (
        "ETHTRY: min_notional at allocation: 50 TRY is less than the least order of 99.91 TRY; "
        "49.91 TRY more would have passed; the limit is the exchange's"
    )
    held = because(
        Cause.DEGRADE_OVERRIDE, "degrade", "", counted(1_800_000_000), counted(1_800_000_900), unit="s"
    )
    assert explain(held) == "oddities of earlier cycles hold the mode until 2027-01-15 08:15:00 UTC"
    one = because(Cause.MAX_OPEN_ORDERS, "filters", "BTCTRY", counted(1), counted(1), unit="orders")
    assert explain(one).startswith("1 order rest or come before it, 1 order may")


def test_the_switch_is_the_settings_where_that_says_so():
    reason = because(Cause.KILL_SWITCH, "assess", value="all", setting="KILL_SWITCH")
    assert whose_limit(reason, {"KILL_SWITCH": False}) == ""
    assert whose_limit(reason, {"KILL_SWITCH": True}) == "your KILL_SWITCH=true"
    assert explain(because(Cause.OBSERVE, "mode", setting="--observe")) == (
        "the run only looks on; --observe says so"
    )


def test_every_alarm_and_every_block_has_words():
    assert ALARMS.keys() == set(AlarmCode)
    blocks = {
        measuring.NO_MARK, live_bars.NO_BARS, settling.NOT_ASKED, settling.NOT_AS_THOUGHT,
        settling.ORDERS_UNREAD, settling.UNREADABLE, filling.UNREAD, filling.WAITS, comparing.BALANCES_UNREAD,
        comparing.FLOWS_UNREAD, comparing.RESTS, inputs_made.RESTING, "unknown_order", *map(str, BLOCKING),
    }  # fmt: skip
    assert blocks | set(why_nothing_is_submitted()) <= BLOCKS.keys()
    for code in AlarmCode:
        assert alarm_words(code).count(";") >= 1
        bound = because(code, "mode", "BTCTRY", setting="program")
        assert explain(bound).startswith(ALARMS[code].why)


def why_nothing_is_submitted() -> Iterator[str]:
    """Yield what the steps of a cycle call so: their constants with such a sentence below."""
    folder = Path(comparing.__file__).parent
    for module in sorted(folder.glob("*.py")):
        body = ast.parse(module.read_text("utf-8")).body
        for made, below in pairwise(body):
            said = below.value if isinstance(below, ast.Expr) else None
            is_said = isinstance(said, ast.Constant) and str(said.value).startswith("Why nothing")
            if is_said and isinstance(made, ast.AnnAssign) and isinstance(made.value, ast.Constant):
                yield str(made.value.value)


def test_no_step_has_a_block_that_words_do_not_know():
    found = set(why_nothing_is_submitted())
    assert {reading.JUST_ADOPTED, measuring.NO_MARK, comparing.RESTS, inputs_made.RESTING} <= found
    for code in found:
        blocked = because(f"{Cause.SYMBOL_BLOCKED}:{code}", "allocation", "BTCTRY", code, setting="exchange")
        assert explain(blocked).startswith("nothing is submitted in it: ")


def test_every_rule_of_the_permit_has_words():
    sources = [Path(module.__file__).read_text("utf-8") for module in (permit, observing)]
    whys = {
        keyword.value.value
        for source in sources
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "why" and isinstance(keyword.value, ast.Constant)
    }
    read = {"kill_switch", "gates", "lease", "clock", "canary"}
    live = {BlockCode.KILL_SWITCH, BlockCode.DRY_RUN, BlockCode.LIVE_NOT_ARMED}
    assert {"plan", "observe"} <= whys
    assert {*whys, *read, *(code.value for code in live), executing.INTERRUPTED} <= NOT_SENT.keys()


def test_a_code_without_words_is_an_error():
    with pytest.raises(KeyError, match="new_code"):
        explain(evolve(Because("ok", "filters"), code="new_code"))
