"""Help: quick, complete, and in a fresh folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from meva_cli.lazy import LazyGroup, load_command, modern_arguments
from meva_cli.registry import ALIASES, COMMANDS, GROUPS, Alias

HEAVY = {
    "alembic",
    "meva_adapters",
    "meva_core",
    "numba",
    "numpy",
    "pyarrow",
    "requests",
    "rich",
    "sqlalchemy",
}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], []])
def test_the_first_help_imports_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from meva_cli.app import run\n"
        f"run({arguments!r})\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    out = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    assert not set(out.splitlines()[-1].split()) & HEAVY


def test_the_first_help_lists_every_command_with_its_line(meva: Callable[..., Any]) -> None:
    out = " ".join(meva("--help").out.split())
    top = {command.path: command.help for command in COMMANDS if " " not in command.path}
    for name, text in {**top, **GROUPS}.items():
        assert f"{name} {text}" in out
    assert not any(alias in out for alias in ALIASES)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.path)
def test_every_command_has_help_in_a_fresh_folder(command: Any, meva: Callable[..., Any]) -> None:
    ended = meva(*command.path.split(), "--help")
    assert ended.code == 0
    assert ended.out.startswith(f"Usage: meva {command.path}")
    loaded = load_command(command.path)
    assert loaded.help
    for parameter in loaded.params:
        assert not isinstance(parameter, click.Option) or parameter.help, parameter.name


@pytest.mark.parametrize("group", GROUPS)
def test_every_group_lists_its_commands(group: str, meva: Callable[..., Any]) -> None:
    out = " ".join(meva(group, "--help").out.split())
    assert GROUPS[group] in out
    inside = [command for command in COMMANDS if command.path.startswith(f"{group} ")]
    assert inside
    for command in inside:
        assert f"{command.path.removeprefix(group).strip()} {command.help}" in out


@pytest.mark.parametrize("name", sorted(ALIASES))
def test_a_name_of_the_earlier_system_means_its_command(name: str) -> None:
    known = {command.path for command in COMMANDS}
    root = LazyGroup("meva")
    context = click.Context(root)
    alias = ALIASES[name]
    if alias.path in known:
        first, command, rest = root.resolve_command(context, [name, "--x"])
        assert command is not None
        assert [first, *rest] == [*alias.path.split(), "--x"]
    else:
        with pytest.raises(click.UsageError, match=f"No such command '{name}'"):
            root.resolve_command(context, [name])


def test_options_of_the_earlier_system_become_todays() -> None:
    backtest = ALIASES["stage7-backtest"]
    old = ["--dataset", "d", "--out-db=x.db", "--step-seconds", "60", "--pair-info-json", "p", "--seed", "1"]
    new = ["--data", "d", "--db=x.db", "--step", "60", "--pair-info", "p", "--seed", "1"]
    assert modern_arguments(backtest, "stage7-backtest", old) == new
    parity = ALIASES["stage7-parity"]
    old = ["--start", "2026-01-01", "--db-b", "b.db", "--db-a=a.db", "--json"]
    assert modern_arguments(parity, "x", old) == ["a.db", "b.db", "--start", "2026-01-01", "--json"]


def test_an_old_option_without_its_value_is_refused() -> None:
    with pytest.raises(click.UsageError, match="'--db-a' of stage7-parity requires an argument"):
        modern_arguments(Alias("parity", {"--db-a": 0}), "stage7-parity", ["--db-a"])
