"""A run that begins interpreted while another process compiles, and goes on compiled.

A function of two numbers stands for the engine's loop; numba, its files, the processes and how they end are
real. A child stops before it compiles until a pipe of the test says `go`; the other pipe ends when it does.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pytest

from meva_adapters.system.beside import Beside
from meva_adapters.system.machine_code import is_kept, kept_loop
from meva_adapters.system.speeds import Switching, Waiting

pytestmark = pytest.mark.xdist_group("machine code")
NAME = "engine-1"


def interpreted(a: int, b: int) -> int:
    """Stand for the loop."""
    return a + b


def compiling(cache: bool) -> Any:
    from numba import njit

    return njit(cache=cache)(interpreted)


CHILD = """
import os, sys
from pathlib import Path
shelf, tests, told, go, seconds = sys.argv[1:]
sys.path.insert(0, tests)
from test_compiling_beside import NAME, compiling
from meva_adapters.system.machine_code import kept_loop
from meva_adapters.system.warming import compile_beside

def call(loop):
    told_to = os.open(told, os.O_WRONLY)
    os.write(told_to, b"%d\\n" % os.getpriority(os.PRIO_PROCESS, 0))
    word = open(go).readline()
    os.write(told_to, b"%d\\n" % os.getpriority(os.PRIO_PROCESS, 0))
    if word != "go\\n":
        raise RuntimeError(f"no compiler today: {word.strip()}\\nand so on")
    loop(2, 3)

sys.exit(compile_beside(kept_loop(Path(shelf), NAME, compiling), call, stays_seconds=float(seconds)))
"""
PARENT = """
import signal, sys
from meva_adapters.system.beside import Beside
how, *arguments = sys.argv[1:]
beside = Beside(arguments)
beside.begin()
sys.stdin.readline()
if how == "lets it stay":
    assert beside.let_stay()
print("ready", flush=True)
sys.stdin.readline()
"""


class Held(NamedTuple):
    """A child that waits: the arguments it is begun with, and the pipes to it."""

    arguments: list[str]
    shelf: Path
    told: Path
    go: Path

    def with_seconds(self, seconds: float) -> list[str]:
        return [*self.arguments[:-1], str(seconds)]

    def say(self, word: str) -> None:
        self.go.write_text(f"{word}\n")


@pytest.fixture
def held(tmp_path: Path) -> Held:
    told, go, shelf = tmp_path / "told", tmp_path / "go", tmp_path / "cache" / "meva"
    os.mkfifo(told)
    os.mkfifo(go)
    arguments = ["-c", CHILD, str(shelf), str(Path(__file__).parent), str(told), str(go), "60"]
    return Held(arguments, shelf, told, go)


def switching(held: Held) -> tuple[Switching, Beside]:
    beside = Beside(held.arguments, clock=iter(range(0, 1000, 7)).__next__)

    def pick_up() -> Any:
        return kept_loop(held.shelf, NAME, compiling) if is_kept(held.shelf, NAME) else None

    return Switching(interpreted, beside, pick_up), beside


def wait_for(told: BinaryIO) -> list[bytes]:
    """Return what a child has left to say; it ends when the child does."""
    return told.read().split()


def test_the_loop_is_switched_as_soon_as_another_process_has_compiled_it(held: Held) -> None:
    speed, beside = switching(held)
    assert (speed.name, speed.doing()) == ("interpreted", "interpreted")
    assert not beside.is_at_work
    assert not is_kept(held.shelf, NAME)
    assert speed.loop(2, 3) == 5
    with held.told.open("rb") as told:
        assert told.readline() == b"10\n"
        assert speed.doing() == "interpreted, compiling beside: 7 s"
        assert speed.loop(3, 4) == 7
        assert (speed.name, speed.why) == (
            "interpreted",
            "its machine code was not cached, and is not yet compiled",
        )
        held.say("go")
        assert wait_for(told) == [b"10"]
    finish(beside)
    assert speed.loop(4, 5) == 9
    assert is_kept(held.shelf, NAME)
    assert (speed.name, speed.doing()) == ("interpreted, compiled", "compiled")
    assert speed.why == "compiled beside, within 14 s"
    assert not speed.let_stay()


def finish(beside: Beside) -> None:
    assert beside._process is not None
    beside._process.wait(timeout=60)


def test_a_process_that_does_not_do_its_work_leaves_the_run_interpreted_and_says_why(held: Held) -> None:
    speed, beside = switching(held)
    assert speed.loop(2, 3) == 5
    with held.told.open("rb") as told:
        held.say("stop")
        wait_for(told)
    finish(beside)
    assert [speed.loop(2, 3), speed.loop(2, 3)] == [5, 5]
    assert (speed.name, speed.doing()) == ("interpreted", "interpreted")
    failed = "RuntimeError: no compiler today: stop"
    assert speed.why == f"compiling beside failed: {failed}; `meva engine warm` may say more"


def test_what_cannot_be_kept_is_not_compiled(held: Held) -> None:
    held.shelf.parent.write_text("a file in the way")
    speed, beside = switching(held)
    assert speed.loop(2, 3) == 5
    finish(beside)
    assert speed.loop(2, 3) == 5
    assert speed.why.startswith(f"compiling beside failed: {held.shelf}: Not a directory")


def test_machine_code_that_is_gone_again_is_not_waited_for(held: Held) -> None:
    speed = Switching(interpreted, done := Beside(["-c", ""]), lambda: None)
    speed.loop(2, 3)
    finish(done)
    assert speed.loop(2, 3) == 5
    assert (speed.name, speed.why[:44]) == ("interpreted", "compiling beside failed: its machine code wa")


def test_a_python_that_cannot_be_started_leaves_the_run_interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    speed = Switching(interpreted, Beside(["-c", ""]), lambda: None)
    assert [speed.loop(2, 3), speed.loop(2, 3)] == [5, 5]
    assert speed.why.startswith("compiling beside failed: No such file or directory; ")


def test_what_the_process_warns_of_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    beside = Beside(["-c", "import sys; sys.stderr.write('engine-1: thrown away\\n')"])
    beside.begin()
    finish(beside)
    assert beside.is_done
    assert beside.is_done
    assert caplog.messages == ["engine-1: thrown away"]


def test_nothing_in_the_folder_it_is_begun_in_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numba.py").write_text("raise SystemExit('planted code was run')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    beside = Beside(["-m", "meva_adapters.system.warming", "engine-of-other-sources"])
    beside.begin()
    finish(beside)
    assert beside.why_not == "Meva's sources have changed since the run began"


@pytest.fixture
def parent(held: Held, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """Run a process that has begun a child, and let that stay or not."""
    how, seconds = request.param
    command = [sys.executable, "-c", PARENT, how, *held.with_seconds(seconds)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate(timeout=60)


def go_on(parent: subprocess.Popen[str]) -> None:
    assert parent.stdin is not None
    parent.stdin.write("\n")
    parent.stdin.flush()


def let_it_decide(parent: subprocess.Popen[str]) -> None:
    go_on(parent)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "ready\n"


@pytest.mark.parametrize("parent", [("does nothing", 60)], indirect=True, ids=["alone"])
@pytest.mark.parametrize(
    "end", [go_on, lambda parent: parent.send_signal(signal.SIGKILL)], ids=["end", "kill"]
)
def test_it_ends_with_the_process_that_began_it_however_that_ends(
    held: Held, parent: subprocess.Popen[str], end: Any
) -> None:
    with held.told.open("rb") as told:
        told.readline()  # it is about to compile
        let_it_decide(parent)
        end(parent)
        assert wait_for(told) == []  # it ended where it was
    assert list(held.shelf.iterdir()) == []


@pytest.mark.parametrize("parent", [("lets it stay", 60)], indirect=True, ids=["a minute"])
def test_it_goes_on_at_the_lowest_priority_where_it_may_stay(
    held: Held, parent: subprocess.Popen[str]
) -> None:
    with held.told.open("rb") as told:
        told.readline()
        let_it_decide(parent)
        parent.kill()
        parent.wait(timeout=60)
        held.say("go")
        assert wait_for(told) == [b"19"]
    assert is_kept(held.shelf, NAME)


@pytest.mark.parametrize("parent", [("lets it stay", 0)], indirect=True, ids=["no second"])
def test_it_stays_no_longer_than_it_may(held: Held, parent: subprocess.Popen[str]) -> None:
    with held.told.open("rb") as told:
        told.readline()
        let_it_decide(parent)
        assert wait_for(told) == []
    assert list(held.shelf.iterdir()) == []


def test_who_waits_for_the_compiler_sees_for_how_long() -> None:
    seen: list[str] = []
    speed = Waiting(lambda: len(seen), "as asked", clock=iter((100, 121.9)).__next__)
    speed._compiles = lambda: seen.append(speed.doing()) or 5
    assert speed.doing() == "compiled"
    assert [speed.loop(), speed.doing()] == [5, "compiled"]
    assert (seen, speed.name) == (["compiling: 21 s"], "compiled")
