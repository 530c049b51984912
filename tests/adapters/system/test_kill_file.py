"""The kill switch as a file."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from meva_adapters.system.kill_file import read_kill_file, remove_kill_file, write_kill_file
from meva_core.operating.guards.kill import Kill, Level


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "STOP"


def test_no_file_stops_nothing(path: Path) -> None:
    assert read_kill_file(path) is None
    assert not remove_kill_file(path)


@pytest.mark.parametrize(
    ("text", "level", "reason"),
    [
        ("", Level.ALL, ""),
        ("all\n", Level.ALL, ""),
        ("cancels\n", Level.CANCELS, ""),
        (" Cancels \r\nflash crash", Level.CANCELS, "flash crash"),
        ("all\nflash\n\ncrash\n", Level.ALL, "flash crash"),
        ("cancel\n", Level.ALL, "cancel"),
        ("\ncancels", Level.ALL, "cancels"),
        ("stop it, please\n", Level.ALL, "stop it, please"),
    ],
)
def test_its_first_line_may_let_cancels_go_on_and_nothing_else_does(
    path: Path, text: str, level: Level, reason: str
) -> None:
    path.parent.mkdir()
    path.write_text(text)
    found = read_kill_file(path)
    assert found is not None
    assert (found.level, found.reason) == (level, reason)


def test_what_cannot_be_read_stops_everything(path: Path) -> None:
    path.mkdir(parents=True)
    found = read_kill_file(path)
    assert found is not None
    assert (found.level, found.reason) == (Level.ALL, "it cannot be read: Is a directory")
    path.rmdir()
    path.symlink_to(path.with_name("gone"))
    found = read_kill_file(path)
    assert found is not None
    assert found.level is Level.ALL


def test_what_is_written_is_read_and_taken_away(path: Path) -> None:
    write_kill_file(path, Level.CANCELS, "two\nlines")
    found = read_kill_file(path)
    assert found is not None
    assert (found.level, found.reason) == (Level.CANCELS, "two lines")
    assert os.stat(path).st_mode & 0o777 == 0o600
    write_kill_file(path, Level.ALL, "")
    assert remove_kill_file(path)
    assert read_kill_file(path) is None


def test_where_its_words_find_no_room_it_is_there_without_them(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    write_kill_file(path, Level.CANCELS, "before")
    monkeypatch.setattr("meva_adapters.system.files.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_kill_file(path, Level.CANCELS, "mild")
    found = read_kill_file(path)
    assert found is not None
    assert found.reason == "before", "an empty one would stop cancels, too"
    write_kill_file(path, Level.ALL, "flash crash")
    assert read_kill_file(path) == Kill(Level.ALL, f"MEVA_KILL_FILE, {path}")
