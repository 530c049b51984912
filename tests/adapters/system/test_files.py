"""Files that are there whole or not at all, and what is no regular file."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from meva_adapters.system.files import make_folder, replacing, whole_folder


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_its_target_is_replaced(there: bool, tmp_path: Path) -> None:
    target, link = tmp_path / "far" / "cycles.csv", tmp_path / "link.csv"
    target.parent.mkdir()
    if there:
        target.write_bytes(b"old")
    link.symlink_to(target)
    with replacing(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert sorted(found.name for found in tmp_path.rglob("*")) == ["cycles.csv", "far", "link.csv"]


def test_a_pipe_is_written_into_and_stays(tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    with replacing(pipe) as file:
        file.write(b"new")
    reader.join(timeout=60)
    assert read == [b"new"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_device_is_written_into_and_stays(tmp_path: Path) -> None:
    device = tmp_path / "null"
    try:
        os.mknod(device, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        device.write_bytes(b"")
    except PermissionError:
        pytest.skip("only root makes devices")
    with replacing(device) as file:
        file.write(b"new")
    assert stat.S_ISCHR(device.stat().st_mode)


@pytest.fixture(params=[0, 0o002, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.parametrize("old", [None, 0o600, 0o644, 0o666])
def test_a_file_is_for_its_owner_alone_whatever_the_umask_and_the_file_before(
    umask: int, old: int | None, tmp_path: Path
) -> None:
    path = tmp_path / "cycles.csv"
    if old is not None:
        path.write_bytes(b"old")
        path.chmod(old)
    with replacing(path) as file:
        (beside,) = tmp_path.glob(".cycles.csv.*.tmp")
        assert beside.stat().st_mode & 0o777 == 0o600
        file.write(b"new")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes() == b"new"


def test_folders_are_for_their_owner_alone_and_stay_as_they_are_where_they_are_there(
    umask: int, tmp_path: Path
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there").chmod(0o755)
    make_folder(tmp_path / "there" / "new" / "inner")
    make_folder(tmp_path / "there" / "new" / "inner")
    modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "there", tmp_path / "there" / "new")]
    assert modes == [0o755, 0o700]
    assert (tmp_path / "there" / "new" / "inner").stat().st_mode & 0o777 == 0o700
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        make_folder(tmp_path / "file")


def test_a_folder_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "above" / "whole"
    with whole_folder(target) as made:
        (made / "a").write_text("1")
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["a"]
    assert [path.name for path in target.parent.iterdir()] == ["whole"]


def test_a_folder_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    def stops() -> None:
        with whole_folder(tmp_path / "empty") as made:
            (made / "a").write_text("1")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stops()
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
    assert not any((tmp_path / "empty").iterdir())


def test_an_empty_folder_is_taken_and_nothing_else_is(tmp_path: Path) -> None:
    for name in ("empty", "full"):
        (tmp_path / name).mkdir()
    (tmp_path / "full" / "a").write_text("1")
    (tmp_path / "file").write_text("1")
    (tmp_path / "link").symlink_to("empty")
    with whole_folder(tmp_path / "empty") as made:
        (made / "b").write_text("2")
    for name in ("empty", "full", "file", "link"):
        with pytest.raises(FileExistsError), whole_folder(tmp_path / name):
            raise AssertionError("nothing is begun")

    def late() -> None:
        with whole_folder(tmp_path / "late") as made:
            (made / "c").write_text("3")
            (tmp_path / "late").mkdir()
            (tmp_path / "late" / "d").write_text("4")

    with pytest.raises(FileExistsError):
        late()
    assert (tmp_path / "late" / "d").read_text() == "4"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file", "full", "late", "link"]


def test_a_file_that_cannot_be_made_is_named_by_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path, refusal in (
        (tmp_path / "none" / "a", FileNotFoundError),
        (tmp_path / "folder", IsADirectoryError),
    ):
        with pytest.raises(refusal) as refused, replacing(path) as file:
            file.write(b"x")
        assert (refused.value.filename, refused.value.filename2) == (str(path), None)
