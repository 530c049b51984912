"""A run in memory, and the same run as the command records it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import meva  # noqa: F401 - a fixture
from stage7_runs import BUSY, make_dataset

from meva_adapters.notebook import Backtest, backtest


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("market") / "data", minutes=150)


@pytest.fixture(scope="session")
def run(dataset: Path) -> Backtest:
    return backtest(dataset, engine="interpreted", **BUSY)


@pytest.fixture
def recorded(
    meva: Callable[..., Any],  # noqa: F811
    dataset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[Path, dict[str, Any]]:
    """Record the same run with the command; return the database, and what the command printed."""
    for name, value in BUSY.items():
        monkeypatch.setenv(name, value)
    done = meva("backtest", "--data", dataset, "--db", "a.db", "--engine", "interpreted", "--json")
    assert done.code == 0
    return tmp_path / "a.db", done.document
