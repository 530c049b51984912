"""Commands from the first line to the last row: real files, real databases."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from chromium import browser, tab
from command_line import meva
from fresh_database import fresh_file
from machine_cache import kept_at
from made import Made
from postgres_server import new_postgres
from stage7_runs import BUSY, make_dataset

__all__ = ["browser", "meva", "new_postgres", "tab"]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    root = tmp_path_factory.mktemp("made")
    fresh_file(root / "schema.db")
    return Made(make_dataset(root / "data", minutes=40), root / "schema.db")


@pytest.fixture(scope="module")
def quick_folder() -> Iterator[Path]:
    """Return a folder in memory, where there is one, and no longer than this module needs it."""
    with TemporaryDirectory(prefix="meva-e2e-") as folder:
        yield Path(folder)


@pytest.fixture
def busy(meva: object, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Set the environment of a run that trades; the patch sets more."""
    for name, value in BUSY.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture
def data(made: Made, tmp_path: Path) -> Path:
    """Return a dataset of 40 minutes, not to be changed, beside databases a.db and b.db without rows."""
    for name in ("a.db", "b.db"):
        shutil.copy(made.schema, tmp_path / name)
    return made.data


@pytest.fixture
def machine_cache(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep machine code where the tests of the engine do; such tests are in the xdist group `compiled`."""
    monkeypatch.setenv("MEVA_CACHE_DIR", str(kept_at(pytestconfig, tmp_path_factory)))
