"""`meva init`: a folder whose settings are those that count anyway, until one is chosen."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Ended

from meva_cli.commands.init import WANTED
from meva_cli.load import load_settings
from meva_core.settings import GROUPS, VARIABLES, variables_of

Meva = Callable[..., Ended]


def test_it_makes_settings_secrets_a_strategy_a_readme_and_what_git_leaves_out(
    meva: Meva, tmp_path: Path
) -> None:
    done = meva("init", str(tmp_path / "work"))
    assert done.code == 0, done.err
    assert sorted(os.listdir(tmp_path / "work")) == [
        ".env",
        ".gitignore",
        "README.md",
        "idea.py",
        "meva.toml",
    ]
    assert stat.S_IMODE((tmp_path / "work/.env").stat().st_mode) == 0o600
    assert "\n.env\n" in "\n" + (tmp_path / "work/.gitignore").read_text()


def test_every_line_of_the_settings_says_its_default(meva: Meva, tmp_path: Path) -> None:
    meva("init", str(tmp_path / "work"))
    untouched = load_settings({}, {}, tmp_path / "work")
    file = tmp_path / "work/meva.toml"
    lines = [line.removeprefix("# ") if " = " in line else line for line in file.read_text().splitlines()]
    file.write_text("\n".join(lines))
    chosen = load_settings({}, {}, tmp_path / "work")
    assert untouched.origin == {}
    assert set(chosen.origin) == {name for names in WANTED.values() for name in names}
    assert chosen.settings == untouched.settings


def test_what_its_readme_says_runs(meva: Meva, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meva("init", str(tmp_path / "work"))
    monkeypatch.chdir(tmp_path / "work")
    heading, _, *lines = Path("README.md").read_text().splitlines()
    assert heading.startswith("# ")
    assert len(lines) == 5
    assert meva("replay", "init", "markets", "--minutes", "90").code == 0
    backtest = ("backtest", "--data", "markets", "--db", "a.db", "--engine", "interpreted")
    ended = meva(*backtest, "--strategy", "idea.py:Idea")
    assert (ended.code, "strategy\tidea" in ended.out) == (0, True), ended.out


@pytest.mark.parametrize("heading", WANTED)
def test_a_wanted_setting_stands_under_its_own_heading(heading: str) -> None:
    own = {variable.name for variable in variables_of(GROUPS[heading]).values()}
    assert set(WANTED[heading]) <= own


def test_the_names_of_all_secrets_are_there_and_no_value(meva: Meva, tmp_path: Path) -> None:
    meva("init", str(tmp_path / "work"))
    lines = (tmp_path / "work/.env").read_text().splitlines()
    named = [line.removeprefix("# ").removesuffix("=") for line in lines if line.endswith("=")]
    assert named == [name for name, one in VARIABLES.items() if one.secret and one.in_files]
    assert all(line.startswith("#") for line in lines)


def test_a_folder_that_holds_something_is_left_as_it_is(meva: Meva, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("mine")
    done = meva("init", str(tmp_path))
    assert done.code == 2
    assert str(tmp_path) in done.err
    assert os.listdir(tmp_path) == ["kept"]
