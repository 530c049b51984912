"""Databases that revision 0002 wrote come to head and back with every byte, are read as ever, and go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import meva
from old_files import columns_of, dump, objects
from revision_0002 import RUNS, SHA256, Kept, make_market, unpack, upgraded
from test_generations import assert_kept, assert_still_declared

from meva_adapters.sql import reader
from meva_adapters.sql.migrate import downgrade
from meva_adapters.sql.revisions import HEAD
from meva_adapters.sql.upgrade import upgrade_database
from meva_cli.progress import NoProgress

__all__ = ["meva"]
Meva = Callable[..., Any]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the market of the runs, not to be changed."""
    return make_market(tmp_path_factory.mktemp("market") / "data")


def live_by(patch: pytest.MonkeyPatch, kept: Kept) -> None:
    """Set the environment to the settings of a run."""
    for name, value in kept.settings.items():
        patch.setenv(name, value)


@pytest.mark.parametrize("name", RUNS)
def test_it_comes_to_head_and_back_and_keeps_every_row_and_value(name: str, tmp_path: Path) -> None:
    path = unpack(name, tmp_path / "state.db")
    before, were = dump(path), objects(path)

    outcome = upgrade_database(path, NoProgress(), with_backup=False)

    assert (outcome.before.revision, outcome.after.revision) == ("0002", HEAD)
    assert outcome.changes.withheld == []
    assert_kept(before, path)
    assert_still_declared(were, objects(path))

    downgrade(path, "0002")
    assert columns_of(dump(path)) == columns_of(before)
    assert_kept(before, path)


@pytest.mark.parametrize("name", RUNS)
def test_its_run_is_read_as_it_was_recorded(name: str, meva: Meva, tmp_path: Path) -> None:
    kept = RUNS[name]
    upgraded(name, tmp_path / "state.db")
    [shown] = meva("runs", "--db", "state.db", "--json").document["runs"]
    assert (shown["run_id"], shown["fingerprint"], shown["cycles"], shown["status"]) == (
        kept.run_id,
        kept.fingerprint,
        kept.recorded,
        "complete" if kept.recorded == kept.cycles else "interrupted",  # nobody goes on with it
    )
    report = meva("report", "--db", "state.db", "--json", "--last", 100).document
    assert len(report["cycles"]) == kept.recorded
    last = meva("why", "--db", "state.db", "--json").document["cycle_id"]
    assert last == report["cycles"][-1]["cycle_id"]
    for command in (("report", "--last", 100), ("why",), ("export",), ("alerts",), ("count",)):
        ended = meva(*command, "--db", "state.db")
        assert (ended.code, ended.err) == (0, ""), command


def test_the_market_they_saw_is_the_one_that_is_made(market: Path, tmp_path: Path) -> None:
    with reader(upgraded("full", tmp_path / "state.db")) as store, store.read() as view:
        [run] = view.runs()
    assert run["dataset_sha256"] == SHA256


@pytest.mark.parametrize(
    ("name", "fingerprint"),
    [
        ("interrupted", RUNS["full"].fingerprint),
        ("changes", RUNS["full"].fingerprint),
        ("full", RUNS["full"].fingerprint),
    ],
)
def test_a_run_goes_on_to_the_fingerprint_that_it_would_have_had(
    name: str, fingerprint: str, meva: Meva, monkeypatch: pytest.MonkeyPatch, market: Path, tmp_path: Path
) -> None:
    kept = RUNS[name]
    upgraded(name, tmp_path / "state.db")
    live_by(monkeypatch, kept)
    line = ("backtest", "--data", market, "--db", "state.db", "--engine", "interpreted", "--cycles", 45)
    ended = meva(*line, "--resume", "--json", *kept.options()).document
    assert (ended["run_id"], ended["fingerprint"]) == (kept.run_id, fingerprint)
    assert ended["cycles_run"] == 45 - kept.recorded


@pytest.mark.parametrize("name", ["adapting", "unsorted"])
def test_a_run_is_made_longer_under_its_id(
    name: str, meva: Meva, monkeypatch: pytest.MonkeyPatch, market: Path, tmp_path: Path
) -> None:
    kept = RUNS[name]
    upgraded(name, tmp_path / "state.db")
    live_by(monkeypatch, kept)
    line = ("backtest", "--data", market, "--db", "state.db", "--engine", "interpreted", "--cycles", 50)
    ended = meva(*line, "--resume", "--json", *kept.options()).document
    assert (ended["run_id"], ended["cycles_run"]) == (kept.run_id, 50 - kept.recorded)
