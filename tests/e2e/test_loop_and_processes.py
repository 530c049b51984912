"""The same moments of a market, once as a loop and once as a process for each cycle: one fingerprint.

Two exchanges with clocks on command show the same market at the same times, and a run goes by their time: so
nothing hangs on how fast a process is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from command_line import meva
from local_exchange import LocalExchange, start_emulator, stop_emulator
from stage7_runs import rows_of
from started import run as run_apart
from test_run_stage7 import TRADING

__all__ = ["meva"]
NIGHTLY: Final = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
CYCLES: Final = 200 if NIGHTLY else 16
PROCESSES: Final = 1 if NIGHTLY else 8
"""Each so-many-th cycle is a process of the system, the others begin as anew in this one."""
INTERVAL: Final = 2
"""Seconds: too few to ask for all books, so that pairs take turns."""
BEGIN: Final = 1_767_225_640
"""2026-01-01T00:00:40Z: a bar ends within the shorter of both runs."""
CANDIDATES: Final = "AAVETRY,BTCTRY,ETHTRY,LTCTRY,SOLTRY,XLMTRY,XRPTRY"
MARKET: Final = ("book", "ticker", "bar60", "metadata")


@contextmanager
def standing() -> Iterator[LocalExchange]:
    running = start_emulator("--clock", "manual", "--begin", "2026-01-01T00:00:40Z")
    try:
        yield running
    finally:
        stop_emulator(running)


def environment(exchange: LocalExchange) -> dict[str, str]:
    addresses = {name: url for name, url in exchange.environment.items() if name.endswith("_URL")}
    own = {"STAGE7_UNIVERSE_WHITELIST": CANDIDATES, "STAGE7_UNIVERSE_SIZE": "3"}
    return {**addresses, **TRADING, **own}


def a_process(folder: Path, of: dict[str, str], *arguments: str) -> str:
    done = run_apart(*arguments, cwd=folder, env={**os.environ, **of})
    assert done.returncode == 0, done.stderr
    return done.stdout


def left(db: Path) -> list[Any]:
    """What the cycles of a book came to, and what it has seen of the market."""
    runs = rows_of(db, "SELECT run_id, fingerprint, cycles, start_ts, last_ts FROM stage7_runs")
    links = rows_of(db, "SELECT ts, link_sha256 FROM stage7_cycle_digests ORDER BY ts")
    columns = "known, kind, symbol, stamp, cells"
    seen = rows_of(db, f"SELECT {columns} FROM stage7_rows ORDER BY known, kind, symbol, stamp")
    return [runs, links, [row for row in seen if row["kind"] in MARKET]]


def test_a_loop_and_a_process_for_each_cycle_leave_one_fingerprint(
    meva: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = ("run", "stage7", "--clock", "emulator", "--json")
    with standing() as exchange:
        of = environment(exchange)
        for name, value in of.items():
            monkeypatch.setenv(name, value)
        looped = meva(*run, "--db", "loop.db", "--loop", "--interval", INTERVAL, "--cycles", CYCLES)
        assert looped.code == 0, looped.err
    with standing() as exchange:
        of = environment(exchange)
        for name, value in of.items():
            monkeypatch.setenv(name, value)
        told = []
        for number in range(1, CYCLES + 1):
            exchange.control("POST", "clock", until=(BEGIN + number * INTERVAL) * 1000)
            if number % PROCESSES == 0:
                told.append(json.loads(a_process(tmp_path, of, *run, "--db", "each.db")))
            else:
                ended = meva(*run, "--db", "each.db")
                assert ended.code == 0, ended.err
                told.append(ended.document)
    assert [json.loads(line)["cycle_ts"] for line in looped.out.splitlines()] == [
        one["cycle_ts"] for one in told
    ]
    assert sum(one["fills"] for one in told) > 0
    one, other = left(tmp_path / "loop.db"), left(tmp_path / "each.db")
    assert one == other
    [[record], links, _] = one
    assert (record["cycles"], len(links)) == (CYCLES, CYCLES)
    for db in ("loop.db", "each.db"):
        proof = meva("prove", "--db", db, "--json").document
        assert (proof["proved"], proof["fingerprint"]) == (True, record["fingerprint"])
