"""Alerts on their way from `meva run stage7` to a webhook, through failures and deaths."""

from __future__ import annotations

import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from command_line import meva
from scraped import value_in
from stage7_runs import rows_of
from test_run_stage7 import environment, exchange, loop, next_cycle
from webhook import webhook

__all__ = ["environment", "exchange", "meva"]
Meva = Callable[..., Any]
CANARY = "canary7f3a9"
ALWAYS: Mapping[str, str] = {"STAGE7_MAX_DATA_AGE_SEC": "1", "STAGE7_SPREAD_SPIKE_BPS": "0"}
"""A spread above 0 is too wide: a rule of risk fires with the first cycle."""
ROWS = "SELECT key, text, sent_at, attempts, lost FROM stage7_alerts ORDER BY id"


@pytest.fixture
def alarmed(
    meva: Meva, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> tuple[Meva, dict[str, str]]:
    """Commands whose cycles are worth an alert."""
    environment = {**environment, **ALWAYS}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return meva, environment


def ids(texts: list[str]) -> list[str]:
    return sorted(text.rpartition("alert ")[2] for text in texts)


def test_single_cycles_send_what_they_queue_and_what_was_left(
    alarmed: tuple[Meva, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run, _ = alarmed
    with webhook(lambda before: 500 if before < 2 else 200) as hook:
        monkeypatch.setenv("MEVA_ALERT_URLS", hook.url(CANARY))
        told = ("--metrics-file", "meva.prom")
        ended = run("run", "stage7", "--db", "a.db", "--json", *told)
        assert ended.code == 0, ended.err
        again = run("run", "stage7", "--db", "a.db", "--json", *told)
        assert again.code == 0, again.err
        rows = rows_of(tmp_path / "a.db", ROWS)
        shown = Path("meva.prom").read_text()
        assert value_in(shown, "meva_alerts_sent_total") == len(rows) > 0
        assert value_in(shown, "meva_alerts_waiting") == value_in(shown, "meva_alerts_lost_total") == 0
        assert ids(hook.texts()) == ids([row["text"] for row in rows])
    assert {row["key"] for row in rows} >= {
        f"{about} @JSON 127.0.0.1:{hook.port}"
        for about in ("mode=REDUCE_RISK_ONLY", "market_liquidity_guardrail=on")
    }
    assert all(row["sent_at"] and not row["lost"] for row in rows)
    assert run("status", "--db", "a.db", "--json").document["books"][0]["alerts_waiting"] == 0
    assert run("prove", "--db", "a.db", "--book", "main").code == 0
    everything = Path("a.db").read_bytes() + ended.out.encode() + ended.err.encode()
    for wal in Path().glob("a.db-*"):
        everything += wal.read_bytes()
    assert CANARY.encode() not in everything


def test_a_receiver_that_is_not_there_delays_the_end_of_a_single_cycle_for_seconds_only(
    alarmed: tuple[Meva, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = alarmed
    monkeypatch.setenv("MEVA_ALERT_URLS", "json://127.0.0.1:1/hook")
    began = time.monotonic()
    ended = run("run", "stage7", "--db", "a.db", "--json")
    assert ended.code == 0, ended.err
    assert time.monotonic() - began < 120
    assert "alerts waiting to be sent to JSON 127.0.0.1:1, with the next cycle: " in ended.err
    [book] = run("status", "--db", "a.db", "--json").document["books"]
    assert book["alerts_waiting"] >= 2


def test_a_process_that_is_killed_before_it_notes_sends_again_under_the_same_id(
    alarmed: tuple[Meva, dict[str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run, environment = alarmed
    lock = sqlite3.connect(tmp_path / "a.db", check_same_thread=False, timeout=30)
    locked = threading.Event()

    def answer(before: int) -> int:
        if before == 0:  # nothing can be noted from here on
            lock.execute("BEGIN IMMEDIATE")
            locked.set()
        return 200

    with closing(lock), webhook(answer) as hook:
        monkeypatch.setenv("MEVA_ALERT_URLS", hook.url())
        process = loop(tmp_path, {**environment, "MEVA_ALERT_URLS": hook.url()}, "--interval", "2")
        try:
            assert locked.wait(60), process.stderr
            hook.until(1)
        finally:
            process.kill()
            process.communicate()
        lock.rollback()
        ended = run("run", "stage7", "--db", "a.db", "--json")
        assert ended.code == 0, ended.err
        rows = rows_of(tmp_path / "a.db", ROWS)
        found = ids(hook.texts())
        assert sorted(set(found)) == ids([row["text"] for row in rows])
        assert len(found) == len(set(found)) + 1
        assert all(row["sent_at"] for row in rows)
    assert run("prove", "--db", "a.db", "--book", "main").code == 0


def test_a_receiver_that_never_answers_delays_neither_cycles_nor_the_end(
    alarmed: tuple[Meva, dict[str, str]], tmp_path: Path
) -> None:
    _, environment = alarmed
    go, asked = threading.Event(), threading.Event()

    def answer(before: int) -> int:
        asked.set()
        go.wait(120)
        return 200

    with webhook(answer) as hook:
        url = f"{hook.url()}?rto=600"
        process = loop(tmp_path, {**environment, "MEVA_ALERT_URLS": url}, "--interval", "1")
        try:
            next_cycle(process)
            assert asked.wait(60)
            times = {next_cycle(process)["cycle_ts"] for _ in range(3)}
            assert len(times) == 3
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=60)
            assert time.monotonic() - began < 30
        finally:
            process.kill()
            go.set()
    assert process.returncode == 130, err
    assert "with the next cycle: " in err


def test_a_loop_that_loses_its_book_tells_of_it_past_the_queue(
    alarmed: tuple[Meva, dict[str, str]], tmp_path: Path
) -> None:
    _, environment = alarmed
    with webhook() as hook:
        process = loop(tmp_path, {**environment, "MEVA_ALERT_URLS": hook.url()}, "--interval", "1")
        try:
            next_cycle(process)
            with closing(sqlite3.connect(tmp_path / "a.db", timeout=30)) as other, other:
                other.execute("UPDATE process_instances SET token = 'f00d' WHERE book = 'main'")
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 1, err
    titles = {text.splitlines()[0] for text in hook.texts()}
    assert {"Meva, book main: lease lost", "Meva, book main: no more cycles"} <= titles


def test_an_address_that_is_none_starts_nothing(
    alarmed: tuple[Meva, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = alarmed
    monkeypatch.setenv("MEVA_ALERT_URLS", f"tgram://{CANARY},json://127.0.0.1:9/x")
    ended = run("run", "stage7", "--db", "a.db")
    assert ended.code == 2
    assert "MEVA_ALERT_URLS: address 1 of 2, of tgram://, is none that apprise knows" in ended.err
    assert CANARY not in ended.err + ended.out
    assert not Path("a.db").exists()
    checked = run("doctor", "--db", "a.db", "--offline", "--json")
    assert checked.code == 1
    [check] = [one for one in checked.document["checks"] if one["name"] == "alerts"]
    assert (check["category"], check["status"]) == ("settings", "fail")
    assert CANARY not in checked.out
