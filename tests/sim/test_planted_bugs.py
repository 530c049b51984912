"""Each bug that is planted is caught in one of its first twenty worlds, by that check which is meant to."""

from __future__ import annotations

import re
from pathlib import Path

import planted_bugs
import planted_in_books
import pytest
from nightly import NIGHTLY, every
from planting import BUGS, Bug
from simulated import checked, ended

from meva_adapters import rehearsal

WITHIN = 20
"""Worlds."""
assert planted_bugs, planted_in_books  # they list themselves


def test_there_are_enough_of_them_and_each_check_catches_one() -> None:
    assert len(BUGS) >= 16
    assert len({bug.name for bug in BUGS}) == len(BUGS)
    sources = [path.read_text() for path in Path(rehearsal.__path__[0]).glob("*.py")]
    checks = {code for text in sources for code in re.findall(r'Violated\(\s*"(I\d+)"', text)}
    assert len(checks) > 20
    assert checks - {bug.caught[0].split(":")[0] for bug in BUGS} == set()


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_caught(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    bug.plant(monkeypatch)
    for seed in range(0 if NIGHTLY else bug.first, WITHIN):
        found = ended(seed, bug.steps, bug.shape)
        if found.broken:
            assert bug.is_meant(found.broken), found.broken
            return
    pytest.fail(f"{bug.name}: nothing was seen in {WITHIN} worlds")


@pytest.mark.parametrize("bug", every(4, BUGS), ids=lambda bug: bug.name)
def test_the_world_in_which_it_shows_holds_without_it(bug: Bug) -> None:
    checked(bug.first, bug.steps, bug.shape)
