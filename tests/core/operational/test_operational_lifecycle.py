"""What new orders and resting ones mean for each other."""

from __future__ import annotations

from typing import Any

import pytest
from operational_cases import buy, decided, e8, order, sell, sent, symbol, why

from meva_core.live.standing import MAY_REST, UNSETTLED, Standing
from meva_core.operational.inputs import CANCELABLE, RESTS, UNKNOWN
from meva_core.orders import Side
from meva_core.rules import RuleStatus
from meva_core.strategy import Target

BTC = "BTCTRY"
ASKED = [buy(BTC, "300")]  # 0.0001 at 3000000


def resting(**changes: Any) -> Any:
    """Return an own BUY as good as what is asked for."""
    given = {"price": "3000000", "qty": "0.0001"} | {
        key: changes.pop(key) for key in ("price", "qty") if key in changes
    }
    return order(BTC, Side.BUY, given["price"], given["qty"], **changes)


def beside(one: Any, asked: Any = ASKED, **given: Any) -> tuple[str, list[tuple[str, str, str]]]:
    found = decided(asked, orders=[one], **given)
    return why(found, BTC), sent(found)


def test_the_words_are_those_of_the_orders_table():
    assert set(MAY_REST) == RESTS
    assert {Standing.SENDING, Standing.UNKNOWN} == UNKNOWN
    assert set(MAY_REST - UNSETTLED) == CANCELABLE


def test_an_order_of_the_time_to_live_is_stale_and_a_second_younger_one_is_not():
    assert sent(decided(orders=[resting(age=120)])) == [("cancel", BTC, "BUY")]
    assert sent(decided(orders=[resting(age=119)])) == []
    found = decided(orders=[resting(age=120)]).decisions
    [cancel] = found.cancels
    assert (cancel.reason.code, cancel.reason.value, cancel.reason.limit, cancel.reason.setting) == (
        "stale", "120", "120", "TTL_SECONDS",
    )  # fmt: skip
    assert (found.actions[0].cancels, found.actions[0].exchange_id) == (cancel.order.client_id, "1")


@pytest.mark.parametrize(
    ("mark", "is_stale"), [("3007500", True), ("2992500", True), ("3007499", False), ("2992501", False)]
)
def test_an_order_is_stale_once_the_middle_moved_25_bps_from_its_decision(mark: str, is_stale: bool):
    given = {"orders": [resting()], "market": [symbol(BTC, mark)]}
    found = decided(**given)
    assert bool(sent(found)) is is_stale
    if is_stale:
        reason = found.decisions.cancels[0].reason
        assert (reason.value, reason.limit, reason.unit, reason.setting) == ("25", "25", "bps", "program")


def test_an_adopted_order_drifts_from_its_price():
    adopted = resting(price="2990000", decision_mark=None)
    assert sent(decided(orders=[adopted])) == [("cancel", BTC, "BUY")]
    known = resting(price="2990000", decision_mark=e8(3_000_000))
    assert sent(decided(orders=[known])) == []


def test_without_a_two_sided_book_nothing_drifts():
    one_sided = symbol(BTC, "4000000", ask=None)
    assert sent(decided(orders=[resting()], market=[one_sided])) == []


# -- Duplicates -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "code"),
    [
        ({}, "deduped"),
        ({"price": "3001500"}, "deduped"),  # 5 bps
        ({"price": "2998500"}, "deduped"),
        ({"price": "3001501"}, "order_open"),
        ({"left": e8("0.000099")}, "deduped"),  # 1 percent
        ({"left": e8("0.00009899")}, "order_open"),
        ({"standing": "cancel_requested"}, "deduped"),
        ({"standing": "cancel_requested", "price": "2900000"}, "order_open"),
        ({"standing": "cancel_requested", "age": 500}, "order_open"),
        ({"standing": "unknown"}, "symbol_blocked:unknown_order"),
    ],
)
def test_a_resting_order_of_the_side_is_a_duplicate_or_in_the_way(one: Any, code: str):
    assert beside(resting(**{"decision_mark": e8(3_000_000)} | one)) == (code, [])


def test_a_stale_order_is_replaced_by_what_is_asked_for():
    code, actions = beside(resting(age=500))
    assert (code, actions) == ("sent", [("replace", BTC, "BUY")])
    old = resting(age=500)
    action = decided(ASKED, orders=[old]).decisions.actions[0]
    assert (action.cancels, action.exchange_id) == (old.client_id, "1")
    assert (action.qty, action.price, action.mark) == (e8("0.0001"), e8(3_000_000), e8(3_000_000))
    assert action.least == e8("99.91")


def test_where_more_than_one_rests_the_stale_end_first():
    two = [resting(age=500), resting(age=600, client_id="s4:other")]
    found = decided(ASKED, orders=two)
    assert (why(found, BTC), sent(found)) == ("order_open", [("cancel", BTC, "BUY")] * 2)
    fresh = [resting(age=500, client_id="s4:other"), resting(price="2999000", decision_mark=e8(3_000_000))]
    found = decided([buy(BTC, "600")], orders=fresh)
    assert (why(found, BTC), sent(found)) == ("order_open", [("cancel", BTC, "BUY")])


def test_where_what_would_replace_it_is_dropped_the_stale_order_is_canceled_alone():
    given = {"orders": [resting(age=500)], "settings": {"MAX_DAILY_LOSS_TRY": "1"}}
    found = decided(ASKED, risk={"realized_today": e8(-5)}, **given)
    assert (why(found, BTC), sent(found)) == ("max_daily_loss", [("cancel", BTC, "BUY")])
    assert found.decisions.cancels[0].reason.code == "stale"


def test_stage_3_knows_the_time_to_live_alone_and_replaces_nothing():
    asked = [buy(BTC, "300", limit="3000000")]
    assert beside(resting(age=500), asked, stage=3) == ("order_open", [("cancel", BTC, "BUY")])
    moved = {"market": [symbol(BTC, "3100000")]}
    assert sent(decided(orders=[resting()], stage=3, **moved)) == []
    assert sent(decided(orders=[resting()], stage=4, **moved)) == [("cancel", BTC, "BUY")]


# -- The other side ---------------------------------------------------------------------------------------

HELD = {BTC: ("0.001", "2900")}


def test_an_order_that_would_meet_one_of_ours_ends_it_and_waits_a_cycle():
    buying = resting(price="3005000", decision_mark=e8(3_000_000))
    selling = [sell(BTC, "0.0002", limit="3005000", purpose="reduce")]
    found = decided(selling, held=HELD, orders=[buying])
    assert (why(found, BTC), sent(found)) == ("superseded", [("cancel", BTC, "BUY")])
    apart = [sell(BTC, "0.0002", limit="3005001", purpose="reduce")]
    assert sent(decided(apart, held=HELD, orders=[buying])) == [("submit", BTC, "SELL")]


@pytest.mark.parametrize(
    ("rules", "asked", "refused"),
    [
        ({"status": RuleStatus.MISSING}, sell(BTC, "0.0002", purpose="reduce"), "rules_unavailable:missing"),
        ({}, sell(BTC, "0.000001", limit="2900000", purpose="reduce"), "min_notional"),
    ],
    ids=["unusable rules", "too small"],
)
def test_in_stage_3_one_that_rules_refuse_ends_nothing_that_rests(rules: Any, asked: Any, refused: str):
    """It is never sent, so it meets nothing."""
    market = (symbol(BTC, "3000000", rules=rules),)
    buying = resting(price="2900000", decision_mark=e8(3_000_000))
    found = decided([asked], stage=3, market=market, held=HELD, orders=[buying])
    assert (why(found, BTC), sent(found)) == (refused, [])


def test_a_target_supersedes_whatever_leads_away_from_it():
    selling = order(BTC, Side.SELL, "3100000", "0.0005", decision_mark=e8(3_000_000))
    found = decided([Target(BTC, value_try="4000")], held=HELD, orders=[selling])
    assert (why(found, BTC), sent(found)) == ("superseded", [("cancel", BTC, "SELL")])


def test_a_target_of_nothing_ends_a_buy_that_rests_also_where_nothing_is_held():
    rest = resting(left=e8("0.00003"), standing="partially_filled")  # 90 TRY, less than an order may be
    found = decided([Target(BTC, value_try=0)], orders=[rest])
    assert (why(found, BTC), sent(found)) == ("superseded", [("cancel", BTC, "BUY")])
    assert found.decisions.allocation == ()
    assert why(decided([Target(BTC, value_try=0)]), BTC) == "on_target"


def test_one_that_was_asked_to_end_already_is_not_asked_again():
    selling = order(BTC, Side.SELL, "3100000", "0.0005", standing="cancel_requested")
    found = decided([Target(BTC, value_try="4000")], held=HELD, orders=[selling])
    assert (why(found, BTC), sent(found)) == ("superseded", [])
