"""The last limits before an order is sent, in sending order."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from operational_cases import TIME, buy, decided, e8, inputs, order, sell, sent, symbol, why

from meva_core.operational.assess import assess
from meva_core.operational.draft import draft_of
from meva_core.operational.filters_stage4 import fallen_percent, filter_stage4
from meva_core.operational.inputs import Sent
from meva_core.operational.scene import scene_of
from meva_core.orders import Side
from meva_core.rules import RuleStatus

BTC, ETH, SOL = "BTCTRY", "ETHTRY", "SOLTRY"
THREE = [buy(SOL, "200"), buy(ETH, "200"), buy(BTC, "200")]


def reason(found: Any, name: str) -> tuple[str, str | None, str | None, str]:
    """Return (code, value, limit, setting) of what dropped a symbol's order."""
    dropped = next(one.reason for one in found.decisions.dropped if one.symbol == name)
    return dropped.code, dropped.value, dropped.limit, dropped.setting


# -- Stage 4 ----------------------------------------------------------------------------------------------


def test_without_a_limit_in_the_way_all_go():
    assert sent(decided(THREE)) == [("submit", name, "BUY") for name in (BTC, ETH, SOL)]


def test_the_realized_loss_of_a_day_stops_buys_and_no_sale():
    held, both = {BTC: ("0.0002", "500")}, [buy(ETH, "200"), sell(BTC, "0.0002", purpose="reduce")]
    found = decided(both, held=held, risk={"realized_today": e8(-1000)})
    assert sent(found) == [("submit", BTC, "SELL")]
    assert reason(found, ETH) == ("max_daily_loss", "1000", "1000", "MAX_DAILY_LOSS_TRY")
    assert why(decided(both, held=held, risk={"realized_today": e8("-999.99")}), ETH) == "sent"


def test_a_limit_of_nothing_stops_buys_at_a_loss_and_not_at_none():
    limit = {"settings": {"MAX_DAILY_LOSS_TRY": "0"}}
    assert why(decided(THREE, risk={"realized_today": -1}, **limit), BTC) == "max_daily_loss"
    assert why(decided(THREE, risk={"realized_today": 0}, **limit), BTC) == "sent"


def test_the_fall_from_the_peak_stops_buys_at_its_percent():
    found = decided(THREE, cash="9000", risk={"percent_peak": e8(10_000)})
    assert reason(found, BTC) == ("max_drawdown", "10", "10", "MAX_DRAWDOWN_PCT")
    assert why(decided(THREE, cash="9000.00000001", risk={"percent_peak": e8(10_000)}), BTC) == "sent"
    assert why(decided(THREE, cash="9000", risk={"percent_peak": 0}), BTC) == "sent"


@pytest.mark.parametrize(
    ("peak", "equity", "shown"),
    [
        # a hair above: to the nearest it would be the limit, which is not reached
        (3 * 10**11, 97 * 3 * 10**9 + 1, "2.99999999"),
        (3 * 10**11, 97 * 3 * 10**9, "3"),
        (10, 11, "0"),
        (0, -1, "0"),
    ],
)
def test_the_fall_is_shown_at_its_limit_exactly_where_that_is_reached(peak: int, equity: int, shown: str):
    assert fallen_percent(peak, equity) == e8(shown)


def test_so_many_orders_a_cycle_and_the_first_in_sending_order_pass():
    found = decided(THREE, settings={"MAX_ORDERS_PER_CYCLE": "2"})
    assert sent(found) == [("submit", BTC, "BUY"), ("submit", ETH, "BUY")]
    assert reason(found, SOL) == ("max_orders_per_cycle", "2", "2", "MAX_ORDERS_PER_CYCLE")


def test_so_many_open_orders_and_a_replacement_keeps_its_slot():
    resting = order(SOL, Side.BUY, "5000", "0.04", age=500)
    full = {"orders": [resting], "settings": {"MAX_OPEN_ORDERS": "1"}}
    found = decided(THREE, **full)
    assert sent(found) == [("replace", SOL, "BUY")]
    assert reason(found, BTC) == ("max_open_orders", "1", "1", "MAX_OPEN_ORDERS")
    more = decided(THREE, orders=[resting], settings={"MAX_OPEN_ORDERS": "2"})
    assert sent(more) == [("submit", BTC, "BUY"), ("replace", SOL, "BUY")]
    assert sent(decided(THREE, settings={"MAX_OPEN_ORDERS": "0"})) == []


def test_example_a_sale_must_leave_the_least_profit():
    """Average 3007200, 24 + 10 + 30 bps: 3026446.08; 3026446 is rejected, 3026447 passes."""
    held = {BTC: ("0.01", "30072")}
    given: dict[str, Any] = {
        "held": held,
        "settings": {"RISK_MAX_POSITION_PCT": "1", "RISK_MAX_GROSS_EXPOSURE_TRY": "90000"},
    }

    def at(price: str, **changes: Any) -> Any:
        return decided([sell(BTC, "0.001", limit=price, **changes)], **given)

    assert reason(at("3026446"), BTC) == ("min_profit_threshold", "3026446", "3026446.08", "MIN_PROFIT_BPS")
    assert why(at("3026447"), BTC) == "sent"
    assert why(at("3026446", purpose="reduce"), BTC) == "sent"


def test_a_price_that_leaves_just_the_least_profit_passes():
    market, held = [symbol(SOL, "110", rules={"tick_size": Decimal("0.01")})], {SOL: ("10", "1000")}
    for price, code in (("100.64", "sent"), ("100.63", "min_profit_threshold")):
        assert why(decided([sell(SOL, "2", limit=price)], held=held, market=market), SOL) == code


def test_the_least_profit_is_exact_where_the_average_cost_has_no_end():
    held = {SOL: ("0.3", "1000")}  # 3333.33... a coin, x 1.0064 = 3354.66...
    at = [decided([sell(SOL, "0.1", limit=price)], held=held) for price in ("3354", "3355")]
    assert [why(found, SOL) for found in at] == ["min_profit_threshold", "sent"]
    assert at[0].decisions.dropped[0].reason.limit == "3354.66666667"


def test_an_order_and_a_position_stay_within_their_limits():

    # What allocation lets through is within them; the filters hold by themselves all the same.
    def alone(**settings: str) -> list[str]:
        given = inputs(held={ETH: ("0.01", "900")}, settings=settings)
        scene, asked = scene_of(given), decided([buy(ETH, "200")]).decisions.asked[0]
        found = filter_stage4(scene, assess(given), [draft_of(scene, asked, e8(200))])
        return [f"{one.reason.code} {one.reason.value} {one.reason.limit}" for one in found.dropped]

    assert alone() == []
    assert alone(RISK_MAX_ORDER_NOTIONAL_TRY="199") == ["max_order_notional_try 200 199"]
    assert alone(MAX_POSITION_NOTIONAL_TRY="1199.99") == ["max_position_notional_try 1200 1199.99"]
    assert alone(MAX_POSITION_NOTIONAL_TRY="1200", RISK_MAX_ORDER_NOTIONAL_TRY="200") == []


# -- Stage 3 ----------------------------------------------------------------------------------------------


def stage3(asked: Any = THREE, **given: Any) -> Any:
    return decided(asked, stage=3, **given)


def test_stage_3_sends_what_nothing_is_against():
    assert sent(stage3()) == [("submit", name, "BUY") for name in (BTC, ETH, SOL)]
    assert stage3().decisions.allocation == ()


def test_stage_3_counts_orders_of_a_cycle():
    found = stage3(settings={"MAX_ORDERS_PER_CYCLE": "1"})
    assert sent(found) == [("submit", BTC, "BUY")]
    assert reason(found, ETH) == ("max_orders_per_cycle", "1", "1", "MAX_ORDERS_PER_CYCLE")


def test_stage_3_counts_the_resting_orders_of_a_symbol():
    selling = {"orders": [order(BTC, Side.SELL, "3100000", "0.0001")], "held": {BTC: ("0.001", "2000")}}
    found = stage3([buy(BTC, "200")], **selling, settings={"MAX_OPEN_ORDERS_PER_SYMBOL": "1"})
    assert reason(found, BTC) == ("max_open_orders_per_symbol", "1", "1", "MAX_OPEN_ORDERS_PER_SYMBOL")
    assert (
        why(stage3([buy(BTC, "200")], **selling, settings={"MAX_OPEN_ORDERS_PER_SYMBOL": "2"}), BTC) == "sent"
    )


@pytest.mark.parametrize(
    ("side", "ago", "code"),
    [(Side.BUY, 59, "cooldown"), (Side.BUY, 60, "sent"), (Side.SELL, 1, "sent")],
)
def test_stage_3_pauses_between_orders_of_a_side(side: Side, ago: int, code: str):
    found = stage3([buy(BTC, "200")], last_sent=[Sent(BTC, side, (TIME - ago) * 10**6)])
    assert why(found, BTC) == code
    if code == "cooldown":
        assert reason(found, BTC) == ("cooldown", "59", "60", "COOLDOWN_SECONDS")


@pytest.mark.parametrize(
    ("pair", "code"),
    [
        ({"age": 31}, "stale_market_data"),
        ({"rules": {"max_qty": Decimal("0.00001")}}, "max_qty"),
        ({"rules": {"max_price": Decimal(1)}}, "price_out_of_range"),
        ({"rules": {"min_notional_try": Decimal("200.01")}}, "min_notional"),
        ({"rules": {"tick_size": Decimal(700_000)}}, "tick_too_coarse"),
        ({"rules": {"tick_size": Decimal(7_000_000)}}, "price_rounds_to_zero"),
        ({}, "sent"),
    ],
)
def test_stage_3_looks_at_data_and_rules(pair: Any, code: str):
    settings = {"UNIVERSE_MIN_NOTIONAL_TRY": "0"}
    market = [symbol(BTC, "3000000", **pair)]
    assert why(stage3([buy(BTC, "200")], market=market, settings=settings), BTC) == code


def test_stage_3_drops_a_sale_without_usable_rules():
    bad = symbol(BTC, "3000000", rules={"status": RuleStatus.INVALID, "tick_size": None, "lot_size": None})
    found = stage3([sell(BTC, "0.001", purpose="reduce")], market=[bad], held={BTC: ("0.001", "2000")})
    assert reason(found, BTC)[::3] == ("rules_unavailable:invalid", "exchange")


def test_stage_3_has_a_cap_of_the_cycle_that_a_smaller_order_may_still_pass():
    asked = [buy(BTC, "300"), buy(ETH, "250"), buy(SOL, "150")]
    found = stage3(asked, settings={"NOTIONAL_CAP_TRY_PER_CYCLE": "500"})
    assert sent(found) == [("submit", BTC, "BUY"), ("submit", SOL, "BUY")]
    assert reason(found, ETH) == ("notional_cap", "550", "500", "NOTIONAL_CAP_TRY_PER_CYCLE")


def test_stage_3_has_a_largest_position():
    given = {
        "held": {BTC: ("0.001", "2000")},
        "orders": [order(BTC, Side.BUY, "2800000", "0.0001", decision_mark=1)],
    }
    found = stage3(
        [buy(BTC, "300", limit="3000000")], **given, settings={"MAX_POSITION_TRY_PER_SYMBOL": "3579"}
    )
    assert reason(found, BTC) == ("order_open", given["orders"][0].client_id, None, "program")
    found = stage3([buy(BTC, "300")], held=given["held"], settings={"MAX_POSITION_TRY_PER_SYMBOL": "3299"})
    assert reason(found, BTC) == ("max_position", "3300", "3299", "MAX_POSITION_TRY_PER_SYMBOL")
    found = stage3([buy(BTC, "300")], held=given["held"], settings={"MAX_POSITION_TRY_PER_SYMBOL": "3300"})
    assert why(found, BTC) == "sent"


def test_stage_3_spends_what_is_there_with_its_fee():
    asked = [buy(BTC, "300"), buy(ETH, "300"), buy(SOL, "300")]
    found = stage3(asked, cash="601.44")  # 2 x 300 and 2 x 0.72
    assert sent(found) == [("submit", BTC, "BUY"), ("submit", ETH, "BUY")]
    assert reason(found, SOL) == ("insufficient_cash", "300.72", "0", "program")
    kept = stage3(asked, cash="601.44", settings={"RISK_MIN_CASH_TRY": "0.01"})
    assert reason(kept, ETH) == ("insufficient_cash", "300.72", "300.71", "RISK_MIN_CASH_TRY")


def test_stage_3_sells_what_is_there():
    held = {BTC: ("0.0001", "200")}
    found = stage3([sell(BTC, "0.00010001")], held=held)
    assert reason(found, BTC) == ("insufficient_position", "0.00010001", "0.0001", "program")
    assert why(stage3([sell(BTC, "0.0001")], held=held), BTC) == "sent"
