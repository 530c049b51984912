"""Why a cycle did, or did not, trade: one reason for every symbol, with numbers that say what they claim."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from oracle import World
from oracle.engine_view import engine_of, inputs_of, market_of, rules_of
from strategies import examples, worlds

from meva_core.modes import Mode
from meva_core.orders import Status
from meva_core.reasons import Code, Reason
from meva_core.trace import PLAIN
from meva_core.trace.fates import Fates
from meva_core.why import cycle_reasons, intent_reason, risk_measures, spread_bps

TOO_LITTLE = {
    "below_min_volume",
    "dust",
    "min_notional",
    "min_qty",
    "qty_rounds_to_zero",
    "turnover_cap",
    "within_band",
}
AT_THE_LIMIT = {"consecutive_loss_guardrail", "daily_loss_breach", "max_drawdown_breach"}
TOO_MUCH = {"above_max_spread", "max_orders", "stale_market_data", "tick_too_coarse", "universe_full"}
EITHER = {"market_liquidity_guardrail", "price_out_of_range", "share_below_minimum"}


def told(world: World) -> Iterator[tuple[list[Reason], dict[str, Reason], dict[str, str], int]]:
    """Yield for every cycle its own reasons, the symbols' reasons, what became intents, and the mode."""
    engine, market, rules = engine_of(world), market_of(world), rules_of(world)
    for start, stop, out in engine.advance(market, inputs_of(world), rules):
        intents, width = out.journal.intents, len(world.symbols)
        least = np.array([max(engine.params.min_order_notional, int(own)) for own in rules.min_notional])
        fates = Fates(market, out, slice(start, stop), least, engine.params)
        cells = fates.cells([json.dumps(symbol) for symbol in world.symbols], PLAIN)
        unordered = [Reason(*json.loads(cell)) for cell in cells]
        for c in range(start, stop):
            first = int(out.journal.intents_end[c - 1]) if c > start else 0
            rows = {int(intents.symbol[row]): row for row in range(first, int(out.journal.intents_end[c]))}
            symbols = {
                symbol: intent_reason(rows[i], symbol, intents, rules, int(least[i]))
                if i in rows
                else unordered[(c - start) * width + i]
                for i, symbol in enumerate(world.symbols)
            }
            became = {world.symbols[i]: Status(int(intents.status[row])).name for i, row in rows.items()}
            own = list(cycle_reasons(c, market, out, rules, engine.params))
            yield own, symbols, became, int(out.plan.mode[c])


@examples(0.8)
@given(world=worlds())
def test_every_symbol_has_its_reason_and_ok_is_an_order(world: World) -> None:
    for _, symbols, became, _ in told(world):
        for symbol, reason in symbols.items():
            assert reason.scope == symbol
            assert (reason.code == "ok") == (became.get(symbol) == "PLANNED")
            assert (reason.step == "build") == (symbol in became)


@examples(0.8)
@given(world=worlds())
def test_a_restricted_cycle_says_what_restricts_it_and_no_other_does(world: World) -> None:
    for own, symbols, _, mode in told(world):
        assert own
        assert all(reason.scope == "" for reason in own)
        assert ([reason.code for reason in own if reason.code != "nothing_to_reduce"] == ["ok"]) == (
            mode == Mode.NORMAL
        )
        held_back = {reason.code for reason in symbols.values()} & {"observe_only", "mode_reduce_risk_only"}
        assert not held_back or mode > Mode.NORMAL


@examples(1.5)
@given(world=worlds())
def test_a_reasons_numbers_lie_on_the_side_of_the_limit_that_it_names(world: World) -> None:
    for own, symbols, _, _ in told(world):
        for reason in (*own, *symbols.values()):
            if reason.value is None or reason.limit is None:
                continue
            value, limit = Decimal(reason.value), Decimal(reason.limit)
            assert reason.unit
            if reason.distance is None:
                assert (reason.code, value < limit) == ("max_drawdown_breach", True)  # a latch, not a number
                continue
            assert Decimal(reason.distance) == abs(value - limit)
            if reason.code in EITHER:
                continue
            if reason.code in TOO_LITTLE:
                assert value < limit, reason
            elif reason.code in AT_THE_LIMIT:
                assert value >= limit, reason
            else:
                assert reason.code in TOO_MUCH, reason
                # Measured values are cut to eight places, so a hair above the limit reads as the limit.
                assert value >= limit, reason


@pytest.mark.parametrize(
    ("bid", "ask", "bps_e8"), [(100, 100, 0), (100, 101, 99_50248756), (1, 3, 10_000 * 10**8)]
)
def test_a_spread_is_measured_against_the_middle(bid: int, ask: int, bps_e8: int) -> None:
    assert spread_bps(bid * 10**8, ask * 10**8) == bps_e8


def test_every_code_has_a_text_of_its_own() -> None:
    texts = [code.text for code in Code]
    assert len(set(texts)) == len(texts)
    assert all(text == text.lower() for text in texts)


@examples(0.8)
@given(world=worlds())
def test_every_rule_of_risk_tells_what_it_measured_and_those_that_fired_are_the_reasons(world: World) -> None:
    engine, market, rules = engine_of(world), market_of(world), rules_of(world)
    for start, stop, out in engine.advance(market, inputs_of(world), rules):
        for c in range(start, stop):
            found = list(risk_measures(c, market, out, rules, engine.params))
            assert len(found) == 7
            own = cycle_reasons(c, market, out, rules, engine.params)
            assessed = [reason for reason in own if reason.step == "assess" and reason.code != "ok"]
            assert [reason for fired, reason in found if fired] == assessed
            for fired, reason in found:
                if not fired and reason.code in AT_THE_LIMIT:
                    value, limit = Decimal(reason.value or 0), Decimal(reason.limit or 0)
                    assert value < limit or value == 0  # a loss of nothing never fires
