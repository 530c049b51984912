"""Filling, slimming and joining, killed at any moment: each stretch is done whole or not at all, what is read
is the same all along, and the same command finishes."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, Final

import attrs
import pytest
from command_line import Ended, meva
from fresh_database import fresh_file
from kill_points import kill_points
from nightly import NIGHTLY
from stage7_runs import contents, rows_of
from victim_settings import SETTINGS

from meva_adapters.codec import CODEC
from meva_adapters.replay import open_dataset
from meva_adapters.replay.plans import plan_backtest
from meva_adapters.sql import reader, writer
from meva_cli.progress import NoProgress
from meva_cli.wiring import AboutRun
from meva_core.loop import interpreted
from meva_core.settings import build_settings
from meva_core.stages.backtest import recorded
from meva_core.stages.prove import prove
from meva_core.stages.record import Recorder, record_all
from meva_core.stages.resuming import Progressing
from meva_core.trace import TABLES

__all__ = ["meva"]
Meva = Callable[..., Ended]
Victims = Callable[..., dict[str, Any]]
WORKS: Final = {"fill": ("columns", 5), "slim": ("full", 5), "join": ("full", 1)}
"""What is done to a run, recorded with which level and how many cycles a commit."""
CYCLES: Final = 10
KILLS: Final = 70 if NIGHTLY else 4
"""So many of each at random moments."""


@attrs.frozen
class Work:
    """Something that is done to a recorded run: its database before and after, which stay as they are, and
    the arguments of the command behind the database's name."""

    before: Path
    after: Path
    arguments: tuple[str, ...]
    run_id: str
    seconds: float
    kill_points: Sequence[int]

    def line(self, db: Path) -> tuple[str, ...]:
        if self.arguments[0] == "join":
            return ("join", str(db), self.run_id)
        return (*self.arguments, "--db", str(db), "--run", self.run_id)


@pytest.fixture(scope="module", params=WORKS)
def work(
    request: pytest.FixtureRequest, victims: Victims, market: Path, tmp_path_factory: pytest.TempPathFactory
) -> Work:
    level, commit = WORKS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    before, after = folder / "before.db", folder / "after.db"
    fresh_file(before)
    dataset = open_dataset(market)
    plan = plan_backtest(dataset, build_settings(dict(SETTINGS)), cycles=CYCLES)
    with writer(str(before), durable=False) as store:
        run = Progressing(plan, plan.new_book(), plan.run_id, int(plan.times[-1]))
        recorder = Recorder(store, run, CODEC, AboutRun(lambda: "interpreted"), level, commit)
        record_all(recorder, recorded(plan, dataset, plan.times, commit), interpreted, NoProgress(), None, "")
    shutil.copy(before, after)
    name = ("join",) if request.param == "join" else ("db", request.param)
    made = Work(before, after, name, plan.run_id, 0.0, ())
    ended = victims(*made.line(after), rows=5)
    assert ended["code"] == 0
    return attrs.evolve(made, seconds=ended["seconds"], kill_points=kill_points(ended))


def fresh(work: Work, db: Path) -> Path:
    """Begin anew with the database as it was before."""
    for left in db.parent.glob(f"{db.name}*"):
        left.unlink()
    shutil.copy(work.before, db)
    return db


def halves(db: Path) -> list[str]:
    """Return what is half done in a database: rows of a stretch that are not all there, or not all gone, and
    what a run or the file says of itself that is not so."""
    with closing(sqlite3.connect(db)) as connection:
        (integrity,) = connection.execute("PRAGMA integrity_check").fetchone()
        strays = connection.execute("PRAGMA foreign_key_check").fetchall()
    faults = [] if integrity == "ok" and not strays else [f"{integrity}, {strays}"]
    stretches = rows_of(db, "SELECT seq, cycles, start_ts, end_ts, rows FROM stage7_stretches ORDER BY seq")
    at = 0
    for kept in stretches:
        faults += [] if kept["seq"] == at else [f"cycle {at} is in no stretch"]
        at += kept["cycles"]
        for table in TABLES:
            ts = "decided_at" if table == "stage7_risk_decisions" else "ts"
            query = f"SELECT count(*) AS n FROM {table} WHERE {ts} BETWEEN ? AND ?"
            [found] = rows_of(db, query, kept["start_ts"], kept["end_ts"])
            if found["n"] != (kept["cycles"] if kept["rows"] == "all" else 0):
                faults.append(f"{found['n']} rows of {table} beside {kept}")
    [run] = rows_of(db, "SELECT trace_level, cycles FROM stage7_runs")
    level = "full" if all(kept["rows"] == "all" for kept in stretches) else "columns"
    if (run["trace_level"], run["cycles"]) != (level, at):
        faults.append(f"{run} where the stretches say {level}, {at}")
    return faults


def answers(meva: Meva, db: Path) -> tuple[Any, ...]:
    """Return what is read of a database, and what is proved of it."""
    report = meva("report", "--db", db, "--json", "--last", CYCLES)
    with reader(str(db)) as store, store.read() as reads:
        [run] = reads.runs()
        proof = prove(reads, run["run_id"], CODEC, interpreted, NoProgress())
    return (report.code, report.out, proof)


def finished(db: Path) -> dict[str, Any]:
    """Return all rows of a database, the stretches one by one, but for numbers that count what was made."""
    found: dict[str, Any] = contents(db)
    found["bodies"] = rows_of(db, "SELECT * FROM stage7_stretches ORDER BY seq")
    found["stage7_risk_decisions"] = sorted(
        ({**row, "id": None} for row in found["stage7_risk_decisions"]), key=repr
    )
    del found["sqlite_sequence"]
    return found


def test_killed_before_every_statement_each_stretch_is_done_whole_or_not_at_all(
    meva: Meva, victims: Victims, work: Work, tmp_path: Path
) -> None:
    db = fresh(work, tmp_path / "state.db")
    expected, done = answers(meva, db), finished(work.after)
    assert (expected[0], expected[2].difference) == (0, None)
    states = set()
    for number, statement in enumerate(work.kill_points):
        fresh(work, db)
        assert victims(*work.line(db), rows=5, statement=statement)["killed"]
        assert halves(db) == [], f"killed before statement {statement}"
        states.add(
            tuple((row["cycles"], row["rows"]) for row in rows_of(db, "SELECT * FROM stage7_stretches"))
        )
        if number % 8 == 0:
            assert answers(meva, db) == expected
            assert victims(*work.line(db), rows=5)["code"] == 0
            assert finished(db) == done
    assert len(states) == 2  # neither was done, or the first: behind the last commit nothing is killed


def test_killed_at_random_moments_the_same_command_finishes(
    meva: Meva, victims: Victims, work: Work, tmp_path: Path
) -> None:
    db = fresh(work, tmp_path / "state.db")
    expected, done, chance = answers(meva, db), finished(work.after), Random(7)
    for _ in range(KILLS):
        ended = victims(*work.line(db), rows=5, after=chance.uniform(0, work.seconds))
        assert halves(db) == []
        if not ended["killed"]:
            assert finished(db) == done
            fresh(work, db)
    assert answers(meva, db) == expected
    assert victims(*work.line(db), rows=5)["code"] == 0
    assert finished(db) == done
    assert answers(meva, db) == expected
