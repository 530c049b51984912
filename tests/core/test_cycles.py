"""Cycles small enough to be worked out by hand: what the contract says, at its boundaries."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import CycleInput, Row, World
from oracle.engine_view import engine_of, final_of, records_of
from oracle.venue import draw
from strategies import amounts

from meva_core.amounts import E8, LIMIT, parse_e8
from meva_core.modes import Mode
from meva_core.orders import Event, Side
from meva_core.reasons import Code
from meva_core.rules import RuleStatus, SymbolRules
from meva_core.settings import FillModel, InvalidRules, Live, ScoreWeights, Settings, Stage7
from meva_core.state import EQUITY, PEAK
from meva_core.steps.assess import fallen_by, spread_above
from meva_core.steps.build import cost_of, fit_to_cash
from meva_core.steps.inputs import SubmitFault

MIDNIGHT = 19_676 * 86_400
NOON = MIDNIGHT + 43_200
LIQUID = ScoreWeights(Decimal(1), Decimal(0), Decimal(0))
QUIET = {"order_offset_bps": Decimal(0), "fees_bps": Decimal(0), "slippage_bps": Decimal(0)}
BALANCE = {"dry_run_try_balance": Decimal(1000), "try_cash_target": Decimal(0)}
Quote = tuple[Any, ...]


def settings(live: dict[str, Any] | None = None, **stage7: Any) -> Settings:
    """Return settings under which an order fills at the mark and costs nothing, unless told otherwise."""
    amounts = {"max_position_notional_try": Decimal(1000), "notional_cap_try_per_cycle": Decimal(1000)}
    return Settings(
        live=Live(**(BALANCE | amounts | (live or {}))),
        stage7=Stage7(**(QUIET | {"score_weights": LIQUID} | stage7)),
    )


def row(time: int, quote: Quote | Row | None) -> Row:
    """Return a fresh row: (bid, ask, volume in TRY, bid size, ask size), the later ones optional."""
    if quote is None or isinstance(quote, Row):
        return quote or Row(*[None] * 10, ())
    texts = [str(x) if x is not None else None for x in (*quote, *[None] * 5)]
    bid, ask, volume, bid_qty, ask_qty = (None if x is None else parse_e8(x) for x in texts[:5])
    stamp = time * 10**6
    last = bid if bid is not None else ask
    volume = 10**6 * E8 if volume is None else volume
    return Row(stamp, bid, ask, bid_qty, ask_qty, stamp, last, last, last, volume, ())


def rules(symbol: str, **changes: Any) -> SymbolRules:
    found = {"tick_size": Decimal("0.01"), "lot_size": Decimal("0.00000001"), "min_notional_try": Decimal(10)}
    return SymbolRules(symbol, **({"status": RuleStatus.OK} | found | changes))


def run(
    quotes: Sequence[Sequence[Quote | None]],
    given: Settings,
    *,
    own: Sequence[dict[str, Any]] = (),
    inputs: dict[int, dict[str, Any]] | None = None,
    step: int = 60,
    adapt: bool = False,
    strategy: int = 0,
) -> list[dict[str, Any]]:
    """Run one cycle per entry of `quotes`, which has one quote per symbol; return what each decided."""
    names = ("AAATRY", "BBBTRY", "CCCTRY")[: len(quotes[0])]
    told = [*own, *[{}] * (len(names) - len(own))]
    cycles = tuple(
        CycleInput(
            NOON + c * step,
            tuple(row(NOON + c * step, quote) for quote in quoted),
            **(inputs or {}).get(c, {}),
        )
        for c, quoted in enumerate(quotes)
    )
    every = frozenset(names)
    listed = tuple(rules(name, **changes) for name, changes in zip(names, told, strict=True))
    world = World(names, listed, every, every, given, 0, adapt, cycles, strategy)
    engine = engine_of(world)
    records = list(records_of(world, engine))
    records[-1]["final"] = final_of(engine.state)
    return records


def codes(record: dict[str, Any]) -> list[Code]:
    return [symbol["code"] for symbol in record["plan"]["symbols"]]


def kinds(events: list[dict[str, Any]]) -> list[Event]:
    return [event["kind"] for event in events]


# -- A first buy --------------------------------------------------------------------------------------


def test_cash_less_its_target_is_shared_equally_with_the_fee_in_mind() -> None:
    given = settings({"try_cash_target": Decimal(300)}, fees_bps=Decimal(20), order_offset_bps=Decimal(-10))
    [record] = run([[(100, 100), (10, 10)]], given)
    assert record["plan"]["investable"] == 700 * E8 * 10_000 // 10_020
    share = record["plan"]["investable"] // 2
    assert [symbol["target"] for symbol in record["plan"]["symbols"]] == [share, share]
    assert [intent["qty"] for intent in record["intents"]] == [
        share * E8 // (100 * E8),
        share * E8 // (10 * E8),
    ]
    assert record["account"]["cash"] >= 300 * E8


def test_a_buy_takes_the_touch_slipped_and_never_beyond_its_limit() -> None:
    wide = settings(order_offset_bps=Decimal(-50), slippage_bps=Decimal(20))
    [fill] = run([[("99.9", "100.1")]], wide)[0]["execute_fills"]
    assert (fill["price"], fill["resting"]) == (parse_e8("100.3002"), 0)
    narrow = settings(order_offset_bps=Decimal(-50), slippage_bps=Decimal(500))
    [fill] = run([[("99.9", "100.1")]], narrow)[0]["execute_fills"]
    assert fill["price"] == parse_e8("100.5")
    assert fill["notional"] - fill["reference"] > 0


def test_a_buy_below_the_touch_rests_until_the_touch_reaches_it() -> None:
    given = settings({"ttl_seconds": 600}, order_offset_bps=Decimal(100))
    records = run([[(100, 100)], [("99.01", "99.01")], [(99, 99)]], given)
    assert kinds(records[0]["execute_events"]) == [Event.SUBMIT_REQUESTED, Event.ACKED]
    assert records[1]["settle_events"] == []
    [fill] = records[2]["settle_fills"]
    assert (fill["price"], fill["resting"], fill["time"]) == (99 * E8, 1, NOON)


def test_an_order_meets_one_later_book_before_its_time_to_live_ends_it() -> None:
    given = settings({"ttl_seconds": 60}, order_offset_bps=Decimal(100))
    late = run([[(100, 100)], [(99, 99)]], given)[1]
    assert kinds(late["settle_events"]) == [Event.FILLED]
    missed = run([[(100, 100)], [(100, 100)]], given)[1]
    [event] = missed["settle_events"]
    assert (event["kind"], event["code"]) == (Event.CANCELED, Code.TTL_EXPIRED)
    longer = settings({"ttl_seconds": 61}, order_offset_bps=Decimal(100))
    assert run([[(100, 100)], [(100, 100)]], longer)[1]["settle_events"] == []


def test_a_recorded_size_is_used_once_and_renewed_by_a_newer_row() -> None:
    given = settings({"ttl_seconds": 600}, order_offset_bps=Decimal(-10))
    same = row(NOON, (100, 100, None, None, "2.5"))
    records = run([[same], [same], [(100, 100, None, None, "0.5")]], given)
    assert [fill["qty"] for fill in records[0]["execute_fills"]] == [parse_e8("2.5")]
    assert records[1]["settle_fills"] == []
    assert [fill["qty"] for fill in records[2]["settle_fills"]] == [parse_e8("0.5")]


def test_a_later_order_gets_what_earlier_ones_left_of_a_row() -> None:
    given = settings({"notional_cap_try_per_cycle": Decimal(200), "ttl_seconds": 600}, max_data_age_sec=600)
    same = row(NOON, (100, 100, None, None, 3))
    records = run([[same]] * 3, given)
    assert [fill["qty"] for record in records for fill in record["execute_fills"]] == [2 * E8, E8]
    assert [fill["qty"] for record in records for fill in record["settle_fills"]] == []


def test_the_size_of_a_row_goes_to_the_better_price_first_then_to_the_older_order() -> None:
    given = settings(
        {"notional_cap_try_per_cycle": Decimal(200), "ttl_seconds": 600}, order_offset_bps=Decimal(100)
    )
    quotes = [[(100, 100)], [(101, 101)], [(101, 101)], [("99", "99", None, None, 3)]]
    records = run(quotes, given)
    limits = [intent["price"] for record in records[:3] for intent in record["intents"]]
    assert limits == [99 * E8, parse_e8("99.99"), parse_e8("99.99")]
    whole = 200 * E8 // 101
    fills = [(fill["time"] - NOON, fill["qty"]) for fill in records[3]["settle_fills"]]
    assert fills == [(60, whole), (120, 3 * E8 - whole)]


@pytest.mark.parametrize(
    "quote", [("100.02", "100"), (None, 100), (100, None)], ids=["crossed", "no bid", "no ask"]
)
def test_nothing_fills_against_a_broken_book(quote: Quote) -> None:
    [record] = run([[quote]], settings(order_offset_bps=Decimal(-500)))
    assert kinds(record["execute_events"]) == [Event.SUBMIT_REQUESTED, Event.ACKED]


def test_an_instant_fill_is_at_the_slipped_mark_whole_or_in_two_slices() -> None:
    given = settings(fill_model=FillModel.INSTANT, slippage_bps=Decimal(25), fees_bps=Decimal(20))
    slices = set()
    for price in range(100, 120):
        [record] = run([[(price, price)]], given)
        fills = record["execute_fills"]
        total = sum(fill["qty"] for fill in fills)
        assert {fill["price"] for fill in fills} == {price * E8 * 10_025 // 10_000}
        assert total == record["intents"][0]["qty"]
        slices.add(tuple(round(fill["qty"] / total, 3) for fill in fills))
    assert slices == {(1.0,), (0.6, 0.4)}


# -- The rules of risk, at their limits ---------------------------------------------------------------


def after_a_loss(amount: str = "50", **stage7: Any) -> dict[str, Any]:
    """Buy for 500 TRY, then let the price fall so that `amount` is lost; return the second cycle."""
    price = str(100 * (1 - Decimal(amount) / 500))
    given = settings({"max_position_notional_try": Decimal(500)}, **stage7)
    return run([[(100, 100)], [(price, price)]], given)[1]["assess"]


def test_the_daily_loss_fires_at_its_limit() -> None:
    assert Code.DAILY_LOSS_BREACH in after_a_loss(max_daily_loss_try=Decimal(50))["fired"]
    assert Code.DAILY_LOSS_BREACH not in after_a_loss(max_daily_loss_try=Decimal("50.00000001"))["fired"]
    assert Code.DAILY_LOSS_BREACH not in after_a_loss("0", max_daily_loss_try=Decimal(0))["fired"]
    assert Code.DAILY_LOSS_BREACH in after_a_loss("0.00005", max_daily_loss_try=Decimal(0))["fired"]


def test_the_drawdown_fires_at_its_limit() -> None:
    assert after_a_loss(max_drawdown_pct=Decimal("0.05"))["fired"] == {Code.MAX_DRAWDOWN_BREACH}
    assert after_a_loss(max_drawdown_pct=Decimal("0.05000001"))["fired"] == frozenset()


def test_the_loss_of_a_day_counts_from_the_last_cycle_of_the_day_before() -> None:
    quotes = [[(100, 100)], [(90, 90)], [(89, 89)]]
    given = settings({"max_position_notional_try": Decimal(500)}, max_data_age_sec=90_000)
    # 5 coins fall by 10 TRY; the second cycle buys for 50 TRY more, which all falls by 1 TRY.
    later_loss = 555_555_555
    assert run(quotes, given, step=60)[2]["assess"]["day_pnl"] == -50 * E8 - later_loss
    # With eleven and a half hours between them the second cycle is of the first day, the third of the next.
    assert run(quotes, given, step=41_400)[2]["assess"]["day_pnl"] == -later_loss


@pytest.mark.parametrize(("age", "fires"), [(60, False), (61, True)])
def test_data_are_stale_above_their_age(age: int, fires: bool) -> None:
    old = row(NOON - age, (100, 100))
    [record] = run([[old]], settings(max_data_age_sec=60))
    assert (Code.STALE_MARKET_DATA in record["assess"]["fired"]) is fires
    assert record["assess"]["feed_age"] == age


def test_a_spread_spikes_above_its_limit_only() -> None:
    at = settings(spread_spike_bps=Decimal(200))
    assert run([[(99, 101)]], at)[0]["assess"]["fired"] == frozenset()
    above = run([[("98.99999999", "101")]], at)[0]
    assert above["assess"]["fired"] == {Code.MARKET_LIQUIDITY_GUARDRAIL}
    assert above["plan"]["mode"] is Mode.REDUCE_RISK_ONLY
    assert above["plan"]["cycle_code"] is Code.NOTHING_TO_REDUCE
    assert codes(above) == [Code.MODE_REDUCE_RISK_ONLY]


def test_thin_volume_reduces_risk_below_its_limit_only() -> None:
    given = settings(min_quote_volume_try=Decimal(1_000_000))
    assert run([[(100, 100, 600_000), (100, 100, 400_000)]], given)[0]["assess"]["fired"] == frozenset()
    fired = run([[(100, 100, 600_000), (100, 100, "399999.99999999")]], given)[0]["assess"]["fired"]
    assert fired == {Code.MARKET_LIQUIDITY_GUARDRAIL}


def test_a_breach_stays_latched_until_a_person_resets_it() -> None:
    given = settings(max_drawdown_pct=Decimal("0.04"), risk_cooldown_sec=60)
    records = run([[(100, 100)], *[[(95, 95)]] * 4], given, inputs={3: {"reset": True}})
    latched = [record["assess"]["latched"] for record in records]
    assert latched == [False, True, True, False, False]
    # The cooldown that the breach began in the third cycle ends by itself, in the fourth.
    assert [record["plan"]["mode"] for record in records] == [0, 2, 2, 0, 0]
    assert records[3]["assess"]["peak"] == records[3]["assess"]["equity"] == 950 * E8


def test_a_cooldown_goes_on_after_its_rule_and_ends_at_its_time() -> None:
    given = settings(risk_cooldown_sec=120)
    stale = row(NOON, (100, 100))
    quotes: list[list[Any]] = [[stale], [stale], [stale], [(100, 100)], [(100, 100)]]
    records = run(quotes, given, step=40)
    fired = [record["assess"]["fired"] for record in records]
    assert fired == [
        frozenset(),
        frozenset(),
        {Code.STALE_MARKET_DATA},
        {Code.COOLDOWN_ENFORCED},
        {Code.COOLDOWN_ENFORCED},
    ]
    after = run([*quotes, [(100, 100)]], given, step=40)[5]
    assert (after["assess"]["floor"], after["assess"]["fired"]) == (Mode.NORMAL, frozenset())


def losses(count: int, **stage7: Any) -> list[dict[str, Any]]:
    """Buy and sell at a loss in turns: the symbol with more volume is the only one that is held."""
    quotes = []
    for c in range(count + 1):
        price = Decimal(100) - c
        quotes.append([(price, price, 2 if c % 2 == 0 else 1), (price, price, 1 if c % 2 == 0 else 2)])
    given = settings(
        {"notional_cap_try_per_cycle": Decimal(5000)}, universe_size=1, max_drawdown_pct=Decimal(1), **stage7
    )
    return run(quotes, given)


def test_losing_sells_in_a_row_fire_the_guardrail_and_a_cooldown_forgets_them() -> None:
    # A sell is made in one cycle, what it brought is invested in the next: the price has fallen by then.
    records = losses(8, max_consecutive_losses=2, risk_cooldown_sec=120, max_daily_loss_try=Decimal(1000))
    streaks = [record["assess"]["streak"] for record in records]
    first = next(c for c, record in enumerate(records) if record["assess"]["fired"])
    assert streaks[first] == 2
    assert records[first]["assess"]["fired"] == {Code.CONSECUTIVE_LOSS_GUARDRAIL}
    assert records[first]["plan"]["mode"] is Mode.REDUCE_RISK_ONLY
    assert records[first]["assess"]["until"] == NOON + 60 * first + 120
    ended = records[first + 2]["assess"]
    assert (ended["streak"], ended["floor"], ended["verdict"]) == (0, Mode.NORMAL, Mode.NORMAL)


def test_a_sell_that_breaks_even_is_no_loss() -> None:
    quotes = [[(100, 100, 2 - c % 2), (100, 100, 1 + c % 2)] for c in range(6)]
    records = run(quotes, settings({"notional_cap_try_per_cycle": Decimal(5000)}, universe_size=1))
    sold = [fill for record in records for fill in record["execute_fills"] if fill["side"] is Side.SELL]
    assert len(sold) > 1
    assert {record["assess"]["streak"] for record in records} == {0}


@given(
    peak=st.integers(0, 10**12 * E8),
    equity=st.integers(0, 10**12 * E8),
    limit=st.integers(1, E8),
    near=st.integers(-2, 2),
)
def test_a_fall_reaches_a_ratio_exactly(peak: int, equity: int, limit: int, near: int) -> None:
    edge = peak - -(-limit * peak // E8)  # the highest equity that has fallen so far
    for value in (equity, max(0, edge + near)):
        money = [0] * 32
        money[PEAK : PEAK + 2] = divmod(peak, E8)
        money[EQUITY : EQUITY + 2] = divmod(value, E8)
        assert fallen_by(money, PEAK, limit) == (peak > 0 and (peak - value) * E8 >= limit * peak)


@given(bid=amounts, width=amounts, limit=st.integers(0, 3 * 10**12), near=st.integers(-2, 2))
def test_a_spread_is_compared_exactly(bid: int, width: int, limit: int, near: int) -> None:
    bid = max(1, bid)
    ask = min(LIMIT - 1, bid + width)
    exact = Fraction((ask - bid) * 2 * 10**12, ask + bid)
    for bound in (limit, max(0, int(exact) + near)):
        assert spread_above(bid, ask, bound) == (exact > bound)


@given(one=st.integers(1, (LIMIT - 1) // 101))
def test_a_spread_just_at_a_limit_is_not_above_it(one: int) -> None:
    assert not spread_above(99 * one, 101 * one, 2 * 10**10)
    assert spread_above(99 * one, 101 * one, 2 * 10**10 - 1)
    # With an odd sum the middle is between two steps.
    assert not spread_above(2 * one, 3 * one, 4 * 10**11)
    assert spread_above(2 * one, 3 * one, 4 * 10**11 - 1)


# -- Selection and plan -------------------------------------------------------------------------------


def test_what_is_too_thin_or_too_wide_is_ranked_and_never_selected() -> None:
    given = settings(min_quote_volume_try=Decimal(500), max_spread_bps=Decimal(100))
    [record] = run([[(100, 100, 499), (99, 101, 10**6), (100, 100, 500)]], given)
    found = record["select"]
    assert found["AAATRY"]["code"] is Code.BELOW_MIN_VOLUME
    assert found["BBBTRY"]["code"] is Code.ABOVE_MAX_SPREAD
    assert found["CCCTRY"]["selected"]
    assert [found[name]["rank"] for name in ("AAATRY", "BBBTRY", "CCCTRY")] == [2, 1, 0]
    at = settings(max_spread_bps=Decimal(200))
    assert run([[(99, 101)]], at)[0]["select"]["AAATRY"]["selected"]


def test_shares_that_would_be_below_a_minimum_are_not_given() -> None:
    given = settings({"dry_run_try_balance": Decimal(250)})
    own = [
        {"min_notional_try": Decimal(10)},
        {"min_notional_try": Decimal(125)},
        {"min_notional_try": Decimal(10)},
    ]
    quotes = [[(100, 100, 3), (100, 100, 2), (100, 100, 1)]]
    [record] = run(quotes, given, own=own)
    assert record["plan"]["shares"] == 2
    assert codes(record) == [Code.OK, Code.OK, Code.SHARE_BELOW_MINIMUM]
    own[1] = {"min_notional_try": Decimal("125.00000001")}
    [record] = run(quotes, given, own=own)
    assert record["plan"]["shares"] == 1
    assert codes(record) == [Code.OK, Code.SHARE_BELOW_MINIMUM, Code.SHARE_BELOW_MINIMUM]


def test_cap_and_slots_are_spent_in_plan_order_and_every_drop_keeps_its_amount() -> None:
    given = settings({"notional_cap_try_per_cycle": Decimal(400), "max_orders_per_cycle": 5})
    [record] = run([[(100, 100), (100, 100), (100, 100)]], given)
    share = 1000 * E8 // 3
    assert [symbol["amount"] for symbol in record["plan"]["symbols"]] == [share, 400 * E8 - share, share]
    assert codes(record) == [Code.OK, Code.OK, Code.TURNOVER_CAP]
    one = settings({"max_orders_per_cycle": 1})
    assert codes(run([[(100, 100), (100, 100)]], one)[0]) == [Code.OK, Code.MAX_ORDERS]


def test_what_the_cap_leaves_must_be_an_order_by_the_rules() -> None:
    given = settings({"notional_cap_try_per_cycle": Decimal(400), "max_orders_per_cycle": 5})
    own: list[dict[str, Any]] = [{}, {"lot_size": Decimal(3)}, {}]
    [record] = run([[(100, 100), (100, 100), (100, 100)]], given, own=own)
    # A lot of the second is 300 TRY and 66.67 are left; they go to the third.
    assert codes(record) == [Code.OK, Code.TURNOVER_CAP, Code.OK]
    assert [intent["symbol"] for intent in record["intents"]] == [0, 2]


def test_sells_go_first_and_their_proceeds_are_cash_from_the_next_cycle_on() -> None:
    given = settings(
        {"max_orders_per_cycle": 5, "notional_cap_try_per_cycle": Decimal(5000)}, universe_size=1
    )
    records = run([[(100, 100, 2), (100, 100, 1)], *[[(100, 100, 1), (100, 100, 2)]] * 2], given)
    switch = records[1]["intents"]
    assert [(intent["symbol"], intent["side"], intent["code"]) for intent in switch] == [
        (0, Side.SELL, Code.OK),
        (1, Side.BUY, Code.INSUFFICIENT_CASH),
    ]
    assert [(i["symbol"], i["side"], i["code"]) for i in records[2]["intents"]] == [(1, Side.BUY, Code.OK)]


def test_an_action_against_an_open_order_cancels_it_and_waits_a_cycle() -> None:
    given = settings({"ttl_seconds": 600}, universe_size=1, order_offset_bps=Decimal(100))
    records = run([[(100, 100, 2), (100, 100, 1)], *[[(100, 100, 1), (100, 100, 2)]] * 2], given)
    superseded = records[1]
    [event] = superseded["plan_events"]
    assert (event["kind"], event["code"], event["symbol"]) == (Event.CANCELED, Code.SUPERSEDED, 0)
    assert codes(superseded) == [Code.SUPERSEDED, Code.OK]
    assert codes(records[2]) == [Code.NOT_SELECTED, Code.ON_TARGET]


# -- The rebalance band -------------------------------------------------------------------------------


def banded(band: str, largest: int = 1000, **stage7: Any) -> Settings:
    """Return settings with a band, and with orders of any number and size."""
    live = {
        "max_orders_per_cycle": 5,
        "max_position_notional_try": Decimal(largest),
        "notional_cap_try_per_cycle": Decimal(5000),
    }
    return settings(live, rebalance_band_bps=Decimal(band), **stage7)


def test_a_difference_below_the_band_is_not_traded_and_one_as_wide_goes_to_the_target() -> None:
    # 500 TRY of each; then the first is worth 600: 50 too much of one, 50 too little of the other, of 1 100.
    quotes = [[(100, 100), (100, 100)]] * 2 + [[(120, 120), (100, 100)]]
    assert codes(run(quotes, banded("0"))[2]) == [Code.OK, Code.OK]
    assert codes(run(quotes, banded("454.54545454"))[2]) == [Code.OK, Code.OK]
    assert codes(run(quotes, banded("454.54545455"))[2]) == [Code.WITHIN_BAND] * 2
    [sell, _] = run(quotes, banded("400"))[2]["intents"]
    assert (sell["side"], sell["amount"]) == (Side.SELL, 50 * E8)


def test_no_band_keeps_a_position_from_being_opened_or_closed() -> None:
    given = banded("10000", universe_size=1)
    first, second = [(100, 100, 2), (100, 100, 1)], [(100, 100, 1), (100, 100, 2)]
    records = run([first, second, second], given)
    assert codes(records[0]) == [Code.OK, Code.NOT_SELECTED]
    assert [(i["symbol"], i["side"]) for i in records[1]["intents"]] == [(0, Side.SELL), (1, Side.BUY)]


def test_a_band_lets_no_position_stay_above_the_largest() -> None:
    # 300 TRY of each are allowed: at 120 the first is worth 360.
    quotes = [[(100, 100), (100, 100)]] * 2 + [[(120, 120), (96, 96)]]
    record = run(quotes, banded("5000", largest=300))[2]
    assert codes(record) == [Code.OK, Code.WITHIN_BAND]
    assert [(i["symbol"], i["side"], i["amount"]) for i in record["intents"]] == [(0, Side.SELL, 60 * E8)]


def test_what_lies_within_the_band_cancels_no_open_order() -> None:
    # The buy rests; the price rises, so that with it there is too much of the first.
    given = settings({"ttl_seconds": 600, "try_cash_target": Decimal(100)}, order_offset_bps=Decimal(100))
    quotes = [[(100, 100)], [(102, 102)]]
    assert codes(run(quotes, given)[1]) == [Code.SUPERSEDED]
    record = run(
        quotes,
        settings(
            {"ttl_seconds": 600, "try_cash_target": Decimal(100)},
            order_offset_bps=Decimal(100),
            rebalance_band_bps=Decimal(200),
        ),
    )[1]
    assert codes(record) == [Code.WITHIN_BAND]
    assert record["plan_events"] == []


def test_open_buys_are_canceled_with_the_code_of_the_mode() -> None:
    given = settings({"ttl_seconds": 600}, order_offset_bps=Decimal(100))
    for mode, code in (
        (Mode.OBSERVE_ONLY, Code.OBSERVE_ONLY),
        (Mode.REDUCE_RISK_ONLY, Code.MODE_REDUCE_RISK_ONLY),
    ):
        records = run([[(100, 100)]] * 2, given, inputs={1: {"override_mode": mode}})
        assert [(event["kind"], event["code"]) for event in records[1]["plan_events"]] == [
            (Event.CANCELED, code)
        ]
        assert codes(records[1]) == [code]


def test_only_sells_are_placed_while_risk_is_reduced() -> None:
    given = settings({"max_orders_per_cycle": 5}, universe_size=1)
    quotes = [[(100, 100, 2), (100, 100, 1)], [(100, 100, 1), (100, 100, 2)]]
    record = run(quotes, given, inputs={1: {"base_mode": Mode.REDUCE_RISK_ONLY}})[1]
    assert [(intent["symbol"], intent["side"]) for intent in record["intents"]] == [(0, Side.SELL)]
    assert codes(record) == [Code.OK, Code.MODE_REDUCE_RISK_ONLY]
    assert record["plan"]["cycle_code"] is Code.OK


def test_a_remainder_too_small_to_sell_is_dust() -> None:
    fearless = {"max_drawdown_pct": Decimal(1), "max_daily_loss_try": Decimal(1000)}
    given = settings({"max_orders_per_cycle": 5}, universe_size=1, **fearless)
    quotes = [[(100, 100, 2), (100, 100, 1)], [("0.9", "0.9", 1), (100, 100, 2)]]
    record = run(quotes, given)[1]
    assert codes(record)[0] is Code.DUST
    assert record["account"]["symbols"][0]["value"] == 9 * E8
    at_minimum = run([quotes[0], [(1, 1, 1), (100, 100, 2)]], given)[1]
    assert codes(at_minimum)[0] is Code.OK


def test_a_holding_without_a_mark_stays_and_is_valued_at_the_last_one() -> None:
    seen = row(NOON, (100, 100))
    lost = Row(seen.book_ts, None, 100 * E8, None, None, None, None, None, None, None, ())
    record = run([[seen], [lost]], settings())[1]
    assert record["measure"][0]["mark"] is None
    assert record["measure"][0]["valuation"] == 100 * E8
    assert record["measure"][0]["valuation_age"] == 60
    assert codes(record) == [Code.MISSING_MARK_PRICE]
    assert record["account"]["equity"] == 1000 * E8


@pytest.mark.parametrize(
    ("status", "policy", "mode", "code"),
    [
        (RuleStatus.MISSING, InvalidRules.SKIP_SYMBOL, Mode.NORMAL, Code.RULES_MISSING),
        (RuleStatus.INVALID, InvalidRules.SKIP_SYMBOL, Mode.NORMAL, Code.RULES_INVALID),
        (RuleStatus.INVALID, InvalidRules.OBSERVE_ONLY_CYCLE, Mode.OBSERVE_ONLY, Code.OBSERVE_ONLY),
    ],
)
def test_unusable_rules_cost_the_symbol_or_by_policy_the_cycle(
    status: RuleStatus, policy: InvalidRules, mode: Mode, code: Code
) -> None:
    own = [{"status": status, "tick_size": None, "lot_size": None, "min_notional_try": None}]
    [record] = run([[(100, 100), (100, 100)]], settings(rules_invalid_metadata_policy=policy), own=own)
    assert record["plan"]["mode"] is mode
    assert codes(record)[0] is code
    assert codes(record)[1] is (Code.OK if mode is Mode.NORMAL else Code.OBSERVE_ONLY)


# -- Build --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tick", "code"), [("1", Code.OK), ("3", Code.TICK_TOO_COARSE), ("500", Code.PRICE_ROUNDS_TO_ZERO)]
)
def test_a_tick_may_move_a_price_by_one_percent_at_most(tick: str, code: Code) -> None:
    own = [{"tick_size": Decimal(tick)}]
    [record] = run([[("100.9", "100.9")]], settings(order_offset_bps=Decimal(1)), own=own)
    assert [intent["code"] for intent in record["intents"]] == [code]


@given(
    cash=amounts,
    price=amounts,
    lots=st.integers(1, 10**6),
    lot=st.sampled_from((1, 10**4, 5 * 10**4, E8)),
    fee=st.integers(0, 10**12 - 1),
)
def test_a_buy_is_reduced_to_the_most_that_cash_pays(
    cash: int, price: int, lots: int, lot: int, fee: int
) -> None:
    def exact(qty: int) -> int:
        notional = round(Fraction(price * qty, E8))
        return notional + round(Fraction(notional * fee, 10**12))

    price, qty = max(1, price), lots * lot
    fitted = fit_to_cash(cash, price, qty, lot, fee)
    assert fitted % lot == 0
    assert 0 <= fitted <= qty
    assert exact(fitted) <= cash
    assert fitted == qty or exact(fitted + lot) > cash
    assert cost_of(price, qty, fee) == (exact(qty) if exact(qty) < LIMIT else -1)


def test_an_order_of_just_the_minimum_is_one() -> None:
    given = settings({"dry_run_try_balance": Decimal(10), "min_order_notional_try": Decimal(10)})
    assert codes(run([[(1, 1)]], given)[0]) == [Code.OK]
    assert run([[(1, 1)]], given)[0]["intents"][0]["code"] is Code.OK
    more = settings({"dry_run_try_balance": Decimal(10), "min_order_notional_try": Decimal("10.00000001")})
    assert codes(run([[(1, 1)]], more)[0]) == [Code.SHARE_BELOW_MINIMUM]


# -- The way to the venue -----------------------------------------------------------------------------

SUBMIT, ACK = Event.SUBMIT_REQUESTED, Event.ACKED
RETRY, CANCELED, REJECTED = Event.RETRY_SCHEDULED, Event.CANCELED, Event.REJECTED


@pytest.mark.parametrize(
    ("fault", "count", "expected"),
    [
        (SubmitFault.RATE_LIMIT, 1, [SUBMIT, RETRY, ACK]),
        (SubmitFault.UNAVAILABLE, 2, [SUBMIT, RETRY, RETRY, ACK]),
        (SubmitFault.TIMEOUT, 1, [SUBMIT, RETRY, Event.DUPLICATE_IGNORED, ACK]),
        (SubmitFault.UNAVAILABLE, 3, [SUBMIT, RETRY, RETRY, Event.RETRY_GIVEUP, CANCELED]),
        (SubmitFault.NON_RETRYABLE, 1, [SUBMIT, REJECTED]),
        (SubmitFault.CONFLICT, 1, [SUBMIT, Event.IDEMPOTENCY_CONFLICT, REJECTED]),
    ],
)
def test_failures_on_the_way_are_retried_given_up_or_final(
    fault: SubmitFault, count: int, expected: list[Event]
) -> None:
    given = settings(order_offset_bps=Decimal(100), retry_max_attempts=3)
    [record] = run([[(100, 100)]], given, inputs={0: {"fault_kind": fault, "fault_count": count}})
    assert kinds(record["execute_events"]) == expected


def test_an_empty_bucket_throttles_and_nothing_stays_reserved() -> None:
    given = settings(
        {"max_orders_per_cycle": 5},
        order_offset_bps=Decimal(100),
        rate_limit_burst=1,
        rate_limit_rps=Decimal("0.02"),
    )
    first, second = run([[(100, 100), (100, 100)]] * 2, given)
    assert kinds(first["execute_events"]) == [SUBMIT, ACK, SUBMIT, Event.THROTTLED, CANCELED]
    # A minute brings 1.2 tokens, of which the bucket holds one: the other order passes now.
    assert kinds(second["execute_events"]) == [SUBMIT, ACK]
    assert second["final"]["tokens"] == 0
    assert [order[2] for order in second["final"]["orders"]] == [0, 1]


def test_the_simulated_venue_rejects_by_draw_never_and_always_at_the_ends() -> None:
    for probability, kind in ((0, Event.FILLED), (10_000, Event.REJECTED)):
        for price in range(100, 110):
            [record] = run([[(price, price)]], settings(sim_reject_prob_bps=probability))
            assert kinds(record["execute_events"])[-1] is kind


@pytest.mark.parametrize("price", [100, 101, 102])
def test_an_order_is_rejected_when_its_draw_is_below_the_probability(price: int) -> None:
    limit, qty = price * E8, 1000 * E8 // price
    drawn = draw(NOON, "AAATRY", Side.BUY, limit, qty, 0) % 10_000
    for probability, rejected in ((drawn, False), (drawn + 1, True)):
        [record] = run([[(price, price)]], settings(sim_reject_prob_bps=probability))
        assert (record["intents"][0]["price"], record["intents"][0]["qty"]) == (limit, qty)
        assert (Event.REJECTED in kinds(record["execute_events"])) is rejected


# -- Adaptation ---------------------------------------------------------------------------------------


def test_a_reject_spike_narrows_the_offset_even_at_the_users_own_version() -> None:
    given = settings(order_offset_bps=Decimal(5), sim_reject_prob_bps=10_000, reject_spike_threshold=1)
    records = run([[(100, 100)]] * 2, given, adapt=True)
    assert records[0]["adapt"]["outcome"] == "APPLIED"
    assert records[0]["adapt"]["why"] == {"reject_spike"}
    assert records[1]["adapt"]["order_offset_bps"] == 3 * E8


def test_a_version_that_goes_on_spiking_is_rolled_back_once_and_then_runs_five_cycles() -> None:
    given = settings(order_offset_bps=Decimal(5), sim_reject_prob_bps=10_000, reject_spike_threshold=1)
    records = run([[(100, 100)]] * 10, given, adapt=True)
    outcomes = [record["adapt"]["outcome"] for record in records]
    assert outcomes == ["APPLIED", "ROLLED_BACK", "", "", "", "", "", "APPLIED", "ROLLED_BACK", ""]
    assert [record["adapt"]["version"] for record in records] == [1, 0, 0, 0, 0, 0, 0, 2, 0, 0]
    assert records[2]["adapt"]["order_offset_bps"] == 5 * E8


def test_three_healthy_cycles_widen_the_universe_and_a_version_is_good_after_five() -> None:
    records = run([[(100, 100)]] * 12, settings(universe_size=7), adapt=True)
    sizes = [record["adapt"]["universe_size"] for record in records]
    assert sizes == [7, 7, 7, 8, 8, 8, 9, 9, 9, 10, 10, 10]
    assert not any(record["adapt"]["became_good"] for record in records)  # each is replaced too soon
    full = run([[(100, 100)]] * 9, settings(universe_size=49), adapt=True)
    assert [record["adapt"]["became_good"] for record in full] == [False] * 7 + [True, False]


@pytest.mark.parametrize(
    ("offset", "why", "changed"),
    [
        (
            5,
            {"reject_spike", "throttling", "near_drawdown"},
            {"order_offset_bps", "max_orders", "turnover_cap_try"},
        ),
        # An offset of -5 is at its bound already, so the rule for missing marks has one turn.
        (
            -5,
            {"throttling", "near_drawdown", "missing_marks"},
            {"max_orders", "turnover_cap_try", "max_spread_bps"},
        ),
    ],
)
def test_three_parameters_change_at_most_in_the_order_of_the_rules(
    offset: int, why: set[str], changed: set[str]
) -> None:
    given = settings(
        {"max_position_notional_try": Decimal(500), "max_orders_per_cycle": 5},
        order_offset_bps=Decimal(offset),
        max_drawdown_pct=Decimal("0.05"),
        reject_spike_threshold=1,
        rate_limit_burst=1,
    )
    unmarked = Row(NOON * 10**6, None, 100 * E8, None, None, None, None, None, None, None, ())
    quotes: list[list[Any]] = [[(100, 100), None, None], *[[(91, 91), (100, 100), unmarked]] * 2]
    faults = {1: {"fault_kind": SubmitFault.NON_RETRYABLE, "fault_count": 1}}
    _, second, third = (record["adapt"] for record in run(quotes, given, inputs=faults, adapt=True))
    assert second["why"] == why
    moved = {
        name
        for name in second
        if name.endswith(("bps", "try", "orders", "size")) and second[name] != third[name]
    }
    assert moved == changed


def test_without_adaptation_nothing_moves() -> None:
    given = settings(sim_reject_prob_bps=10_000, reject_spike_threshold=1)
    for record in run([[(100, 100)]] * 6, given):
        assert (record["adapt"]["outcome"], record["adapt"]["version"]) == ("", 0)
