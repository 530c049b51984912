"""What a strategy wishes for and what is made of it, in cycles small enough to be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from strategies import amounts
from test_cycles import codes, settings
from test_cycles import run as run_cycles

from meva_core.amounts import E8
from meva_core.modes import Mode
from meva_core.orders import Side
from meva_core.reasons import Code
from meva_core.settings import Settings
from meva_core.steps.wishes import part_of

Weights = Sequence[float | None]
HUNDRED = (100, 100)
FREE = {"max_orders_per_cycle": 9, "notional_cap_try_per_cycle": Decimal(5000)}


def run(
    quotes: Sequence[Any], wishes: Sequence[Weights], given: Settings | None = None, **more: Any
) -> list[dict[str, Any]]:
    """Run one cycle per entry of `quotes` with the weights of a strategy; cycles without any go on."""
    inputs: dict[int, dict[str, Any]] = more.pop("inputs", {})
    for c in range(len(quotes)):
        weights = wishes[c] if c < len(wishes) else [None] * len(quotes[c])
        whole = tuple(None if weight is None else round(weight * E8) for weight in weights)
        inputs[c] = {**inputs.get(c, {}), "weights": whole}
    return run_cycles(quotes, given or settings(FREE), inputs=inputs, strategy=1, **more)


def targets(record: dict[str, Any]) -> list[int]:
    return [symbol["target"] for symbol in record["plan"]["symbols"]]


def orders(record: dict[str, Any]) -> list[tuple[int, Side, int]]:
    return [(intent["symbol"], intent["side"], intent["amount"]) for intent in record["intents"]]


def test_weights_are_shares_of_what_can_be_invested_and_the_rest_is_cash() -> None:
    given = settings(FREE | {"try_cash_target": Decimal(200)})
    [record] = run([[HUNDRED, HUNDRED]], [[0.5, 0.25]], given)
    assert record["plan"]["investable"] == 800 * E8
    assert targets(record) == [400 * E8, 200 * E8]


def test_six_times_a_sixth_fits_though_it_is_rounded_up() -> None:
    [record] = run([[HUNDRED] * 3], [[0.333334] * 3])
    assert sum(targets(record)) <= 1000 * E8
    assert targets(record) == [1000 * E8 * 333334 // 1000002] * 3


def test_without_a_new_wish_drift_trades_nothing() -> None:
    records = run([[HUNDRED] * 2] * 2 + [[(150, 150), HUNDRED]] * 2, [[0.5, 0.5]])
    assert codes(records[2]) == codes(records[3]) == [Code.ON_TARGET] * 2
    assert targets(records[3]) == [750 * E8, 500 * E8]


def test_what_did_not_fill_is_tried_again() -> None:
    one = settings({"max_orders_per_cycle": 1, "notional_cap_try_per_cycle": Decimal(5000)})
    records = run([[HUNDRED] * 3] * 4, [[0.3, 0.3, 0.3]], one)
    assert [orders(record)[0][0] for record in records[:3]] == [0, 1, 2]
    assert codes(records[3]) == [Code.ON_TARGET] * 3


def test_nothing_is_said_of_a_symbol_before_the_first_wish() -> None:
    records = run([[HUNDRED] * 2] * 2, [[None, None], [0.5, None]])
    assert codes(records[0]) == [Code.NO_OPINION] * 2
    assert codes(records[1]) == [Code.OK, Code.NO_OPINION]


def test_a_wish_for_nothing_sells_all_and_stays_so() -> None:
    records = run([[HUNDRED]] * 4, [[1.0], [None], [0.0]])
    assert orders(records[2]) == [(0, Side.SELL, 1000 * E8)]
    assert codes(records[3]) == [Code.NOT_SELECTED]


def test_a_filter_that_refuses_sells_nothing_and_buys_nothing() -> None:
    wide = (99, 101)
    given = settings(FREE, max_spread_bps=Decimal(50), spread_spike_bps=Decimal(5000))
    records = run([[HUNDRED, wide]] * 2 + [[wide, wide]] * 2, [[0.5, 0.5], [None] * 2, [0.8, 0.1]], given)
    assert codes(records[0]) == [Code.OK, Code.NOT_SELECTED]
    assert records[0]["select"]["BBBTRY"]["code"] is Code.ABOVE_MAX_SPREAD
    assert codes(records[2]) == [Code.ABOVE_MAX_SPREAD, Code.NOT_SELECTED]
    assert orders(records[2]) == []
    smaller = run([[HUNDRED]] * 2 + [[wide]], [[0.5], [None], [0.1]], given)
    assert orders(smaller[2]) == [(0, Side.SELL, 400 * E8)]


def test_of_too_many_the_largest_are_kept_and_the_others_are_said_to_be_too_many() -> None:
    [record] = run([[HUNDRED] * 3], [[0.2, 0.5, 0.3]], settings(FREE, universe_size=2))
    assert codes(record) == [Code.NOT_SELECTED, Code.OK, Code.OK]
    assert record["select"]["AAATRY"]["code"] is Code.UNIVERSE_FULL


def test_a_cap_holds_and_what_it_leaves_is_not_shared_out_again() -> None:
    given = settings(FREE | {"max_position_notional_try": Decimal(300)}, rebalance_band_bps=Decimal(5000))
    records = run([[HUNDRED] * 2] * 2 + [[(150, 150), HUNDRED]], [[0.7, 0.3]], given)
    assert targets(records[0]) == [300 * E8, 300 * E8]
    assert orders(records[2]) == [(0, Side.SELL, 150 * E8)]  # inside the band, and above the cap


def test_a_wish_below_the_least_order_is_said_to_be_one_and_a_band_above_all_still_opens() -> None:
    [record] = run([[HUNDRED] * 2], [[0.009, 0.5]], settings(FREE, rebalance_band_bps=Decimal(9999)))
    assert codes(record) == [Code.SHARE_BELOW_MINIMUM, Code.OK]


def test_a_mode_stops_orders_and_forces_no_sale() -> None:
    reduce = {2: {"base_mode": Mode.REDUCE_RISK_ONLY}}
    record = run([[HUNDRED] * 2] * 3, [[0.5, 0.2], [None] * 2, [0.5, 0.4]], inputs=reduce)[2]
    assert codes(record) == [Code.ON_TARGET, Code.MODE_REDUCE_RISK_ONLY]


def test_a_strategy_that_failed_has_no_opinion_on_anything_and_what_it_said_before_stays() -> None:
    """The mark rises, so going on as decided would sell; a cap would, too."""
    given = settings(FREE | {"max_position_notional_try": Decimal(600)})
    quotes = [[HUNDRED] * 2] * 2 + [[(150, 150), HUNDRED]] * 3
    failed = {c: {"strategy_failed": c - 1} for c in (2, 3)}
    records = run(quotes, [[0.5, 0.3], [None] * 2, [None] * 2, [None] * 2, [0.2, None]], given, inputs=failed)
    for record in records[2:4]:
        assert codes(record) == [Code.NO_OPINION] * 2
        assert record["plan"]["mode"] is Mode.REDUCE_RISK_ONLY
        assert record["intents"] == []
    assert orders(records[4])[0][:2] == (0, Side.SELL)
    assert records[4]["plan"]["mode"] is Mode.NORMAL


def test_open_buys_end_with_a_failure_and_from_the_third_in_a_row_nothing_is_traded() -> None:
    failed = {c: {"strategy_failed": c} for c in (1, 2, 3, 4)}
    given = settings(FREE, order_offset_bps=Decimal(100))
    records = run([[HUNDRED]] * 6, [[0.5]] + [[None]] * 5, given, inputs=failed)
    modes = [record["plan"]["mode"] for record in records]
    assert modes == [Mode.NORMAL, *[Mode.REDUCE_RISK_ONLY] * 2, *[Mode.OBSERVE_ONLY] * 2, Mode.NORMAL]
    assert [event["code"] for event in records[1]["plan_events"]] == [Code.MODE_REDUCE_RISK_ONLY]
    assert orders(records[5]) == [(0, Side.BUY, 500 * E8)]


@given(amount=amounts, weights=st.lists(st.integers(0, E8), min_size=1, max_size=9))
def test_a_part_is_exact_over_the_whole_range(amount: int, weights: list[int]) -> None:
    total = min(2 * E8, max(E8, sum(weights)))
    assert part_of(amount, weights[0], total) == Fraction(amount * weights[0], total) // 1
