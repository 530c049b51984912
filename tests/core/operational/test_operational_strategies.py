"""What strategies answer: read, at most one intent a symbol, and the failure of one costs its own alone."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from operational_cases import MARKET, TIME, buy, decided, e8, inputs, order, saying, sell, sent, symbol, why

from meva_core.amounts import format_e8
from meva_core.errors import BadInput
from meva_core.operational.asking import bars_wanted
from meva_core.operational.decide import Decided, decide
from meva_core.operational.inputs import Failure, Listed
from meva_core.orders import Side
from meva_core.strategy import History, Intent, Strategy, Target
from meva_core.strategy.answers import StrategyFailed
from meva_core.strategy.built_in import FixedWeights

BTC, ETH, SOL = "BTCTRY", "ETHTRY", "SOLTRY"


def asked(answer: Any, **given: Any) -> list[tuple[str, str, str, str]]:
    """Return what is asked for as (symbol, side, TRY, purpose)."""
    return [
        (one.symbol, one.side.name, format_e8(one.request), str(one.purpose))
        for one in decided(answer, **given).decisions.asked
    ]


def both(first: Any, second: Any, weights: tuple[int, int] = (100, 100), **given: Any) -> Decided:
    """Return what is decided when strategies `a` and `b` answer so."""
    listed = [Listed("a", weights[0]), Listed("b", weights[1])]
    return decide(inputs(strategies=listed, **given), {"a": saying(first), "b": saying(second)})


# -- Order and precedence ---------------------------------------------------------------------------------


def test_one_intent_a_symbol_the_first_and_later_ones_are_superseded():
    found = both([buy(BTC, "200")], [buy(BTC, "300"), buy(ETH, "200")])
    assert [(one.symbol, one.strategy) for one in found.decisions.asked] == [(BTC, "a"), (ETH, "b")]
    [dropped] = found.decisions.dropped
    assert (dropped.strategy, dropped.reason.code, dropped.reason.setting) == (
        "b", "superseded_by:a", "STAGE4_STRATEGIES",
    )  # fmt: skip


def test_the_larger_weight_comes_first_then_the_id():
    found = both([buy(BTC, "200")], [buy(BTC, "300")], weights=(10, 20))
    assert [one.strategy for one in found.decisions.asked] == ["b"]
    twice = decided([buy(BTC, "200"), buy(BTC, "300")])
    assert [one.reason.code for one in twice.decisions.dropped] == ["superseded_by:says"]


def test_names_of_orders_are_the_place_among_the_cycle_s():
    found = decided([buy(ETH, "200"), buy(BTC, "300")])
    assert [action.client_id for action in found.decisions.actions] == [
        "s4:aaaaaaa-20270115080000:BTCTRY:B:1",
        "s4:aaaaaaa-20270115080000:ETHTRY:B:0",
    ]
    [third] = decided([buy(BTC, "300")], stage=3).decisions.actions
    assert third.client_id == "s3:aaaaaaa-20270115080000:BTCTRY:B:0"


# -- Memory and failures ----------------------------------------------------------------------------------


def test_memory_is_given_back_and_kept_as_text():
    first = decided([])
    assert first.decisions.memories == {"says": '{"asked":1}'}
    second = decided([], memories=first.decisions.memories)
    assert second.decisions.memories == {"says": '{"asked":2}'}


def raising(view: Any, memory: Any) -> Any:
    memory["changed"] = True
    raise ZeroDivisionError("by nothing")


def too_long(view: Any, memory: Any) -> Any:
    memory["text"] = "x" * 16_384


def not_json(view: Any, memory: Any) -> Any:
    memory["at"] = float("nan")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (raising, "by nothing"),
        (too_long, "bytes of JSON"),
        (not_json, "no form in JSON"),
        (7, "expected intents, targets"),
        ("BTCTRY", "expected intents, targets"),
        ([7], "expected an Intent or a Target"),
        ([buy("AAATRY", "200")], "'AAATRY' is none of its symbols"),
        ({"AAATRY": 0.5}, "'AAATRY' is none of its symbols"),
        ({BTC: 0.6, ETH: 0.5}, "sum up to 1.1"),
        ([Target(BTC, weight=0.6), Target(ETH, weight=0.5)], "sum up to 1.1"),
        ({BTC: -0.5}, "expected 0 to 1"),
        ({BTC: "0.5"}, "expected a number"),
        (lambda view, memory: [Intent(BTC, Side.BUY, 200.0)], "is a float"),
    ],
)
def test_a_malformed_answer_is_a_failure_its_memory_stays_and_others_go_on(answer: Any, words: str):
    found = both(answer, [buy(BTC, "200")], memories={"a": '{"kept":1}'})
    [failure] = found.inputs.failures
    assert (failure.strategy, failure.code) == ("a", "strategy_failed")
    assert words in failure.text
    assert found.decisions.memories == {"a": '{"kept":1}', "b": '{"asked":1}'}
    assert sent(found) == [("submit", BTC, "BUY")]


def test_what_one_asked_for_falls_away_with_a_memory_that_cannot_be_kept():
    def asks_and_forgets(view: Any, memory: Any) -> Any:
        memory["at"] = object()
        return [buy(ETH, "200")]

    found = both(asks_and_forgets, [buy(BTC, "200")])
    assert [one.symbol for one in found.decisions.asked] == [BTC]
    assert found.decisions.failed == {"a": 1}


def test_one_that_failed_already_is_not_asked_again():
    given = inputs(failures=[Failure("says", "strategy_failed", "slow")], failed={"says": 1})
    found = decide(given, {"says": saying([buy(BTC, "200")])})
    assert (sent(found), found.inputs, found.decisions.failed) == ([], given, {"says": 2})


def test_whoever_asks_may_give_up_on_one():
    def slow(strategy: Any, view: Any, memory: Any) -> Any:
        raise StrategyFailed("strategy says: no answer in 2 s")

    found = decide(inputs(), {"says": saying([buy(BTC, "200")])}, slow)
    assert found.inputs.failures == (Failure("says", "strategy_failed", "strategy says: no answer in 2 s"),)


def test_one_that_is_not_at_hand_is_bad_input():
    with pytest.raises(BadInput, match="strategy says is listed and not at hand"):
        decide(inputs(), {})


# -- What a strategy sees ---------------------------------------------------------------------------------


def test_the_view_says_what_is_there():
    seen = {}

    def look(view: Any, memory: Any) -> list[Any]:
        seen["view"] = view
        return []

    resting = order(BTC, Side.SELL, "3100000", "0.0002")
    decided(look, held={BTC: ("0.0003", "800")}, cash="9100", orders=[resting], peak="20000", day_open="9000",
            settings={"RISK_MAX_DRAWDOWN_TRY": "90000", "UNIVERSE_DENY_SYMBOLS": ETH})  # fmt: skip
    view = seen["view"]
    btc, eth = view[BTC], view[ETH]
    assert (view.stage, view.budget_mode.name, view.degrade_mode.name) == ("stage4", "NORMAL", "NORMAL")
    assert (view.equity, view.cash_free, view.cash_target) == (Decimal(10_000), Decimal(9100), Decimal(300))
    assert (view.day_pnl, view.drawdown, view.fee_bps) == (Decimal(1000), Decimal("0.5"), Decimal(24))
    assert (btc.qty, btc.paid, btc.avg_cost) == (Decimal("0.0003"), Decimal(800), Decimal("2666666.66666667"))
    assert (btc.to_sell, btc.least_try, btc.is_flat) == (Decimal("0.0001"), Decimal("99.91"), False)
    assert (btc.has_open(Side.SELL), btc.has_open(Side.BUY), eth.is_flat) == (True, False, True)
    assert (btc.in_universe, eth.in_universe, eth.avg_cost) == (True, False, None)
    assert view.history.symbols == (BTC, ETH, SOL)
    assert view.history.mid.tolist() == [[3_000_000.0, 100_000.0, 5_000.0]]
    assert str(view.time) == "2027-01-15 08:00:00+00:00"


def test_a_strategy_of_weights_sees_one_cycle_and_answers_a_row():
    class Half(Strategy):
        def weights(self, h: History) -> Any:
            assert h.close.shape == (0, 3)
            return np.array([[0.5, np.nan, 0.0]])

    found = decide(inputs(settings={"RISK_MAX_POSITION_PCT": "1"}), {"says": Half()})
    [one] = found.decisions.asked
    assert (one.symbol, one.side, one.request) == (BTC, Side.BUY, e8("4838.38786911"))
    assert found.decisions.wanted == {BTC: e8("0.00161279"), SOL: 0}
    assert found.decisions.memories == {"says": "{}"}


def test_the_bars_that_it_has_to_see_are_of_its_interval_or_the_finest():
    class Plain(Strategy):
        def needs(self) -> int:
            return 7

        def weights(self, h: History) -> Any:
            return np.zeros((1, 3))

    class Hourly(Plain):
        bars = "1h"

    class Finer(Plain):
        bars = "30s"

    assert [bars_wanted(made) for made in (saying(()), Plain(), Hourly())] == [None, (60, 7), (3600, 7)]
    with pytest.raises(BadInput, match="cannot be made of candles of 60 s"):
        bars_wanted(Finer())


# -- Targets ----------------------------------------------------------------------------------------------


def test_weights_are_parts_of_what_can_be_invested():
    # (10000 - 300) / 1.0024 = 9676.77573822...
    assert asked({BTC: 0.5, ETH: 0.25}) == [
        (BTC, "BUY", "4838.38786911", "entry"),
        (ETH, "BUY", "2419.19393455", "entry"),
    ]


def test_weights_of_any_type_are_rounded_to_a_millionth():
    for weight in (0.1000004, Decimal("0.1000004"), Fraction(1, 10), np.float32(0.1), np.float64(0.1)):
        [(_, _, amount, _)] = asked({BTC: weight})
        assert amount == "967.67757382"


def test_a_target_may_be_a_weight_too():
    assert asked([Target(BTC, weight=0.5)]) == [(BTC, "BUY", "4838.38786911", "entry")]
    assert decided([Target(BTC, weight=0.5)]).decisions.wanted == {}  # it speaks of this cycle alone


def test_what_was_wanted_of_a_symbol_that_is_gone_asks_for_nothing():
    found = decided({SOL: 0.0}, wanted={"AAATRY": e8(1)})
    assert (found.decisions.asked, found.decisions.wanted) == ((), {"AAATRY": e8(1), SOL: 0})


def test_six_sixths_are_all_of_it():
    market = [symbol(f"{letter}AATRY", "100") for letter in "ABCDEF"]
    found = asked({seen.name: 1 / 6 for seen in market}, market=market)
    assert {amount for _, _, amount, _ in found} == {"1612.79595637"}


def test_a_value_becomes_the_difference_to_what_is_held_and_on_order():
    given = {
        "held": {BTC: ("0.0003", "800"), ETH: ("0.03", "2000")},
        "orders": [order(BTC, Side.BUY, "2990000", "0.0001", decision_mark=e8(3_000_000))],
    }
    found = asked([Target(BTC, value_try="1500"), Target(ETH, value_try="2500")], **given)
    assert found == [(BTC, "BUY", "300", "entry"), (ETH, "SELL", "500", "reduce")]


def test_a_target_of_nothing_sells_all_whatever_it_is_worth():
    found = decided([Target(ETH, value_try=0)], held={ETH: ("0.03", "2000")})
    [action] = found.decisions.actions
    assert (action.side, action.qty, action.purpose) == (Side.SELL, e8("0.03"), "reduce")


def test_stage_3_sells_all_of_it_too_to_the_last_lot():
    held = {ETH: ("0.03000001", "2000")}
    found = decided([Target(ETH, value_try=0)], held=held, stage=3, market=[symbol(ETH, "99999.7")])
    assert found.decisions.actions[0].qty == e8("0.03000001")


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("3000", "on_target"),
        ("3099.9", "near_target"),  # below the least order
        ("2900.1", "near_target"),
    ],
)
def test_a_difference_that_is_nothing_or_too_small_asks_for_nothing(value: str, code: str):
    found = decided([Target(BTC, value_try=value)], held={BTC: ("0.001", "2000")})
    assert (found.decisions.asked, why(found, BTC)) == ((), code)
    assert asked([Target(BTC, value_try="3099.91")], held={BTC: ("0.001", "2000")}) != []


def test_nor_does_one_below_a_hundredth_of_the_target():
    held = {"held": {BTC: ("0.006", "12000")}, "cash": "60000"}
    found = decided([Target(BTC, value_try="18181")], **held)
    [dropped] = found.decisions.dropped
    assert (dropped.reason.code, dropped.reason.value, dropped.reason.limit) == (
        "near_target",
        "181",
        "181.81",
    )
    assert asked([Target(BTC, value_try="18182")], **held) == [(BTC, "BUY", "182", "entry")]


def test_without_a_mark_there_is_no_difference():
    market = [symbol(BTC, None), *MARKET[1:]]
    assert why(decided([Target(BTC, value_try="500")], market=market), BTC) == "no_mark_price"


def test_what_is_left_out_goes_on_as_decided_so_drift_trades_nothing():
    wanted = {BTC: e8("0.001"), ETH: e8("0.02")}
    held = {BTC: ("0.001", "2000"), ETH: ("0.01", "900")}
    moved = [symbol(BTC, "3500000"), *MARKET[1:]]
    found = decided({SOL: 0.0}, wanted=wanted, held=held, market=moved)
    assert [(one.symbol, one.request) for one in found.decisions.asked] == [(ETH, e8(1000))]  # not filled yet
    assert found.decisions.wanted == wanted | {SOL: 0}
    nan = decided({BTC: float("nan"), ETH: None}, wanted=wanted, held=held, market=moved)
    assert [one.symbol for one in nan.decisions.asked] == [ETH]


def test_where_no_strategy_answers_with_weights_nothing_goes_on():
    found = decided([buy(SOL, "200")], wanted={BTC: e8("0.001")})
    assert [one.symbol for one in found.decisions.asked] == [SOL]


def test_a_new_wish_of_another_strategy_goes_before_what_was_decided():
    found = both({SOL: 0.02}, {BTC: 0.03}, wanted={BTC: e8("0.001")})
    assert [(one.symbol, one.strategy, one.request) for one in found.decisions.asked] == [
        (SOL, "a", e8("193.53551476")), (BTC, "b", e8("290.30327214")),
    ]  # fmt: skip


def test_the_first_wish_of_a_symbol_is_the_one_that_is_remembered():
    found = both({BTC: 0.03}, {BTC: 0.5})
    assert found.decisions.wanted == {BTC: e8("0.00009676")}
    assert why(found, BTC) == "sent"
    assert [one.reason.code for one in found.decisions.dropped] == ["superseded_by:a"]


def test_a_strategy_may_ask_for_orders_and_values_in_one_answer():
    found = decided([Target(ETH, value_try=0), sell(SOL, "0.05"), buy(BTC, "200")], held={
        ETH: ("0.01", "500"), SOL: ("0.1", "100"),
    })  # fmt: skip
    assert [one.symbol for one in found.decisions.asked] == [ETH, SOL, BTC]
    assert json.loads(found.decisions.memories["says"]) == {"asked": 1}


def test_what_is_done_once_a_day_is_done_in_the_first_cycle_of_the_day():
    daily = FixedWeights(shares="BTCTRY=0.1", rebalance="1d")
    midnight = TIME // 86_400 * 86_400
    for before, asks in ((None, True), (midnight - 1, True), (midnight, False), (TIME - 60, False)):
        found = decide(inputs(before=before), {"says": daily})
        assert bool(found.decisions.asked) is asks


def test_every_column_of_a_cycle_that_stage_7_shows_is_there():
    seen = {}
    day = {"high": e8("3100000"), "low": e8("2900000"), "ticker_age": 7, "age": 3, "bid_size": e8(1)}

    def look(view: Any, memory: Any) -> None:
        seen["h"] = view.history

    decided(look, market=[symbol(BTC, "3000000", "2", **day), symbol(ETH, None, age=None, quote_volume=None)])
    h = seen["h"]
    expected = {
        "bid": 2999999, "ask": 3000001, "mid": 3000000, "mark": 3000000, "last": 3000000, "day_high": 3100000,
        "day_low": 2900000, "day_quote_volume": 1000000, "book_age": 3, "ticker_age": 7,
    }  # fmt: skip
    assert {name: getattr(h, name)[0, 0] for name in expected} == expected
    assert all(np.isnan(getattr(h, name)[0, 1]) for name in expected)
