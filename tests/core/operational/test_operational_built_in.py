"""The two strategies of Stages 3 and 4, asked through a whole cycle; and the cash sweep."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from operational_cases import MARKET, TIME, e8, inputs, order, sent, symbol, why

from meva_core.amounts import format_e8
from meva_core.errors import BadInput
from meva_core.operational.decide import Decided, decide
from meva_core.operational.inputs import Bars, Listed
from meva_core.orders import Side
from meva_core.strategy import Strategy
from meva_core.strategy.base import bars_needed
from meva_core.strategy.built_in import OF_LIVE_STAGES, BaselineMeanReversionV1, ProfitAwareV1

BTC, ETH = "BTCTRY", "ETHTRY"


def run(strategy: Strategy, **given: Any) -> Decided:
    name = strategy.name()
    return decide(inputs(strategies=[Listed(name)], **given), {name: strategy})


def asked(found: Decided) -> list[tuple[str, str, str, str]]:
    return [
        (one.symbol, one.side.name, format_e8(one.request if one.qty is None else one.qty), one.reason)
        for one in found.decisions.asked
    ]


def test_they_are_named_as_the_settings_name_them():
    assert {
        "profit_aware_v1": ProfitAwareV1,
        "baseline_mean_reversion_v1": BaselineMeanReversionV1,
    } == OF_LIVE_STAGES


# -- Stage 3 ----------------------------------------------------------------------------------------------


def profit_aware(*market: Any, **given: Any) -> Decided:
    settings = {"SYMBOLS": ",".join(seen.name for seen in market)} | given.pop("settings", {})
    strategy = ProfitAwareV1(**given.pop("parameters", {}))
    return run(strategy, stage=3, market=market, settings=settings, **given)


def test_flat_it_enters_at_the_ask_by_name_with_what_is_free():
    market = [symbol(ETH, "100000", "10"), symbol(BTC, "3000000", "100")]
    found = profit_aware(*market, cash="250")
    assert asked(found) == [
        (BTC, "BUY", "110", "conservative_entry"),
        (ETH, "BUY", "110", "conservative_entry"),
    ]
    assert [action.price for action in found.decisions.actions] == [e8(3_000_050), e8(100_005)]
    poor = profit_aware(*market, cash="210.504")  # 210 and its fee
    assert [one[2] for one in asked(poor)] == ["110", "100"]
    assert [why(poor, name) for name in (BTC, ETH)] == ["sent", "sent"]


def test_it_buys_into_no_spread_that_is_wider_than_its_limit():
    at_limit = symbol(BTC, "100.5", "1", rules={"tick_size": Decimal("0.5")})  # 1 percent of 100
    assert asked(profit_aware(at_limit)) != []
    assert asked(profit_aware(at_limit, parameters={"max_spread": 0.0099})) == []


@pytest.mark.parametrize(("paid", "sells"), [("994.61", True), ("994.62", False)])
def test_holding_it_sells_a_share_at_the_bid_once_all_of_it_would_leave_the_least_profit(
    paid: str, sells: bool
):
    # 1000 x (1 - 24 bps) = 997.6; / 1.003 = 994.616...
    found = profit_aware(MARKET[1], held={ETH: ("0.01", paid)}, parameters={"share": 0.5})
    assert asked(found) == ([(ETH, "SELL", "0.005", "take_profit")] if sells else [])


def test_a_share_that_cannot_be_sold_becomes_all():
    held = {ETH: ("0.003", "200")}  # 300 TRY, a quarter of it is 75
    assert asked(profit_aware(MARKET[1], held=held)) == [(ETH, "SELL", "0.003", "take_profit")]


def test_dust_is_flat():
    held = {ETH: ("0.0009", "10")}  # 90 TRY
    assert asked(profit_aware(MARKET[1], held=held)) == [(ETH, "BUY", "110", "conservative_entry")]


def test_a_symbol_without_a_book_is_left_alone():
    assert asked(profit_aware(symbol(ETH, "100000", bid=None))) == []


def test_the_sweep_shares_what_is_above_the_target_by_name_and_sends_nothing():
    market = [symbol(ETH, "100000"), symbol(BTC, "3000000"), symbol("SOLTRY", "5000")]
    plan = profit_aware(*market, cash="600", parameters={"entry_try": 0.0}).decisions
    assert [one.symbol for one in plan.sweep] == [BTC, ETH, "SOLTRY"]
    assert {one.notional for one in plan.sweep} == {e8(100)}
    assert [one.price for one in plan.sweep] == [e8(2_994_000), e8(99_800), e8(4_990)]
    assert plan.actions == ()
    fewer = profit_aware(*market, cash="599", parameters={"entry_try": 0.0}).decisions
    assert [(one.symbol, one.notional) for one in fewer.sweep] == [(BTC, e8("149.5")), (ETH, e8("149.5"))]
    assert profit_aware(*market, cash="399", parameters={"entry_try": 0.0}).decisions.sweep == ()


# -- Stage 4 ----------------------------------------------------------------------------------------------


def baseline(**given: Any) -> Decided:
    strategy = BaselineMeanReversionV1(**given.pop("parameters", {}))
    return run(
        strategy,
        market=[symbol(ETH, "100000")],
        settings={"SYMBOLS": ETH} | given.pop("settings", {}),
        **given,
    )


HELD = {ETH: ("0.01", "900")}


def test_flat_it_takes_a_first_position():
    assert asked(baseline()) == [(ETH, "BUY", "110", "bootstrap_position")]
    assert asked(baseline(parameters={"max_notional_try": 105})) == [
        (ETH, "BUY", "105", "bootstrap_position")
    ]
    poor = baseline(free={"TRY": "30"})
    assert (asked(poor), why(poor, ETH)) == ([(ETH, "BUY", "30", "bootstrap_position")], "cash_target")


@pytest.mark.parametrize(
    "given",
    [
        {"settings": {"STAGE4_BOOTSTRAP_INTENTS": "false"}},
        {"settings": {"UNIVERSE_DENY_SYMBOLS": ETH}},
        {"orders": [order(ETH, Side.BUY, "100000", "0.001")]},
        {"held": HELD},  # without an anchor nothing is far from it
    ],
)
def test_it_takes_none_where_one_of_these_holds(given: Any):
    assert asked(baseline(**given)) == []


@pytest.mark.parametrize(
    ("anchor", "found"),
    [
        ("100502.5", []),  # 49.99 bps below
        ("100502.6", [(ETH, "BUY", "110", "below_anchor")]),
        ("99502.4", [(ETH, "SELL", "110", "above_anchor")]),
        ("99502.5", []),  # 49.998 bps above
    ],
)
def test_holding_it_trades_so_far_from_a_price(anchor: str, found: Any):
    assert asked(baseline(parameters={"anchor": anchor}, held=HELD)) == found


def test_an_open_order_of_the_side_keeps_it_from_asking():
    below, above = {"anchor": "110000"}, {"anchor": "90000"}
    buying, selling = order(ETH, Side.BUY, "100000", "0.001"), order(ETH, Side.SELL, "100000", "0.001")
    assert asked(baseline(parameters=below, held=HELD, orders=[buying])) == []
    assert asked(baseline(parameters=above, held=HELD, orders=[selling])) == []
    assert asked(baseline(parameters=above, held=HELD, orders=[buying]))[0][1] == "SELL"


def closes(*values: str | None) -> dict[str, Bars]:
    rows = tuple((None if value is None else e8(value),) for value in values)
    times = tuple(TIME - 300 * (len(values) - at) for at in range(len(values)))
    return {
        "300": Bars(
            symbols=(ETH,), time=times, known=times, open=rows, high=rows, low=rows, close=rows, volume=rows
        )
    }


def test_an_anchor_may_be_the_mean_of_the_last_closes():
    by_closes = {"anchor": "closes:300:2"}
    found = baseline(parameters=by_closes, held=HELD, bars=closes("1", "110000", "112000"))
    assert asked(found) == [(ETH, "BUY", "110", "below_anchor")]
    assert asked(baseline(parameters=by_closes, held=HELD, bars=closes("1", "100001", "99999"))) == []


@pytest.mark.parametrize("bars", [{}, closes("110000"), closes("110000", None)])
def test_where_a_close_is_missing_nothing_is_far_from_it(bars: Any):
    assert asked(baseline(parameters={"anchor": "closes:300:2"}, held=HELD, bars=bars)) == []


def test_it_says_what_bars_it_needs():
    needing = BaselineMeanReversionV1(anchor="closes:300:12")
    assert (needing.bars, bars_needed(needing)) == ("300s", 12)
    assert (BaselineMeanReversionV1().bars, bars_needed(BaselineMeanReversionV1())) == (None, 0)


@pytest.mark.parametrize("anchor", ["-1", "0", "high", "closes:300", "closes:7:2", "closes:300:0"])
def test_an_anchor_that_is_none_is_refused_when_it_is_made(anchor: str):
    with pytest.raises(BadInput, match="anchor"):
        BaselineMeanReversionV1(anchor=anchor)


def test_what_they_ask_for_is_sent_when_nothing_is_in_the_way():
    assert sent(baseline()) == [("submit", ETH, "BUY")]
