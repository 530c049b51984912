"""Stages 3 and 4 in worlds in which all goes wrong that may: everything holds, and each comes to one end.

More of them, and longer: HYPOTHESIS_PROFILE=nightly, `meva rehearse`, or `python tests/sim/simulated.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from nightly import NIGHTLY
from simulated import checked

from meva_adapters.rehearsal.faults import ADDED, RATES, Fault
from meva_adapters.rehearsal.violations import Violated
from meva_adapters.rehearsal.worlds import Shape
from meva_core.operating.records.book_file import BookFile

SAMPLE = range(1000, 1000 + (2000 if NIGHTLY else 4))
TOGETHER = 20 if NIGHTLY else 2
"""Worlds of a sample that are looked at together: in one alone a canary or its limits may keep all still."""
STEPS = 200 if NIGHTLY else 15
MOST_STEPS = 200 if NIGHTLY else 60
LINES = (Path(__file__).parent / "seeds.txt").read_text().splitlines()
KEPT = [line.split()[:3] for line in LINES if line and not line.startswith("#")]
KEPT_NOW = [one for one in KEPT if int(one[1]) <= MOST_STEPS]


@pytest.mark.parametrize(("seed", "steps", "kinds"), KEPT_NOW, ids=["-".join(one) for one in KEPT_NOW])
def test_what_was_wrong_once_holds(seed: str, steps: str, kinds: str) -> None:
    checked(int(seed), int(steps), {"first": Shape(earlier=True), "now": Shape()}[kinds])


@pytest.mark.parametrize("first", SAMPLE[::TOGETHER])
def test_everything_holds_whatever_goes_wrong_and_much_is_traded(first: int) -> None:
    sample = [checked(seed, STEPS).seen for seed in range(first, first + TOGETHER)]
    assert all(seen["cycles"] > STEPS // 2 for seen in sample)
    assert sum(seen["submits"] for seen in sample) > TOGETHER * STEPS // 10
    assert sum(seen["own_fills"] for seen in sample) > TOGETHER


def test_what_a_cycle_keeps_of_its_orders_is_what_the_file_has(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, looks = BookFile.own_orders, Counter[bool]()

    def compared(file: BookFile, numbers: Any = (), names: Any = ()) -> Any:
        found = kept(file, numbers, names)
        anew = BookFile(file.desk, file.whose, file.cycle, file.marks, file.lots)
        if kept(anew, numbers, names) != found:
            raise Violated("bug", f"{found} was kept, and the file has {kept(anew, numbers, names)}")
        looks[file.keeps] += 1
        return found

    monkeypatch.setattr(BookFile, "own_orders", compared)
    checked(1005, 12)
    assert looks[True] > 100


@pytest.mark.skipif(not NIGHTLY, reason="takes as many worlds as all kinds of faults take to occur")
def test_every_kind_of_fault_occurs() -> None:
    never = set(map(str, Fault))
    for seed in range(40):
        never -= checked(seed, 60).faults.keys()
    rare = dict.fromkeys(map(Fault, never), 0.5) | {Fault.REFUSED_429: 0.3}  # of which some are taken yet
    for seed in range(20):
        never -= checked(seed, 60, Shape(rates=rare, hand_every=300)).faults.keys()
    assert never == set()


def test_every_kind_of_fault_has_a_rate_or_follows_from_another() -> None:
    follows = {
        Fault.ARMED, Fault.BY_HAND, Fault.FLOW_LISTED, Fault.FLOW_LISTED_LATE, Fault.FLOW_UNLISTED,
    }  # fmt: skip
    assert set(Fault) - set(RATES) - set(ADDED) == follows


@pytest.mark.parametrize("seed", SAMPLE[::20])
def test_a_seed_comes_to_the_same_end_in_another_process_zone_and_hash_order(seed: int) -> None:
    steps = 12
    code = f"from simulated import checked; print(checked({seed}, {steps}).digest)"
    here = Path(__file__).parent
    environment = os.environ | {
        "PYTHONHASHSEED": "77",
        "TZ": "Pacific/Auckland",
        "LC_ALL": "C",
        "PYTHONPATH": os.pathsep.join(map(str, (here, here.parent))),
    }
    told = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == [checked(seed, steps).digest]
