"""Stored cycles, decided again: equal, or the first step and field that differ. And how they are chained."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import evolve
from operational_cases import MARKET, buy, decided, e8, inputs, order, saying, symbol

from meva_core.errors import BadInput
from meva_core.ids import canonical_json
from meva_core.modes import Mode
from meva_core.operational.decide import Decided, decide
from meva_core.operational.documents import digest_of, document_of, from_document
from meva_core.operational.inputs import Bars, BookView, DegradeState, Inputs, Listed
from meva_core.operational.recheck import NOTHING, link, outcome_digest, recheck
from meva_core.orders import Side

ASKED = [buy("BTCTRY", "500"), buy("ETHTRY", "300")]


def stored(found: Decided) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return both documents as a database gives them back."""
    documents = (document_of(found.inputs), document_of(found.decisions))
    inputs, decisions = (json.loads(canonical_json(document)) for document in documents)
    return inputs, decisions


def test_the_same_again_is_no_difference():
    assert recheck(*stored(decided(ASKED)), {"says": saying(ASKED)}) is None


def test_a_strategy_that_answers_otherwise_is_named_by_step_and_field():
    other = [buy("BTCTRY", "500"), buy("ETHTRY", "301")]
    found = recheck(*stored(decided(ASKED)), {"says": saying(other)})
    assert found is not None
    assert (found.step, found.field, found.stored, found.again) == ("asked", "[1].request", "300", "301")


@pytest.mark.parametrize(
    ("changed", "step", "field"),
    [
        ({"limits": {"risk_max_drawdown_try": "0.5"}, "risk": {"peak": "10000.5"}}, "assessed", "drawdown"),
        ({"limits": {"universe_deny_symbols": ["SOLTRY"]}}, "universe", "dropped[0]"),
        ({"limits": {"max_orders_per_cycle": 1}}, "dropped", "[0]"),
        ({"kill": "all"}, "budget", "mode"),
    ],
)
def test_inputs_that_were_changed_are_told_by_the_first_step_that_reads_them(
    changed: Any, step: str, field: str
):
    given, decisions = stored(decided(ASKED))
    for name, value in changed.items():
        given[name] = given[name] | value if isinstance(value, dict) else value
    found = recheck(given, decisions, {"says": saying(ASKED)})
    assert found is not None
    assert (found.step, found.field) == (step, field)


def test_decisions_that_lack_a_step_or_have_one_more_differ_there():
    given, decisions = stored(decided(ASKED))
    sweep = decisions.pop("sweep")
    found = recheck(given, decisions, {"says": saying(ASKED)})
    assert (found.step, found.stored, found.again) == ("sweep", None, sweep) if found else False
    more = recheck(given, decisions | {"sweep": sweep, "later": 1}, {"says": saying(ASKED)})
    assert (more.step, more.field, more.stored) == ("later", "", 1) if more else False


def test_a_failure_that_was_stored_is_not_tried_again():
    def slow(strategy: Any, view: Any, memory: Any) -> Any:
        raise TimeoutError("2 s")

    found = decide(inputs(), {"says": saying(ASKED)}, slow)
    assert recheck(*stored(found), {"says": saying(ASKED)}) is None


def test_without_the_strategy_or_with_a_document_of_something_else_it_is_bad_input():
    given, decisions = stored(decided(ASKED))
    with pytest.raises(BadInput, match="not at hand"):
        recheck(given, decisions, {})
    for broken in (
        {},
        given | {"more": 1},
        given | {"stage": 7},
        given | {"kill": "some"},
        given | {"effective_fee": 24},
        given | {"effective_fee": "24.0"},
    ):
        with pytest.raises(BadInput, match="no document of Inputs"):
            recheck(broken, decisions, {"says": saying(ASKED)})


def test_a_document_holds_all_that_inputs_hold():
    row = ((e8(5), None, e8(7)),)
    bars = Bars(symbols=("BTCTRY", "ETHTRY", "SOLTRY"), time=(1,), known=(2,), open=row, high=row, low=row,
                close=row, volume=row)  # fmt: skip
    made = inputs(
        market=[*MARKET[1:], symbol("BTCTRY", None, age=None, bid_size=e8(1))],
        orders=[order("BTCTRY", Side.SELL, "3", "4", decision_mark=None, exchange_id=None)],
        bars={"60": bars},
        degrade=DegradeState(override=Mode.OBSERVE_ONLY, until=7, warned=(True, False), divergence_since=3),
        risk={"breached": ("day",), "breached_day": 4, "killed_day": 4, "killed_at_peak": True},
        strategies=[Listed("says", 7, {"version": 1})],
    )
    made = evolve(made, positions=BookView(123_456_789_012 * 10**8))  # more than an amount: sums may be
    document = json.loads(canonical_json(document_of(made)))
    assert from_document(Inputs, document) == made
    assert document["positions"]["cash"] == "123456789012"
    assert document["orders"][0]["decision_mark"] is None
    assert digest_of(from_document(Inputs, document)) == digest_of(made)


def test_lists_of_names_are_sets():
    one, other = (inputs(settings={"SYMBOLS": names}) for names in ("BTCTRY,ETHTRY", "ETHTRY,BTCTRY"))
    assert digest_of(one) == digest_of(other)


def test_a_link_follows_from_all_its_parts():
    first = link(NOTHING, "i", "d", "o")
    assert first != link(first, "i", "d", "o")
    others = {link(NOTHING, *parts) for parts in ("xdo", "ixo", "idx", "ido")}
    assert len(others) == 4
    assert first in others


def test_outcomes_are_told_in_any_order():
    one, two = ("s4:a", "open", "0"), ("s4:b", "filled", "0.5")
    assert outcome_digest([one, two]) == outcome_digest([two, one])
    assert outcome_digest([one]) != outcome_digest([one, two]) != outcome_digest([])
