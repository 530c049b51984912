"""`meva strategy check` as a user runs it: processes in which a strategy opens nothing, and other ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stage7_runs import make_dataset

Meva = Callable[..., Any]
OF_REAL_PROCESSES = (
    "test_an_honest_one_passes_all_and_the_page_says_what_no_check_finds",
    "test_what_is_read_while_it_is_loaded_is_named_and_modules_and_zones_are_not",
    "test_what_depends_on_the_process_is_named_with_the_cause_cycle_and_symbol",
    "test_a_clock_that_shows_the_same_in_one_other_process_does_not_in_the_next",
    "test_what_is_written_with_compiled_libraries_is_asked_as_any_other",
)
HEAD = """
import datetime, os, pathlib, socket, subprocess, time
import numpy as np
from meva_core.strategy import History, Strategy

"""
NOW = "min(time.time(), datetime.datetime.now().timestamp())"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("market") / "data", minutes=40)


def write(body: str, *, before: str = "", needs: int = 0) -> None:
    """Write a strategy with this body of its `weights`."""
    lines = "".join(f"        {line}\n" for line in body.splitlines())
    needed = f"\n    def needs(self):\n        return {needs}\n"
    source = f"{HEAD}{before}\nclass Mine(Strategy):\n    def weights(self, h: History):\n{lines}{needed}"
    Path("mine.py").write_text(source)


@pytest.fixture
def check(meva: Meva, data: Path) -> Meva:
    """Return what checks a strategy with this body of its `weights`."""

    def run(body: str, **more: Any) -> Any:
        write(body, **more)
        return meva("strategy", "check", "mine.py:Mine", "--data", data, "--json")

    return run


def finding(ended: Any, name: str) -> Any:
    return next(one for one in ended.document["checks"] if one["name"] == name)


def test_an_honest_one_passes_all_and_the_page_says_what_no_check_finds(meva: Meva, data: Path) -> None:
    size = ("--set", "STAGE7_UNIVERSE_SIZE=2")
    ended = meva("strategy", "check", "momentum", "-p", "closes=5", "--data", data, *size)
    assert ended.code == 0
    rows = [line.split("\t") for line in ended.out.splitlines() if "\t" in line]
    assert [(name, said.partition(":")[0]) for name, said in rows] == [
        (name, "passed")
        for name in (
            "Opens nothing",
            "Answers",
            "No look-ahead",
            "Enough history",
            "Determinism",
            "Windows",
            "Symbols",
            "Dates",
            "Speed",
        )
    ]
    assert "up to 3 symbols at a time, of which STAGE7_UNIVERSE_SIZE=2 keeps the largest" in ended.out
    assert "Nothing speaks against it." in ended.out
    assert "parameters that were chosen on the same data, figures learnt elsewhere" in ended.out


def test_calls_that_open_something_are_named_with_their_line_also_where_they_are_caught(check: Meva) -> None:
    ended = check(
        "for call in (\n"
        "    lambda: open('prices.csv'),\n"
        "    lambda: socket.create_connection(('127.0.0.1', 9)),\n"
        "    lambda: subprocess.run(['true']),\n"
        "    lambda: os.listdir('.'),\n"
        "):\n"
        "    try:\n"
        "        call()\n"
        "    except OSError:\n"
        "        pass\n"
        "return np.zeros((len(h.time), len(h.symbols)))"
    )
    found = finding(ended, "opens_nothing")
    assert (ended.code, found["status"]) == (1, "failed")
    for call in ("open('prices.csv') at mine.py:10", "socket.", "subprocess.Popen(", "os.listdir('.')"):
        assert call in found["said"]


def test_what_is_read_while_it_is_loaded_is_named_and_modules_and_zones_are_not(
    check: Meva, tmp_path: Path
) -> None:
    (tmp_path / "beside.py").write_text("WEIGHT = 0.25\n")
    (tmp_path / "learnt.txt").write_text("0.25")
    body = "return np.full((len(h.time), len(h.symbols)), WEIGHT)"
    imports = "import json.tool, zoneinfo\nzoneinfo.ZoneInfo('Europe/Istanbul')\n"
    assert check(body, before=f"{imports}from beside import WEIGHT").code == 0
    ended = check(body, before="WEIGHT = float(pathlib.Path('learnt.txt').read_text())")
    assert ended.code == 1
    assert "learnt.txt') at mine.py:6" in finding(ended, "opens_nothing")["said"]


@pytest.mark.parametrize(
    ("body", "when"),
    [
        ("first = list({name[:3] for name in h.symbols})[0]", "with another hash seed"),
        (f"first = h.symbols[int({NOW} / 3600) % 4][:3]", "by the clock"),
        ("first = h.symbols[time.localtime(0).tm_hour // 14][:3]", "in another time zone"),
    ],
)
def test_what_depends_on_the_process_is_named_with_the_cause_cycle_and_symbol(
    check: Meva, body: str, when: str
) -> None:
    # Which other hash seed gives another order depends on the names: these have one.
    ended = check(
        f"{body}\nreturn np.tile([name.startswith(first) / 1.0 for name in h.symbols], (len(h.time), 1))"
    )
    found = finding(ended, "determinism")
    assert (ended.code, found["status"]) == (1, "failed")
    assert found["symbol"] in ended.document["symbols"]
    assert found["cycle"] == "2026-01-01T00:00:00Z"
    assert when in found["said"]


def test_a_clock_that_shows_the_same_in_one_other_process_does_not_in_the_next(check: Meva) -> None:
    later = 1 * 24 * 60 + 5 * 60 + 37  # by which the clock of the first is moved, in minutes
    by_clock = f"int({NOW} / 60 % {later} / 100) / 100"
    found = finding(check(f"return np.full((len(h.time), len(h.symbols)), {by_clock})"), "determinism")
    assert found["status"] == "failed"
    assert "three days and eleven hours later by the clock" in found["said"]


COMPILED = """
import pandas as pd
from numba import njit

@njit
def above(close, mean):
    found = np.zeros(close.shape)
    for row in range(len(close)):
        for column in range(close.shape[1]):
            found[row, column] = close[row, column] > mean[row, column]
    return found
"""


def test_what_is_written_with_compiled_libraries_is_asked_as_any_other(check: Meva) -> None:
    """They lay types out upon those of `datetime`, import more where they are used, and look around for what
    is installed."""
    ended = check(
        "from scipy.ndimage import uniform_filter1d\n"
        "assert issubclass(pd.Timestamp, datetime.datetime)\n"
        "assert isinstance(pd.Timestamp('2026-01-01'), datetime.date)\n"
        "wished = above(h.close, pd.DataFrame(h.close).rolling(5).mean().to_numpy())\n"
        "uniform_filter1d(wished, 3)\n"
        "return h.on_cycles(wished / 4)",
        before=COMPILED,
        needs=5,
    )
    assert (ended.code, ended.err) == (0, "")
    assert {one["status"] for one in ended.document["checks"]} == {"passed"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return np.full((len(h.time), len(h.symbols)), 2.0)", "weight 2.0; expected 0 to 1"),
        ("raise SystemExit(3)", "strategy mine raised SystemExit: 3 (mine.py:"),
    ],
)
def test_one_that_gives_no_weights_fails_with_what_it_gave(check: Meva, body: str, said: str) -> None:
    ended = check(body)
    assert ended.code == 1
    assert said in finding(ended, "answers")["said"]


def test_a_process_that_dies_is_told_with_how_it_ended(check: Meva) -> None:
    ended = check("os._exit(7)")
    assert ended.code == 1
    assert "ended with 7" in ended.document["error"]["message"]


def test_what_the_engine_does_by_itself_is_refused(meva: Meva, data: Path) -> None:
    ended = meva("strategy", "check", "equal_weight", "--data", data)
    assert ended.code == 2
    assert "the engine's own, proved by `meva prove`" in ended.err


# -- One that decides -------------------------------------------------------------------------------------

DECIDES = """
KEPT = {}

class Mine(Strategy):
    def decide(self, view, memory):
        memory["cycles"] = memory.get("cycles", 0) + 1
        wish = {}
        for s in view.symbols:
            mark, now = float(s.mark or 0), view.time.timestamp()
            KEPT.setdefault((s.name, now), mark)
            wish[s.name] = 0.25 if OF_MARK else 0.0
        return wish
"""


@pytest.mark.parametrize(
    ("rule", "code", "status", "said"),
    [
        ("mark and memory['cycles'] % 9 < 4", 0, "passed", "8 cuts"),
        ("KEPT.get((s.name, now + 60), 0) > mark", 1, "failed", "it keeps what it saw"),
    ],
)
def test_one_that_decides_is_run_over_the_data_and_may_keep_things_in_its_memory_alone(
    meva: Meva, data: Path, rule: str, code: int, status: str, said: str
) -> None:
    Path("mine.py").write_text(HEAD + DECIDES.replace("OF_MARK", rule))
    ended = meva("strategy", "check", "mine.py:Mine", "--data", data, "--json")
    found = finding(ended, "no_look_ahead")
    assert (ended.code, found["status"], said in found["said"]) == (code, status, True)
    assert finding(ended, "windows")["said"] == "it decides: it is asked cycle by cycle in any case"


# -- The sample before a backtest -------------------------------------------------------------------------

AHEAD = (
    "ahead = np.vstack((h.close[1:], h.close[-1:]))\nreturn h.on_cycles((ahead > h.close) / len(h.symbols))"
)


def test_a_backtest_says_in_one_line_before_its_first_cycle_that_a_strategy_looks_ahead(
    meva: Meva, data: Path
) -> None:
    write(AHEAD)
    given = ("--data", data, "--engine", "interpreted", "--strategy", "mine.py:Mine", "--json")
    doubted = meva("backtest", *given, "--db", "a.db")
    said = [line for line in doubted.err.splitlines() if "not to be trusted" in line]
    assert (doubted.code, len(said)) == (0, 1)
    assert said[0] == f"warning: {doubted.document['strategy_doubt']}"
    assert "mine is not to be trusted: BTCTRY at 2026-01-01T00:01:00Z: weight 0, but 0.25 when" in said[0]
    assert "`meva strategy check mine.py:Mine` says more" in said[0]
    again = meva("backtest", *given, "--db", "a.db")
    assert "not to be trusted" not in again.err  # it is recorded: no first cycle
    without = meva("backtest", *given, "--db", "b.db", "--no-strategy-check")
    assert "not to be trusted" not in without.err
    assert without.document["fingerprint"] == doubted.document["fingerprint"]


FITS_ONCE = (
    "change = np.nan_to_num(h.close[1:] / h.close[:-1] - 1)\n"
    "slope = KEPT.setdefault('slope', float((change[:-1] * change[1:]).sum() * 1000))\n"
    "return np.full((len(h.time), len(h.symbols)), abs(slope) % 1 / 4)"
)


def test_a_model_that_is_fitted_once_to_all_that_is_shown_first_is_named(
    check: Meva, meva: Meva, data: Path
) -> None:
    ended = check(FITS_ONCE, before="KEPT = {}")
    found = finding(ended, "no_look_ahead")
    assert (ended.code, found["status"], found["symbol"]) == (1, "failed", "BTCTRY")
    assert "when the history that it is shown first ends at 2026-01-01T00:" in found["said"]
    same = finding(ended, "determinism")
    assert (same["status"], "it keeps what it is shown first" in same["said"]) == ("not_checked", True)
    run = meva("backtest", "--data", data, "--db", "a.db", "--strategy", "mine.py:Mine", "--json")
    assert "that it is shown first ends at" in run.document["strategy_doubt"]


def test_a_strategy_that_is_checked_for_long_is_said_to_be(
    check: Meva, meva: Meva, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRATEGY_TIMEOUT_SEC", "0.001")
    slow = "time.sleep(0.5)\nreturn np.zeros((len(h.time), len(h.symbols)))"
    write(slow)
    run = meva("backtest", "--data", data, "--db", "a.db", "--strategy", "mine.py:Mine", "--json")
    waits = "note: waiting for strategy mine for 0.005 s, which is asked for "
    assert f"{waits}a sample of cuts first (--no-strategy-check leaves it out); Ctrl-C ends it" in run.err
    quick = "time.sleep(0.002)\nreturn np.zeros((len(h.time), len(h.symbols)))"
    assert f"{waits}all that can be checked; Ctrl-C ends it" in check(quick).err


def test_one_that_fails_where_it_is_asked_alone_is_still_named_for_what_it_knows(check: Meva) -> None:
    ended = check(f"if len(h.time) == 1:\n    raise IndexError('one row')\n{AHEAD}")
    assert ended.code == 1
    assert finding(ended, "no_look_ahead")["symbol"] == "BTCTRY"
    assert finding(ended, "speed")["status"] == "not_checked"
