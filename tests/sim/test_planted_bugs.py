"""Each bug that is planted is caught, in one of its first twenty worlds."""

from __future__ import annotations

import pytest
from nightly import every
from planted_bugs import BUGS, Bug
from simulated import ended

WITHIN = 20
"""Worlds."""


def test_there_are_enough_of_them() -> None:
    assert len(BUGS) >= 16
    assert len({bug.name for bug in BUGS}) == len(BUGS)


@pytest.mark.parametrize("bug", every(4, BUGS), ids=lambda bug: bug.name)
def test_a_planted_bug_is_caught(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    bug.plant(monkeypatch)
    for seed in range(WITHIN):
        found = ended(seed, bug.steps, bug.shape)
        if found.broken:
            assert found.broken.split(":")[0] in bug.caught, found.broken
            return
    pytest.fail(f"{bug.name}: nothing was seen in {WITHIN} worlds")
