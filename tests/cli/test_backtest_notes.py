"""What a backtest says once, at its start, that a user may not expect; and what it leaves of its process."""

import gc
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from fresh_database import fresh_file

from meva_cli.commands.backtest import backtest

SAMPLE = Path(__file__).parents[2] / "replay" / "sample"


@pytest.fixture
def notes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, data: Path = SAMPLE, **environment: str) -> list[str]:
        if not Path("a.db").exists():
            fresh_file(Path("a.db"))
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


def test_a_window_beyond_the_data_is_said_first(notes):
    assert notes("--start", "2023-12-31T23:58:00Z")[0].startswith("the window begins at 2023-12-31T23:58:00Z")


def test_a_look_ahead_is_said_before_all_else(notes, tmp_path):
    early = tmp_path / "early"
    shutil.copytree(SAMPLE, early)
    (early / "manifest.json").unlink()
    for path in early.glob("candles/*.csv"):
        header, *rows = path.read_text().splitlines()
        # Each row's stamp goes to the row after it: one step earlier, for all but the row after a gap.
        stamps = [row.split(",", 1)[0] for row in rows]
        moved = [f"{stamp},{row.split(',', 1)[1]}" for stamp, row in zip(stamps, rows[1:], strict=False)]
        path.write_text("\n".join([header, *moved]) + "\n")
    first = notes("--start", "2023-12-31T23:58:00Z", data=early)[0]
    assert "closes fit the order book 60 s later" in first
    assert '"stamp": "open", "interval": 60' in first
    assert not any("fit the order book" in note for note in notes())


def test_garbage_is_looked_for_afterwards_as_often_as_before_and_none_is_spared(notes):
    before = gc.get_threshold(), gc.get_freeze_count()
    notes()
    assert (gc.get_threshold(), gc.get_freeze_count()) == before
