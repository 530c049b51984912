"""What docs/strategies.md shows is so: each strategy runs, trades and is proved as it is there, and the ten
commands from a new one to a chart of a dry run do what they say."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from local_exchange import start_emulator, stop_emulator
from stage7_runs import BUSY, make_dataset

Meva = Callable[..., Any]
PAGE = (Path(__file__).parents[2] / "docs/strategies.md").read_text()
SHOWN = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE, re.DOTALL))
ASKED = {
    "momentum.py": ("momentum.py:Momentum", ("-p", "closes=5", "-p", "count=1")),
    "trailing.py": ("trailing.py:TrailingStop", ("-p", "fall=0.001")),
}
TEN = re.findall(r"^## From `meva strategy new`.*?```sh\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE)[0]


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


def test_the_ten_commands_lead_from_a_new_strategy_to_a_chart_of_a_dry_run(
    meva: Meva, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lines = [shlex.split(line, comments=True) for line in TEN.splitlines()]
    assert lines[0] == ["meva", "init", "desk", "&&", "cd", "desk"]
    assert len(lines) == 10
    assert meva("init", "desk").code == 0
    monkeypatch.chdir("desk")
    exchange = None
    try:
        for words in lines[1:]:
            while "=" in words[0]:
                monkeypatch.setenv(*words.pop(0).split("=", 1))
            if words[1] == "emulator":
                exchange = start_emulator(*words[3:])
                for name, value in exchange.environment.items():
                    monkeypatch.setenv(name, value)
                continue
            text = " ".join(words[1:]).replace("--interval 5 --cycles 60", "--interval 1 --cycles 2")
            ended = meva(*text.split())
            assert ended.code == 0, (words, ended.err)
    finally:
        if exchange is not None:
            stop_emulator(exchange)
    for page in ("rising.html", "live.html"):
        assert "<svg" in Path(page).read_text() or "uPlot" in Path(page).read_text(), page
    assert os.listdir(tmp_path) == ["desk"]
