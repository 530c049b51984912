"""A backtest killed at any moment leaves whole cycles; resumed, it ends where an uninterrupted one does."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from fresh_database import fresh_file
from kill_points import kill_points
from nightly import NIGHTLY, every
from stage7_runs import rows_of

Victims = Callable[..., dict[str, Any]]
STRETCH = 6
KILLS = 15 if NIGHTLY else 4
PER_CYCLE = ("stage7_cycle_trace", "stage7_ledger_metrics", "stage7_run_metrics", "stage7_cycle_digests")
BELONGING = (
    "stage7_order_intents",
    "stage7_orders",
    "stage7_order_events",
    "ledger_events",
    "stage7_risk_decisions",
)


class Whole(NamedTuple):
    """The uninterrupted run: its arguments but the database, its rows, and what it took."""

    arguments: tuple[object, ...]
    rows: dict[str, list[dict[str, Any]]]
    seconds: float
    kill_points: Sequence[int]


def contents(db: Path) -> dict[str, list[dict[str, Any]]]:
    """Return all rows of the tables of a run, but when it was made."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'stage7%'"
    names = [row["name"] for row in rows_of(db, query)] + ["ledger_events"]
    found = {name: sorted(rows_of(db, f"SELECT * FROM {name}"), key=repr) for name in names}
    for row in found["stage7_runs"]:
        del row["created_at"]
    return found


def whole_run(victims: Victims, folder: Path, *arguments: object) -> Whole:
    db = fresh_file(folder / "whole.db")
    ended = victims(*arguments, "--db", db, rows=STRETCH)
    assert ended["code"] == 0
    return Whole(arguments, contents(db), ended["seconds"], kill_points(ended))


@pytest.fixture(scope="module")
def whole(victims: Victims, market: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    arguments = ("backtest", "--data", market, "--engine", "interpreted", "--include-adaptation")
    return whole_run(victims, tmp_path_factory.mktemp("whole"), *arguments)


@pytest.fixture(scope="module")
def short(victims: Victims, market: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Return a run of two commits, the second of which changes orders of the first."""
    arguments = ("backtest", "--data", market, "--engine", "interpreted", "--cycles", 2 * STRETCH)
    return whole_run(victims, tmp_path_factory.mktemp("short"), *arguments)


def broken(db: Path) -> list[str]:
    """Return what is wrong with an interrupted database: half cycles, rows of none, wrong progress."""
    with closing(sqlite3.connect(db)) as connection:
        (integrity,) = connection.execute("PRAGMA integrity_check").fetchone()
        strays = connection.execute("PRAGMA foreign_key_check").fetchall()
    faults = [] if integrity == "ok" else [integrity]
    faults += [f"{row} refers to nothing" for row in strays]
    cycles = [row["cycle_id"] for row in rows_of(db, f"SELECT cycle_id FROM {PER_CYCLE[0]} ORDER BY 1")]
    for table in PER_CYCLE[1:]:
        if [row["cycle_id"] for row in rows_of(db, f"SELECT cycle_id FROM {table} ORDER BY 1")] != cycles:
            faults.append(f"{table} has other cycles than {PER_CYCLE[0]}")
    for table in BELONGING:
        stray = rows_of(
            db,
            f"SELECT cycle_id FROM {table} WHERE cycle_id NOT IN (SELECT cycle_id FROM stage7_cycle_trace)",
        )
        faults += [f"{table} has a row of {row['cycle_id']}, which is not there" for row in stray]
    return faults + _progress(db, cycles)


def _progress(db: Path, cycles: list[str]) -> list[str]:
    """Check what the run says of itself, and the fills against the orders that they belong to."""
    runs, states = rows_of(db, "SELECT * FROM stage7_runs"), rows_of(db, "SELECT * FROM stage7_run_state")
    if not cycles:
        return [] if not runs and not states else ["a run is there without a cycle"]
    (run,), (state,) = runs, states
    links = rows_of(db, "SELECT seq, hex(link_sha256) AS link FROM stage7_cycle_digests ORDER BY cycle_id")
    found = {
        "cycles": (run["cycles"], len(cycles)),
        "last cycle": (run["last_cycle_id"], cycles[-1]),
        "state": (state["cycle_id"], cycles[-1]),
        "fingerprint": (run["fingerprint"], links[-1]["link"].lower()),
        "places": ([row["seq"] for row in links], list(range(len(cycles)))),
        "stretch": (len(cycles) % STRETCH, 0),
    }
    sums = rows_of(
        db,
        "SELECT o.order_id FROM stage7_orders o "
        "LEFT JOIN ledger_events l ON l.exchange_order_id = o.order_id "
        "GROUP BY o.order_id HAVING abs(sum(coalesce(l.qty, 0)) - o.filled_qty) > 0.000001",
    )
    faults = [f"{name}: {a} and {b}" for name, (a, b) in found.items() if a != b]
    return faults + [f"{row['order_id']} is not filled by its fills" for row in sums]


@pytest.mark.parametrize("seed", every(2, [1, 2]))
def test_killed_at_random_moments_a_run_still_ends_as_the_whole_one(
    victims: Victims, whole: Whole, tmp_path: Path, seed: int
) -> None:
    chance, kills = Random(seed), 0
    for db in (fresh_file(tmp_path / f"{number}.db") for number in count()):
        kills += kill_until_done(victims, whole, db, chance)
        assert victims(*whole.arguments, "--db", db, "--resume", rows=STRETCH)["code"] == 0
        assert contents(db) == whole.rows
        if kills >= KILLS:
            break


def kill_until_done(victims: Victims, whole: Whole, db: Path, chance: Random) -> int:
    """Resume a run and kill it, again and again, until it is done or was killed often enough: on a machine
    that has become slower it is killed nearly always. Return how often it was."""
    cycles = []
    for kills in range(KILLS):
        after = chance.uniform(0, whole.seconds)
        ended = victims(*whole.arguments, "--db", db, "--resume", rows=STRETCH, after=after)
        if not ended["killed"]:
            assert ended["code"] == 0
            return kills
        assert broken(db) == []
        cycles.append(rows_of(db, "SELECT count(*) AS n FROM stage7_cycle_trace")[0]["n"])
        assert cycles == sorted(cycles)
    return KILLS


def test_killed_before_every_statement_a_run_holds_whole_stretches_and_can_be_resumed(
    victims: Victims, short: Whole, tmp_path: Path
) -> None:
    held = set()
    for number, statement in enumerate(short.kill_points):
        db = fresh_file(tmp_path / f"{statement}.db")
        assert victims(*short.arguments, "--db", db, rows=STRETCH, statement=statement)["killed"]
        assert broken(db) == [], f"killed before statement {statement}"
        held.add(rows_of(db, "SELECT count(*) AS n FROM stage7_cycle_trace")[0]["n"])
        if number % 8 == 0:
            assert victims(*short.arguments, "--db", db, "--resume", rows=STRETCH)["code"] == 0
            assert contents(db) == short.rows
    assert held == {0, STRETCH, 2 * STRETCH}
