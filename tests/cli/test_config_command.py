"""`meva config` and `--set`: what is set, where, and what a misspelt or misplaced name does."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from meva_cli.lazy import load_command
from meva_cli.named import SET_NAME
from meva_cli.registry import ALL_GROUPS, COMMANDS
from meva_core.settings import GROUPS, VARIABLES

CANARY = "canary-51c0"


def by_name(document: Any) -> dict[str, Any]:
    """Return the rows of a document by the names of settings."""
    return {row["name"]: row for row in document["settings"]}


# -- config -----------------------------------------------------------------------------------------------


def test_in_a_fresh_folder_nothing_is_set(meva: Callable[..., Any]) -> None:
    ended = meva("config")
    assert (ended.code, ended.out) == (0, "Every setting is its default; `meva config --all` shows them.\n")
    assert meva("config", "--json").document == {"settings": [], "contradictions": [], "warnings": []}
    assert set(by_name(meva("config", "--all", "--json").document)) > set(VARIABLES)


def test_every_value_that_is_not_default_is_shown_with_its_place(
    meva: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("\nTTL_SECONDS=60\nDRY_RUN=true\nSTAGE7_FEES_BPS=22\n")
    (tmp_path / "meva.toml").write_text("[stage7]\nstage7_fees_bps = 23\nstage7_vol_lookback = 30\n")
    monkeypatch.setenv("STAGE7_FEES_BPS", "21")
    rows = by_name(meva("config", "--json", "--set", "SYMBOLS=btc_try,ETHTRY").document)
    assert {name: (row["value"], row["default"], row["origin"]) for name, row in rows.items()} == {
        "SYMBOLS": (["BTCTRY", "ETHTRY"], ["BTCTRY", "ETHTRY", "SOLTRY"], "the command line"),
        "TTL_SECONDS": (60, 120, ".env line 2"),
        "STAGE7_FEES_BPS": ("21", "20", "the environment"),
        "STAGE7_VOL_LOOKBACK": (30, 20, "meva.toml [stage7]"),
    }
    assert rows["STAGE7_FEES_BPS"]["unused"] == [".env line 4", "meva.toml [stage7]"]
    assert "STAGE7_FEES_BPS\t21\t20\tthe environment\t.env line 4, meva.toml [stage7]" in meva("config").out


def test_parameters_of_strategies_are_shown_with_their_heading(
    meva: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "meva.toml").write_text("[strategies.momentum]\ncloses = 48\n")
    row = by_name(meva("config", "--json").document)["strategies.momentum.closes"]
    assert (row["value"], row["origin"]) == (48, "meva.toml [strategies.momentum]")
    assert "strategies.momentum.closes" in meva("config").out


def test_secrets_are_masked_wherever_they_stand(
    meva: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(f"BTCTURK_API_KEY={CANARY}\nBTCTURK_API_SECRET={CANARY}\n")
    monkeypatch.setenv("MEVA_DATABASE_URL", f"postgresql://me:{CANARY}@host/db")
    monkeypatch.setenv("STATE_DB_PATH", f"postgresql://me:{CANARY}@host/db")
    plain, document = meva("--debug", "config", "--all"), meva("config", "--json")
    assert plain.code == document.code == 0
    assert by_name(document.document)["BTCTURK_API_KEY"]["value"] == "<secret>"
    assert CANARY not in plain.out + plain.err + document.out + document.err
    assert "postgresql://***@host/db" in plain.out


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (f"postgresql:/me:{CANARY}@host/db", "***@host/db"),
        (f"me:{CANARY}@host/db", "***@host/db"),
        (f"postgresql//me:{CANARY}@host/db", "***@host/db"),
        (f"sqlite://me:{CANARY}@host/x", "sqlite://***@host/x"),
        (f"host=host user=me password={CANARY}", "<secret>"),
        ("data/state.db", "data/state.db"),
    ],
)
def test_no_login_of_a_mistyped_address_is_shown(
    meva: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, address: str, shown: str
) -> None:
    monkeypatch.setenv("STATE_DB_PATH", address)
    plain, document = meva("config"), meva("config", "--json")
    assert by_name(document.document)["STATE_DB_PATH"]["value"] == shown
    assert CANARY not in plain.out + plain.err + document.out + document.err


def test_what_only_the_environment_says_is_parsed_like_a_setting(
    meva: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEVA_WARM", "maybe")
    ended = meva("config")
    assert (ended.code, ended.out) == (2, "")
    assert "MEVA_WARM: 'maybe' from the environment is neither on nor off" in ended.err
    monkeypatch.setenv("MEVA_WARM", "off")
    assert "MEVA_WARM\toff" in meva("config").out


def test_gates_that_contradict_are_told_and_shown_all_the_same(
    meva: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAGE7_ENABLED", "true")
    monkeypatch.setenv("DRY_RUN", "false")
    ended = meva("config")
    assert ended.code == 0
    assert "DRY_RUN\tfalse\ttrue\tthe environment" in ended.out
    assert "Gates contradict: DRY_RUN: is false, but STAGE7_ENABLED=true needs true" in ended.out


def test_a_file_that_gives_a_setting_two_values_is_refused_with_both_places(
    meva: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("KILL_SWITCH=true\nPATH=a\nPATH=b\nKILL_SWITCH=false\n")
    ended = meva("gates")
    assert (ended.code, ended.out) == (2, "")
    assert ".env line 4: gives KILL_SWITCH another value than .env line 1" in ended.err
    (tmp_path / ".env").write_text("DRY_RUN=false\nDRY_RUN=false\n")
    assert "DRY_RUN\tfalse\ttrue\t.env line 2" in meva("config").out


# -- --set ------------------------------------------------------------------------------------------------


def test_what_is_set_counts_before_the_environment(
    meva: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KILL_SWITCH", "true")
    document = meva("gates", "--set", "KILL_SWITCH=false", "--json").document
    assert document["gates"][0]["origin"] == "the command line"
    assert "kill_switch" not in document["live"]["blocks"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["config", "--set", "KILLSWITCH=true"], "unknown setting 'KILLSWITCH'; did you mean KILL_SWITCH?"),
        (["config", "--set", "PATH=x"], "unknown setting 'PATH'"),
        (["config", "--set", "KILL_SWITCH"], "expected NAME=VALUE"),
        (["config", "--set", "KILL_SWITCH=perhaps"], "KILL_SWITCH: 'perhaps' from the command line"),
        (["config", "--set", "TTL_SECONDS=1", "--set", "TTL_SECONDS=2"], "TTL_SECONDS is named twice"),
        (["config", "--set", "MEVA_CACHE_DIR=x"], "taken from the environment alone"),
        (["report", "--db", "x.db", "--set", "LOG_LEVEL=LOUD"], "LOG_LEVEL: 'LOUD' from the command line"),
        (["backtest", "--set", "KILL_SWITCH=true"], "meva backtest does not read KILL_SWITCH"),
        (["backtest", "--set", "MAX_DAILY_LOSS_TRY=0"], "To do: set STAGE7_MAX_DAILY_LOSS_TRY; of [live]"),
        (["run", "stage7", "--set", "FEE_BPS_TAKER=9"], "meva run stage7 does not read FEE_BPS_TAKER"),
        (
            ["backtest", "--fill-model", "touch", "--set", "STAGE7_FILL_MODEL=instant"],
            "STAGE7_FILL_MODEL is named by --set and by an option of its own",
        ),
        (["replay", "init", "d", "--set", "TTL_SECONDS=1"], "No such option"),
    ],
)
def test_what_would_change_nothing_is_refused(
    meva: Callable[..., Any], arguments: list[str], message: str
) -> None:
    ended = meva(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


def test_a_key_on_the_command_line_is_taken_masked_and_warned_of(meva: Callable[..., Any]) -> None:
    ended = meva("config", "--set", f"BTCTURK_API_KEY={CANARY}")
    assert "BTCTURK_API_KEY\t<secret>\tnone\tthe command line" in ended.out
    assert "BTCTURK_API_KEY on a command line is seen by others" in ended.err
    assert CANARY not in ended.out + ended.err


def nodes_of(module: str) -> list[ast.AST]:
    """Return all of a module's source, and of what tells reasons for it."""
    nodes = list(ast.walk(ast.parse(inspect.getsource(import_module(module)))))
    taken = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    told = {name for name in taken if name.startswith(("meva_cli.explaining", "meva_cli.telling"))}
    return nodes + [node for name in sorted(told) for node in nodes_of(name)]


def groups_asked_for(target: str) -> set[str]:
    """Return the groups that a command asks for by name, read from its sources."""
    calls = [node for node in nodes_of(target.partition(":")[0]) if isinstance(node, ast.Call)]
    asks = ("settings_for", "readable_settings")
    asked = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in asks]
    return {argument.value for call in asked for argument in call.args if isinstance(argument, ast.Constant)}


def test_the_registry_knows_which_groups_a_command_reads() -> None:
    assert {*ALL_GROUPS, "state"} == set(GROUPS)
    modules = {command.target.partition(":")[0] for command in COMMANDS}
    for name in modules:
        commands = [command for command in COMMANDS if command.target.startswith(f"{name}:")]
        told = {group for command in commands for group in command.settings or ()}
        assert groups_asked_for(name) - {"state"} <= told, name
        if told != set(ALL_GROUPS):  # `config` asks for all of them at once
            assert told == groups_asked_for(name) - {"state"}, name


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.path)
def test_every_command_that_reads_settings_takes_one(command: Any) -> None:
    for _ in range(2):  # a command that is loaded again has the option once
        options = [option for option in load_command(command.path).params if option.name == SET_NAME]
        assert len(options) == (command.settings is not None)


# -- Misspelt names, and files that others can read --------------------------------------------------------


def test_a_misspelt_name_in_the_environment_is_warned_of_once(
    meva: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAGE7_FEE_BPS", "200")
    monkeypatch.setenv("DATABASE_URL", "of another program")
    ended = meva("backtest", "--db", "x.db")  # reads settings twice
    assert [line for line in ended.err.splitlines() if "warning" in line] == [
        "warning: STAGE7_FEE_BPS in the environment is no setting and changes nothing; "
        "did you mean STAGE7_FEES_BPS?"
    ]


@pytest.mark.parametrize(
    ("mode", "text", "warned"),
    [
        (0o600, f"BTCTURK_API_SECRET={CANARY}\n", False),
        (0o640, f"BTCTURK_API_SECRET={CANARY}\n", True),
        (0o604, f"BTCTURK_API_SECRET={CANARY}\n", True),
        (0o644, f"export MEVA_DATABASE_URL=postgresql://me:{CANARY}@h/d\n", True),
        (0o644, "BTCTURK_API_SECRET=\n", False),
        (0o644, "STAGE7_FEES_BPS=21\n", False),
        (0o666, "STAGE7_FEES_BPS=21\n", True),
    ],
)
def test_a_file_with_a_secret_that_others_can_read_is_warned_of(
    meva: Callable[..., Any], tmp_path: Path, mode: int, text: str, warned: bool
) -> None:
    (tmp_path / ".env").write_text(text)
    (tmp_path / ".env").chmod(mode)
    ended = meva("config")
    assert ended.code == 0
    assert ("chmod 600 .env" in ended.err) == warned
    assert CANARY not in ended.out + ended.err


def test_a_meva_toml_with_a_secret_is_looked_at_likewise(meva: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "meva.toml").write_text(f"[exchange]\nbtcturk_api_secret = '{CANARY}'\n")
    (tmp_path / "meva.toml").chmod(0o644)
    assert "meva.toml holds a secret" in meva("config").err
