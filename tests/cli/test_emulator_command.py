"""`meva emulator serve` as a user runs it: a process of its own, ended by a signal."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from started import Started, start

NAMES = ("API_KEY", "API_SECRET", "BASE_URL", "GRAPH_URL", "WS_URL")


@contextmanager
def serving(*arguments: str) -> Iterator[Started]:
    """Start the command on a free port; kill it if the test did not end it."""
    process = start("emulator", "serve", "--port", "0", *arguments)
    try:
        yield process
    finally:
        process.kill()  # nothing, where it has ended
        process.wait()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()


def environment_of(process: Started) -> dict[str, str]:
    """Read the lines that are printed once it is ready, up to the last."""
    assert process.stdout is not None
    assert process.stdout.readline().startswith("ready: ")
    lines = [process.stdout.readline().removeprefix("export ").rstrip("\n") for _ in range(5)]
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_the_environment_when_it_is_ready_and_stops_cleanly(number: signal.Signals) -> None:
    with serving("--graph-port", "0", "--balance", "TRY=12.5", "--balance", "TRY=1") as process:
        found = environment_of(process)
        assert sorted(found) == [f"BTCTURK_{name}" for name in NAMES]
        assert found["BTCTURK_WS_URL"].startswith("ws://127.0.0.1:")
        assert found["BTCTURK_GRAPH_URL"] != found["BTCTURK_BASE_URL"]
        for url in (found["BTCTURK_BASE_URL"], found["BTCTURK_GRAPH_URL"]):
            assert requests.get(f"{url}/api/v2/server/ping", timeout=60).json() == {"pong": True}
        state = requests.get(found["BTCTURK_BASE_URL"] + "/_emulator/state", timeout=60).json()
        assert state["broken"] == []
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (130, "stopped\n", "")


def test_json_is_one_object_for_machines(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text('{"policy": {"cancel_ms": 7}}')
    with serving("--json", "--faults", str(plan), "--key", "k", "--secret", "c2VjcmV0") as process:
        assert process.stdout is not None
        told: dict[str, Any] = json.loads(process.stdout.readline())
        assert (told["ready"], told["pairs"]) == (True, 12)
        assert told["environment"]["BTCTURK_API_SECRET"] == "c2VjcmV0"
        url = told["environment"]["BTCTURK_BASE_URL"] + "/_emulator/state"
        assert requests.get(url, timeout=60).json()["policy"]["cancel_ms"] == 7


def test_a_clock_on_command_stands_where_it_is_told_to() -> None:
    with serving("--clock", "manual", "--begin", "2026-01-01") as process:
        url = environment_of(process)["BTCTURK_BASE_URL"]
        moved = requests.post(f"{url}/_emulator/clock", json={"milliseconds": 250}, timeout=60).json()
        assert moved == {"time": 1_767_225_600_250, "manual": True}
        shown = requests.get(f"{url}/api/v2/server/time", timeout=60).json()
        assert shown["serverTime"] == 1_767_225_600_250


def test_a_port_that_is_taken_is_named(meva: Callable[..., Any]) -> None:
    with serving() as process:
        port = environment_of(process)["BTCTURK_BASE_URL"].rpartition(":")[2]
        ended = meva("emulator", "serve", "--port", port)
    assert ended.code == 2
    assert f"cannot listen on 127.0.0.1:{port}" in ended.err
    assert "--port" in ended.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--balance", "try=5"], "does not start with an asset in capitals"),
        (["--balance", "TRY=-5"], "is negative"),
        (["--balance", "TRY"], "'TRY' is no ASSET=AMOUNT; expected one such as TRY=1000"),
        (["--balance", "TRY=x"], "is not a plain decimal number"),
        (["--speed", "-1"], "is negative"),
        (["--secret", "not base64!"], "the secret is not standard Base64"),
        (["--begin", "2026-01-01"], "--begin goes with --clock manual"),
        (["--clock", "manual", "--begin", "2019-12-31"], "2020 to 2099"),
        (["--data", "nowhere"], "nowhere"),
        (["--faults", "nowhere.json"], "To do: mend the path: there is no nowhere.json in "),
        (["--faults", "."], "To do: name a file in it"),
        (["--exchangeinfo", "nowhere.json"], "nowhere.json"),
    ],
)
def test_what_it_cannot_start_with_is_said_without_a_traceback(
    meva: Callable[..., Any], arguments: list[str], says: str
) -> None:
    ended = meva("emulator", "serve", "--port", "0", *arguments)
    assert ended.code == 2
    assert says in ended.err
    assert "Traceback" not in ended.err
    assert "not base64!" not in ended.err
