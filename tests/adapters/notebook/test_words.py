"""Errors that reach a notebook speak of its arguments, not of the options of a command."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meva_adapters.notebook import backtest, open_run
from meva_adapters.notebook.words import ARGUMENTS, FLAGS, PHRASES, as_called
from meva_core.errors import BadInput, MevaError

MINUTE = 60
BEGAN = 1_704_067_200


@pytest.mark.parametrize(
    ("said", "called"),
    [
        ("say it with --tz, such as --tz UTC", 'say it with tz=, such as tz="UTC"'),
        ("say --stamp open --tz UTC, each as it is", 'say stamp="open", tz="UTC", each as it is'),
        ("write --columns ts=date,close=last", 'write columns={"ts": "date", "close": "last"}'),
        ("say --decimal , or --decimal .", 'say decimal="," or decimal="."'),
        ("  --tz: dates.csv: no zone", "  tz: dates.csv: no zone"),
        ("leave --stamp out", "leave stamp= out"),
        (
            "choose a later --start, or a new book: --fresh",
            "choose a later start=, or a new book: fresh=True",
        ),
        ("say it in seconds: --interval 60", "say it in seconds: interval=60"),
        ("mend it; --debug shows the traceback", "mend it; the traceback shows where"),
        ("meva db upgrade --db a.db", "meva db upgrade --db a.db"),
        ("check --db; `meva runs --db a.db` lists them", "check db=; `meva runs --db a.db` lists them"),
        ("nothing to say", "nothing to say"),
    ],
)
def test_options_become_arguments_and_commands_stay(said: str, called: str) -> None:
    assert as_called(said) == called


def candles(**columns: list[Any]) -> dict[str, Any]:
    rows = 30
    prices = {name: [100.0 + row % 3 for row in range(rows)] for name in ("open", "high", "low", "close")}
    times = {"ts": [BEGAN + MINUTE * row for row in range(rows)]}
    return {"BTCTRY": {**times, **prices, "volume": [1.0] * rows, **columns}}


ODD: dict[str, list[Any]] = {name: [0.01234567891] * 30 for name in ("open", "high", "low", "close")}
"""Prices with more places than are kept."""


def said_of(error: MevaError) -> str:
    return "\n".join([str(error), *getattr(error, "__notes__", [])])


def dates(row: int) -> str:
    return f"05/04/2024 {row // 60:02}:{row % 60:02}"


@pytest.mark.parametrize(
    ("frames", "arguments", "expected"),
    [
        (candles(), {}, 'say stamp="open" or stamp="close"'),
        (candles(ts=[f"2024-01-01 00:{row:02}" for row in range(30)]), {"stamp": "open"}, 'tz="UTC"'),
        (candles(**ODD), {"stamp": "open"}, "round_cells=True allows that"),
        (candles(low=[200.0] * 30), {"stamp": "open"}, "drop_bad=True"),
    ],
)
def test_a_question_about_a_frame_says_what_to_write(
    frames: Any, arguments: dict[str, Any], expected: str
) -> None:
    with pytest.raises(BadInput) as refused:
        backtest(frames, **arguments)
    said = said_of(refused.value)
    assert expected in said
    assert "--" not in said


def test_what_is_asked_can_be_answered() -> None:
    frames = {"NEWTRY": candles(ts=[dates(row) for row in range(30)], **ODD)["BTCTRY"]}
    with pytest.raises(BadInput, match="things are not told"):
        backtest(frames)
    told: dict[str, Any] = {"stamp": "open", "tz": "UTC", "dates": "dmy", "round_cells": True}
    of_rules = pytest.warns(UserWarning, match="fallback rules stand in for NEWTRY")
    with of_rules, pytest.warns(UserWarning, match="fills are a model"):
        found = backtest(frames, **told, drop_bad=True, engine="interpreted")
    assert str(found.summary["start"]).startswith("2024-04-05")


def test_a_value_that_is_none_of_two_is_named() -> None:
    with pytest.raises(BadInput, match=r"^dates: 'ymd' is neither 'dmy' nor 'mdy'$"):
        backtest(candles(), stamp="open", dates="ymd")


def test_a_window_and_a_database_are_asked_for_by_their_arguments(tmp_path: Path) -> None:
    sample = Path(__file__).parents[3] / "replay/sample"
    with pytest.raises(BadInput) as refused:
        backtest(sample, start="2031-01-01")
    assert "choose start= and end= within the data" in said_of(refused.value)
    with pytest.raises(MevaError) as refused:
        open_run(tmp_path / "nothing.db")
    assert "is the path right? Where a command is given none, it is that" in said_of(refused.value)


# -- Nothing else speaks of options ---------------------------------------------------------------------

LOADED = """
import sys
import meva_adapters.notebook, meva_adapters.sql.reads, meva_adapters.sql.store, meva_adapters.replay.windows
print(*(m.__file__ for n, m in sys.modules.items() if n.startswith(("meva_core.", "meva_adapters."))))
"""
NOT_MET: dict[str, str] = {
    "--resume": "a run that is recorded",
    "--out": "a copy of a database",
    "--book": "a book that another process holds",
    "--reason": "a reset",
    "--trace": "a level of earlier versions",
    "--include-adaptation": "two databases compared",
    "--set": "settings of a live market",
    "--observe": "cycles of Stages 3 and 4",
    "--as": "names of files, beside the phrases",
}
"""Options that no error of a backtest, or of a look at what is stored, speaks of, and what they are about."""


def texts_in(file: str) -> Iterator[str]:
    """Yield all texts of a module but those that stand alone, as docstrings do."""
    tree = ast.parse(Path(file).read_text())
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node.value


def test_every_option_that_a_notebook_could_be_told_of_has_its_words() -> None:
    files = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    known = {*ARGUMENTS, *FLAGS, *NOT_MET}
    known |= {option for phrase in PHRASES for option in re.findall(r"--[a-z-]+", phrase)}
    found = {}
    for file in files.stdout.split():
        if "/notebook/" in file:
            continue
        for text in texts_in(file):
            outside = re.sub(r"`[^`]*`?|\bmeva [a-z].*", "", text)
            found |= dict.fromkeys(re.findall(r"(?<![\w-])--[a-z][a-z-]*", outside), file)
    assert {option: file for option, file in found.items() if option not in known} == {}
    assert {"--tz", "--stamp", "--drop-bad", "--start"} <= set(found)
