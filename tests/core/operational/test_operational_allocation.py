"""How much of what was asked for gets money: each cap binds, names itself, and lets go."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from operational_cases import buy, decided, e8, order, sell, sent, symbol, why

from meva_core.amounts import format_e8
from meva_core.live_history.words import say
from meva_core.operational.allocation import Allocated, Status
from meva_core.operational.inputs import Balances
from meva_core.orders import Side
from meva_core.rules import RuleStatus
from meva_core.strategy import Intent

FREE = {"RISK_MAX_POSITION_PCT": "1", "TRY_CASH_TARGET": "0"}


def allocated(*asked: Intent, **given: Any) -> list[Allocated]:
    return list(decided(asked, **given).decisions.allocation)


def told(found: Allocated) -> tuple[str, str, str]:
    """Return the status, what was allocated in TRY, and the code."""
    return str(found.status), format_e8(found.allocated), found.reason.code


def test_example_a_cap_of_the_cycle_scales_the_second_buy():
    """Equity 10000, free 1000, target 300, fee 24 bps, cap 600, minimum 99.91."""
    given = {"free": {"TRY": "1000"}, "settings": {"NOTIONAL_CAP_TRY_PER_CYCLE": "600"}}
    first, second = allocated(buy("BTCTRY", "500"), buy("ETHTRY", "300"), **given)
    assert told(first) == ("accepted", "500", "ok")
    assert told(second) == ("scaled", "100", "cycle_notional_cap")
    assert (second.reason.value, second.reason.limit) == ("300", "100")
    [all_of_it] = allocated(buy("BTCTRY", "5000"), free={"TRY": "1000"})
    assert told(all_of_it) == ("scaled", "698.32402234", "cash_target")


def test_what_a_buy_got_is_not_there_for_the_next():
    first, second = allocated(buy("BTCTRY", "500"), buy("ETHTRY", "300"), free={"TRY": "1000"})
    assert [told(first), told(second)] == [
        ("accepted", "500", "ok"),
        ("scaled", "198.32402234", "cash_target"),
    ]
    gross = {"settings": {"RISK_MAX_GROSS_EXPOSURE_TRY": "1000"}}
    first, second = allocated(buy("BTCTRY", "500"), buy("ETHTRY", "500"), **gross)
    assert told(second) == ("scaled", "400", "gross_exposure_cap")


@pytest.mark.parametrize(
    ("settings", "amount", "code", "setting"),
    [
        (
            {"TRY_CASH_TARGET": "9000", "TRY_CASH_MAX": "9500"},
            "997.60574620",
            "cash_target",
            "TRY_CASH_TARGET",
        ),
        ({"TRY_CASH_TARGET": "9500", "TRY_CASH_MAX": "9000"}, "997.60574620", "cash_target", "TRY_CASH_MAX"),
        ({"RISK_MIN_CASH_TRY": "9000"}, "997.60574620", "cash_target", "RISK_MIN_CASH_TRY"),
        (
            {"MAX_POSITION_NOTIONAL_TRY": "1500"},
            "1500",
            "max_position_exposure_cap",
            "MAX_POSITION_NOTIONAL_TRY",
        ),
        (
            {"MAX_POSITION_TRY_PER_SYMBOL": "1500"},
            "1500",
            "max_position_exposure_cap",
            "MAX_POSITION_TRY_PER_SYMBOL",
        ),
        ({"RISK_MAX_POSITION_PCT": "0.2"}, "1800", "max_position_exposure_cap", "RISK_MAX_POSITION_PCT"),
        ({"RISK_MAX_GROSS_EXPOSURE_TRY": "1000"}, "900", "gross_exposure_cap", "RISK_MAX_GROSS_EXPOSURE_TRY"),
        ({"NOTIONAL_CAP_TRY_PER_CYCLE": "700"}, "700", "cycle_notional_cap", "NOTIONAL_CAP_TRY_PER_CYCLE"),
        ({"RISK_MAX_ORDER_NOTIONAL_TRY": "650"}, "650", "max_intent_cap", "RISK_MAX_ORDER_NOTIONAL_TRY"),
    ],
)
def test_each_cap_of_a_buy_binds_and_names_its_setting(
    settings: dict[str, str], amount: str, code: str, setting: str
):
    wide = {"NOTIONAL_CAP_TRY_PER_CYCLE": "9000", "RISK_MAX_ORDER_NOTIONAL_TRY": "9000"} | settings
    [found] = allocated(buy("BTCTRY", "2500"), settings=wide)
    assert (found.status, found.allocated) == (Status.SCALED, e8(amount))
    assert (found.reason.code, found.reason.setting, found.reason.value) == (code, setting, "2500")
    [enough] = allocated(buy("BTCTRY", "500"), settings=wide)
    assert told(enough) == ("accepted", "500", "ok")


def test_of_equal_caps_the_first_in_precedence_is_named():
    settings = {"NOTIONAL_CAP_TRY_PER_CYCLE": "500", "RISK_MAX_ORDER_NOTIONAL_TRY": "500"}
    [found] = allocated(buy("BTCTRY", "600"), settings=settings)
    assert found.reason.code == "cycle_notional_cap"
    [equal] = allocated(buy("BTCTRY", "500"), settings=settings)
    assert told(equal) == ("accepted", "500", "ok")


def test_a_cap_of_nothing_rejects():
    [found] = allocated(buy("BTCTRY", "600"), settings={"NOTIONAL_CAP_TRY_PER_CYCLE": "0"})
    assert told(found) == ("rejected", "0", "cycle_notional_cap")
    held = {"held": {"BTCTRY": ("0.001", "3000")}, "settings": {"MAX_POSITION_NOTIONAL_TRY": "2000"}}
    assert told(allocated(buy("BTCTRY", "600"), **held)[0]) == ("rejected", "0", "max_position_exposure_cap")


def test_open_buys_count_towards_the_position_and_the_exposure():
    resting = order("ETHTRY", Side.BUY, "100000", "0.01")  # 1000 TRY
    given = {"orders": [resting], "settings": {"RISK_MAX_GROSS_EXPOSURE_TRY": "2000"}}
    [found] = allocated(buy("BTCTRY", "900"), **given)
    assert told(found) == ("scaled", "800", "gross_exposure_cap")
    one = {"orders": [resting], "settings": {"MAX_POSITION_NOTIONAL_TRY": "1200"}}
    assert told(allocated(buy("ETHTRY", "900"), **one)[0]) == ("scaled", "200", "max_position_exposure_cap")


@pytest.mark.parametrize("standing", ["open", "unknown", "sending", "filled"])
def test_cash_for_buys_is_what_own_buys_do_not_hold_back(standing: str):
    resting = order("ETHTRY", Side.BUY, "100000", "0.005", standing=standing)  # 500 and a fee of 1.2
    given = {"cash": "1000", "orders": [resting], "settings": FREE | {"MAX_DRAWDOWN_PCT": "90"}}
    [found] = allocated(buy("BTCTRY", "900"), **given)
    assert found.allocated == e8("497.60574620")  # (1000 - 501.2) / 1.0024
    assert found.reason.code == "cash_target"


def test_what_the_balance_lacks_or_does_not_show_is_not_spent():
    short = Balances({"TRY": e8(1000)}, {"TRY": e8(-400)})
    [found] = allocated(buy("BTCTRY", "900"), cash="1000", balances=short, settings=FREE)
    assert found.allocated == e8("598.56344772")
    more = Balances({"TRY": e8(1000)}, {"TRY": e8(400)})
    assert (
        told(allocated(buy("BTCTRY", "900"), cash="1000", balances=more, settings=FREE)[0])[0] == "accepted"
    )
    unread = allocated(buy("BTCTRY", "900"), cash="1000", balances=Balances(), settings=FREE)
    assert told(unread[0]) == ("rejected", "0", "cash_target")


def test_too_little_is_rejected_and_says_whether_cash_or_the_request_was_too_small():
    [small] = allocated(buy("BTCTRY", "99.9"))
    assert told(small) == ("rejected", "0", "min_notional")
    assert (small.reason.value, small.reason.limit, small.reason.setting) == ("99.9", "99.91", "exchange")
    [own] = allocated(buy("BTCTRY", "150"), settings={"MIN_ORDER_NOTIONAL_TRY": "200"})
    assert own.reason.setting == "MIN_ORDER_NOTIONAL_TRY"
    [poor] = allocated(buy("BTCTRY", "500"), free={"TRY": "350"})
    assert told(poor) == ("rejected", "0", "cash_target")
    [enough] = allocated(buy("BTCTRY", "99.91"), market=[symbol("BTCTRY", "1")])
    assert told(enough) == ("accepted", "99.91", "ok")


def test_what_a_cap_made_too_small_names_the_cap_too():
    held = {"held": {"BTCTRY": ("0.0008", "2400")}, "settings": {"MAX_POSITION_NOTIONAL_TRY": "2450"}}
    [found] = allocated(buy("BTCTRY", "300"), **held)
    assert told(found) == ("rejected", "0", "min_notional")
    assert (found.reason.value, found.reason.limit) == ("50", "99.91")
    assert found.bound is not None
    assert (found.bound.code, found.bound.value, found.bound.limit) == (
        "max_position_exposure_cap",
        "300",
        "50",
    )
    [enough] = allocated(buy("BTCTRY", "300"))
    assert enough.bound is None


def test_an_amount_that_the_lot_makes_too_small_is_rejected_too():
    coarse = symbol("BTCTRY", "3000000", rules={"lot_size": Decimal("0.00003")})  # 90 TRY
    assert told(allocated(buy("BTCTRY", "110"), market=[coarse])[0]) == ("rejected", "0", "min_notional")
    [found] = allocated(buy("BTCTRY", "180"), market=[coarse])
    assert told(found)[0] == "accepted"


def test_a_sale_that_its_limit_makes_too_small_says_what_it_would_have_brought():
    """What may be sold is worth 300 TRY at the mark and 90 at the limit that was asked for."""
    cheap = sell("BTCTRY", "0.0001", limit=900_000)
    [found] = allocated(cheap, held={"BTCTRY": ("0.0001", "300")}, settings=FREE)
    assert told(found) == ("rejected", "0", "min_notional")
    assert (found.reason.value, found.reason.limit, found.reason.distance) == ("90", "99.91", "9.91")


def test_a_quantity_that_the_exchange_does_not_take_is_not_told_as_an_amount():
    many = symbol("BTCTRY", "3000000", rules={"min_qty": Decimal("0.001")})  # 3000 TRY
    [found] = allocated(buy("BTCTRY", "300"), market=[many])
    assert (told(found), found.reason.setting) == (("rejected", "0", "min_qty"), "exchange")


def test_rejected_requests_use_up_nothing():
    given = {"settings": {"NOTIONAL_CAP_TRY_PER_CYCLE": "600"}}
    small, second = allocated(buy("BTCTRY", "90"), buy("ETHTRY", "600"), **given)
    assert (small.status, told(second)) == (Status.REJECTED, ("accepted", "600", "ok"))


# -- Sells ------------------------------------------------------------------------------------------------

HELD = {"BTCTRY": ("0.0005", "1400")}  # 1500 TRY


def reduce(qty: str, **given: Any) -> list[Allocated]:
    return allocated(sell("BTCTRY", qty, purpose="reduce"), held=given.pop("held", HELD), **given)


def test_sells_come_first_whatever_the_order_of_the_strategy():
    given = {"held": HELD, "settings": {"NOTIONAL_CAP_TRY_PER_CYCLE": "1000"}}
    found = allocated(buy("ETHTRY", "600"), sell("BTCTRY", "0.0002"), **given)
    assert [(one.symbol, told(one)) for one in found] == [
        ("BTCTRY", ("accepted", "600", "ok")),
        ("ETHTRY", ("scaled", "400", "cycle_notional_cap")),
    ]


def test_a_sell_takes_what_may_be_sold_at_most():
    [found] = reduce("0.9")
    assert told(found) == ("scaled", "1500", "position_value_cap")
    assert found.takes_all
    frozen = reduce("0.9", free={"BTC": "0.0002"})[0]
    assert told(frozen) == ("scaled", "600", "position_value_cap")
    missing = Balances({"TRY": e8(10_000), "BTC": e8("0.0005")}, {"BTC": e8("-0.0004")})
    assert told(reduce("0.9", balances=missing)[0]) == ("scaled", "300", "position_value_cap")


def test_caps_of_the_cycle_and_of_an_order_scale_a_sell():
    [found] = reduce("0.0005", settings={"NOTIONAL_CAP_TRY_PER_CYCLE": "600"})
    assert told(found) == ("scaled", "600", "cycle_notional_cap")
    [found] = reduce("0.0005", settings={"RISK_MAX_ORDER_NOTIONAL_TRY": "300"})
    assert told(found) == ("scaled", "300", "max_intent_cap")


def test_a_sell_that_would_leave_less_than_can_be_sold_takes_all():
    [found] = reduce("0.00048")  # it would leave 60 TRY
    assert (told(found), found.takes_all) == (("accepted", "1500", "ok"), True)
    action = decided([sell("BTCTRY", "0.00048", purpose="reduce")], held=HELD).decisions.actions[0]
    assert action.qty == e8("0.0005")


def test_or_leaves_that_much_where_a_cap_forbids_all():
    [found] = reduce("0.0005", settings={"NOTIONAL_CAP_TRY_PER_CYCLE": "1450"})
    assert (told(found), found.takes_all) == (("scaled", "1400.09", "cycle_notional_cap"), False)
    [asked_less] = reduce("0.00048", settings={"NOTIONAL_CAP_TRY_PER_CYCLE": "1450"})
    assert told(asked_less)[1] == "1400.09"


def test_where_a_cap_leaves_nothing_that_may_be_sold_it_says_so():
    """Of the 60 TRY that are free it forbids some, and the minimum that has to stay is more than the rest."""
    [found] = reduce("0.0005", free={"BTC": "0.00002"}, settings={"NOTIONAL_CAP_TRY_PER_CYCLE": "50"})
    assert told(found) == ("rejected", "0", "cycle_notional_cap")


def test_what_is_not_held_or_is_dust_is_not_sold():
    assert told(reduce("0.1", held={})[0]) == ("rejected", "0", "no_position")
    dust = reduce("0.1", held={"BTCTRY": ("0.00003", "90")})[0]
    assert told(dust) == ("rejected", "0", "dust")
    assert (dust.reason.value, dust.reason.limit) == ("90", "99.91")
    on_sale = reduce("0.0005", orders=[order("BTCTRY", Side.SELL, "3100000", "0.0005", age=5)])
    assert told(on_sale[0]) == ("rejected", "0", "position_value_cap")


# -- What no size would let through -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pair", "given", "code"),
    [
        ({"mark": None}, {}, "no_mark_price"),
        ({"age": 31}, {}, "stale_market_data"),
        ({"age": None}, {}, "stale_market_data"),
        ({"bid": None}, {}, "no_mark_price"),
        ({"ask": None}, {}, "no_mark_price"),
        ({"bid": e8("3000001")}, {}, "no_mark_price"),
        ({}, {"blocked": {"BTCTRY": "fills_incomplete"}}, "symbol_blocked:fills_incomplete"),
        ({}, {"settings": {"UNIVERSE_DENY_SYMBOLS": "BTCTRY"}}, "not_in_universe:denied"),
        ({}, {"settings": {"SYMBOLS": "ETHTRY"}}, "not_in_universe:not_allowed"),
    ],
)
def test_each_of_these_stops_a_buy_and_its_absence_does_not(pair: Any, given: Any, code: str):
    asked = [buy("BTCTRY", "200")]
    assert why(decided(asked, market=[symbol("BTCTRY", "3000000", **pair)], **given), "BTCTRY") == code
    assert why(decided(asked, market=[symbol("BTCTRY", "3000000")]), "BTCTRY") == "sent"


def test_by_its_last_price_a_pair_without_a_middle_is_sold_and_never_bought():
    """Bids of 90, no asks, and a last price of 100: what a buyer should pay is not known."""
    market = [symbol("BTCTRY", "3000000", bid=e8("2700000"), ask=None)]
    asked = [buy("BTCTRY", "200")]
    for by_last, stage in ((False, 4), (True, 4), (False, 3)):
        given: Any = {"marks_are_last": by_last, "stage": stage}
        pairs = [evolve(one, ticker_age=1) for one in market]
        found = decided(asked, market=pairs, **given)
        assert why(found, "BTCTRY") == "no_mark_price"
        [reason] = [one.reason for one in found.decisions.dropped]
        assert "its book had no middle to buy by: it was one-sided or crossed" in say(reason)
        reduces = [sell("BTCTRY", "0.0005", purpose="reduce")]
        assert why(decided(reduces, market=pairs, held=HELD, **given), "BTCTRY") == "sent"
        pairs = [evolve(one, ticker_age=31) for one in market]
        assert why(decided(reduces, market=pairs, held=HELD, **given), "BTCTRY") == "stale_market_data"


@pytest.mark.parametrize(("age", "ticker_age"), [(1, 31), (31, 1), (1, None)])
@pytest.mark.parametrize("stage", [3, 4])
def test_where_marks_are_last_prices_data_are_as_old_as_the_older_of_book_and_ticker(
    age: int, ticker_age: int | None, stage: int
):
    asked = [buy("BTCTRY", "200")]
    market = [symbol("BTCTRY", "3000000", age=age, ticker_age=ticker_age)]
    by_last, by_middle = (
        decided(asked, market=market, marks_are_last=last, stage=stage) for last in (True, False)
    )
    assert why(by_last, "BTCTRY") == "stale_market_data"
    assert [str(one.reason.code) for one in by_last.decisions.anomalies] == ["STALE_MARKET_DATA"]
    assert why(by_middle, "BTCTRY") == ("stale_market_data" if age > 30 else "sent")
    fresh = [symbol("BTCTRY", "3000000", age=30, ticker_age=30)]
    assert why(decided(asked, market=fresh, marks_are_last=True, stage=stage), "BTCTRY") == "sent"


def test_without_usable_rules_nothing_is_sold():
    bad = symbol("BTCTRY", "3000000", rules={"status": RuleStatus.INVALID, "tick_size": None})
    found = decided([sell("BTCTRY", "0.0005", purpose="reduce")], market=[bad], held=HELD)
    assert why(found, "BTCTRY") == "rules_unavailable:invalid"


def test_what_is_held_outside_the_universe_may_be_sold():
    asked = [sell("BTCTRY", "0.0005", purpose="reduce")]
    found = decided(asked, held=HELD, settings={"UNIVERSE_DENY_SYMBOLS": "BTCTRY"})
    assert sent(found) == [("submit", "BTCTRY", "SELL")]


@pytest.mark.parametrize("standing", ["unknown", "sending"])
def test_an_order_of_unknown_standing_keeps_its_symbol_to_itself(standing: str):
    unknown = order("BTCTRY", Side.BUY, "3000000", "0.0001", standing=standing)
    asked = [sell("BTCTRY", "0.0005", purpose="reduce"), buy("ETHTRY", "200")]
    found = decided(asked, held=HELD, orders=[unknown])
    assert why(found, "BTCTRY") == "symbol_blocked:unknown_order"
    assert why(found, "ETHTRY") == "sent"
