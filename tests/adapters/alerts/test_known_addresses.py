"""Apprise is loaded for addresses that it was not asked about before, and to send: for nothing else."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from webhook import webhook

from meva_adapters.alerts import receivers
from meva_adapters.alerts.known import FOLDER, Known, known
from meva_core.errors import BadInput
from meva_core.settings import Secret

CANARY = "canary7f3a9"
URLS = (f"json://u:{CANARY}@127.0.0.1:9/{CANARY}", f"tgram://123456789:{'A' * 30}{CANARY}/12345")
NAMES = ["JSON 127.0.0.1:9", "Telegram"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where what is known is kept, for this test alone, under a salt by which no two addresses look alike."""
    monkeypatch.setenv("MEVA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("meva_adapters.alerts.known.secrets.token_hex", lambda size: "07" * size)
    return tmp_path / "meva" / FOLDER


def named(*urls: str, keeps: bool = False) -> list[str]:
    return [one.name for one in receivers([Secret(url) for url in urls], keeps=keeps)]


def test_a_later_process_loads_apprise_only_to_send(folder: Path) -> None:
    script = (
        "import sys\n"
        "from meva_adapters.alerts import receivers\n"
        "from meva_core.settings import Secret\n"
        "found = receivers([Secret(url) for url in sys.argv[1:]], keeps=True)\n"
        "print([one.name for one in found], 'apprise' in sys.modules)\n"
        "print(found[0].send('title\\nbody', 'info'), 'apprise' in sys.modules)\n"
    )
    with webhook() as hook:
        command = [sys.executable, "-c", script, hook.url(CANARY)]
        said = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(2)]
    assert len(hook.came) == 2
    names = str([f"JSON 127.0.0.1:{hook.port}"])
    assert [one.stdout for one in said] == [f"{names} {loaded}\nNone True\n" for loaded in (True, False)]


def test_of_an_address_nothing_is_kept_that_opens_a_door(folder: Path) -> None:
    assert named(*URLS, keeps=True) == NAMES
    assert known(URLS) == [Known("JSON", "127.0.0.1:9"), Known("Telegram", "")]
    [file] = folder.iterdir()
    assert CANARY not in file.read_text()
    if os.name == "posix":
        assert [stat.S_IMODE(place.stat().st_mode) for place in (folder, file)] == [0o700, 0o600]


def test_what_is_kept_of_some_is_of_no_use_for_others(folder: Path) -> None:
    named(URLS[0], keeps=True)
    named(URLS[1], keeps=True)
    assert known(URLS) is not None  # of both, though by two processes
    assert known([URLS[0] + "x"]) is None
    with pytest.raises(BadInput, match="address 2 of 2, of tgram://, is none"):
        named(URLS[0], f"tgram://{CANARY}", keeps=True)
    assert known([f"tgram://{CANARY}"]) is None


def test_addresses_that_look_alike_are_not_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meva_adapters.alerts.known._DIGITS", 0)
    assert named(*URLS, keeps=True) == NAMES
    assert known(URLS) is None
    assert not [*folder.iterdir()]


def test_a_guess_is_not_told_from_thousands_of_others(folder: Path) -> None:
    named(URLS[0], keeps=True)
    [file] = folder.iterdir()
    [kept] = json.loads(file.read_text())["addresses"]
    assert len(kept) == 3


def test_nothing_is_kept_unless_that_is_asked_for(folder: Path) -> None:
    named(*URLS)
    assert not folder.exists()


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"apprise": "another", "salt": "00", "addresses": {}}'])
def test_what_is_damaged_or_of_another_apprise_is_asked_for_again(folder: Path, damage: bytes) -> None:
    named(*URLS, keeps=True)
    [file] = folder.iterdir()
    file.write_bytes(damage)
    assert known(URLS) is None
    assert named(*URLS, keeps=True) == NAMES
    assert known(URLS) is not None


def test_a_folder_that_others_may_change_is_not_trusted(folder: Path) -> None:
    named(*URLS, keeps=True)
    folder.chmod(0o777)
    assert known(URLS) is None
    assert named(*URLS, keeps=True) == NAMES
