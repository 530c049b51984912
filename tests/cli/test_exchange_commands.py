"""`meva health`, `replay capture` and `replay fetch` as a user runs them, against a local exchange."""

from __future__ import annotations

import base64
import json
import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from local_exchange import LocalExchange, start_emulator, stop_emulator
from started import Started, start

from meva_adapters import replay
from meva_cli.app import run
from meva_cli.exchange import warn_of_foreign_host
from meva_core.settings import build_settings

KEY = "c4n4ry00-1111-4222-8333-444444444444"
SECRET = base64.b64encode(b"a canary that must not sing").decode()
PAIRS = "BTCTRY,ETHTRY,XRPTRY,LTCTRY,SOLTRY"


@pytest.fixture(scope="module")
def running() -> Iterator[LocalExchange]:
    exchange = start_emulator("--key", KEY, "--secret", SECRET)
    yield exchange
    stop_emulator(exchange)


@pytest.fixture
def local(running: LocalExchange) -> LocalExchange:
    running.control("DELETE", "faults")
    running.control("POST", "limits/reset")
    running.control("POST", "policy", clock_skew_ms=0)
    return running


class Meva:
    """The program in a folder of its own, with the exchange's environment."""

    def __init__(self, folder: Path, local: LocalExchange, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys
        keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environment = {**keep, **local.environment, "SYMBOLS": PAIRS}

    def start(self, *arguments: object, **environment: str) -> Started:
        return start(*arguments, cwd=self.folder, env={**self.environment, **environment})

    def run_apart(self, *arguments: object, **environment: str) -> str:
        """Run a command in a process of its own, and return all that it says."""
        return "".join(self.start(*arguments, **environment).communicate(timeout=60))

    def run(self, *arguments: object, **environment: str) -> tuple[int, str, str]:
        """Run a command in this process: to start one takes longer than most commands."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            for name in os.environ.keys() - self.environment.keys():
                patch.delenv(name)
            for name, value in {**self.environment, **environment}.items():
                patch.setenv(name, value)
            code = run([str(argument) for argument in arguments])
        return code, *self.capsys.readouterr()

    def json(self, *arguments: object, **environment: str) -> tuple[int, Any]:
        code, out, err = self.run(*arguments, "--json", **environment)
        assert out, err
        return code, json.loads(out)


@pytest.fixture
def meva(tmp_path: Path, local: LocalExchange, capsys: pytest.CaptureFixture[str]) -> Meva:
    return Meva(tmp_path, local, capsys)


def test_health_of_an_exchange_that_answers(meva: Meva) -> None:
    code, document = meva.json("health")
    assert (code, document["ok"]) == (0, True)
    assert [check["name"] for check in document["checks"]] == ["time", "rules", "order book", "candles"]
    code, document = meva.json("health", "--account", "--stream")
    assert (code, [check["name"] for check in document["checks"]][4:]) == (0, ["account", "stream"])


def test_an_emulator_alone_answers_for_candles_and_stream_too(meva: Meva) -> None:
    del meva.environment["BTCTURK_GRAPH_URL"], meva.environment["BTCTURK_WS_URL"]
    code, document = meva.json("health", "--stream")
    assert (code, document["ok"]) == (0, True)


def test_health_names_what_is_wrong(meva: Meva, local: LocalExchange) -> None:
    code, document = meva.json("health", BTCTURK_BASE_URL="http://127.0.0.1:9")
    assert (code, [check["status"] for check in document["checks"]]) == (1, ["fail"])
    assert "Connection refused" in document["checks"][0]["detail"]
    code, document = meva.json("health", SYMBOLS="NOPETRY,NEVERTRY")
    assert (code, document["ok"], document["checks"][1]["status"]) == (1, False, "fail")
    assert "NOPETRY" in document["checks"][1]["detail"]


def test_health_warns_of_what_does_not_keep_it_from_working(meva: Meva, local: LocalExchange) -> None:
    code, document = meva.json("health", SYMBOLS="NOPETRY,BTCTRY")
    assert (code, document["ok"]) == (0, True)
    rules, book = document["checks"][1:3]
    assert (rules["status"], rules["action"]) == ("warn", "leave these symbols out of SYMBOLS")
    assert (book["status"], book["detail"].split()[0]) == ("pass", "BTCTRY")
    local.control("POST", "policy", clock_skew_ms=60_000)
    code, document = meva.json("health")
    assert (code, document["checks"][0]["action"]) == (0, "set this machine's clock")


def test_health_names_an_asset_of_which_there_is_less_than_nothing(meva: Meva, local: LocalExchange) -> None:
    balances = "GET /api/v1/users/balances"
    for field in ("free", "balance"):
        local.fault("edit", balances, path=f"data.3.{field}", value="-1.12826071")
    local.fault("edit", balances, path="data.3.asset", value="LUNA")
    code, document = meva.json("health", "--account")
    account = document["checks"][-1]
    assert (code, account["status"]) == (0, "warn")
    assert "LUNA -1.12826071 free" in account["detail"]


def test_health_with_an_address_that_may_not_be_used_does_not_start(meva: Meva) -> None:
    code, out, err = meva.run("health", BTCTURK_BASE_URL="http://example.com")
    assert (code, out) == (2, "")
    assert "https://" in err


def test_the_key_goes_nowhere_that_a_file_names(meva: Meva, tmp_path: Path) -> None:
    del meva.environment["BTCTURK_BASE_URL"]
    (tmp_path / ".env").write_text("BTCTURK_BASE_URL=https://evil.invalid\n")
    code, out, err = meva.run("health", "--account")
    assert (code, out) == (2, "")
    assert "not sent to evil.invalid" in err
    (tmp_path / ".env").write_text(
        "BTCTURK_BASE_URL=https://evil.invalid\nBTCTURK_ALLOW_HOSTS=evil.invalid\n"
    )
    code, out, err = meva.run("health", "--account")
    assert (code, out) == (2, "")
    assert ".env line 2: BTCTURK_ALLOW_HOSTS is not taken from a file" in err


def test_a_key_that_goes_to_a_host_of_the_users_own_is_said_in_red() -> None:
    def said(address: str) -> str:
        settings = build_settings({"BTCTURK_BASE_URL": address, "BTCTURK_ALLOW_HOSTS": "mirror.example"})
        tell = click.command()(lambda: warn_of_foreign_host(settings))
        return CliRunner().invoke(tell, color=True).output

    assert said("https://mirror.example").startswith(
        "\x1b[31mwarning: the key and its signatures go to mirror"
    )
    assert said("https://api.btcturk.com") == said("http://127.0.0.1:1") == ""


def test_health_reads_no_key_unless_it_is_told_to(meva: Meva, local: LocalExchange) -> None:
    bad = {"BTCTURK_API_SECRET": "not-base64!"}
    assert meva.json("health", **bad)[0] == 0
    code, document = meva.json("health", "--account", **bad)
    assert (code, document["error"]["code"]) == (2, "bad_input")
    assert "not-base64" not in json.dumps(document)


@pytest.mark.parametrize("stream", [[], ["--stream"]])
def test_a_capture_of_five_pairs_can_be_validated_described_and_run(meva: Meva, stream: list[str]) -> None:
    code, document = meva.json("replay", "capture", "data", "--seconds", 4, "--interval", 1, *stream)
    assert (code, document["polls"], document["failures"]) == (0, 4, {})
    assert document["rows"]["candles/SOLTRY.csv"] > 100
    assert meva.json("replay", "validate", "data")[1]["ok"]
    info = meva.json("replay", "info", "data")[1]
    assert (len(info["symbols"]), len(info["files"])) == (5, 15)
    manifest = json.loads((meva.folder / "data" / "manifest.json").read_text())
    assert manifest["source"].startswith("btcturk http://127.0.0.1")
    assert manifest["server_time"][:15] == manifest["local_time"][:15]
    root = meva.folder / "data"
    there = {path.relative_to(root).as_posix() for path in root.rglob("*.csv")} | {"exchangeinfo.json"}
    assert set(manifest["files"]) == there
    assert len(there) > 10  # books, tickers, metadata; candles where a minute has ended
    code, document = meva.json("backtest", "--data", "data", "--db", "c.db")
    assert (code, document["cycles"] > 0) == (0, True)


def test_a_fetch_of_a_day_can_be_validated_described_and_run(meva: Meva) -> None:
    code, document = meva.json("replay", "fetch", "data", "--symbols", "BTCTRY,ETHTRY")
    assert (code, document["added"]["BTCTRY"]) == (0, 1440)
    assert document["books"] == "assumed from the closes, 10 bps apart"
    code, again = meva.json("replay", "fetch", "data", "--symbols", "BTCTRY,ETHTRY")
    assert code == 0
    assert sum(again["added"].values()) <= 4  # a minute may have ended meanwhile
    assert meva.json("replay", "validate", "data")[1]["ok"]
    code, document = meva.json("backtest", "--data", "data", "--db", "f.db")
    assert (code, document["cycles"] >= 1440) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--symbols", "NOPETRY"], "no such pair"),
        (["--from", "2026-02-01", "--to", "2026-01-01"], "--from"),
        (["--spread-bps", "20000"], "spread"),
        (["--interval", "61"], "61"),
    ],
)
def test_a_fetch_that_makes_no_sense_does_not_start(meva: Meva, arguments: list[str], message: str) -> None:
    code, out, err = meva.run("replay", "fetch", "data", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert not (meva.folder / "data" / "candles").exists()


def polling(meva: Meva, folder: str) -> Started:
    process = meva.start("replay", "capture", folder, "--interval", 1)
    for _ in range(1200):
        books = list((meva.folder / folder / "orderbook").glob("*.csv"))
        if len(books) == 5 and all(path.read_bytes().count(b"\n") >= 3 for path in books):
            return process
        time.sleep(0.05)
    process.kill()
    raise AssertionError(process.communicate())


def test_a_capture_that_is_interrupted_leaves_a_dataset_with_checksums_and_exits_130(meva: Meva) -> None:
    process = polling(meva, "data")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert replay.validate(meva.folder / "data").ok
    manifest = json.loads((meva.folder / "data" / "manifest.json").read_text())
    root = meva.folder / "data"
    there = {path.relative_to(root).as_posix() for path in root.rglob("*.csv")} | {"exchangeinfo.json"}
    assert set(manifest["files"]) == there
    assert len(there) > 10  # books, tickers, metadata; candles where a minute has ended


def test_a_capture_that_is_killed_leaves_a_dataset_and_the_next_one_goes_on(meva: Meva) -> None:
    process = polling(meva, "data")
    process.kill()
    process.communicate(timeout=60)
    assert replay.validate(meva.folder / "data").ok
    before = (meva.folder / "data" / "orderbook" / "BTCTRY.csv").read_bytes()
    code, document = meva.json("replay", "capture", "data", "--seconds", 2, "--interval", 1)
    assert (code, document["rows"]["orderbook/BTCTRY.csv"]) == (0, 2)
    assert (meva.folder / "data" / "orderbook" / "BTCTRY.csv").read_bytes().startswith(before)
    report = replay.validate(meva.folder / "data")
    assert report.ok
    assert "unlisted_file" not in {fault.code for fault in report.warnings}


def test_an_exchange_that_is_killed_under_a_capture_is_said_to_be_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    local = start_emulator()
    meva = Meva(tmp_path, local, capsys)
    process = meva.start("replay", "capture", "data", "--seconds", 8, "--interval", 1)
    for _ in range(1200):
        if len(list((tmp_path / "data" / "ticker").glob("*.csv"))) == 5:
            break
        time.sleep(0.05)
    stop_emulator(local)
    out, err = process.communicate(timeout=90)
    assert process.returncode == 1
    assert "no longer answered" in out
    assert "Traceback" not in err
    assert replay.validate(tmp_path / "data").ok


TODAY = datetime.now(UTC).date()
DAYS = [(TODAY - timedelta(days=days)).isoformat() for days in (6, 2)]
FETCH = ("replay", "fetch", "data", "--symbols", "BTCTRY,ETHTRY", "--from", DAYS[0], "--to", DAYS[1])


def fetching(meva: Meva, local: LocalExchange) -> Started:
    """Start a fetch of several slow pages, and wait until some of them are on disk."""
    local.fault("late", "GET /v1/klines/history", seconds=0.2)
    process = meva.start(*FETCH)
    for _ in range(1200):
        if list((meva.folder / "data" / "candles").glob("*.csv")):
            return process
        time.sleep(0.05)
    process.kill()
    raise AssertionError(process.communicate())


def test_an_exchange_that_is_killed_under_a_fetch_is_named_and_the_next_fetch_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    local = start_emulator()
    meva = Meva(tmp_path, local, capsys)
    process = fetching(meva, local)
    stop_emulator(local)
    _, err = process.communicate(timeout=90)
    assert process.returncode == 1
    assert local.environment["BTCTURK_BASE_URL"] in err
    assert "Traceback" not in err
    kept = {path.name: path.read_bytes() for path in (tmp_path / "data" / "candles").glob("*.csv")}
    again = start_emulator()
    code, document = Meva(tmp_path, again, capsys).json(*FETCH)
    stop_emulator(again)
    assert code == 0
    there = {name: content.count(b"\n") - 1 for name, content in kept.items()}
    assert there
    assert {f"{symbol}.csv": rows for symbol, rows in document["known"].items() if rows} == there
    assert replay.validate(tmp_path / "data").ok


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_fetch_that_is_ended_keeps_what_it_has(
    meva: Meva, local: LocalExchange, number: signal.Signals, code: int
) -> None:
    process = fetching(meva, local)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in err
    local.control("DELETE", "faults")
    assert meva.run(*FETCH)[0] == 0
    assert replay.validate(meva.folder / "data").ok


def test_nobody_prints_logs_or_stores_the_key(meva: Meva, local: LocalExchange) -> None:
    debug = {"LOG_LEVEL": "DEBUG"}
    said = ""
    for arguments in (
        ("health", "--account"),
        ("--debug", "health", "--account", "--json"),
        ("replay", "capture", "data", "--seconds", 3, "--interval", 1, "--stream"),
        ("replay", "fetch", "data", "--symbols", "BTCTRY"),
        ("gates",),
    ):
        said += meva.run_apart(*arguments, **debug)
    local.fault("lose_reply", "GET /api/v1/users/balances", end="reset")
    for form in ("text", "json"):
        said += meva.run_apart("--debug", "--log-format", form, "health", "--account", **debug)
    assert "/api/v1/users/balances" in said
    stored = b"".join(path.read_bytes() for path in sorted(meva.folder.rglob("*")) if path.is_file())
    everything = said.encode() + stored
    raw = base64.b64decode(SECRET)
    for canary in (KEY, KEY[:8], SECRET, SECRET[:8], raw.decode(), raw.hex(), "X-Signature"):
        assert canary.encode() not in everything
