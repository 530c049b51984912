"""What `why` says beyond what a decision has stored: the numbers of reasons that are stored as codes."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

import pytest
from attrs import evolve
from drawn_cycles import drawn
from hypothesis import given
from hypothesis import strategies as st
from operational_cases import buy, decided, opened, sell, symbol

from meva_core.live_history.explain import explained
from meva_core.live_history.worked_out import attempted
from meva_core.operational.because import of_rules
from meva_core.operational.decide import decide
from meva_core.operational.scene import scene_of

BTC = "BTCTRY"
SETTINGS = {"UNIVERSE_MIN_NOTIONAL_TRY": "0"}


@pytest.mark.parametrize(
    ("pair", "numbers", "text"),
    [
        (
            {"tick_size": Decimal(7_000_000)}, ("3000000", "7000000", "TRY", "exchange"),
            "its price is 3000000 TRY, one tick is 7000000 TRY; a price 4000000 TRY higher would have "
            "passed; the limit is the exchange's",
        ),
        (
            {"tick_size": Decimal(700_000)}, ("666.66666666", "100", "bps", "program"),
            "its tick moves its price by 666.66666666 bps, 100 bps is allowed; 566.66666666 bps less would "
            "have passed",
        ),
        (
            {"max_price": Decimal(2_000_000)}, ("3000000", "2000000", "TRY", "exchange"),
            "its price is 3000000 TRY, the exchange's prices end at 2000000 TRY; the limit is the exchange's",
        ),
        (
            {"lot_size": Decimal("0.001")}, ("200", "3000", "TRY", "exchange"),
            "200 TRY was asked for, one lot is 3000 TRY; 2800 TRY more would have passed; the limit is the "
            "exchange's",
        ),
        (
            {"min_qty": Decimal("0.0001")}, ("0.00006666", "0.0001", "coins", "exchange"),
            "its quantity is 0.00006666 coins, the exchange takes 0.0001 coins at least; 0.00003334 coins "
            "more would have passed; the limit is the exchange's",
        ),
        (
            {"max_qty": Decimal("0.00001")}, ("0.00006666", "0.00001", "coins", "exchange"),
            "its quantity is 0.00006666 coins, the exchange takes 0.00001 coins at most; 0.00005666 coins "
            "less would have passed; the limit is the exchange's",
        ),
    ],
)  # fmt: skip
def test_a_rule_of_the_exchange_says_what_it_was_held_against(pair: Any, numbers: Any, text: str) -> None:
    market = [symbol(BTC, "3000000", rules=pair)]
    cycle = decided([buy(BTC, "200")], stage=3, market=market, settings=SETTINGS)
    [fate] = explained(opened(cycle)).fates
    assert cycle.decisions.dropped[0].reason.value is None, "what is stored stays as it is"
    assert fate.reason is not None
    assert (fate.reason.value, fate.reason.limit, fate.reason.unit, fate.reason.setting) == numbers
    assert fate.why({}) == text


def test_coins_that_were_asked_for_are_held_against_a_lot_of_coins() -> None:
    market = [symbol(BTC, "3000000", rules={"lot_size": Decimal("0.001")})]
    asked = [sell(BTC, "0.0005", purpose="reduce")]
    cycle = decided(asked, stage=3, market=market, held={BTC: ("0.01", "20000")}, settings=SETTINGS)
    [fate] = explained(opened(cycle)).fates
    assert fate.why({}).startswith("0.0005 coins was asked for, one lot is 0.001 coins; 0.0005 coins more")


@pytest.mark.parametrize(
    ("book", "text"),
    [
        (
            {"bid": None, "ask": None, "mark": None, "last": None},
            "it had no price in this cycle: bid none, ask none, last none",
        ),
        ({"ask": None}, "its book had no middle to buy by: bid 3000000, ask none, last 3000000"),
        (
            {"bid": 3_100_000 * 10**8},
            "its book had no middle to buy by: bid 3100000, ask 3000000, last 3000000",
        ),
    ],
)
def test_what_has_no_price_says_what_there_was_of_it(book: Any, text: str) -> None:
    market = [symbol(BTC, "3000000", **book)]
    [fate] = explained(opened(decided([buy(BTC, "200")], market=market, settings=SETTINGS))).fates
    assert fate.why({}) == text


@given(st.integers(0, 2**32))
def test_the_order_that_is_looked_at_again_is_the_one_that_the_rules_refused(seed: int) -> None:
    random = Random(seed)
    made, strategy = drawn(random)
    tight = {
        "min_qty": Decimal(random.choice(("0", "0.001", "10"))),
        "max_qty": Decimal(random.choice(("0.001", "10", "1000000"))),
        "max_price": Decimal(random.choice(("1", "200000", "9000000"))),
    }
    symbols = [evolve(one, rules=evolve(one.rules, **tight)) for one in made.symbols]
    found = decide(evolve(made, symbols=symbols), {"says": strategy})
    scene, asked = scene_of(found.inputs), {one.n: one for one in found.decisions.asked}
    granted = {one.n: one for one in found.decisions.allocation}
    for one in found.decisions.dropped:
        if one.reason.code in ("min_qty", "max_qty", "price_out_of_range", "tick_too_coarse"):
            draft = attempted(scene, asked[one.n], granted.get(one.n))
            assert of_rules(draft.code) == one.reason.code
