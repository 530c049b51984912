"""Old files to upgrade, each a copy of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from old_files import SAMPLES, build


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that builds an old file once, and returns it; it must not be written to."""
    folder = tmp_path_factory.mktemp("old")

    def get(name: str) -> Path:
        path = folder / f"{name.removesuffix('.db').replace(' ', '-')}.db"
        if not path.exists():
            if name.endswith(".db"):
                shutil.copyfile(SAMPLES / name, path)
            else:
                first, _, last = name.partition(" to ")
                build(path, last or first, first if last else None)
        return path

    return get


@pytest.fixture
def old_file(built: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that copies an old file into this test's folder."""

    def get(name: str) -> Path:
        return Path(shutil.copyfile(built(name), tmp_path / "state.db"))

    return get
