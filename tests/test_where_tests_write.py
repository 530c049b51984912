"""Tests write to memory where there is room, and to a disk where there is not."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import memory
import pytest


def test_a_folder_fits_that_can_be_written_to_and_has_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "ROOM", 0)
    assert memory.fits(tmp_path)
    assert not memory.fits(tmp_path / "lacks")
    monkeypatch.setattr(memory, "ROOM", shutil.disk_usage(tmp_path).total + 1)
    assert not memory.fits(tmp_path)


@pytest.mark.parametrize(
    ("given", "room", "taken"), [("", True, True), ("", False, False), ("/var", True, False)]
)
def test_temporary_files_go_there_unless_it_lacks_room_or_tmpdir_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, room: bool, taken: bool
) -> None:
    def fits(_: Any) -> bool:
        return room

    monkeypatch.setattr(memory, "MEMORY", tmp_path)
    monkeypatch.setattr(memory, "fits", fits)
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", given)
    memory.write_to_memory()
    assert (tempfile.gettempdir() == str(tmp_path)) is taken
