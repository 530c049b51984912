"""What a backtest says once, at its start, that a user may not expect."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from meva_cli.commands.backtest import backtest

SAMPLE = Path(__file__).parents[2] / "replay" / "sample"


@pytest.fixture
def notes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, data: Path = SAMPLE, **environment: str) -> list[str]:
        command = ["--data", str(data), "--db", "a.db", "--cycles", "3", "--engine", "interpreted", "--json"]
        done = CliRunner().invoke(backtest, [*command, *arguments], env=environment, catch_exceptions=False)
        return json.loads(done.stdout)["warnings"]

    return run


def test_a_step_longer_than_the_time_to_live_is_said(notes):
    assert any("TTL_SECONDS=120" in note for note in notes("--step", "180"))
    assert not any("TTL_SECONDS" in note for note in notes("--step", "120"))


def test_fallback_rules_are_said_with_the_symbols_they_stand_in_for(notes, tmp_path):
    bare = tmp_path / "bare"
    shutil.copytree(SAMPLE, bare)
    (bare / "exchangeinfo.json").unlink()
    (bare / "manifest.json").unlink()
    assert any("fallback rules stand in for BTCTRY, DOGETRY" in note for note in notes(data=bare))
    assert not any("fallback" in note for note in notes())


def test_a_configured_symbol_that_the_dataset_lacks_is_said(notes):
    assert any("AVAXTRY" in note for note in notes(SYMBOLS="BTCTRY,AVAXTRY"))


def test_fewer_cycles_than_are_recorded_is_said(notes):
    assert not any("recorded" in note for note in notes())
    assert any("2 cycles were asked for" in note for note in notes("--cycles", "2"))
