"""Output: whole amounts on a terminal of any width, plain rows elsewhere, exact JSON."""

from __future__ import annotations

import io
import json
import sys
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from meva_cli.progress import NoProgress, ProgressBar, make_progress
from meva_cli.render import as_text, print_json, print_line, print_pairs, print_table
from meva_core.modes import Mode

LONG = Decimal("91999999999.99999999")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> Terminal:
    """Make stdout a terminal of some width."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    return terminal


@pytest.mark.parametrize("width", [5, 20, 60, 200])
def test_no_amount_is_cut_or_wrapped_on_a_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    terminal = on_terminal(monkeypatch, width)
    rows = [["BTCTRY", LONG, -LONG, "sold at a loss because it had to be"] for _ in range(2)]
    print_table(["symbol", "net_pnl_try", "equity_try", "why"], rows)
    lines = terminal.getvalue().splitlines()
    words = terminal.getvalue().split()
    assert (words.count(str(LONG)), words.count(f"-{LONG}")) == (2, 2)
    assert "…" not in terminal.getvalue()
    if width >= 60:
        assert max(map(len, lines)) <= width
        assert sum(str(LONG) in line and f"-{LONG}" in line and "BTCTRY" in line for line in lines) == 2
        assert all(word in terminal.getvalue() for word in ("net_pnl_try", "equity_try", "because"))


def test_brackets_in_a_table_are_text(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch, 80)
    print_table(["a[/b]"], [["[red]x"]])
    assert "[red]x" in terminal.getvalue()
    assert "a[/b]" in terminal.getvalue()


def test_elsewhere_a_table_is_tab_separated_and_unwrapped(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["symbol", "amount", "note"], [["BTCTRY", LONG, "x" * 500], ["A\tB\n", None, True]])
    first, second, third = capsys.readouterr().out.splitlines()
    assert first == "symbol\tamount\tnote"
    assert second == f"BTCTRY\t{LONG}\t{'x' * 500}"
    assert third == "A B \t\ttrue"


def test_control_characters_reach_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch, 80)
    print_line("a\x1b[2Jb\x07\u202ec")
    print_pairs({"name": "\x1b]0;title\x07"})
    assert "\x1b" not in terminal.getvalue()
    assert "\x07" not in terminal.getvalue()
    assert "\u202e" not in terminal.getvalue()


def test_pairs_are_aligned_on_a_terminal_and_tabbed_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    print_pairs({"a": 1, "long_name": LONG})
    assert capsys.readouterr().out == f"a\t1\nlong_name\t{LONG}\n"
    terminal = on_terminal(monkeypatch, 40)
    print_pairs({"a": 1, "long_name": LONG})
    assert terminal.getvalue() == f"a          1\nlong_name  {LONG}\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (False, "false"),
        (Decimal("1E-8"), "0.00000001"),
        (Decimal("1E+3"), "1000"),
        (Mode.OBSERVE_ONLY, "OBSERVE_ONLY"),
        (("BTCTRY", "ETHTRY"), "BTCTRY, ETHTRY"),
        ({"amount_try": Decimal("1E+3"), "side": "BUY"}, "amount_try 1000, side BUY"),
        ({"BTCTRY": {"qty": 1, "lots": [2, 3]}, "of": None}, "BTCTRY (qty 1, lots (2, 3)), of "),
        (datetime(2026, 1, 1, 3, tzinfo=timezone(timedelta(hours=3))), "2026-01-01T00:00:00Z"),
    ],
)
def test_values_are_written_one_way(value: object, text: str) -> None:
    assert as_text(value) == text


def test_json_keeps_order_amounts_and_times(capsys: pytest.CaptureFixture[str]) -> None:
    document = {"z": LONG, "a": Decimal("1E-8"), "t": datetime(2026, 1, 1, tzinfo=UTC), "n": None}
    print_json(document)
    out = capsys.readouterr().out
    assert out.endswith("}\n")
    assert list(json.loads(out).items()) == [
        ("z", str(LONG)),
        ("a", "0.00000001"),
        ("t", "2026-01-01T00:00:00Z"),
        ("n", None),
    ]


def test_json_refuses_what_has_no_form(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TypeError, match="complex"):
        print_json({"x": 1j})


def test_progress_shows_on_a_terminal_only_and_wipes_itself_away(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(make_progress(), NoProgress)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    bar = make_progress()
    assert isinstance(bar, ProgressBar)
    bar.start(10, "cycles [1]")
    bar.advance(10)
    bar.done()
    bar.done()
    shown = terminal.getvalue()
    assert "cycles [1]" in shown
    assert "10/10" in shown
    assert shown.rstrip().endswith(("\x1b[2K", "\x1b[?25h"))


def test_progress_of_work_without_a_known_end_shows_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    bar = make_progress()
    bar.start(None, "cycles")
    bar.advance(7)
    bar.done()
    shown = terminal.getvalue()
    assert "7/?" in shown
    assert "0:00:00" in shown  # the time taken: none is left to be told


def test_a_bar_says_what_happens_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    said = iter(f"interpreted, compiling beside: {seconds} s" for seconds in range(1000))
    bar = make_progress(lambda: next(said))
    bar.start(10, "backtest")
    bar.done()
    assert "interpreted, compiling beside: 0 s" in terminal.getvalue()
    assert "interpreted, compiling beside: 1 s" in terminal.getvalue()
