"""A folder that only its user can change, and every way in which it is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meva_adapters.system.own_folders import NotOurs, check_own, own_folder

as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_a_missing_folder_is_made_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = own_folder(tmp_path / "a" / "b" / "meva")
    finally:
        os.umask(before)
    assert folder == Path(os.path.realpath(tmp_path)) / "a" / "b" / "meva"
    assert [mode(place) for place in (folder, folder.parent, folder.parent.parent)] == [0o700] * 3


def test_looking_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        own_folder(tmp_path / "a" / "meva", make=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bits", [0o770, 0o702, 0o777])
@pytest.mark.parametrize("place", [".", "a", "a/meva"])
def test_a_folder_that_others_can_write_to_is_not_ours_at_any_depth(
    tmp_path: Path, place: str, bits: int
) -> None:
    (tmp_path / "a" / "meva").mkdir(parents=True)
    (tmp_path / place).chmod(bits)
    with pytest.raises(NotOurs, match=rf"{tmp_path / place} can be written to by others \(mode 0{bits:o}\)"):
        own_folder(tmp_path / "a" / "meva")


def test_above_ours_a_folder_may_let_others_add_as_tmp_does(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    assert own_folder(tmp_path / "meva").is_dir()
    (tmp_path / "meva").chmod(0o1777)
    with pytest.raises(NotOurs, match="can be written to by others"):
        own_folder(tmp_path / "meva")


def test_a_link_is_followed_above_ours_and_refused_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "cache").symlink_to("disk")
    assert own_folder(tmp_path / "cache" / "meva") == Path(os.path.realpath(tmp_path)) / "disk" / "meva"
    (tmp_path / "other").symlink_to(tmp_path / "disk" / "meva")
    with pytest.raises(NotOurs, match="other is a link"):
        own_folder(tmp_path / "other")


def test_where_a_link_leads_is_looked_at_step_by_step(tmp_path: Path) -> None:
    (tmp_path / "open" / "in").mkdir(parents=True)
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "cache").symlink_to("open/in")
    with pytest.raises(NotOurs, match="open can be written to by others"):
        own_folder(tmp_path / "cache" / "meva")
    (tmp_path / "ring").symlink_to("ring")
    with pytest.raises(NotOurs, match="links that do not end"):
        own_folder(tmp_path / "ring" / "meva")


@as_root
@pytest.mark.parametrize("place", ["a", "a/meva"])
def test_a_folder_of_another_user_is_not_ours(tmp_path: Path, place: str) -> None:
    (tmp_path / "a" / "meva").mkdir(parents=True)
    os.chown(tmp_path / place, 2000, 2000)
    with pytest.raises(NotOurs, match=rf"{tmp_path / place} belongs to another user \(uid 2000\)"):
        own_folder(tmp_path / "a" / "meva")


@as_root
def test_a_link_that_another_user_may_turn_elsewhere_is_not_followed(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    (tmp_path / "disk").mkdir()
    (tmp_path / "cache").symlink_to("disk")
    os.lchown(tmp_path / "cache", 2000, 2000)
    with pytest.raises(NotOurs, match="cache belongs to another user"):
        own_folder(tmp_path / "cache" / "meva")


def test_a_pipe_is_no_file_of_ours(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(NotOurs, match="pipe is no regular file"):
        check_own(tmp_path / "pipe", file=True)
    with pytest.raises(NotOurs, match="pipe is no folder"):
        check_own(tmp_path / "pipe")
