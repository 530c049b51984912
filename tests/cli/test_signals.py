"""Signals that end a program: when they are heard, who has switched them off, what is finished before."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from meva_cli.signals import Whole

WRITER = """
import sys
from pathlib import Path
import click
from meva_adapters.system.files import replacing
from meva_cli import app, lazy
from meva_cli.registry import Command

@click.command()
def writer():
    with replacing(Path('out.csv')) as file:
        file.write(b"half")
        file.flush()
        sys.stderr.write("ready\\n")
        sys.stderr.flush()
        sys.stdin.readline()

lazy.BY_PATH = {"write": Command("write", "", "")}
lazy.load_command = lambda path: writer
sys.argv = ["meva", "write"]
app.main()
"""

HELD = """
import sys

class Hold:
    def find_spec(self, name, path, target=None):
        if name == "meva_cli.app":
            sys.stderr.write("importing\\n")
            sys.stderr.flush()
            sys.stdin.readline()

sys.meta_path.insert(0, Hold())
sys.argv = ["meva", "--version"]
from meva_cli.entry import main
main()
"""
ASKED_TO_END = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def start(code: str, folder: Path, ignoring: signal.Signals | None = None) -> subprocess.Popen[str]:
    """Start a program that hears all signals, even where these tests run with some switched off.

    `ignoring` is switched off for it, as `nohup` or a shell's `&` does.
    """
    answers = {number: "SIG_IGN" if number is ignoring else "SIG_DFL" for number in ASKED_TO_END}
    lines = [f"signal.signal({int(number)}, signal.{answer})" for number, answer in answers.items()]
    code = "\n".join(["import signal", *lines, code])
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=folder, text=True, stdin=pipe, stdout=pipe, stderr=pipe
    )


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.readline()


@pytest.mark.parametrize("number", ASKED_TO_END)
def test_a_file_that_is_being_written_leaves_nothing_behind(number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("old")
    process = start(WRITER, tmp_path)
    assert line_of(process) == "ready\n"
    assert len(list(tmp_path.iterdir())) == 2
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip() == "Error: interrupted\nTo do: run the same command again"
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
    assert (tmp_path / "out.csv").read_text() == "old"


@pytest.mark.parametrize("number", ASKED_TO_END)
def test_a_signal_that_the_parent_has_switched_off_stays_off(number: signal.Signals, tmp_path: Path) -> None:
    process = start(WRITER, tmp_path, ignoring=number)
    assert line_of(process) == "ready\n"
    process.send_signal(number)
    _, err = process.communicate("\n", timeout=60)
    assert (process.returncode, err) == (0, "")
    assert (tmp_path / "out.csv").read_text() == "half"


@pytest.mark.parametrize("number", ASKED_TO_END)
def test_an_interrupt_while_the_program_is_loaded_is_no_traceback(
    number: signal.Signals, tmp_path: Path
) -> None:
    process = start(HELD, tmp_path)
    assert line_of(process) == "importing\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "Error: interrupted\n")


def test_next_to_nothing_is_imported_before_an_interrupt_is_answered(tmp_path: Path) -> None:
    code = (
        "import sys; before = set(sys.modules); import meva_cli.entry; "
        "print(*sorted(set(sys.modules) - before))"
    )
    process = start(code, tmp_path)
    out, _ = process.communicate(timeout=60)
    assert set(out.split()) <= {"__future__", "meva_cli", "meva_cli.entry", "meva_cli.signals"}


def test_a_terminal_that_has_gone_is_no_traceback(tmp_path: Path) -> None:
    with open("/dev/full", "w") as gone:
        process = subprocess.Popen(
            [sys.executable, "-m", "meva_cli", "report", "--db", "none.db"],
            cwd=tmp_path,
            stdout=gone,
            stderr=gone,
        )
        assert process.wait(timeout=60) == 2


def work(done: list[str], signals: int, then: Callable[[], None] = lambda: None) -> None:
    """What is to be finished, while so many signals come."""
    with Whole():
        for _ in range(signals):
            signal.raise_signal(signal.SIGTERM)
        then()
        done.append("finished")


def test_what_has_begun_is_finished_and_then_interrupted() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        work(done, 1)
    assert done == ["finished"]


def test_a_second_signal_ends_it_at_once() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        work(done, 2)
    assert done == []


def test_an_error_goes_before_the_interrupt() -> None:
    def fail() -> None:
        raise ValueError("books")

    with pytest.raises(ValueError, match="books"):
        work([], 1, fail)


def test_without_a_signal_all_is_as_it_was() -> None:
    before, done = signal.getsignal(signal.SIGTERM), list[str]()
    work(done, 0)
    assert (signal.getsignal(signal.SIGTERM), done) == (before, ["finished"])
