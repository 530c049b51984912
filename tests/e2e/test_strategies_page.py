"""The strategies that docs/strategies.md shows are ones: each runs, trades and is proved as it is there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stage7_runs import BUSY, make_dataset

Meva = Callable[..., Any]
PAGE = (Path(__file__).parents[2] / "docs/strategies.md").read_text()
SHOWN = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE, re.DOTALL))
ASKED = {
    "momentum.py": ("momentum.py:Momentum", ("-p", "closes=5", "-p", "count=1")),
    "trailing.py": ("trailing.py:TrailingStop", ("-p", "fall=0.001")),
}


def test_all_of_them_are_tried() -> None:
    assert SHOWN.keys() == ASKED.keys()


@pytest.mark.parametrize("name", ASKED)
def test_what_the_page_shows_runs_and_is_proved(
    meva: Meva, monkeypatch: pytest.MonkeyPatch, name: str, tmp_path: Path
) -> None:
    for variable, value in BUSY.items():
        monkeypatch.setenv(variable, value)
    data = make_dataset(tmp_path / "data", minutes=480)
    Path(name).write_text(SHOWN[name])
    spec, parameters = ASKED[name]
    asked = ("--strategy", spec, *parameters, "--engine", "interpreted", "--json")
    found = meva("backtest", "--data", data, "--db", "a.db", *asked).document
    assert found["fills"] > 0
    assert len(SHOWN[name].splitlines()) < 60
    proved = meva("prove", "--db", "a.db", *asked).document
    assert (proved["proved"], proved["fingerprint"]) == (True, found["fingerprint"])
