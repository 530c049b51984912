"""`meva doctor --deep`: strategies are asked about the dataset, as `meva strategy check` asks them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stage7_runs import make_dataset
from test_doctor_command import checks, doctor

Meva = Callable[..., Any]
DEEP = ("--offline", "--deep", "--for")
FORESEES = """
import numpy as np
from meva_core.strategy import Strategy

class Foresees(Strategy):
    def weights(self, h):
        ahead = np.roll(h.close, -1, axis=0)
        return h.on_cycles(np.where(ahead > h.close, 0.1, 0.0))
"""
DIPS = """
from meva_core.strategy import Intent, Side, Strategy

class Dips(Strategy):
    def decide(self, view, memory):
        return [Intent(s.name, Side.BUY, 150) for s in view.symbols]
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_dataset(tmp_path_factory.mktemp("market") / "data", minutes=30))


def test_what_speaks_against_a_strategy_fails_and_names_what_says_more(meva: Meva, data: str) -> None:
    Path("own.py").write_text(FORESEES)
    given = {"MEVA_REPLAY_DATASET": data, "STRATEGY_TIMEOUT_SEC": "0.00000001"}
    found = checks(doctor(meva, *DEEP, "stage7", "--strategy", "own.py:Foresees", **given))
    foresees = found["strategy", "no_look_ahead"]
    assert (foresees["status"], "weight" in foresees["message"]) == ("fail", True)
    assert "`meva strategy check own.py:Foresees --data DIR`" in foresees["action"]
    assert found["strategy", "opens_nothing"]["status"] == "pass"
    speed = found["strategy", "speed"]
    assert (speed["status"], "a cycle waits 1e-08 s for it" in speed["message"]) == ("fail", True)


def test_where_there_is_no_dataset_it_is_said_that_nothing_is_proved(meva: Meva, data: str) -> None:
    found = checks(doctor(meva, *DEEP, "backtest", "--strategy", "momentum"), "warn")
    assert "nothing is proved about momentum: no dataset" in found["strategy", "proof"]["message"]
    given = {"MEVA_REPLAY_DATASET": data}
    for more in (("--strategy", "momentum", "--no-strategy"), ()):
        assert not [
            name for _, name in checks(doctor(meva, *DEEP, "backtest", *more, **given)) if name == "speed"
        ]


def test_of_those_that_a_stage_lists_each_is_asked_that_answers_with_weights(
    meva: Meva, data: str, tmp_path: Path
) -> None:
    (tmp_path / "dips.py").write_text(DIPS)
    given = {
        "STAGE4_STRATEGIES": "profit_aware_v1,dips,buy_and_hold",
        "MEVA_STRATEGY_PATH": str(tmp_path),
        "MEVA_REPLAY_DATASET": data,
    }
    rows = doctor(meva, *DEEP, "stage4", **given).document["checks"]
    said = {one["message"].partition(":")[0]: one for one in rows if one["category"] == "strategy"}
    assert said["buy_and_hold"]["status"] == "pass"
    assert "profit_aware_v1 is not asked about a dataset" in " ".join(said)
    assert said["dips"]["status"] == "warn"
    assert "answered with a list of Intent or Target" in said["dips"]["message"]
