"""Commands that only look at a history import nothing that they do not use: that is most of their time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from stage7_runs import make_dataset
from started import run

COMPILER = {"alembic", "concurrent.futures.process", "llvmlite", "numba", "pyarrow", "requests"}
HEAVY = COMPILER | {"numpy", "sqlalchemy.dialects.postgresql", "zstandard"}
QUICK = HEAVY | {"meva_core.engine", "meva_core.venue", "rich", "structlog"}
LOADED = """
import json, sys
from meva_cli.app import run
for command in sys.argv[1:]:
    code = run(command.split())
    print("loaded:", json.dumps([command, code, sorted(sys.modules)]), flush=True)
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a database of one short run, and the same without the rows of its cycles, c.db."""
    root = tmp_path_factory.mktemp("recorded")
    make_dataset(root / "data", minutes=10)
    for options in ("a.db", "c.db --trace columns"):
        run(*f"backtest --data data --engine interpreted --db {options}".split(), cwd=root).check_returncode()
    return root


def loaded(folder: Path, *commands: str) -> dict[str, set[str]]:
    """Return the modules that are imported after each of some commands, run in turn by one new process."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *commands], cwd=folder, capture_output=True, text=True, check=True
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("loaded: ")]
    found = [json.loads(line.removeprefix("loaded: ")) for line in lines]
    assert [(command, code) for command, code, _ in found] == [(command, 0) for command in commands]
    return {command: set(modules) for command, _, modules in found}


LOOKS = (
    "runs --db a.db",
    "runs --db a.db --json",
    "count --db a.db",
    "alerts --db a.db",
    "report --db a.db --last 3",
    "report --db a.db --json",
    "export --db a.db --format jsonl",
    "export --db a.db --format csv",
)


@pytest.mark.parametrize("commands", [LOOKS, LOOKS[::-1]], ids=["forwards", "backwards"])
def test_what_only_looks_imports_no_columns_no_compiler_and_no_logs(
    recorded: Path, commands: Sequence[str]
) -> None:
    for command, modules in loaded(recorded, *commands).items():
        assert "sqlalchemy" in modules, command
        assert not modules & QUICK, command


def test_why_knows_the_settings_and_no_more(recorded: Path) -> None:
    for command, modules in loaded(recorded, "why --db a.db", "why --db a.db --last 3 --json").items():
        assert "meva_core.settings" in modules, command
        assert not modules & (HEAVY | {"structlog"}), command


def test_a_look_at_columns_opens_them_and_compiles_nothing(recorded: Path) -> None:
    looks = ("runs", "report", "report --json", "report --summary", "why", "why --last 3", "alerts")
    for command, modules in loaded(recorded, *(f"{look} --db c.db" for look in looks)).items():
        assert command == "runs --db c.db" or {"numpy", "zstandard"} <= modules, command
        forbidden = COMPILER | {"dotenv", "meva_core.engine", "meva_core.venue", "rich", "structlog"}
        forbidden |= {"sqlalchemy.dialects.postgresql"}
        assert not modules & forbidden, command


def test_a_database_that_a_setting_names_is_looked_at_as_quickly(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DB_PATH", str(recorded / "a.db"))
    assert not loaded(recorded, "report --last 3")["report --last 3"] & (HEAVY | {"structlog"})


def test_columns_are_loaded_where_they_are_written(recorded: Path) -> None:
    """The names above are those of modules: a renamed one would never be found."""
    export = "export --db a.db --format parquet --out a.parquet"
    backtest = "backtest --data data --db b.db --engine interpreted"
    exported, recording = loaded(recorded, export, backtest).values()
    assert "pyarrow" in exported
    assert {"numpy", "meva_core.engine"} <= recording
