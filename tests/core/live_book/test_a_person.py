"""What a person does by hand beside the bot is taken into the book, and keeps it from little."""

from __future__ import annotations

import pytest
from nightly import every
from person import Lived, check_end, live


def lived(seed: int, interval: int, hours: int) -> Lived:
    """A life at whose end the book agrees; in which nothing killed, and no cycle only observed."""
    found = live(seed, interval, hours)
    check_end(found)
    seen = found.seen
    assert (seen["kills"], seen["mode_OBSERVE_ONLY"]) == (0, 0)
    assert seen["act_buy"] + seen["act_sell"] + seen["act_flow"] + seen["act_out_unlisted"] > 0
    return found


@pytest.mark.parametrize(("interval", "hours"), [(10, 3), (60, 12), (300, 72)])
@pytest.mark.parametrize("seed", every(2, [1, 2]))
def test_at_short_intervals_few_cycles_are_restricted_and_none_for_longer_than_five_minutes(
    seed: int, interval: int, hours: int
) -> None:
    found = lived(seed, interval, hours)
    assert found.seen["mode_REDUCE_RISK_ONLY"] * 50 <= found.seen["cycles"]
    assert found.longest * interval <= 300


@pytest.mark.parametrize(("interval", "hours"), [(900, 200), (3600, 500)])
@pytest.mark.parametrize("seed", every(2, [1, 2]))
def test_at_long_ones_at_most_one_for_each_act_that_takes_out_what_no_list_shows_by_then(
    seed: int, interval: int, hours: int
) -> None:
    found = lived(seed, interval, hours)
    assert found.seen["act_out_unlisted"] > 3
    assert found.seen["mode_REDUCE_RISK_ONLY"] <= found.seen["act_out_unlisted"]
