"""Tests write to memory where there is room, and to a disk where there is not."""

from __future__ import annotations

import shutil
import subprocess
import sys
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
    own = memory.write_to_memory()
    assert (own is not None) is taken
    assert (Path(tempfile.gettempdir()).parent == tmp_path) is taken


def test_a_run_drops_its_folder_and_that_of_one_that_was_killed_and_no_other(tmp_path: Path) -> None:
    program = (
        "import sys, memory; own = memory.Own(memory.Path(sys.argv[1])); own.stays = sys.argv[2] == 'fails'; "
        "print(own.folder, flush=True); sys.stdin.read()"
    )

    def begin(how: str) -> tuple[subprocess.Popen[str], Path]:
        command = [sys.executable, "-c", program, str(tmp_path), how]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        process = subprocess.Popen(command, cwd=Path(memory.__file__).parent, **pipes)
        folder = Path(process.stdout.readline().strip())
        (folder / "left").write_text("by a test")
        return process, folder

    runs, killed, passes, fails = (begin(how) for how in ("runs", "killed", "passes", "fails"))
    killed[0].kill()
    for process, _ in (killed, passes, fails):
        process.communicate()
    assert [folder.exists() for _, folder in (killed, passes, fails)] == [True, False, True]
    other = tmp_path / "others"
    other.mkdir()
    memory.drop_dead(tmp_path)
    assert set(tmp_path.iterdir()) == {runs[1], other}
    runs[0].communicate()
    assert set(tmp_path.iterdir()) == {other}
