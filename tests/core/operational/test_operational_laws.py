"""What holds of every decision, whatever its inputs: drawn at random, with much in the way of everything."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from attrs import evolve
from drawn_cycles import drawn
from hypothesis import given
from hypothesis import strategies as st
from operational_cases import opened, order
from usable_funds import cost_left

from meva_core.amounts import E12, format_e8, mul_e8, to_decimal
from meva_core.ids import canonical_json
from meva_core.live.standing import Standing
from meva_core.live_book import own_orders as live_book
from meva_core.live_history.explain import explained
from meva_core.modes import Mode
from meva_core.operational import scene
from meva_core.operational.allocation import cash_left
from meva_core.operational.because import PROGRAM, Because
from meva_core.operational.decide import Decided, decide
from meva_core.operational.documents import document_of, from_document
from meva_core.operational.inputs import Alarm, Inputs
from meva_core.operational.recheck import recheck
from meva_core.operational.scene import scene_of
from meva_core.orders import Side
from meva_core.settings import VARIABLES

seeds = st.integers(0, 2**32)


def run(seed: int) -> Decided:
    made, strategy = drawn(Random(seed))
    return decide(made, {"says": strategy})


@given(st.integers(1, 10**13), st.integers(0, 10**12), st.integers(0, 10**11))
def test_an_order_holds_back_what_the_live_book_says_it_may_cost(price: int, left: int, fee: int):
    ours = evolve(order("BTCTRY", Side.BUY, "1", "1"), price=price, left=left)
    amounts = to_decimal(price), to_decimal(left)
    theirs = live_book.OwnOrder("BTCTRY", Side.BUY, *amounts, Standing.OPEN, client_id="a")
    assert scene.cost_left(ours, fee) == cost_left(theirs, fee)


@given(seeds)
def test_the_order_in_which_things_were_read_changes_nothing(seed: int):
    random = Random(seed)
    made, strategy = drawn(random)
    parts: dict[str, Any] = {"positions": evolve(made.positions, positions=made.positions.positions[::-1])}
    for name in ("symbols", "orders", "alarms", "last_sent"):
        shuffled = list(getattr(made, name))
        random.shuffle(shuffled)
        parts[name] = shuffled
    names = made.limits.symbols
    parts["limits"] = evolve(made.limits, symbols=tuple(random.sample(names, len(names))))
    other = decide(evolve(made, **parts), {"says": strategy})
    assert canonical_json(document_of(other.decisions)) == canonical_json(document_of(run(seed).decisions))


@given(seeds)
def test_what_was_stored_is_decided_again_to_the_same(seed: int):
    made, strategy = drawn(Random(seed))
    found = decide(made, {"says": strategy})
    stored = json.loads(canonical_json(document_of(found.inputs)))
    assert from_document(Inputs, stored) == found.inputs
    decisions = json.loads(canonical_json(document_of(found.decisions)))
    assert recheck(stored, decisions, {"says": strategy}) is None


@given(seeds)
def test_everything_that_is_asked_for_is_sent_or_has_one_reason_with_a_setting_behind_it(seed: int):
    found = run(seed)
    sent = [action.client_id.rpartition(":")[2] for action in found.decisions.actions if action.client_id]
    dropped = [one.n for one in found.decisions.dropped if one.n >= 0]
    assert sorted([*map(int, sent), *dropped]) == [one.n for one in found.decisions.asked]
    for one in found.decisions.dropped:
        assert isinstance(one.reason, Because)
        setting = one.reason.setting
        known = setting in VARIABLES or setting in ("exchange", PROGRAM, "--observe")
        assert known or setting == f"STAGE{found.inputs.stage}_STRATEGIES", one


NAMED = (
    "superseded", "order_open", "deduped", "observe_only", "mode_reduce_risk_only", "symbol_blocked",
    "no_mark_price", "no_position", "not_in_universe:not_allowed",
)  # fmt: skip
"""Codes of what is no number: their value, or what stands behind a colon, names it."""


@given(seeds)
def test_everything_that_is_not_sent_is_told_with_its_value_and_its_limit_or_with_what_it_was(seed: int):
    found = run(seed)
    bound = found.decisions.mode.bound
    for fate in explained(opened(found)).fates:
        if (reason := fate.reason) is None:
            continue
        if reason.code in ("observe_only", "mode_reduce_risk_only"):  # whose numbers are those of the mode
            assert bound is not None
            assert reason.value == bound.reason.code
        if reason.code.startswith(NAMED):
            assert reason.value is not None or ":" in reason.code, fate
        elif reason.code == "stale_market_data" and reason.value is None:
            assert reason.limit is not None
            assert "could not be read, so that nobody knows its age" in fate.why({})
        else:
            assert None not in (reason.value, reason.limit, reason.distance), fate


@given(seeds)
def test_the_mode_is_the_strictest_part_and_lets_through_no_more_than_it_says(seed: int):
    found = run(seed)
    mode = found.decisions.mode
    assert mode.mode is max(part.mode for part in mode.parts)
    submits = {action.side for action in found.decisions.actions if action.client_id}
    assert submits <= ({Side.BUY, Side.SELL}, {Side.SELL}, set())[mode.mode]
    buys = {order.client_id for order in found.inputs.orders if order.side is Side.BUY and order.cancelable}
    if mode.mode > Mode.NORMAL:
        assert buys <= {one.order.client_id for one in found.decisions.cancels}
    if found.inputs.kill_switch == "all":
        assert not found.decisions.actions


@given(seeds)
def test_one_more_alarm_never_lets_more_through(seed: int):
    made, strategy = drawn(Random(seed))
    before = decide(made, {"says": strategy}).decisions.mode.mode
    for mode in Mode:
        more = evolve(made, alarms=(*made.alarms, Alarm("balance_unexplained", "BTC", mode)))
        assert decide(more, {"says": strategy}).decisions.mode.mode == max(before, mode)


@given(seeds)
def test_allocation_never_exceeds_a_cap(seed: int):
    found = run(seed)
    seen, limits = scene_of(found.inputs), found.inputs.limits
    got = [one for one in found.decisions.allocation if one.allocated > 0]
    buys = [one for one in got if one.side is Side.BUY]
    total = sum(one.allocated for one in buys)
    assert total <= cash_left(seen)
    spent = sum(
        mul_e8(action.price, action.qty)
        for action in found.decisions.actions
        if action.client_id and action.side is Side.BUY and found.inputs.stage == 4
    )
    assert spent <= total
    assert spent * (E12 + found.inputs.effective_fee) // E12 <= max(
        0, seen.cash_for_buys - limits.cash_target
    )
    assert sum(one.allocated for one in got) <= limits.notional_cap_try_per_cycle
    exposure = found.inputs.positions.exposure + sum(seen.open_buys.values())
    assert not buys or (exposure + total) * 10 <= limits.risk_max_gross_exposure_try * 9
    for one in got:
        assert one.allocated <= limits.risk_max_order_notional_try
        if one.side is Side.BUY:
            after = seen.held(one.symbol).value + seen.open_buys.get(one.symbol, 0) + one.allocated
            assert after <= min(limits.max_position_notional_try, limits.max_position_try_per_symbol)
            assert after * 10**9 <= limits.risk_max_position_pct * found.decisions.assessed.equity * 9


@given(seeds)
def test_sales_never_go_beyond_what_may_be_sold(seed: int):
    found = run(seed)
    seen = scene_of(found.inputs)
    for action in found.decisions.actions:
        if action.client_id and action.side is Side.SELL:
            on_sale = sum(one.left for one in seen.orders.get(action.symbol, ()) if one.side is Side.SELL)
            ours = seen.held(action.symbol).qty - on_sale
            assert 0 < action.qty <= min(seen.to_sell[action.symbol], ours), format_e8(action.qty)


@given(seeds)
def test_orders_are_on_the_grid_within_the_slots_and_one_a_symbol(seed: int):
    found = run(seed)
    seen, limits = scene_of(found.inputs), found.inputs.limits
    submits = [action for action in found.decisions.actions if action.client_id]
    assert len(submits) <= limits.max_orders_per_cycle
    assert len({action.symbol for action in submits}) == len(submits)
    kinds = [(bool(action.client_id), action.side is Side.BUY, action.symbol) for action in submits]
    assert kinds == sorted(kinds)
    for action in submits:
        i = seen.place[action.symbol]
        assert action.price % seen.rules.tick[i] == 0
        assert action.qty % seen.rules.lot[i] == 0
        assert mul_e8(action.price, action.qty) >= limits.min_order_notional_try
        assert all(one.known for one in seen.orders.get(action.symbol, ()))
