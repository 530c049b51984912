"""The strategies that a stage lists: loaded by id with their parameters, or every fault named at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from meva_adapters.strategies.listed import AtHand, of_stage
from meva_core.errors import BadInput
from meva_core.settings import build_settings
from meva_core.strategy.built_in import OF_LIVE_STAGES, Momentum

TWICE = 'id = "dips"\n    version'
OWN = """
from meva_core.strategy import Intent, Side, Strategy, param

class Dips(Strategy):
    version = 3
    bars = "1h"
    closes = param(24, least=1)

    def needs(self):
        return self.closes

    def decide(self, view, memory):
        return [Intent("BTCTRY", Side.BUY, 150)]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "dips.py").write_text(OWN)
    return tmp_path


def listed(names: str, folder: Path | None = None, stage: int = 4, **tables: Mapping[str, Any]) -> AtHand:
    """Return what a stage lists by these names."""
    texts = {f"STAGE{stage}_STRATEGIES": names}
    settings = build_settings(texts if folder is None else texts | {"MEVA_STRATEGY_PATH": str(folder)})
    return of_stage(stage, evolve(settings, strategy=evolve(settings.strategy, tables=tables)))


def test_without_a_word_each_stage_has_the_one_that_comes_with_meva():
    for stage, name in ((3, "profit_aware_v1"), (4, "baseline_mean_reversion_v1")):
        found = of_stage(stage, build_settings({}))
        [one] = found.listed
        assert (one.id, one.weight, one.identity["id"]) == (name, 100, name)
        assert type(found.strategies[name]) is OF_LIVE_STAGES[name]
        assert found.bars == {}


def test_they_are_found_by_id_with_their_weights_and_the_parameters_of_the_file(folder: Path):
    found = listed("dips:250,momentum", folder, dips={"closes": 48}, momentum={"count": 2})
    assert [(one.id, one.weight) for one in found.listed] == [("dips", 250), ("momentum", 100)]
    assert found.listed[0].identity == found.chosen["dips"].identity
    assert found.listed[0].identity["parameters"] == {"closes": 48}
    assert (found.listed[0].identity["version"], found.chosen["dips"].places) == (3, (folder,))
    assert found.strategies["momentum"].parameters()["count"] == 2
    assert listed("", folder).listed == ()


def test_bars_are_those_that_all_of_them_have_to_see(folder: Path):
    (folder / "longer.py").write_text(OWN.replace("Dips", "Longer").replace("24", "30"))
    (folder / "finest.py").write_text(OWN.replace("Dips", "Finest").replace('bars = "1h"', ""))
    (folder / "nothing.py").write_text(OWN.replace("Dips", "Nothing").replace("self.closes", "0"))
    found = listed("dips,longer,finest,nothing,fixed_weights", folder)
    assert found.bars == {60: 24, 3600: 30}
    assert listed("momentum").bars == {60: Momentum().needs()}


@pytest.mark.parametrize(
    ("source", "names", "said"),
    [
        (OWN, "dibs", "there is no strategy 'dibs'; there are baseline_mean_reversion_v1, buy_and_hold, di"),
        (OWN, "equal_weight", "equal_weight is what Stage 7 does without a strategy"),
        (OWN + "1 / 0", "dips", "dips.py cannot be loaded: ZeroDivisionError"),
        (OWN.replace("return self.closes", "return -1"), "dips", "needs() returned -1"),
        (OWN.replace('"1h"', '"30s"'), "dips", "bars of 30s (30 s) cannot be made of candles of 60 s"),
        (OWN.replace("decide", "decided"), "dips", "it has neither weights(h) nor decide(view, memory)"),
        (OWN + OWN.replace("Dips", "Two").replace("version", TWICE), "dips", "2 strategies"),
        (OWN.replace("Dips", "Momentum"), "momentum", "there are 2 strategies 'momentum': built in and"),
        (OWN.replace("Dips", "ProfitAwareV1"), "profit_aware_v1", "has the id of one that comes with Meva"),
        (OWN.replace("version", 'id = "d" + "ip"\n    version'), "dips", "says that its id is 'dip'"),
    ],
)  # fmt: skip
def test_what_cannot_be_listed_is_refused_by_the_setting_that_lists_it(
    folder: Path, source: str, names: str, said: str
):
    (folder / "dips.py").write_text(source)
    with pytest.raises(BadInput) as refused:
        listed(names, folder, stage=3)
    [problem] = refused.value.problems
    assert said in problem.message
    assert str(refused.value).startswith("STAGE3_STRATEGIES: ")
    assert problem.value == names
    assert problem.action


def test_every_fault_is_told_at_once(folder: Path):
    with pytest.raises(BadInput) as refused:
        listed("dips,none,momentum", folder, dips={"closed": 48}, momentum={"count": 0})
    assert [problem.value for problem in refused.value.problems] == ["dips", "none", "momentum"]
    assert "meva.toml [strategies.dips]: strategy dips has no parameter 'closed'" in str(refused.value)
