"""A person who trades the same account by hand: the book agrees in the end, and little is kept from it.

About every 90 minutes an act: buys and sells, also of what the bot holds and in pairs that are not
configured, money and coins in and out, which lists show at once, an hour late or never. Balances freeze for
up to 400 s, fills are shown up to 400 s late and some without a name, 7 % of submits are never heard of.
"""

from __future__ import annotations

import pytest
from attrs import frozen
from nightly import NIGHTLY
from simulated import ended

from meva_adapters.rehearsal.ending import Ended
from meva_adapters.rehearsal.faults import Fault
from meva_adapters.rehearsal.person import Person
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
SEEDS = {10: 9, 60: 9, 300: 8, 900: 3, 3600: 3}
"""In ordinary runs, in which lives are short, one by interval in which somebody does something."""
DAY = 86_400
SETTINGS = {
    "MAX_ORDERS_PER_CYCLE": "2",
    "RISK_MAX_POSITION_PCT": "1",
    "RISK_MAX_GROSS_EXPOSURE_TRY": "1000000",
    "UNIVERSE_MAX_SPREAD_BPS": "2000",
}
WIDE = {
    "RISK_MAX_DRAWDOWN_TRY": "1000000",
    "RISK_MAX_DAILY_DRAWDOWN_TRY": "1000000",
    "MAX_DRAWDOWN_PCT": "90",
    "MAX_DAILY_LOSS_TRY": "1000000",
}
"""Limits that no loss of a long life passes. In half of the lives of less than a day they are the defaults,
which what a person takes out would pass if it counted as lost."""


@frozen
class Life:
    """What so many cycles beside a person came to."""

    ended: Ended
    person: Person


def lived(seed: int, interval: int, steps: int) -> Life:
    """Let an account live for so many cycles, beside a person: the book agrees in the end, no switch is
    pulled, and nothing is only observed."""
    kept: list[Rehearsal] = []
    rates = {**RATES, Fault.FROZEN: interval / FROZEN_EVERY}
    settings = SETTINGS if seed % 2 and interval * steps < DAY else SETTINGS | WIDE
    shape = Shape(
        stage=4, rates=rates, hand_every=EVERY, interval=interval, settings=settings, attended=False
    )
    found = ended(seed, steps, shape, kept.append)
    assert not found.broken, f"seed {seed}: {found.broken}"
    assert not [name for name in found.seen if name.startswith("accepted_K")]
    assert found.seen["mode_OBSERVE_ONLY"] == found.seen["bound_observe_observe"], "as at its end"
    return Life(found, kept[0].person)


def lives(interval: int, steps: int) -> list[Life]:
    """Let accounts live beside people who do something."""
    seeds = range(20) if NIGHTLY else (SEEDS[interval],)
    found = [lived(seed, interval, steps if NIGHTLY else steps // 10) for seed in seeds]
    assert sum(life.person.acts for life in found) > 0
    assert any(life.person.done for life in found)
    return found


def restricted(found: Ended) -> int:
    """How many cycles were restricted, those aside that only observe at the end of the world."""
    modes = found.seen.get("mode_REDUCE_RISK_ONLY", 0) + found.seen.get("mode_OBSERVE_ONLY", 0)
    return modes - found.seen.get("bound_observe_observe", 0)


def test_balances_that_freeze_over_our_own_fills_restrict_nothing_and_nothing_is_booked_of_them() -> None:
    """What such a balance shows is no withdrawal, and that it shows more again no deposit."""
    rates = {Fault.FROZEN: 0.2, Fault.PARTIAL: 0.3}
    shape = Shape(stage=4, rates=rates, hand_every=0, interval=30, settings=SETTINGS | WIDE, attended=False)
    found = ended(1, 60, shape)
    assert not found.broken, found.broken
    assert found.faults[Fault.FROZEN] > 2
    assert found.seen["fills_booked"] > 20
    assert (restricted(found), found.seen.get("alarm_transfer_out", 0)) == (0, 0)


@pytest.mark.parametrize(("interval", "steps"), [(10, 400), (60, 300), (300, 250)])
def test_at_short_intervals_few_cycles_are_restricted_and_nothing_stops(interval: int, steps: int) -> None:
    found = [life.ended for life in lives(interval, steps)]
    assert sum(map(restricted, found)) * 50 <= sum(one.seen["cycles"] for one in found)


@pytest.mark.parametrize(("interval", "steps"), [(900, 250), (3600, 250)])
def test_at_long_ones_at_most_one_for_each_act_that_takes_out_what_no_list_shows_by_then(
    interval: int, steps: int
) -> None:
    for life in lives(interval, steps):
        assert restricted(life.ended) <= life.person.unseen_out
