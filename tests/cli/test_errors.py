"""How commands end: four exit codes, one clear message, a traceback only when asked for."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from meva_cli import lazy
from meva_cli.errors import ending_of
from meva_cli.registry import Command
from meva_core.errors import (
    BadInput,
    BrokenBooks,
    CycleNotStored,
    IdTaken,
    IllegalStep,
    LeaseHeld,
    LeaseLost,
    MevaError,
    NotShown,
    OrderNotRecorded,
    OutcomeNotRecorded,
    OutcomeUnknown,
    Refused,
    RulesUnusable,
    StoreBusy,
    StoreCorrupt,
    StoreError,
    StoreUnready,
    Unavailable,
    VenueError,
)

CODES = {
    BadInput: (2, "bad_input"),
    StoreError: (2, "store_error"),
    StoreBusy: (2, "store_busy"),
    StoreCorrupt: (2, "store_corrupt"),
    StoreUnready: (2, "store_unready"),
    IdTaken: (1, "id_taken"),
    CycleNotStored: (1, "cycle_not_stored"),
    LeaseHeld: (2, "lease_held"),
    LeaseLost: (1, "lease_lost"),
    OrderNotRecorded: (2, "order_not_recorded"),
    OutcomeNotRecorded: (1, "outcome_not_recorded"),
    RulesUnusable: (1, "rules_unusable"),
    VenueError: (1, "venue_error"),
    Refused: (1, "refused"),
    OutcomeUnknown: (1, "outcome_unknown"),
    Unavailable: (1, "unavailable"),
    NotShown: (1, "not_shown"),
    MevaError: (1, "error"),
    IllegalStep: (1, "bug"),
    BrokenBooks: (1, "bug"),
    ValueError: (1, "bug"),
    MemoryError: (1, "out_of_memory"),
    KeyboardInterrupt: (130, "interrupted"),
    click.Abort: (130, "interrupted"),
}


def boom(error: BaseException) -> click.Command:
    """Return a command that raises."""

    @click.command()
    @click.option("--json", "as_json", is_flag=True)
    def command(as_json: bool) -> None:
        """Raise."""
        click.echo("half a line", nl=False, err=True)
        raise error

    return command


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Return a function that makes `meva boom` a command that raises."""

    def register(error: BaseException) -> None:
        monkeypatch.setattr(lazy, "BY_PATH", {"boom": Command("boom", "tests_boom:command", "Raise.")})
        monkeypatch.setattr(lazy, "load_command", lambda path: boom(error))

    return register


@pytest.mark.parametrize(("kind", "expected"), CODES.items(), ids=lambda x: getattr(x, "__name__", ""))
def test_every_error_has_its_exit_code_in_text_and_in_json(
    kind: type[BaseException], expected: tuple[int, str], meva: Callable[..., Any], failing: Any
) -> None:
    failing(kind("what happened") if kind is not click.Abort else click.Abort())
    plain, machine = meva("boom"), meva("boom", "--json")
    assert plain.code == machine.code == expected[0]
    assert list(machine.document) == ["error"]
    assert list(machine.document["error"]) == ["code", "message", "action"]
    assert machine.document["error"]["code"] == expected[1]
    assert plain.out == ""
    assert "Traceback" not in plain.err + machine.err
    if expected[1] not in ("interrupted", "out_of_memory"):
        assert "what happened" in plain.err
        assert "what happened" in machine.document["error"]["message"]


def test_all_errors_of_the_tree_are_in_the_table() -> None:
    def below(kind: type[BaseException]) -> list[type[BaseException]]:
        return [kind, *(deeper for child in kind.__subclasses__() for deeper in below(child))]

    ours = [kind for kind in below(MevaError) if kind.__module__ == "meva_core.errors"]
    assert set(ours) <= set(CODES)


def test_only_debug_shows_a_traceback(meva: Callable[..., Any], failing: Any) -> None:
    failing(RuntimeError("odd"))
    plain = meva("boom")
    assert "Error: RuntimeError: odd" in plain.err
    assert "run again with `meva --debug" in plain.err
    debug = meva("--debug", "boom")
    assert debug.code == 1
    assert "Traceback (most recent call last)" in debug.err


def test_what_to_do_follows_the_message(meva: Callable[..., Any], failing: Any) -> None:
    failing(StoreUnready("old.db is at revision 1", action="run: meva db upgrade"))
    assert meva("boom").err.endswith("Error: old.db is at revision 1\nTo do: run: meva db upgrade\n")
    assert meva("boom", "--json").document["error"]["action"] == "run: meva db upgrade"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FileNotFoundError(2, "No such file or directory", "x.csv"), 2),
        (PermissionError(13, "Permission denied", b"x.csv"), 2),
        (IsADirectoryError(21, "Is a directory", "x.csv"), 2),
        (OSError(28, "No space left on device", "x.csv"), 1),
    ],
)
def test_the_systems_refusals_name_the_file(error: OSError, code: int) -> None:
    ending = ending_of(error)
    assert (ending.exit_code, ending.code) == (code, "os_error")
    assert ending.message == f"x.csv: {error.strerror}"
    assert ending.action, "each says what to do"


def test_a_path_that_is_not_there_says_how_far_it_is(tmp_path: Path) -> None:
    def to_do(path: Path) -> str:
        return ending_of(FileNotFoundError(2, "No such file or directory", str(path))).action

    assert to_do(tmp_path / "x.csv") == f"mend the path: there is no x.csv in {tmp_path}"
    there = tmp_path / "none"
    assert to_do(there / "x.csv") == f"mend the path, or make the folder: there is no {there}"


@pytest.mark.parametrize(
    "error",
    [
        OSError(12, "Cannot allocate memory"),
        ImportError("libarrow.so: failed to map segment from shared object"),
        RuntimeError("can't start new thread"),
        Exception("Unknown error: Failed to launch worker thread: Resource temporarily unavailable"),
    ],
)
def test_what_fails_for_lack_of_memory_says_so(error: BaseException) -> None:
    ending = ending_of(error)
    assert (ending.exit_code, ending.code) == (1, "out_of_memory")
    assert "ulimit -v" in ending.action


def test_a_process_that_may_not_have_the_memory_says_so(tmp_path: Path) -> None:
    ended = in_a_shell("ulimit -v 60000; meva replay validate .", tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.startswith("Error: there is not enough memory for this\nTo do: ")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("extra argument (postgresql://u:s3cret@h/x)", "extra argument (postgresql://u:***@h/x)"),
        ("cannot open postgresql://u:s3@cret@h/x now", "cannot open postgresql://u:***@h/x now"),
        ("postgres:/u:s3cret@h/x", "postgres:***@h/x"),
        ("user:s3cret@h/db", "user:***@h/db"),
        ("host=h password=s3cret dbname=d", "host=h password=*** dbname=d"),
        ("BTCTURK_API_SECRET=s3cret", "BTCTURK_API_SECRET=***"),
        ("postgresql://u@h/x", "postgresql://u@h/x"),
        ("http://127.0.0.1:8080/a?b=c at 12:30:00", "http://127.0.0.1:8080/a?b=c at 12:30:00"),
        ("STAGE7_TOKEN_BUCKET=20", "STAGE7_TOKEN_BUCKET=20"),
    ],
)
def test_whatever_an_error_repeats_it_shows_no_password(
    said: str, shown: str, meva: Callable[..., Any], failing: Any
) -> None:
    assert ending_of(BadInput(said, action=said))[2:] == (shown, shown)
    failing(BadInput(said))
    plain, machine = meva("--debug", "boom"), meva("boom", "--json")
    assert shown in plain.err
    assert machine.document["error"]["message"] == shown
    assert "s3" not in plain.err + machine.out + machine.err


@pytest.mark.parametrize("option", ["--last", "--start"])
def test_a_value_of_thousands_of_digits_is_not_repeated_whole(option: str, meva: Callable[..., Any]) -> None:
    ended = meva("report", "--db", "a.db", option, "9" * 50_000)
    assert ended.code == 2
    assert f"Invalid value for '{option}'" in ended.err
    assert len(ended.err) < 1_000


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("report --db a.db --last 9223372036854775808", "9223372036854775808 is not in the range"),
        ("export --db a.db --last 1000000000001", "1000000000001 is not in the range"),
        ("backtest --data d --db a.db --cycles 9223372036854775808", "is not in the range"),
        ("backtest --data d --db a.db --step 9223372036854775808", "is not in the range"),
        ("report --db a.db --start 0001-01-01T00:00:00+14:00", "lies outside the years 1 to 9999"),
        ("report --db a.db --end 9999-12-31T23:59:59-01:00", "lies outside the years 1 to 9999"),
    ],
)
def test_a_number_that_nothing_can_count_is_a_wrong_command_line(
    line: str, message: str, meva: Callable[..., Any]
) -> None:
    ended = meva(*line.split())
    assert ended.code == 2
    assert message in ended.err


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_letters_that_the_output_lacks_are_spelled_out(encoding: str, tmp_path: Path) -> None:
    folder = tmp_path / "şişli ₺ é 😀"
    folder.mkdir()

    def ended(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "meva_cli", "replay", *arguments]
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        return subprocess.run(command, capture_output=True, env=environment, timeout=60)

    failed = ended("validate", str(folder / "none"))
    assert failed.returncode == 2
    assert b"Traceback" not in failed.stderr
    machine = ended("init", str(folder / "ç"), "--minutes", "5", "--json")
    assert (machine.returncode, machine.stderr) == (0, b"")
    assert str(folder / "ç") in json.loads(machine.stdout).values()
    if encoding != "utf-8":
        plain = ended("init", str(folder / "ş"), "--minutes", "5")
        assert (plain.returncode, plain.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("gate",), "No such command 'gate'. Did you mean 'gates'?"),
        (("gates", "--jsn"), "No such option"),
        (("gates", "more"), "unexpected extra argument"),
        (("--log-format", "xml", "gates"), "'xml' is not one of 'text', 'json'"),
    ],
)
def test_a_wrong_command_line_is_2_and_names_its_help(
    meva: Callable[..., Any], arguments: tuple[str, ...], message: str
) -> None:
    plain, machine = meva(*arguments), meva(*arguments, "--json")
    assert plain.code == machine.code == 2
    assert message in plain.err
    assert "Traceback" not in plain.err
    error = machine.document["error"]
    assert error["code"] == "usage"
    assert error["action"].startswith("see meva")


SLEEPER = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_DFL)  # these tests may run where it is switched off
import click
from meva_cli import app, lazy
from meva_cli.registry import Command

@click.command()
def sleeper():
    sys.stderr.write("ready\\n")
    sys.stderr.flush()
    time.sleep(60)

lazy.BY_PATH = {"sleep": Command("sleep", "", "")}
lazy.load_command = lambda path: sleeper
sys.argv = ["meva", "sleep"]
app.main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_command_ends_with_130_and_one_message(number: signal.Signals) -> None:
    process = subprocess.Popen([sys.executable, "-c", SLEEPER], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline() == "ready\n"
    started = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip() == "Error: interrupted\nTo do: run the same command again"
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    ("line", "resumes"),
    [
        ("backtest --data d --db a.db", True),
        ("--log-format json --debug backtest --json", True),
        ("stage7-backtest --dataset d", True),
        ("backtest --data d --resume", False),
        ("export --db backtest", False),
        ("db upgrade", False),
    ],
)
def test_an_interrupted_command_says_how_it_goes_on(line: str, resumes: bool) -> None:
    ending = ending_of(KeyboardInterrupt(), line.split())
    assert ending[:3] == (130, "interrupted", "interrupted")
    assert ("with --resume" in ending.action) is resumes
    assert ending.action.startswith("run the same command")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path, unbuffered: str) -> None:
    command = "import sys; sys.argv = ['meva', 'gates', '--json']; from meva_cli.app import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.stdin.read(1); {command}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    )
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(b"x", timeout=60)
    assert (process.returncode, err) == (1, b"")


def in_a_shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which `meva` is the program."""
    program = f"meva() {{ '{sys.executable}' -m meva_cli \"$@\"; }}; {line}"
    return subprocess.run(["/bin/sh", "-c", program], cwd=folder, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("command", ["gates", "report --db none.db", "parity a.db b.db --json"])
def test_without_a_stdout_nothing_is_done_and_one_line_says_so(command: str, tmp_path: Path) -> None:
    ended = in_a_shell(f"meva {command} >&-", tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("Error: stdout is closed\nTo do: ")
    assert in_a_shell(f"meva {command} >&- 2>&-", tmp_path).returncode == 2


def test_without_a_stderr_a_command_ends_as_it_would(tmp_path: Path) -> None:
    assert in_a_shell("meva backtest --data nope --db a.db 2>&-", tmp_path).returncode == 2
    made = in_a_shell("meva replay init data --minutes 10 2>&-", tmp_path)
    assert (made.returncode, made.stdout.splitlines()[0]) == (0, "made data")


@pytest.mark.parametrize("command", ["replay info", "report --db"])
def test_a_name_that_is_no_text_can_be_reported(
    command: str, meva: Callable[..., Any], tmp_path: Path
) -> None:
    machine = meva(*command.split(), "no\udcff", "--json")
    plain = in_a_shell(f"meva {command} \"$(printf 'no\\377')\"", tmp_path)
    assert machine.code == plain.returncode == 2
    assert "no\\udcff" in machine.document["error"]["message"]
    assert "no\\udcff" in plain.stderr


def test_a_dataset_whose_name_is_no_text_can_be_run(meva: Callable[..., Any]) -> None:
    assert meva("replay", "init", "odd\udcff", "--minutes", 10, "--json").code == 0
    run = ("backtest", "--data", "odd\udcff", "--db", "a.db", "--engine", "interpreted", "--cycles", 2)
    assert meva(*run, "--json").document["dataset"] == "odd\\udcff"
    assert meva("runs", "--db", "a.db", "--json").document["runs"][0]["data"] == "odd\\udcff"


def test_every_code_of_an_error_is_in_the_table_of_operations() -> None:
    root = Path(__file__).parents[2]
    found = set()
    for package in ("meva_core", "meva_adapters", "meva_cli"):
        for file in (root / package).rglob("*.py"):
            text = file.read_text()
            found |= {*re.findall(r'^    code = "(\w+)"$', text, re.MULTILINE)}
            found |= {*re.findall(r'"error": \{"code": "(\w+)"', text)}
            found |= {*re.findall(r'Ending\(\s*\w+,\s*"(\w+)"', text)}
    assert found >= {"bad_input", "blocked_by_policy", "bug"}
    rows = (root / "docs" / "operations.md").read_text().partition("## Error codes")[2]
    told = {*re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE)}
    bases = {"error", "venue_error"}  # of which each has a name of its own
    assert found - bases - told == set()
