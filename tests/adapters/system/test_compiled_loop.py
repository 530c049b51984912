"""Which engine is chosen, and where its machine code is kept."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import meva_core
from meva_adapters.system import compiled, machine_code
from meva_adapters.system.compiled import (
    APART,
    BESIDE_FROM,
    CACHED_FROM,
    IN_MEMORY_FROM,
    choose,
    core_hash,
    is_cached,
    shelf,
    will_compile,
)
from meva_adapters.system.speeds import Switching
from meva_core.errors import BadInput
from meva_core.loop import interpreted


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder, which the environment names as that of caches."""
    monkeypatch.setenv("MEVA_CACHE_DIR", str(tmp_path))
    return tmp_path


def leave_machine_code() -> None:
    place = shelf()
    assert place is not None
    working = place / "working"
    working.mkdir(parents=True)
    (working / "engine.run-1.py311.1.nbc").touch()
    machine_code._publish(working, place / f"engine-{core_hash()}")


def test_auto_interprets_short_runs_and_says_why() -> None:
    speed = choose("auto", BESIDE_FROM - 1)
    assert (speed.loop, speed.name) == (interpreted, "interpreted")
    assert speed.why == "fewer than 3000 cycles, and its machine code is not cached"


def test_auto_begins_longer_runs_interpreted_and_compiles_beside_them() -> None:
    speed = choose("auto", BESIDE_FROM)
    assert (type(speed), speed.name) == (Switching, "interpreted")
    assert not speed.let_stay()  # nothing is begun before the first cycle


def test_auto_takes_machine_code_that_is_kept() -> None:
    leave_machine_code()
    assert choose("auto", CACHED_FROM - 1).name == "interpreted"
    speed = choose("auto", CACHED_FROM)
    assert (speed.name, speed.why) == ("compiled", "2000 cycles or more, and its machine code is cached")


def test_auto_compiles_in_memory_for_very_long_runs_alone_where_nothing_can_be_kept(cache: Path) -> None:
    (cache / "meva").write_text("a file in the way")
    short, long = choose("auto", IN_MEMORY_FROM - 1), choose("auto", IN_MEMORY_FROM)
    assert (short.name, long.name) == ("interpreted", "compiled")
    assert short.why == "fewer than 100000 cycles, and there is no place to keep its machine code"
    assert [will_compile("auto", n) for n in (IN_MEMORY_FROM - 1, IN_MEMORY_FROM)] == [False, True]


def test_compiling_is_announced_where_it_happens() -> None:
    assert will_compile("compiled", 1)
    assert not will_compile("auto", 10**9)
    assert not will_compile("interpreted", 10**9)
    leave_machine_code()
    assert not will_compile("compiled", 1)


def test_an_engine_that_was_asked_for_is_taken() -> None:
    assert choose("interpreted", 10**6).loop is interpreted
    assert choose("compiled", 1).name == "compiled"


def test_machine_code_of_other_sources_is_not_taken(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_machine_code()
    assert is_cached()
    copy = Path(shutil.copytree(Path(meva_core.__file__).parent, tmp_path / "copy"))
    monkeypatch.setattr(compiled.meva_core, "__file__", str(copy / "__init__.py"))
    assert not is_cached()  # numba would not look at what another checkout left, whatever is in it
    leave_machine_code()
    assert is_cached()
    before = core_hash()
    with (copy / "stages" / "backtest.py").open("a") as above_the_engine:
        above_the_engine.write("# a remark\n")
    assert core_hash() == before
    with (copy / "steps" / "plan.py").open("a") as step:
        step.write("# a remark\n")
    assert core_hash() != before
    assert not is_cached()


def test_an_engine_that_does_not_exist_is_named() -> None:
    with pytest.raises(BadInput, match="engine: 'fast' is not one of auto, interpreted, compiled"):
        choose("fast", 1)


def test_what_cannot_change_the_machine_code_is_not_imported_by_the_engine() -> None:
    look = (
        "import sys, meva_core.engine; print(*(name for name in sys.modules if name.startswith('meva_core')))"
    )
    loaded = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True).stdout
    apart = {f"meva_core.{name.removesuffix('.py')}" for name in APART}
    assert "meva_core.steps.plan" in loaded.split()
    assert apart.isdisjoint(loaded.split())


def test_the_cache_lies_where_the_environment_says(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shelf() == cache / "meva"
    monkeypatch.delenv("MEVA_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert shelf() == tmp_path / "xdg" / "meva"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert shelf() == tmp_path / "home" / ".cache" / "meva"


def test_where_nothing_can_be_written_the_engine_is_compiled_without_a_cache(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cache / "meva").write_text("a file in the way")
    assert choose("compiled", 1).name == "compiled"


@pytest.mark.skipif(os.getuid() != 0, reason="only root becomes another user")
def test_a_user_without_a_home_folder_gets_an_engine_all_the_same() -> None:
    look = (
        "import os; from meva_adapters.system import compiled; from meva_core import engine; "
        "compiled.core_hash(); engine.compiled(); "  # imported while the interpreter's folder may be read
        "os.setgid(54321); os.setuid(54321); "
        "assert compiled.shelf() is None; assert compiled.choose('auto', 6_000).name == 'interpreted'; "
        "assert compiled.will_compile('compiled', 1); "
        "assert compiled.choose('compiled', 1).name == 'compiled'"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, env={})
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert done.stderr.splitlines() == [
        "there is no home folder: the engine's machine code is not kept, and is compiled in memory; "
        "to keep it, set MEVA_CACHE_DIR to a folder that only you can change"
    ]
