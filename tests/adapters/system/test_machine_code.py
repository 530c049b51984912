"""Machine code between processes: what is kept, and that nothing else is ever unpickled.

A function of two numbers stands for the engine's loop; numba, its files and the processes are real.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from meva_adapters.system import machine_code
from meva_adapters.system.machine_code import INDEX, is_kept, kept_loop

pytestmark = pytest.mark.xdist_group("machine code")
NAME = "engine-1"


def both(a: int, b: int) -> int:
    """Stand for the loop."""
    return a + b


def compiling(cache: bool) -> Any:
    from numba import njit

    return njit(cache=cache)(both)


class Planted:
    """Code that runs when it is unpickled, and leaves a file behind."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return Path.touch, (self.trace,)


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "meva"


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Count what is really compiled: the entry says whether numba cached it."""
    from numba.core import compiler

    found: list[bool] = []
    compile_extra = compiler.compile_extra

    def counted(*arguments: Any, **more: Any) -> Any:
        found.append(True)
        return compile_extra(*arguments, **more)

    monkeypatch.setattr(compiler, "compile_extra", counted)
    return found


def run(shelf: Path | None) -> int:
    return kept_loop(shelf, NAME, compiling)(2, 3)


def files(shelf: Path) -> list[Path]:
    return sorted(path for path in shelf.rglob("*") if path.is_file())


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_the_second_process_finds_what_the_first_compiled(
    shelf: Path, compiled: list[bool], caplog: pytest.LogCaptureFixture
) -> None:
    assert not is_kept(shelf, NAME)
    assert run(shelf) == 5
    assert is_kept(shelf, NAME)
    assert len(compiled) == 1
    assert run(shelf) == 5
    assert len(compiled) == 1
    assert [entry.name for entry in shelf.iterdir()] == [NAME]
    assert lines(caplog) == []


@pytest.mark.parametrize("umask", [0, 0o002, 0o077])
def test_what_is_kept_is_for_its_owner_alone_whatever_the_umask(
    shelf: Path, umask: int, compiled: list[bool]
) -> None:
    before = os.umask(umask)
    try:
        run(shelf)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in files(shelf)} == {0o600}
    assert run(shelf) == 5
    assert len(compiled) == 1


def cut(kept: Path) -> None:
    for path in kept.rglob("*.nbi"):
        os.truncate(path, 300)


def empty(kept: Path) -> None:
    for path in kept.rglob("*.nbc"):
        os.truncate(path, 0)


def lose(kept: Path) -> None:
    for path in kept.rglob("*.nbc"):
        path.unlink()


def lose_the_index(kept: Path) -> None:
    (kept / INDEX).unlink()


def change_the_index(kept: Path) -> None:
    (kept / INDEX).write_text('{"a": 1, "a": 2}')


def add_a_file(kept: Path) -> None:
    next(kept.rglob("*.nbi")).with_name("engine.run-2.py311.1.nbc").write_bytes(b"foreign")


def add_a_link(kept: Path) -> None:
    (kept / "linked").symlink_to("/etc")


def open_a_file(kept: Path) -> None:
    next(kept.rglob("*.nbc")).chmod(0o666)


def put_a_pipe(kept: Path) -> None:
    lose(kept)
    os.mkfifo(kept / "engine.nbc")


def be_a_file(kept: Path) -> None:
    os.rename(kept, kept.with_name("elsewhere"))
    kept.write_text("no folder")


DAMAGES = [
    cut,
    empty,
    lose,
    lose_the_index,
    change_the_index,
    add_a_file,
    add_a_link,
    open_a_file,
    put_a_pipe,
    be_a_file,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_what_is_damaged_is_thrown_away_with_one_line_and_compiled_again(
    shelf: Path, damage: Any, compiled: list[bool], caplog: pytest.LogCaptureFixture
) -> None:
    run(shelf)
    damage(shelf / NAME)
    assert run(shelf) == 5
    assert len(compiled) == 2
    (line,) = lines(caplog)
    assert line.endswith("thrown away; the engine is compiled again")
    assert NAME in line
    assert run(shelf) == 5
    assert len(compiled) == 2
    assert is_kept(shelf, NAME)


def test_code_in_a_planted_file_is_not_run(shelf: Path, tmp_path: Path) -> None:
    run(shelf)
    trace = tmp_path / "was run"
    for path in [*(shelf / NAME).rglob("*.nbi"), *(shelf / NAME).rglob("*.nbc")]:
        path.write_bytes(pickle.dumps(Planted(trace)))
    assert run(shelf) == 5
    assert not trace.exists()


@pytest.mark.parametrize("place", ["cache", "cache/meva", f"cache/meva/{NAME}"])
def test_code_in_a_folder_that_others_can_write_to_is_not_run_even_with_an_index(
    shelf: Path, tmp_path: Path, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    run(shelf)
    trace, kept = tmp_path / "was run", shelf / NAME
    for path in [*kept.rglob("*.nbi"), *kept.rglob("*.nbc")]:
        path.write_bytes(pickle.dumps(Planted(trace)))
    found = {path.relative_to(kept).as_posix(): path.read_bytes() for path in files(kept)}
    del found[INDEX]
    (kept / INDEX).write_text(
        json.dumps({name: machine_code._sha256(content) for name, content in found.items()})
    )
    (tmp_path / place).chmod(0o777)
    assert run(shelf) == 5
    assert not trace.exists()
    (line,) = lines(caplog)
    assert f"{tmp_path / place} can be written to by others (mode 0777)" in line


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_the_machine_code_of_another_user_is_not_taken(
    shelf: Path, compiled: list[bool], caplog: pytest.LogCaptureFixture
) -> None:
    run(shelf)
    os.chown(shelf, 2000, 2000)
    assert not is_kept(shelf, NAME)
    assert run(shelf) == 5
    assert len(compiled) == 2
    assert lines(caplog) == [
        f"{shelf} belongs to another user (uid 2000): the engine's machine code is not kept, and is "
        "compiled in memory; to keep it, set MEVA_CACHE_DIR to a folder that only you can change"
    ]


def test_without_a_home_folder_it_is_compiled_in_memory(caplog: pytest.LogCaptureFixture) -> None:
    assert run(None) == 5
    assert not is_kept(None, NAME)
    assert "there is no home folder" in lines(caplog)[0]


def test_where_no_folder_can_be_made_it_is_compiled_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file in the way")
    assert run(tmp_path / "cache" / "meva") == 5
    assert "Not a directory" in lines(caplog)[0]


def test_a_cache_that_vanishes_while_it_is_compiled_costs_one_line(
    shelf: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loop = kept_loop(shelf, NAME, compiling)
    machine_code._remove(shelf)
    shelf.write_text("a file in the way")
    assert loop(2, 3) == 5
    assert lines(caplog)[0].startswith("the engine's machine code is not kept: ")


def test_a_full_disk_costs_one_line_and_no_second_compilation(
    shelf: Path, caplog: pytest.LogCaptureFixture, compiled: list[bool]
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    loop = kept_loop(shelf, NAME, compiling)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        assert loop(2, 3) == 5
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert len(compiled) == 1
    assert lines(caplog)[0].startswith("the engine's machine code is not kept: [Errno 27] File too large")
    assert not is_kept(shelf, NAME)


def test_numba_that_looks_elsewhere_gets_no_cache(
    shelf: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, compiled: list[bool]
) -> None:
    from numba.core.caching import InTreeCacheLocator

    monkeypatch.setattr("numba.core.caching.CacheImpl._locator_classes", [InTreeCacheLocator])
    assert run(shelf) == 5
    assert "numba does not use" in lines(caplog)[0]
    assert list(shelf.iterdir()) == []


def test_machine_code_for_another_processor_is_added_to_what_is_kept(
    shelf: Path, monkeypatch: pytest.MonkeyPatch, compiled: list[bool]
) -> None:
    run(shelf)
    before = files(shelf)
    monkeypatch.setattr("numba.core.codegen.JITCPUCodegen.magic_tuple", lambda self: ("other", "cpu", ""))
    assert run(shelf) == 5
    assert len(compiled) == 2
    assert len(files(shelf)) == len(before) + 1
    monkeypatch.undo()
    assert is_kept(shelf, NAME)


def test_what_a_killed_process_left_is_removed_a_day_later(shelf: Path) -> None:
    run(shelf)
    for age in (0, 2 * 86_400):
        left = shelf / f"{machine_code._ASIDE}{age}"
        left.mkdir()
        now = left.stat().st_mtime
        os.utime(left, (now - age, now - age))
    run(shelf)
    assert sorted(path.name for path in shelf.iterdir()) == [f"{machine_code._ASIDE}0", NAME]


def test_two_processes_that_compile_at_once_do_not_meet(
    shelf: Path, caplog: pytest.LogCaptureFixture, compiled: list[bool]
) -> None:
    code = (
        "import sys, logging; from pathlib import Path; sys.path.insert(0, sys.argv[2]); "
        "from test_machine_code import NAME, compiling, kept_loop; "
        "loop = kept_loop(Path(sys.argv[1]), NAME, compiling); print('ready', flush=True); "
        "sys.stdin.readline(); print(loop(2, 3))"
    )
    command = [sys.executable, "-c", code, str(shelf), str(Path(__file__).parent)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    both_at_once = [subprocess.Popen(command, text=True, **pipes) for _ in range(2)]
    for process in both_at_once:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in both_at_once:  # each has found nothing, and now compiles
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in both_at_once:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (0, "5\n", "")
    assert [entry.name for entry in shelf.iterdir()] == [NAME]
    assert run(shelf) == 5
    assert (compiled, lines(caplog)) == ([], [])
