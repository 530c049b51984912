"""Alerts and quality flags at their thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from meva_core.cycle import new_out
from meva_core.market import empty_market
from meva_core.trace.flags import ALERTS, QUALITY, alert_flags, quality_flags, raised

SPIKE, RETRIES = 3, 5


def flags(**counts: int) -> tuple[dict[str, bool], dict[str, bool]]:
    """The quality flags and alerts of one cycle with fresh data in which so much was counted."""
    out, market = new_out(1, 1, 1), empty_market(1, 1)
    out.assess.fresh[0] = 1
    columns: dict[str, Any] = dict.fromkeys(
        ("rejected", "throttled", "retries", "giveups"), np.zeros(1, np.int64)
    )
    columns |= {name: np.array([count]) for name, count in counts.items()}
    part = slice(0, 1)
    quality = int(quality_flags(market, out, part, columns)[0])
    alerts = int(alert_flags(out, part, columns, SPIKE, RETRIES)[0])
    return raised(quality, QUALITY), raised(alerts, ALERTS)


@pytest.mark.parametrize(
    ("rejected", "alerts"), [(2, {}), (3, {"reject_spike": True}), (4, {"reject_spike": True})]
)
def test_rejects_are_a_spike_from_the_threshold_on(rejected: int, alerts: dict[str, bool]) -> None:
    assert flags(rejected=rejected) == ({}, alerts)


@pytest.mark.parametrize(("retries", "alerts"), [(4, {}), (5, {"retry_excess": True})])
def test_retries_are_too_many_from_the_threshold_on(retries: int, alerts: dict[str, bool]) -> None:
    assert flags(retries=retries) == ({"retry_scheduled": True}, alerts)


def test_what_ended_for_want_of_tokens_or_attempts_is_both_quality_and_alert() -> None:
    assert flags(throttled=1) == ({"throttled": True}, {"throttled": True})
    assert flags(giveups=1) == ({"retry_giveup": True}, {"retry_giveup": True})
