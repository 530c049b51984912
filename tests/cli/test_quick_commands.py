"""Commands that only look at a history import nothing that they do not use: that is most of their time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from stage7_runs import make_dataset

COMPILER = {"alembic", "concurrent.futures.process", "llvmlite", "numba", "pyarrow", "requests"}
HEAVY = COMPILER | {"numpy", "sqlalchemy.dialects.postgresql", "zstandard"}
QUICK = HEAVY | {"meva_core.engine", "meva_core.venue", "rich", "structlog"}
LOADED = """
import sys
from meva_cli.app import run
code = run(sys.argv[1:])
print("loaded:", *sorted(sys.modules))
sys.exit(code)
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database with one short run; beside it lies the same without the rows of its cycles, c.db."""
    root = tmp_path_factory.mktemp("recorded")
    data = make_dataset(root / "data", minutes=10)
    command = [sys.executable, "-m", "meva_cli", "backtest", "--data", data, "--db", root / "a.db"]
    subprocess.run([*command, "--engine", "interpreted"], cwd=root, check=True, capture_output=True)
    command = [*command[:-1], root / "c.db", "--trace", "columns", "--engine", "interpreted"]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    return root / "a.db"


def loaded(recorded: Path, *arguments: str) -> set[str]:
    """Return the modules that a command of a process of its own has imported."""
    command = [sys.executable, "-c", LOADED, *arguments]
    done = subprocess.run(command, cwd=recorded.parent, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].removeprefix("loaded: ").split())


@pytest.mark.parametrize(
    "command",
    [
        "report --db a.db --last 3",
        "report --db a.db --json",
        "runs --db a.db",
        "runs --db a.db --json",
        "alerts --db a.db",
        "count --db a.db",
        "export --db a.db --format jsonl",
        "export --db a.db --format csv",
    ],
)
def test_what_only_looks_imports_no_columns_no_compiler_and_no_logs(recorded: Path, command: str) -> None:
    modules = loaded(recorded, *command.split())
    assert "sqlalchemy" in modules
    assert not modules & QUICK


@pytest.mark.parametrize("command", ["why --db a.db", "why --db a.db --last 3 --json"])
def test_why_knows_the_settings_and_no_more(recorded: Path, command: str) -> None:
    modules = loaded(recorded, *command.split())
    assert "meva_core.settings" in modules
    assert not modules & (HEAVY | {"structlog"})


@pytest.mark.parametrize("command", ["report", "report --json", "runs", "why", "why --last 3", "alerts"])
def test_a_look_at_columns_opens_them_and_compiles_nothing(recorded: Path, command: str) -> None:
    modules = loaded(recorded, *command.split(), "--db", "c.db")
    assert command == "runs" or {"numpy", "zstandard"} <= modules
    assert not modules & (COMPILER | {"meva_core.engine", "sqlalchemy.dialects.postgresql", "structlog"})


def test_a_database_that_a_setting_names_is_looked_at_as_quickly(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DB_PATH", str(recorded))
    assert not loaded(recorded, "report", "--last", "3") & (HEAVY | {"structlog"})


def test_columns_are_loaded_where_they_are_written(recorded: Path) -> None:
    """The names above are those of modules: a renamed one would never be found."""
    out = recorded.with_name("a.parquet")
    assert "pyarrow" in loaded(recorded, "export", "--db", "a.db", "--format", "parquet", "--out", str(out))
    again = loaded(recorded, "backtest", "--data", "data", "--db", "b.db", "--engine", "interpreted")
    assert {"numpy", "meva_core.engine"} <= again
