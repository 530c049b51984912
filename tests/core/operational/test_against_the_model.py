"""The program decides what a model of the contract decides, at the edges of all limits."""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import Any

from attrs import evolve
from edged_cycles import Case, edged
from edged_draws import E8, MARKS
from hypothesis import given, note
from hypothesis import strategies as st
from operational_cases import buy, e8, inputs, sell
from oracle.operational import decided
from oracle.operational.built_in import mean_reversion, profit_aware
from oracle.operational.compared import asked_of, by_the_program, differences
from oracle.operational.funds import Funds
from oracle.operational.universe import universe
from strategies import examples

from meva_core.operational.inputs import Inputs, Listed
from meva_core.strategy import Strategy
from meva_core.strategy.built_in.baseline_mean_reversion_v1 import BaselineMeanReversionV1
from meva_core.strategy.built_in.profit_aware_v1 import ProfitAwareV1

seeds = st.integers(0, 2**32)


def check(lines: list[str]) -> None:
    note("\n".join(lines))
    assert not lines


@examples(25)
@given(seeds)
def test_the_program_decides_what_the_model_decides(seed: int):
    case = edged(seed)
    check(differences(decided(case.inputs, case.answers), by_the_program(case.inputs, case.answers)))


@examples(5)
@given(seeds)
def test_so_it_does_with_the_strategies_that_come_with_it(seed: int):
    case = edged(seed)
    made = case.inputs
    idea, answer = (profit_aware_of if made.stage == 3 else mean_reversion_of)(Random(seed), case)
    made = evolve(made, strategies=[Listed(idea.name())], memories={})
    check(differences(decided(made, {idea.name(): answer}), asked_of(made, {idea.name(): idea})))


def profit_aware_of(random: Random, case: Case) -> tuple[Strategy, Any]:
    entry, widest, share = (
        random.choice((110.0, 250.0)),
        random.choice((0.0, 0.01)),
        random.choice((0.25, 1.0)),
    )
    funds = Funds(case.inputs)
    answer = profit_aware(
        funds, universe(funds)[0], entry=Fraction(entry), widest=Fraction(str(widest)), share=Fraction(share)
    )
    return ProfitAwareV1(entry_try=entry, max_spread=widest, share=share), answer


def mean_reversion_of(random: Random, case: Case) -> tuple[Strategy, Any]:
    name = random.choice([seen.name for seen in case.inputs.symbols])
    anchor = random.choice((None, Fraction(MARKS[name], E8)))
    moves, most, first = random.choice((1, 30, 50)), random.choice((60.0, 110.0, 3000.0)), 110.0
    funds = Funds(case.inputs)
    answer = mean_reversion(
        funds, universe(funds)[0], anchor=anchor, moves=moves, most=Fraction(most), first=Fraction(first)
    )
    idea = BaselineMeanReversionV1(
        anchor="" if anchor is None else f"{anchor.numerator / anchor.denominator:.8f}",
        mean_reversion_bps=moves,
        max_notional_try=most,
        bootstrap_notional_try=first,
    )
    return idea, answer


REACHED = {
    "cash_target", "cooldown", "cycle_notional_cap", "deduped", "dust", "insufficient_cash",
    "insufficient_position", "max_intent_cap", "max_open_orders", "max_orders_per_cycle",
    "max_position_exposure_cap", "min_notional", "min_profit_threshold", "mode_reduce_risk_only",
    "near_target", "no_mark_price", "no_position", "not_in_universe", "notional_cap", "observe_only",
    "on_target", "order_open", "position_value_cap", "price_out_of_range", "stale", "stale_market_data",
    "superseded", "superseded_by", "symbol_blocked",
    "CURSOR_STALL", "DRAWDOWN_LIMIT", "EXPOSURE_LIMIT", "KILL_SWITCH", "ORDER_REJECT_SPIKE", "cancel",
    "degrade_override", "replace", "submit",
}  # fmt: skip
"""What at least must come out of the cases, or they would look at less than they seem to."""


def test_the_cases_come_to_all_that_there_is_to_decide():
    found: set[str] = set()
    for seed in range(400):
        case = edged(seed)
        made = decided(case.inputs, case.answers)
        whys = [*(one.why for one in made.dropped), *(one.why for one in made.allocation)]
        found |= {why.code.partition(":")[0] for why in [*whys, *made.cancels.values()]}
        found |= {code for code, _ in made.anomalies} | {part.code for part in made.parts}
        found |= {action.kind for action in made.actions}
    assert found >= REACHED


# -- The model has the numbers of the contract's examples ---------------------------------------------------


def sent_or_why(made: Inputs, answer: Any) -> dict[str, str]:
    found = decided(made, {"says": answer})
    sent = {action.symbol: "sent" for action in found.actions if action.client_id}
    return sent | {one.symbol: one.why.code for one in found.dropped}


def test_allocation_of_the_contract():
    room = {"NOTIONAL_CAP_TRY_PER_CYCLE": "600", "RISK_MAX_POSITION_PCT": "1"}
    made = inputs(cash="10000", free={"TRY": "1000"}, settings=room)
    assert Funds(made).cash_left == e8("698.32402234")
    [first, second] = decided(made, {"says": [buy("BTCTRY", "500"), buy("ETHTRY", "300")]}).allocation
    assert (first.status, first.allocated) == ("accepted", e8(500))
    assert (second.status, second.allocated, second.why.code) == ("scaled", e8(100), "cycle_notional_cap")


def test_least_profit_of_the_contract():
    made = inputs(held={"BTCTRY": ("0.01", "30072")})
    assert sent_or_why(made, [sell("BTCTRY", "0.01", limit="3026446")]) == {"BTCTRY": "min_profit_threshold"}
    assert sent_or_why(made, [sell("BTCTRY", "0.01", limit="3026447")]) == {"BTCTRY": "sent"}


def test_drawdown_of_the_contract():
    made = inputs(cash="107500", peak="110500")
    assert decided(made, {"says": None}).budget[1] == "DRAWDOWN_LIMIT"
    a_bit_more = inputs(cash="107500.01", peak="110500", day_open="107500.01")
    assert decided(a_bit_more, {"says": None}).budget[1] == "OK"
