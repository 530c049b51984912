"""Commands on a terminal of 80 and of 120 columns: no line leaves it, no amount is cut."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from meva_cli.app import run as run_meva
from meva_core.settings import VARIABLES

COMMANDS = (
    "replay validate faulty",
    "replay info data",
    "backtest --data data --db c.db --cycles 60 --engine interpreted",
    "runs --db a.db",
    "report --db a.db",
    "report --db a.db --last 3",
    "alerts --db a.db",
    "why --db a.db",
    "why --db a.db --last 60",
    "parity a.db b.db",
    "parity a.db b.db --explain",
    "count --db a.db",
    "db current --db a.db",
    "db check --db a.db",
    "gates",
    "export --db a.db --out a.jsonl",
)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a dataset, one with faults, and two databases whose runs differ."""
    folder = tmp_path_factory.mktemp("widths")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for variable in VARIABLES.values():
            patch.delenv(variable.name, raising=False)
        patch.setenv("DRY_RUN_TRY_BALANCE", "90000000")
        patch.setenv("STAGE7_MAX_DAILY_LOSS_TRY", "1")
        patch.setenv("STAGE7_SIM_REJECT_PROB_BPS", "3000")
        patch.setenv("STAGE7_REJECT_SPIKE_THRESHOLD", "1")
        for name in ("data", "faulty"):
            assert run_meva(["replay", "init", name, "--minutes", "90"]) == 0
        for name, fees in (("a.db", "20"), ("b.db", "21")):
            patch.setenv("STAGE7_FEES_BPS", fees)
            line = f"backtest --data data --db {name} --cycles 60 --engine interpreted"
            assert run_meva(line.split()) == 0
    for file in sorted((folder / "faulty" / "candles").iterdir()):
        lines = file.read_text().splitlines()
        lines[3], lines[5] = lines[3].replace(",", ",x" + "9" * 50, 1), lines[5] + ",1,2"
        file.write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], str]:
    """Return a function that gives what a command shows on a terminal of some width."""
    monkeypatch.chdir(folder)
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable.name, raising=False)

    def call(command: str, width: int) -> str:
        terminal = Terminal()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", terminal)
            patch.setenv("COLUMNS", str(width))
            run_meva(command.split())
        return terminal.getvalue()

    return call


@pytest.mark.parametrize("command", COMMANDS)
def test_no_line_leaves_the_terminal_and_nothing_is_lost(
    command: str, shown: Callable[[str, int], str]
) -> None:
    widest = shown(command, 10_000)
    for width in (80, 120):
        text = shown(command, width)
        assert max(map(len, text.splitlines()), default=0) <= width
        assert "…" not in text
        if command.split()[0] not in ("report", "backtest"):  # those spare columns, or show durations
            words = {word for word in widest.split() if "─" not in word}
            found = set(text.split())
            assert {word for word in words if not {word, f"{word}:"} & found} == set()


def test_what_to_do_stands_on_a_line_of_its_own(shown: Callable[[str, int], str]) -> None:
    lines = shown("replay validate faulty", 80).splitlines()
    assert sum(line.startswith("    to do: ") for line in lines) >= 6
    assert not any("to do" in line and "message" in line for line in lines)


def test_a_table_of_the_newest_rows_says_so_below_it(shown: Callable[[str, int], str]) -> None:
    assert "\nThe newest 20 of 60 cycles; --last N shows more.\n" in shown("report --db a.db", 120)
    assert "The newest" not in shown("report --db a.db --last 3", 120)


def test_the_amounts_of_a_report_are_whole(shown: Callable[[str, int], str]) -> None:
    wide = shown("report --db a.db", 10_000)
    amounts = {word for word in wide.split("\n\n")[0].split() if word.count(".") == 1 and word > "9000"}
    assert len(amounts) > 5
    for width in (80, 120):
        assert amounts <= set(shown("report --db a.db", width).split())


def test_runs_show_the_sha256_of_their_data_beside_the_fingerprint(shown: Callable[[str, int], str]) -> None:
    lines = [line.split() for line in shown("runs --db a.db", 80).splitlines()]
    named = {line[0]: line[1] for line in lines if len(line) == 2}
    assert len(named["data_sha256"]) == len(named["fingerprint"]) == 64
