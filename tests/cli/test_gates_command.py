"""`meva gates`: what is allowed, what blocks, which line to change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fresh_database import fresh_file

CANARY = "canary-51c0"


def test_in_a_fresh_folder_everything_is_blocked_and_every_line_named(meva: Callable[..., Any]) -> None:
    ended = meva("gates")
    assert ended.code == 0
    for line in (
        "Live writes to the exchange: blocked by kill_switch, dry_run, live_not_armed",
        "  set KILL_SWITCH=false  (now true, the default: add the line to .env)",
        "  set BTCTURK_API_SECRET=<the account's secret>  (now empty, the default: add the line to .env)",
        "Stage 7: blocked by stage7_disabled",
    ):
        assert line in ended.out.splitlines()


def test_the_document_names_blocks_changes_and_places(meva: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("STAGE7_ENABLED=true\nNOTIONAL_CAP_TRY_PER_CYCLE=0\nDRY_RUN=true\n")
    document = meva("gates", "--json").document
    assert list(document) == ["live", "kill_switch", "stage7", "gates", "contradictions", "notes"]
    assert document["kill_switch"] == []
    assert document["stage7"] == {"allowed": True, "blocks": [], "changes": []}
    assert document["live"]["blocks"] == ["kill_switch", "dry_run", "live_not_armed"]
    dry_run = next(change for change in document["live"]["changes"] if change["name"] == "DRY_RUN")
    assert list(dry_run.values()) == ["DRY_RUN", "true", "false", ".env line 3", "dry_run"]
    assert any("NOTIONAL_CAP_TRY_PER_CYCLE is 0: no new orders" in note for note in document["notes"])


def test_open_gates_are_said_to_be_open_and_keys_are_not_shown(
    meva: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"KILL_SWITCH": "0", "DRY_RUN": "0", "LIVE_TRADING": "1", "LIVE_TRADING_ACK": "I_UNDERSTAND"}
    for name, value in {**values, "BTCTURK_API_KEY": CANARY, "BTCTURK_API_SECRET": CANARY}.items():
        monkeypatch.setenv(name, value)
    ended = meva("gates")
    assert "Live writes to the exchange: allowed" in ended.out
    assert CANARY not in ended.out + ended.err + meva("--debug", "gates", "--json").out


def test_open_gates_allow_nothing_while_the_kill_switch_is_on_in_a_file_or_a_row(
    meva: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    values = {"KILL_SWITCH": "0", "DRY_RUN": "0", "LIVE_TRADING": "1", "LIVE_TRADING_ACK": "I_UNDERSTAND"}
    for name, value in {**values, "BTCTURK_API_KEY": CANARY, "BTCTURK_API_SECRET": CANARY}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("STATE_DB_PATH", str(fresh_file(tmp_path / "state.db")))
    monkeypatch.setenv("MEVA_KILL_FILE", str(tmp_path / "STOP"))
    before = sorted(tmp_path.iterdir())
    assert "Live writes to the exchange: allowed" in meva("gates").out
    assert sorted(tmp_path.iterdir()) == before, "a look leaves no trace"
    meva("kill", "--reason", "a look")
    document = meva("gates", "--json").document
    assert document["live"] == {"allowed": False, "blocks": ["kill_switch"], "changes": []}
    assert document["kill_switch"] == [
        f"MEVA_KILL_FILE, {tmp_path / 'STOP'}: all (a look)",
        "op_state, kill_switch:meva: all (a look)",
    ]
    out = meva("gates").out
    assert "Live writes to the exchange: blocked by kill_switch\n" in out
    assert "  op_state, kill_switch:meva: all (a look): `meva arm --reason TEXT` takes it back\n" in out
    meva("arm", "--reason", "seen")
    assert "Live writes to the exchange: allowed" in meva("gates").out


def test_what_the_database_says_of_the_switch_is_not_known_where_it_cannot_be_looked_at(
    meva: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "odd.db").write_bytes(b"no database at all" * 300)
    monkeypatch.setenv("STATE_DB_PATH", str(tmp_path / "odd.db"))
    ended = meva("gates")
    assert ended.code == 0
    assert "Note: whether the database has the kill switch on is not known: " in ended.out


def test_contradicting_gates_are_shown_with_what_they_block_and_each_way_out(
    meva: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVE_TRADING_ACK", "I_UNDERSTAND")
    (tmp_path / ".env").write_text("LIVE_TRADING=true\nKILL_SWITCH=false\nBTCTURK_API_KEY=a\nDRY_RUN=true\n")
    (tmp_path / ".env").chmod(0o600)
    ended = meva("gates")
    assert (ended.code, ended.err) == (2, "")
    lines = ended.out.splitlines()
    assert "DRY_RUN\ttrue\t.env line 4" in lines
    assert "Live writes to the exchange: blocked by dry_run, live_not_armed" in lines
    at = lines.index("Contradictions: no run begins with them, but one that observes")
    assert lines[at + 1 : at + 3] == [
        "  .env line 4, DRY_RUN: is true, but LIVE_TRADING=true needs false: "
        "set DRY_RUN=false (it is true), or set LIVE_TRADING=false",
        "  by default, BTCTURK_API_SECRET: is empty, but LIVE_TRADING=true needs the account's secret: "
        "set BTCTURK_API_SECRET to the account's secret (it is empty), or set LIVE_TRADING=false",
    ]
    document = meva("gates", "--json")
    assert document.code == 2
    assert [one["name"] for one in document.document["contradictions"]] == ["DRY_RUN", "BTCTURK_API_SECRET"]
    assert document.document["live"]["blocks"] == ["dry_run", "live_not_armed"]


@pytest.mark.parametrize(
    ("name", "text", "action"),
    [
        (
            ".env",
            b"LIVE_TRADING=fals\n",
            "mend LIVE_TRADING in .env line 1, or leave it out: its default is false (asks for live)",
        ),
        (".env", b"\xff\xfe\n", "save .env as UTF-8, or move it away"),
        ("meva.toml", b"[gates\n", "mend meva.toml, or move it away: the defaults hold without it"),
    ],
)
def test_what_to_do_about_a_setting_is_something_to_do(
    meva: Callable[..., Any], tmp_path: Path, name: str, text: bytes, action: str
) -> None:
    (tmp_path / name).write_bytes(text)
    assert meva("gates", "--json").document["error"]["action"] == action


def test_a_bad_secret_is_masked_in_text_and_document(
    meva: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BTCTURK_API_KEY", f"{CANARY} {CANARY}")
    plain, document = meva("--debug", "gates"), meva("gates", "--json")
    assert plain.code == document.code == 2
    assert "BTCTURK_API_KEY: <secret> from the environment; expected" in plain.err
    assert document.document["error"]["code"] == "bad_input"
    assert CANARY not in plain.out + plain.err + document.out + document.err


def test_an_address_that_is_not_the_exchanges_is_told(
    meva: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BTCTURK_BASE_URL", "https://mirror.example")
    told = "leads to mirror.example, which is not the exchange's: the key is"
    assert f"{told} not sent there" in meva("gates").out
    monkeypatch.setenv("BTCTURK_ALLOW_HOSTS", "mirror.example")
    assert f"{told} sent there" in meva("gates").out
