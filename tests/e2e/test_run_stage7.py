"""`meva run stage7` against an exchange of its own: cycles, loops, signals, deaths, and the proof of all."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from command_line import meva
from local_exchange import LocalExchange, start_emulator, stop_emulator
from stage7_runs import rows_of
from started import Started, start

from meva_adapters.codec import CODEC
from meva_adapters.sql import reader
from meva_adapters.system.events import BOUND, EVENTS
from meva_core.stages.book_seen import last_columns

__all__ = ["meva"]
Meva = Callable[..., Any]
TRADING: Mapping[str, str] = {
    "STAGE7_ENABLED": "true",
    "DRY_RUN_TRY_BALANCE": "100000",
    "STAGE7_ORDER_OFFSET_BPS": "-4",
    "MAX_ORDERS_PER_CYCLE": "4",
    "MIN_ORDER_NOTIONAL_TRY": "100",
    "NOTIONAL_CAP_TRY_PER_CYCLE": "25000",
    "MAX_POSITION_NOTIONAL_TRY": "40000",
    "SYMBOLS": "BTCTRY,ETHTRY",
}


@pytest.fixture(scope="module")
def exchange() -> Iterator[LocalExchange]:
    running = start_emulator()
    yield running
    stop_emulator(running)


@pytest.fixture
def environment(exchange: LocalExchange) -> dict[str, str]:
    addresses = {name: url for name, url in exchange.environment.items() if name.endswith("_URL")}
    return {**addresses, **TRADING}


@pytest.fixture
def trading(meva: Meva, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Meva:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return meva


def loop(folder: Path, environment: Mapping[str, str], *more: str) -> Started:
    """Start a loop as a process of its own."""
    command = ("run", "stage7", "--db", "a.db", "--loop", "--interval", "1", "--json")
    return start(*command, *more, cwd=folder, env={**os.environ, **environment})


def next_cycle(process: Started) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.stderr.read() if process.stderr else ""
    found: dict[str, Any] = json.loads(line)
    return found


def closes_of_last(db: Path) -> list[int]:
    """Return how many closes of each symbol the last cycle of the book measures."""
    with reader(str(db)) as store, store.read() as reads:
        opened = last_columns(reads, CODEC, "main")
        assert opened is not None
        *_, span = opened.spans()
        found: list[int] = span.market.closes[-1].tolist()
        return found


def stands(meva: Meva) -> str:
    """How the only run of the database stands, as users are told."""
    [run] = meva("runs", "--db", "a.db", "--json").document["runs"]
    return str(run["status"])


def test_a_gate_that_is_shut_is_named_with_the_line_that_opens_it(meva: Meva) -> None:
    ended = meva("run", "stage7", "--db", "a.db")
    assert ended.code == 2
    assert "set STAGE7_ENABLED=true (it is false)" in ended.err
    assert not Path("a.db").exists()


def test_single_cycles_and_a_loop_go_on_with_one_book_and_are_proved(trading: Meva, tmp_path: Path) -> None:
    first = trading("run", "stage7", "--db", "a.db", "--json")
    assert first.code == 0, first.err
    assert "book main is made" in first.err
    assert first.document["began_run"] is True
    going = trading("run", "stage7", "--db", "a.db", "--loop", "--interval", 1, "--cycles", 3, "--json")
    lines = [json.loads(line) for line in going.out.splitlines()]
    assert (going.code, len(lines)) == (0, 3), going.err
    cycles = [first.document, *lines]
    assert len({cycle["run_id"] for cycle in cycles}) == 1
    assert [cycle["began_run"] for cycle in cycles] == [True, False, False, False]
    times = [cycle["cycle_ts"] for cycle in cycles]
    assert times == sorted(set(times))
    assert sum(cycle["orders"] for cycle in cycles) > 0
    proof = trading("prove", "--db", "a.db", "--book", "main", "--json")
    assert (proof.code, proof.document["proved"], proof.document["cycles"]) == (0, True, 4)
    assert trading("db", "check", "--deep", "--db", "a.db").code == 0
    for command in ("report", "why", "alerts", "runs", "books"):
        assert trading(command, "--db", "a.db").code == 0, command
    assert rows_of(tmp_path / "a.db", "SELECT count(*) AS n FROM stage7_rows")[0]["n"] > 0


def test_that_another_balance_changes_nothing_is_said_once(
    trading: Meva, environment: dict[str, str]
) -> None:
    def said(amount: str) -> bool:
        ended = trading("run", "stage7", "--db", "a.db", "--set", f"DRY_RUN_TRY_BALANCE={amount}")
        assert ended.code == 0, ended.err
        line = f"book main began with 100000 TRY; DRY_RUN_TRY_BALANCE={amount} changes nothing of it"
        assert ("DRY_RUN_TRY_BALANCE" in ended.err) == (line in ended.err)
        return line in ended.err

    assert [said(amount) for amount in ("100000", "7000", "7000", "7000.00", "8000", "8000")] == [
        *(False, True, False, False, True, False),
    ]
    assert [said(amount) for amount in ("100000", "8000", "8000")] == [False, True, False]
    runs = trading("runs", "--db", "a.db", "--json").document["runs"]
    assert len(runs) == 1, "what a book began with is no setting of its runs"
    assert trading("prove", "--db", "a.db", "--book", "main").code == 0


def test_one_process_holds_a_book_and_one_that_is_killed_is_taken_over_at_once(
    trading: Meva, environment: dict[str, str], tmp_path: Path
) -> None:
    process = loop(tmp_path, environment)
    try:
        next_cycle(process)
        other = trading("run", "stage7", "--db", "a.db")
        assert other.code == 2
        assert f"process {process.pid}" in other.err
        assert stands(trading) == "running"
    finally:
        process.kill()
        process.communicate()
    assert stands(trading) == "interrupted"
    after = trading("run", "stage7", "--db", "a.db", "--json")
    assert after.code == 0, after.err
    assert stands(trading) == "waiting"
    assert "taken over" in after.err
    assert trading("prove", "--db", "a.db", "--book", "main").code == 0


def test_a_loop_waits_for_a_book_that_is_given_back_meanwhile(
    trading: Meva, environment: dict[str, str], tmp_path: Path
) -> None:
    process = loop(tmp_path, environment)
    next_cycle(process)
    second = loop(tmp_path, environment, "--cycles", "1")
    assert second.stderr is not None
    assert f"process {process.pid}" in second.stderr.readline()
    process.terminate()
    process.communicate(timeout=60)
    out, err = second.communicate(timeout=60)
    assert (second.returncode, out.count("cycle_ts")) == (0, 1), err
    assert trading("prove", "--db", "a.db", "--book", "main").code == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_a_loop_with_whole_cycles_and_gives_the_book_back(
    trading: Meva, environment: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    process = loop(tmp_path, environment)
    next_cycle(process)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    [lease] = rows_of(tmp_path / "a.db", "SELECT status FROM process_instances")
    assert lease["status"] == "ended"
    [run] = rows_of(tmp_path / "a.db", "SELECT cycles, status FROM stage7_runs")
    assert run["cycles"] == 1 + out.count("cycle_ts"), "every cycle that is stored was told"
    assert (run["status"], stands(trading)) == ("interrupted", "interrupted")
    assert trading("run", "stage7", "--db", "a.db").code == 0
    assert rows_of(tmp_path / "a.db", "SELECT status FROM stage7_runs") == [{"status": "running"}]
    assert stands(trading) == "waiting", "as between two calls of cron"
    assert trading("prove", "--db", "a.db", "--book", "main").code == 0


def test_logs_for_machines_are_events_of_the_vocabulary_and_nothing_is_said_twice(
    trading: Meva, exchange: LocalExchange, tmp_path: Path
) -> None:
    loops = ("run", "stage7", "--db", "a.db", "--loop", "--interval", "1")
    environment = {**os.environ, "TTL_SECONDS": "1"}
    exchange.fault("answer", "GET /api/v2/orderbook*", status=503)
    looping = start("--log-format", "json", *loops, cwd=tmp_path, env=environment)
    assert looping.stderr is not None
    logged: list[dict[str, Any]] = []

    def told(event: str) -> list[dict[str, Any]]:
        return [line for line in logged if line["event"] == event]

    # A deadline may pass before a book is refused, which then counts in a later cycle.
    while not told("question_failed") or len(told("cycle")) < 2:
        said = looping.stderr.readline()
        assert said.startswith("{"), (said, logged)
        logged.append(json.loads(said))
    exchange.control("DELETE", "faults")
    looping.terminate()
    shown, err = looping.communicate(timeout=60)
    assert looping.returncode == 130, err
    logged += [json.loads(said) for said in err.splitlines() if said.startswith("{")]
    for line in logged:
        own = set(line) - {"event", "message", "level", "logger", "ts", *BOUND}
        assert own == set(EVENTS[line["event"]].fields), line
        assert line.get("book") == "main" or line["event"] == "check_warned"
    times = [line["cycle_ts"][:19].replace("T", " ") for line in told("cycle")]
    assert times == [row[:19] for row in shown.splitlines()[1:]]
    assert len({line["cycle_id"] for line in told("cycle")}) == len(times)
    human = trading(*loops, "--cycles", 1, "--set", "DRY_RUN_TRY_BALANCE=99")
    assert "book main began with 100000 TRY; DRY_RUN_TRY_BALANCE=99 changes nothing of it" in human.err
    assert "equity" not in human.err, "a cycle is told on stdout"


def test_an_exchange_that_does_not_answer_is_1_and_nothing_is_written(
    trading: Meva, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("BTCTURK_BASE_URL", "BTCTURK_GRAPH_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setattr("meva_cli.commands.run_stage7.SINGLE_DEADLINE", 2.0)
    ended = trading("run", "stage7", "--db", "a.db")
    assert ended.code == 1, ended.err
    assert rows_of(tmp_path / "a.db", "SELECT * FROM stage7_runs") == []


def test_options_of_the_loop_alone_are_refused_without_it(trading: Meva) -> None:
    assert trading("run", "stage7", "--db", "a.db", "--cycles", 3).code == 2
    assert trading("run", "stage7", "--db", "a.db", "--book", "live").code == 2
    assert trading("run", "stage7", "--db", "a.db", "--book", "other").code == 2


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ((), "--stream goes with --loop"),
        (("--loop", "--clock", "emulator"), "--stream goes by this machine's clock"),
    ],
)
def test_a_stream_needs_a_loop_and_a_time_that_passes(
    trading: Meva, more: tuple[str, ...], said: str
) -> None:
    ended = trading("run", "stage7", "--db", "a.db", "--stream", *more)
    assert (ended.code, said in ended.err) == (2, True), ended.err
    assert not Path("a.db").exists()


def test_without_the_library_of_the_stream_nothing_is_begun(
    trading: Meva, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "websockets", None)
    ended = trading("run", "stage7", "--db", "a.db", "--loop", "--stream", "--cycles", 1)
    assert ended.code == 2
    assert ended.err.count("websockets") == 1
    assert "pip install 'meva[stream]'" in ended.err
    assert not Path("a.db").exists()


def test_a_loop_with_the_stream_asks_for_no_book_that_it_has_and_is_decided_again(
    trading: Meva, environment: dict[str, str], exchange: LocalExchange, tmp_path: Path
) -> None:
    exchange.fault("late", "GET /api/v2/orderbook", seconds=0)
    looping = loop(tmp_path, environment, "--stream", "--cycles", "8")
    first = next_cycle(looping)
    asked = exchange.control("GET", "state")["happened"].get("late", 0)
    cycles = [first, *(next_cycle(looping) for _ in range(7))]
    _, err = looping.communicate(timeout=60)
    assert looping.returncode == 0, err
    assert [cycle["failures"] for cycle in cycles] == [{}] * 8
    later = exchange.control("GET", "state")["happened"].get("late", 0) - asked
    pairs = len({row["symbol"] for row in rows_of(tmp_path / "a.db", "SELECT symbol FROM stage7_rows")})
    assert later < 3 * pairs, "of 7 cycles"
    touches = trading("why", "--db", "a.db", "--json").document["touches"]
    assert len(touches) == pairs - 1, "rows of no symbol say what was learnt of the clock"
    sources = {touch["source"] for touch in touches}
    assert "stream" in sources
    assert sources <= {"stream", "ticker"}
    exchange.control("DELETE", "faults")
    assert trading("prove", "--db", "a.db", "--book", "main").code == 0
    assert trading("replay", "export", "--db", "a.db", "out").code == 0
    again = trading("backtest", "--data", "out", "--as-recorded", "--db", "again.db", "--json").document
    assert again["equal_to_recorded"] is True


def test_a_cycle_is_told_when_it_is_stored_whatever_its_reader_is(
    environment: dict[str, str], tmp_path: Path
) -> None:
    looping = loop(tmp_path, environment, "--cycles", "2")
    next_cycle(looping)
    assert looping.poll() is None  # the second is still to come
    next_cycle(looping)
    looping.communicate(timeout=60)


def test_a_loop_with_the_stream_ends_at_once_with_a_signal(
    environment: dict[str, str], tmp_path: Path
) -> None:
    looping = loop(tmp_path, environment, "--stream")
    next_cycle(looping)
    next_cycle(looping)
    looping.terminate()
    began = time.monotonic()
    _, err = looping.communicate(timeout=60)
    assert (looping.returncode, time.monotonic() - began < 10) == (130, True), err


def test_what_a_loop_saw_is_written_out_and_decided_again(
    trading: Meva, environment: dict[str, str], exchange: LocalExchange, tmp_path: Path
) -> None:
    looping = loop(tmp_path, environment, "--cycles", "10")
    cycles = [next_cycle(looping) for _ in range(10)]
    looping.communicate(timeout=60)
    assert looping.returncode == 0
    changed = ("--set", "STAGE7_FEES_BPS=33", "--set", "STAGE7_VOL_LOOKBACK=100")
    assert trading("run", "stage7", "--db", "a.db", *changed).code == 0
    assert set(closes_of_last(tmp_path / "a.db")) == {100}, "a longer lookback holds at once"
    assert trading("replay", "export", "--db", "a.db", "--book", "main", "out").code == 0
    runs = rows_of(tmp_path / "a.db", "SELECT * FROM stage7_runs ORDER BY start_ts")
    assert [(run["run_id"], run["cycles"]) for run in runs[:1]] == [(cycles[0]["run_id"], 10)]
    assert [run["continues"] for run in runs] == [None, runs[0]["run_id"]]
    for run in runs:
        folder = tmp_path / "out" / run["run_id"]
        found = trading("replay", "validate", folder, "--json").document
        assert (found["ok"], found["warnings"]) == (True, [])
        manifest = json.loads((folder / "manifest.json").read_text())
        assert manifest["source"] == f"btcturk {environment['BTCTURK_BASE_URL']}"
        written = "".join(path.read_text() for path in folder.rglob("*.*"))
        assert not any(
            exchange.environment[name] in written for name in ("BTCTURK_API_KEY", "BTCTURK_API_SECRET")
        )
        again = trading("backtest", "--data", folder, "--as-recorded", "--db", "again.db", "--json").document
        assert (again["fingerprint"], again["equal_to_recorded"]) == (run["fingerprint"], True)
        assert trading("prove", "--db", "again.db", "--run", again["run_id"]).code == 0
