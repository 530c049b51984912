"""A person who trades the same account by hand: the book agrees in the end, and little is kept from it.

About every 90 minutes an act: buys and sells, also of what the bot holds and in pairs that are not
configured, money and coins in and out, which lists show at once, an hour late or never. Balances freeze for
up to 400 s, fills are shown up to 400 s late and some without a name, 7 % of submits are never heard of.
"""

from __future__ import annotations

import pytest
from nightly import NIGHTLY
from simulated import ended

from meva_adapters.rehearsal.ending import Ended
from meva_adapters.rehearsal.faults import Fault
from meva_adapters.rehearsal.running import Rehearsal
from meva_adapters.rehearsal.worlds import Shape

EVERY = 5400
FROZEN_EVERY = 14_400
RATES = {
    Fault.UNHEARD: 0.07,
    Fault.FILL_LATE: 0.1,
    Fault.FILL_NAMELESS: 0.1,
    Fault.PARTIAL: 0.3,
}
SEEDS = 20 if NIGHTLY else 1
SETTINGS = {
    "MAX_ORDERS_PER_CYCLE": "2",
    "RISK_MAX_POSITION_PCT": "1",
    "RISK_MAX_GROSS_EXPOSURE_TRY": "1000000",
    "RISK_MAX_DRAWDOWN_TRY": "1000000",
    "RISK_MAX_DAILY_DRAWDOWN_TRY": "1000000",
    "MAX_DRAWDOWN_PCT": "90",
    "MAX_DAILY_LOSS_TRY": "1000000",
    "UNIVERSE_MAX_SPREAD_BPS": "2000",
}


def lived(seed: int, interval: int, steps: int) -> tuple[Ended, Rehearsal]:
    """Let an account live for so many cycles, beside a person."""
    kept: list[Rehearsal] = []
    rates = {**RATES, Fault.FROZEN: interval / FROZEN_EVERY}
    shape = Shape(
        stage=4, rates=rates, hand_every=EVERY, interval=interval, settings=SETTINGS, attended=False
    )
    found = ended(seed, steps, shape, kept.append)
    assert not found.broken, f"seed {seed}: {found.broken}"
    return found, kept[0]


def restricted(found: Ended) -> int:
    """How many cycles were restricted, those aside that only observe at the end of the world."""
    modes = found.seen.get("mode_REDUCE_RISK_ONLY", 0) + found.seen.get("mode_OBSERVE_ONLY", 0)
    return modes - found.seen.get("bound_observe_observe", 0)


def test_balances_that_freeze_over_our_own_fills_restrict_nothing_and_nothing_is_booked_of_them() -> None:
    """What such a balance shows is no withdrawal, and that it shows more again no deposit."""
    rates = {Fault.FROZEN: 0.2, Fault.PARTIAL: 0.3}
    shape = Shape(stage=4, rates=rates, hand_every=0, interval=30, settings=SETTINGS, attended=False)
    found = ended(1, 60, shape)
    assert not found.broken, found.broken
    assert found.faults[Fault.FROZEN] > 2
    assert found.seen["fills_booked"] > 20
    assert (restricted(found), found.seen.get("alarm_transfer_out", 0)) == (0, 0)


@pytest.mark.parametrize(("interval", "steps"), [(10, 400), (60, 300), (300, 250)])
@pytest.mark.parametrize("seed", range(SEEDS))
def test_at_short_intervals_few_cycles_are_restricted_and_nothing_stops(
    seed: int, interval: int, steps: int
) -> None:
    found, _ = lived(seed, interval, steps if NIGHTLY else steps // 10)
    assert not [name for name in found.seen if name.startswith("accepted_K")]
    assert restricted(found) * 50 <= found.seen["cycles"]


@pytest.mark.parametrize(("interval", "steps"), [(900, 250), (3600, 250)])
@pytest.mark.parametrize("seed", range(SEEDS))
def test_at_long_ones_at_most_one_for_each_act_that_takes_out_what_no_list_shows_by_then(
    seed: int, interval: int, steps: int
) -> None:
    found, of = lived(seed, interval, steps if NIGHTLY else steps // 10)
    assert not [name for name in found.seen if name.startswith("accepted_K")]
    assert restricted(found) <= of.person.unseen_out
