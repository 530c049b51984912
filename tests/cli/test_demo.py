"""`meva demo`: what it says and leaves behind, whatever lies in the folder or the environment."""

from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Ended

Meva = Callable[..., Ended]

FINGERPRINT = "2252c23ca39b21a579e2ec654e1e62d3649b08c02c670e65a8e4ab631657e687"


def test_it_ends_with_the_figures_and_says_why(meva: Meva, tmp_path: Path) -> None:
    done = meva("demo")
    assert done.code == 0, done.err
    assert FINGERPRINT in done.out
    assert "blocked for 292 of 720 cycles by daily_loss_breach" in done.out
    page, _, after = done.out.partition("\nRun x1yi6vf")[2].partition("\nEquity\t")[2].partition("\n\n")
    assert page.startswith("100 000 -> 96 992.87 TRY"), "the page of figures comes last"
    assert page.splitlines()[-2].startswith("XRPTRY\t62\t")
    assert done.out.count("\nEquity\t") == 1, "and is there once"
    assert after.startswith("Next: `meva report --db demo.db --html")
    assert "$ meva backtest --data " in done.err
    assert (tmp_path / "demo.db").is_file()


def test_settings_of_the_folder_and_the_environment_do_not_count(
    meva: Meva, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "meva.toml").write_text("[stage7]\nstage7_fees_bps = 1\n[no such heading]\n")
    (tmp_path / ".env").write_text("this is no assignment\n")
    monkeypatch.setenv("SYMBOLS", "BTCTRY")
    monkeypatch.setenv("STAGE7_MAX_DRAWDOWN_PCT", "none of it")
    done = meva("demo", "--db", "other.db")
    assert done.code == 0, done.err
    assert FINGERPRINT in done.out


def test_a_database_that_cannot_be_made_ends_it_with_one_message(meva: Meva, tmp_path: Path) -> None:
    done = meva("demo", "--db", str(tmp_path / "no" / "such" / "folder.db"))
    assert done.code in (1, 2)
    assert "Error: " in done.err
    assert FINGERPRINT not in done.out
