"""`--metrics` and `--metrics-file`: what a real loop and real single cycles tell, and that it is all."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from local_exchange import LocalExchange, start_emulator, stop_emulator
from prometheus_client.parser import text_string_to_metric_families
from started import start
from test_run_stage7 import TRADING

from meva_adapters.metrics.label_values import VALUES
from meva_adapters.metrics.vocabulary import PROCESS, VOCABULARY, sample_names

Meva = Callable[..., Any]
OURS = {name: metric for metric in VOCABULARY for name in sample_names(metric)}
PAGE = re.compile(r"metrics of book main: (http://127\.0\.0\.1:\d+/metrics)")


@pytest.fixture(scope="module")
def exchange() -> Iterator[LocalExchange]:
    running = start_emulator()
    yield running
    stop_emulator(running)


@pytest.fixture
def trading(meva: Meva, exchange: LocalExchange, monkeypatch: pytest.MonkeyPatch) -> Meva:
    addresses = {name: url for name, url in exchange.environment.items() if name.endswith("_URL")}
    for name, value in {**addresses, **TRADING}.items():
        monkeypatch.setenv(name, value)
    return meva


def samples_of(text: str) -> list[Any]:
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def value_of(text: str, name: str, **labels: str) -> float:
    [found] = [
        sample.value
        for sample in samples_of(text)
        if sample.name == name and sample.labels == {"book": "main", **labels}
    ]
    return float(found)


def test_a_loop_tells_all_of_the_vocabulary_and_nothing_else(
    trading: Meva, exchange: LocalExchange, tmp_path: Path
) -> None:
    exchange.fault("answer", "GET /api/v2/orderbook", status=503, times=30)
    command = ("run", "stage7", "--db", "a.db", "--loop", "--interval", "1", "--json", "--metrics", "0")
    process = start(*command)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        page = next(found[1] for line in process.stderr if (found := PAGE.search(line)))
        for _ in range(3):
            assert process.stdout.readline()
        text = requests.get(page, timeout=60).text
        taken = trading("run", "stage7", "--db", "b.db", "--loop", "--metrics", page.split("/")[2])
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 130
    samples = samples_of(text)
    assert {sample.name for sample in samples} == {*OURS, *PROCESS}
    for sample in samples:
        if sample.name in OURS:
            assert set(sample.labels) - {"le"} == set(OURS[sample.name].labels), sample
            assert sample.labels["book"] == "main"
            for label, values in VALUES.get(OURS[sample.name], {}).items():
                assert sample.labels[label] in values, sample
    assert value_of(text, "meva_cycles_total", outcome="answered") >= 3
    assert value_of(text, "meva_exchange_requests_total", endpoint="orderbook", outcome="maintenance") > 3
    assert value_of(text, "meva_lease_held") == 1
    assert value_of(text, "meva_unknown_orders") == 0
    assert value_of(text, "meva_database_size_bytes", part="main") > 4096
    assert taken.code == 2, "a port that is taken"
    assert page.split("/")[2] in taken.err
    assert not (tmp_path / "b.db").exists(), "nothing was begun"


def test_a_scrape_is_answered_while_somebody_holds_the_database(trading: Meva, tmp_path: Path) -> None:
    """It asks nothing of the database: not even one that is locked for good keeps it waiting."""
    import sqlite3

    command = ("run", "stage7", "--db", "a.db", "--loop", "--interval", "1", "--json")
    process = start(*command, "--metrics", "127.0.0.1:0")
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        page = next(found[1] for line in process.stderr if (found := PAGE.search(line)))
        assert process.stdout.readline()
        with sqlite3.connect(tmp_path / "a.db", timeout=20, isolation_level=None) as other:
            other.execute("BEGIN EXCLUSIVE")
            assert requests.get(page, timeout=60).status_code == 200
            other.execute("ROLLBACK")
    finally:
        process.kill()
        process.communicate()


def test_single_cycles_count_on_in_their_file(
    trading: Meva, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "meva.prom"
    for count in (1, 2):
        assert trading("run", "stage7", "--db", "a.db", "--metrics-file", file).code == 0
        text = file.read_text()
        assert value_of(text, "meva_cycles_total", outcome="answered") == count
    told = {sample.name for sample in samples_of(text)}
    missing = {metric.name for metric in VOCABULARY} - {OURS[name].name for name in told if name in OURS}
    assert told <= set(OURS)
    assert missing == {"meva_interval_seconds", "meva_measure_failures_total"}, "of a loop, and of faults"
    equity = value_of(text, "meva_equity_try")
    for name in ("BTCTURK_BASE_URL", "BTCTURK_GRAPH_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setattr("meva_cli.commands.run_stage7.SINGLE_DEADLINE", 2.0)
    assert trading("run", "stage7", "--db", "a.db", "--metrics-file", file).code == 1
    text = file.read_text()
    assert value_of(text, "meva_cycles_total", outcome="answered") == 2
    assert value_of(text, "meva_cycles_total", outcome="unanswered") == 1
    assert value_of(text, "meva_exchange_requests_total", endpoint="ticker", outcome="no_connection") > 0
    assert value_of(text, "meva_equity_try") == pytest.approx(equity, rel=0.01)


def test_cycles_of_stage_4_tell_in_the_same_words(trading: Meva, tmp_path: Path) -> None:
    file = tmp_path / "live.prom"
    chosen = ("--set", "STAGE4_BOOTSTRAP_INTENTS=true", "--set", "SYMBOLS=BTCTRY,ETHTRY")
    for _ in range(2):
        done = trading("run", "stage4", "--dry-run", "--db", "s4.db", "--metrics-file", file, *chosen)
        assert done.code == 0, done.err
    samples = samples_of(file.read_text())
    assert {sample.name for sample in samples} <= set(OURS)
    for sample in samples:
        assert sample.labels["book"] == "stage4-dry"
        for label, values in VALUES.get(OURS[sample.name], {}).items():
            assert sample.labels[label] in values, sample
    values = {sample.name: sample.value for sample in samples if len(sample.labels) == 1}
    assert values["meva_equity_try"] > 0
    assert values["meva_unknown_orders"] == values["meva_blocked_symbols"] == 0
    names = {sample.name for sample in samples}
    assert {"meva_alarms", "meva_kill_switch", "meva_mode", "meva_strategy_failures_total"} <= names
    assert trading("run", "stage4", "--dry-run", "--db", "s4.db", "--metrics", "0").code == 2


def test_a_cycle_that_is_not_run_is_counted_and_what_was_shown_before_stays(
    trading: Meva, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("BTCTURK_BASE_URL", "BTCTURK_GRAPH_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setattr("meva_cli.commands.run_stage7.SINGLE_DEADLINE", 2.0)
    file = tmp_path / "meva.prom"
    assert trading("run", "stage7", "--db", "a.db", "--metrics-file", file).code == 1
    assert value_of(file.read_text(), "meva_cycles_missed_total", reason="unavailable") == 1


def test_a_file_that_cannot_be_written_costs_no_cycle(trading: Meva, tmp_path: Path) -> None:
    folder = tmp_path / "textfiles"
    folder.mkdir()
    if os.geteuid() == 0:
        (folder / "meva.prom").mkdir()  # root may write anywhere but there
        ended = trading("run", "stage7", "--db", "a.db", "--metrics-file", folder / "meva.prom")
        assert ended.code == 2
        return
    folder.chmod(0o500)
    ended = trading("run", "stage7", "--db", "a.db", "--metrics-file", folder / "meva.prom")
    assert (ended.code, "the metrics are not written" in ended.err) == (0, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--metrics", "9751"), "--metrics-file"),
        (("--loop", "--metrics-file", "meva.prom"), "--metrics"),
        (("--loop", "--metrics", "127.0.0.1"), "is no address"),
        (("--loop", "--metrics", "127.0.0.1:99999"), "is no address"),
        (("--loop", "--metrics", "http://127.0.0.1:9751"), "is no address"),
        (("--loop", "--metrics", ":9751"), "is no address"),
        (("--metrics-file", "meva.txt"), "does not end in .prom"),
        (("--metrics-file", "absent/meva.prom"), "there is no folder absent"),
    ],
)
def test_what_cannot_be_told_is_refused_before_anything_is_begun(
    trading: Meva, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    ended = trading("run", "stage7", "--db", "a.db", *options)
    assert ended.code == 2
    assert said in ended.err
    assert not (tmp_path / "a.db").exists()


def test_a_busy_port_is_named(trading: Meva, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = trading("run", "stage7", "--db", "a.db", "--loop", "--metrics", port, "--json")
    assert (ended.code, ended.document["error"]["code"]) == (2, "bad_input")
    assert f"127.0.0.1:{port}: another program listens there" in ended.document["error"]["message"]
    assert not (tmp_path / "a.db").exists()
