"""Gates in the files of settings while a program runs: what changes there shuts one, and opens again what it
shut; nothing else does either."""

from __future__ import annotations

from pathlib import Path

import pytest

from meva_cli.load import load_settings
from meva_cli.operating.gate_files import GateFiles
from meva_core.errors import BadInput

OPEN = {
    "DRY_RUN": "false",
    "LIVE_TRADING": "true",
    "LIVE_TRADING_ACK": "I_UNDERSTAND",
    "KILL_SWITCH": "false",
    "BTCTURK_API_KEY": "a-key",
    "BTCTURK_API_SECRET": "c2VjcmV0",
}
SHUT = {
    "DRY_RUN": "true",
    "LIVE_TRADING": "false",
    "LIVE_TRADING_ACK": "no",
    "BTCTURK_API_KEY": "a-second-key",
    "BTCTURK_API_SECRET": "YW5vdGhlcg==",
}
EMPTY = {"LIVE_TRADING_ACK": "", "BTCTURK_API_KEY": "", "BTCTURK_API_SECRET": ""}


def written(folder: Path, **lines: str) -> None:
    (folder / ".env").write_text("".join(f"{name}={text}\n" for name, text in lines.items()))


def begun(folder: Path, **environment: str) -> GateFiles:
    """Return the gates as a program has them that begins now."""
    return GateFiles(load_settings({}, environment, folder, ("gates", "exchange")).settings, folder)


def shut(files: GateFiles) -> list[str]:
    return [str(change) for block in files.blocks() for change in block.changes]


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OPEN:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("name", "text"), [*SHUT.items(), *EMPTY.items()])
def test_a_value_that_changes_shuts_its_gate_until_it_is_as_before(
    tmp_path: Path, name: str, text: str
) -> None:
    written(tmp_path, **OPEN)
    files = begun(tmp_path)
    assert shut(files) == []
    written(tmp_path, **{**OPEN, name: text})
    [found] = shut(files)
    assert found.startswith((f"set {name}=", f"set {name} to the account's "))
    assert "in .env line" in found
    assert not text or not name.startswith("BTCTURK") or text not in found
    written(tmp_path, **OPEN)
    assert shut(files) == []


@pytest.mark.parametrize("name", sorted(SHUT))
def test_a_line_that_is_taken_away_shuts_its_gate_unless_something_else_says_it(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, **OPEN)
    files = begun(tmp_path)
    written(tmp_path, **{one: text for one, text in OPEN.items() if one != name})
    [found] = shut(files)
    assert found.startswith((f"set {name}=", f"set {name} to the account's "))
    assert "in no file any more" in found
    monkeypatch.setenv(name, OPEN[name])
    assert shut(files) == []
    monkeypatch.delenv(name)
    (tmp_path / ".env").unlink()
    assert len(shut(files)) == 5
    written(tmp_path, **OPEN)
    assert shut(files) == []


def test_what_the_environment_has_opened_a_file_that_changes_shuts(tmp_path: Path) -> None:
    files = begun(tmp_path, **OPEN)
    assert shut(files) == []
    (tmp_path / "meva.toml").write_text("[gates]\nlive_trading = false\n")
    assert shut(files) == ["set LIVE_TRADING=true (it is false in meva.toml [gates])"]
    (tmp_path / "meva.toml").write_text("[gates]\nlive_trading = true\n")
    assert shut(files) == []


def test_what_a_file_said_when_it_began_shuts_nothing_when_something_else_in_it_changes(
    tmp_path: Path,
) -> None:
    written(tmp_path, DRY_RUN="true", BTCTURK_API_KEY="another")
    files = begun(tmp_path, **OPEN)  # which the environment won over
    written(tmp_path, DRY_RUN="true", BTCTURK_API_KEY="another", LOG_LEVEL="DEBUG")
    assert shut(files) == []


def test_no_file_opens_what_was_shut_when_it_began(tmp_path: Path) -> None:
    files = begun(tmp_path, **{**OPEN, "LIVE_TRADING": "false"})
    written(tmp_path, LIVE_TRADING="true")
    assert shut(files) == ["set LIVE_TRADING=true (it is false)"]


@pytest.mark.parametrize("text", ["DRY_RUN\n", "DRY_RUN=perhaps\n", "LIVETRADING=true\n"])
def test_what_cannot_be_read_is_no_open_gate(tmp_path: Path, text: str) -> None:
    files = begun(tmp_path, **OPEN)
    (tmp_path / ".env").write_text(text)
    with pytest.raises(BadInput):
        files.blocks()
    (tmp_path / ".env").write_text("# nothing\n")
    assert shut(files) == []


def test_without_a_folder_no_file_says_anything(tmp_path: Path) -> None:
    written(tmp_path, LIVE_TRADING="false")
    files = GateFiles(load_settings({}, OPEN, None, ("gates", "exchange")).settings, None)
    assert shut(files) == []
