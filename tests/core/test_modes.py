"""The modes: a chain, of which the most restrictive wins."""

from __future__ import annotations

from meva_core.modes import Mode


def test_the_chain_runs_from_normal_to_observing() -> None:
    assert sorted(Mode) == [Mode.NORMAL, Mode.REDUCE_RISK_ONLY, Mode.OBSERVE_ONLY]
    assert [int(mode) for mode in sorted(Mode)] == [0, 1, 2]  # stored, so they stay
