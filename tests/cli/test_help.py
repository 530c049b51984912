"""Help: quick, complete, and in a fresh folder."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import pytest

from meva_cli.lazy import LazyGroup, load_command, modern_arguments
from meva_cli.options import AmountParam
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


def test_every_option_that_takes_a_number_reads_plain_digits_alone() -> None:
    kinds = (click.types.IntParamType, click.types.FloatParamType, AmountParam)
    found = 0
    for command in COMMANDS:
        for option in load_command(command.path).params:
            for kind in option.type.types if isinstance(option.type, click.Tuple) else [option.type]:
                if not isinstance(kind, kinds):
                    continue
                found += 1
                assert kind.convert("48", option, None) == 48
                for text in ("4_8", "٤٨", " 48", "nan", "inf"):
                    with pytest.raises(click.BadParameter):
                        kind.convert(text, option, None)
    assert found > 40


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
        assert [first, *rest] == [*alias.path.split(), *modern_arguments(alias, name, ["--x"])]
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


def test_each_old_name_of_an_option_means_one_of_todays() -> None:
    for name, alias in ALIASES.items():
        if alias.path not in {command.path for command in COMMANDS}:
            continue
        options = {option for parameter in load_command(alias.path).params for option in parameter.opts}
        meanings = [*alias.options.values(), *alias.defaults]
        assert {meaning for meaning in meanings if isinstance(meaning, str)} <= options, name


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("stage7-parity", ["--out-a", "a", "--dataset", "d", "--out-b=b"], ["a", "b"]),
        ("stage7-backtest-report", ["--db", "d", "--out", "o", "--last", "5"], None),
        ("replay-init", ["--no-synthetic"], ["data/replay", "--empty"]),
        ("replay-init", ["--dataset", "d", "--seed", "5"], ["d", "--seed", "5"]),
        (
            "replay-capture",
            ["--dataset", "d", "--symbols", "BTCTRY", "--seconds=9", "--interval-seconds", "2"],
            ["d", "--symbols", "BTCTRY", "--seconds=9", "--interval", "2"],
        ),
        ("replay-capture", [], ["data/replay", "--seconds", "300"]),
        ("replay-capture", ["--help"], ["--help"]),
    ],
)
def test_command_lines_of_the_earlier_system_are_taken_as_they_were(
    name: str, old: list[str], new: list[str] | None
) -> None:
    assert modern_arguments(ALIASES[name], name, old) == (old if new is None else new)


def test_the_earlier_systems_dataset_is_found_where_nothing_names_one(
    meva: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert meva("replay-init", "--seed", "2").code == 0
    old = meva("stage7-backtest", "--out", "old.db", "--cycles", "2", "--json")
    assert old.document["dataset"] == "data/replay"
    assert meva("backtest", "--db", "old.db").code == 2  # today's command has no such default
    monkeypatch.setenv("BTCTBOT_REPLAY_DATASET", "elsewhere")
    assert "elsewhere" in meva("stage7-backtest", "--out", "old.db").err


def test_a_run_and_its_export_by_their_old_names(meva: Callable[..., Any], tmp_path: Path) -> None:
    pair = {"numeratorScale": 8, "denominatorScale": 2, "tickSize": "0.1", "stepSize": "0.00000001"}
    (tmp_path / "pairs.json").write_text(json.dumps([{"pairSymbol": "BTCTRY", **pair}]))
    assert meva("replay-init", "--dataset", "d").code == 0
    window = ["--start", "2024-01-01T00:00:00Z", "--end", "2024-01-01T00:05:00Z"]
    run = ["--dataset", "d", *window, "--step-seconds", "60", "--pair-info-json", "pairs.json"]
    for name in ("a.db", "b.db"):
        ended = meva("stage7-backtest", *run, "--out", name, "--json")
        assert (ended.code, ended.document["cycles"]) == (0, 6)
        assert "no least order of BTCTRY: 10 TRY" in ended.err
    assert meva("stage7-parity", "--out-a", "a.db", "--out-b", "b.db", "--dataset", "d", *window).code == 0
    assert meva("stage7-backtest-report", "--db", "a.db", "--out", "o.jsonl", "--last", "2").code == 0
    assert len((tmp_path / "o.jsonl").read_text().splitlines()) == 2
    assert "stage7_cycle_trace\t6" in meva("stage7-db-count", "--db", "a.db").out
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        ((rules,),) = connection.execute("SELECT rules_json FROM stage7_runs").fetchall()
    (btc,) = [rule for rule in json.loads(rules) if rule["symbol"] == "BTCTRY"]
    assert [btc[n] for n in ("status", "tick_size", "min_notional_try")] == ["ok", "0.1", "10"]


def test_a_database_that_is_missing_is_named_by_its_old_option() -> None:
    with pytest.raises(click.UsageError, match="Missing option '--db-a' of stage7-parity"):
        modern_arguments(ALIASES["stage7-parity"], "stage7-parity", ["--out-b", "b.db"])


def test_an_old_option_without_its_value_is_refused() -> None:
    with pytest.raises(click.UsageError, match="'--db-a' of stage7-parity requires an argument"):
        modern_arguments(Alias("parity", {"--db-a": 0}), "stage7-parity", ["--db-a"])
