"""What is stored of a run, changed by one byte, taken away, doubled or moved: `prove` or `db check --deep`
finds it, and no command stumbles over it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from damage import changes
from made import Made
from nightly import NIGHTLY, every
from stage7_runs import BUSY, rows_of

from meva_adapters.codec import CODEC
from meva_adapters.replay import open_dataset
from meva_adapters.replay.plans import plan_backtest
from meva_adapters.sql import writer
from meva_cli.progress import NoProgress
from meva_cli.wiring import AboutRun
from meva_core.loop import interpreted
from meva_core.settings import build_settings
from meva_core.stages.backtest import recorded
from meva_core.stages.record import Recorder, record_all
from meva_core.stages.resuming import Progressing
from meva_core.stretches import stored

Meva = Callable[..., Any]
PIECES = 7
PARTS = 25 if NIGHTLY else 1
CHANGES = 50 if NIGHTLY else 18
"""So many times so many changes to each kind of run: every other table and column is drawn by then."""
OF_COLUMNS = ("stage7_stretches", "stage7_states", "stage7_run_state")
READ = ("report", "why", "alerts", "runs")


@pytest.fixture(autouse=True)
def states_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a state every twelve cycles."""
    monkeypatch.setattr(stored, "STATES_APART", 12)


@pytest.fixture(scope="module", params=["full", "columns"])
def sound(made: Made, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Return a database with a run of 40 cycles in six stretches, with three states between them."""
    db = tmp_path_factory.mktemp("sound") / "sound.db"
    shutil.copy(made.schema, db)
    plan = plan_backtest(open_dataset(made.data), build_settings(dict(BUSY)), adapt=True)
    run = Progressing(plan, plan.new_book(), plan.run_id, int(plan.times[-1]))
    with pytest.MonkeyPatch.context() as patch, writer(str(db), durable=False) as store:
        patch.setattr(stored, "STATES_APART", 12)
        about = AboutRun(lambda: "interpreted")
        recorder = Recorder(store, run, CODEC, about, trace_level=request.param, cycles=PIECES)
        source = recorded(plan, open_dataset(made.data), plan.times, PIECES)
        record_all(recorder, source, interpreted, NoProgress(), None, "backtest")
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    return db


def found_by(meva: Meva, db: Path) -> dict[str, int]:
    """Return how `prove` and `db check --deep` end; neither may stumble."""
    proof = meva("prove", "--db", db, "--engine", "interpreted")
    check = meva("db", "check", "--deep", "--db", db)
    for ended in (proof, check):
        assert "fault of Meva" not in ended.err, ended.err
    return {"prove": proof.code, "check": check.code}


def is_found(meva: Meva, db: Path, *, by_prove: bool) -> bool:
    """Whether a change is found: by `prove` where it has to be, else by either; neither may stumble."""
    commands = [["prove", "--engine", "interpreted"], ["db", "check", "--deep"]]
    for command in commands[:1] if by_prove else commands[::-1]:
        ended = meva(*command, "--db", db)
        assert "fault of Meva" not in ended.err, ended.err
        assert ended.code in (0, 1), ended.err
        if ended.code:
            return True
    return False


def damaged(sound: Path, to: Path, *statements: str) -> Path:
    """Return a copy of a database with something done to it."""
    shutil.copy(sound, to)
    with closing(sqlite3.connect(to)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return to


def test_what_is_sound_is_said_to_be(meva: Meva, sound: Path) -> None:
    assert found_by(meva, sound) == {"prove": 0, "check": 0}
    last = meva("prove", "--db", sound, "--engine", "interpreted", "--last", 5, "--json").document
    assert (last["proved"], last["cycles"]) == (True, 12)  # from the state before cycle 28 on


@pytest.mark.parametrize("part", range(PARTS))
def test_one_changed_byte_is_found(meva: Meva, sound: Path, tmp_path: Path, part: int) -> None:
    db, looked = tmp_path / "changed.db", 0
    for change in changes(sound, f"{part}", CHANGES):
        if change.apply(sound, db):
            looked += 1
            of_columns = change.table in OF_COLUMNS or (change.table, change.column[-6:]) == (
                "stage7_cycle_digests",
                "sha256",
            )
            assert is_found(meva, db, by_prove=of_columns), change
    assert looked > CHANGES * 4 // 5


@pytest.mark.parametrize("part", range(PARTS))
def test_no_command_stumbles_over_a_changed_byte(meva: Meva, sound: Path, tmp_path: Path, part: int) -> None:
    db = tmp_path / "changed.db"
    for change in changes(sound, f"read {part}", CHANGES // 4):
        if not change.apply(sound, db):
            continue
        commands = [[command, "--db", db] for command in READ]
        commands += [["export", "--db", db, "--out", tmp_path / "out.csv"], ["parity", db, sound]]
        for command in commands:
            ended = meva(*command)
            assert ended.code in (0, 1, 2), (change, command)
            assert "fault of Meva" not in ended.err, (change, command, ended.err)
            if change.table == "stage7_stretches" and "is damaged" in ended.err:
                assert ended.code == 2


STRETCH = "FROM stage7_stretches WHERE seq = 14"
FILL = "FROM ledger_events WHERE rowid = (SELECT max(rowid) FROM ledger_events)"


CASES = {
    "a fill lacks": [f"DELETE {FILL}"],
    "a fill is of another time": [
        f"UPDATE ledger_events SET ts = '2027{'-01' * 2}T00:00:00.000000+00:00' "
        "WHERE rowid = (SELECT max(rowid) FROM ledger_events)"
    ],
    "a row is of a run that is not there": [
        "UPDATE stage7_order_events SET run_id = 'another' WHERE rowid = 3"
    ],
    "a key lacks": ["DELETE FROM stage7_idempotency_keys WHERE rowid = 2"],
    "a stretch lacks in the middle": [f"DELETE {STRETCH}"],
    "the stretch before a state lacks": ["DELETE FROM stage7_stretches WHERE seq = 21"],
    "the first stretch lacks": ["DELETE FROM stage7_stretches WHERE seq = 0"],
    "the last stretch lacks": ["DELETE FROM stage7_stretches WHERE seq = 35"],
    "two stretches are swapped": [
        "UPDATE stage7_stretches SET seq = 1000 WHERE seq = 7",
        "UPDATE stage7_stretches SET seq = 7 WHERE seq = 14",
        "UPDATE stage7_stretches SET seq = 14 WHERE seq = 1000",
    ],
    "the bodies of two stretches are swapped": [
        "CREATE TEMP TABLE t AS SELECT * FROM stage7_stretches WHERE seq IN (7, 14)",
        *(
            f"UPDATE stage7_stretches SET (links, body, sha256) = (SELECT links, body, sha256 FROM t "
            f"WHERE seq = {b}) WHERE seq = {a}"
            for a, b in ((7, 14), (14, 7))
        ),
    ],
    "a state lacks": ["DELETE FROM stage7_states WHERE seq = 28"],
    "a state is of no cycle": ["UPDATE stage7_states SET seq = 99 WHERE seq = 40"],
    "a state is there twice": [
        "INSERT INTO stage7_states SELECT run_id, 30, link, state_json FROM stage7_states WHERE seq = 28"
    ],
    "how the run stands lacks": ["DELETE FROM stage7_run_state"],
    "a state calls itself of version 1": [
        "UPDATE stage7_run_state SET state_json = replace(state_json, '\"version\":2', '\"version\":1')"
    ],
    "the form lacks": ["DELETE FROM stage7_forms"],
}
"""What was done to a database, by what that means."""


@pytest.mark.parametrize("case", every(3, [*CASES]))
def test_what_lacks_is_too_much_or_out_of_place_is_found(
    meva: Meva, sound: Path, tmp_path: Path, case: str
) -> None:
    db = damaged(sound, tmp_path / "changed.db", *CASES[case])
    assert 1 in found_by(meva, db).values()


TELLING = (
    *(("trades",), ("report", "--last", 3), ("report", "--summary"), ("why", "--last", 3), ("alerts",)),
    *(("export", "--what", "equity"), ("trades", "--round-trips")),
)
"""What tells of a run, or of a window of it."""


def test_nothing_is_told_of_a_run_as_if_lost_cycles_had_never_been(
    meva: Meva, sound: Path, tmp_path: Path
) -> None:
    """Rows that stand for them tell what the columns told."""
    db = damaged(sound, tmp_path / "lost.db", *CASES["the first stretch lacks"])
    if not _has_columns_only(db):
        for command in [one for one in TELLING if "--summary" not in one and "--round-trips" not in one]:
            assert meva(*command, "--db", db) == meva(*command, "--db", sound), command
        return
    [run] = rows_of(db, "SELECT run_id FROM stage7_runs")
    cycle = f"{run['run_id']}-20260101000300"
    for command in (*TELLING, ("why", cycle), ("db", "fill"), ("report", "--html", tmp_path / "a.html")):
        ended = meva(*command, "--db", db)
        assert (ended.code, ended.out) == (2, ""), command
        assert "are lost: there are neither columns nor all rows of cycles 0 to 6" in ended.err, command
    assert meva("parity", db, sound, "--json").document["error"]["code"] == "store_corrupt"


def test_a_backtest_neither_finds_a_run_recorded_that_lost_cycles_nor_goes_by_its_times(
    meva: Meva, sound: Path, busy: pytest.MonkeyPatch, made: Made, tmp_path: Path
) -> None:
    backtest = ("backtest", "--data", made.data, "--include-adaptation", "--engine", "interpreted", "--json")
    db = damaged(sound, tmp_path / "lost.db", *CASES["the first stretch lacks"])
    lost = _has_columns_only(db)
    for options in (("--db", db), ("--db", tmp_path / "b.db", "--times", db)):
        ended = meva(*backtest, *options)
        assert ended.code == 2 * lost, ended.err
        if lost:
            assert "nor all rows of cycles 0 to 6" in ended.document["error"]["message"]
        else:
            assert ended.document["cycles"] == 40


def _has_columns_only(db: Path) -> bool:
    return rows_of(db, "SELECT rows FROM stage7_stretches LIMIT 1") == [{"rows": "few"}]


def test_a_plain_check_names_stretches_that_are_not_what_their_sum_is_of(
    meva: Meva, sound: Path, tmp_path: Path
) -> None:
    """Without opening one; those that are lost, it names where no rows stand for them."""
    change = "UPDATE stage7_stretches SET sha256 = zeroblob(32) WHERE seq IN (14, 21)"
    db = damaged(sound, tmp_path / "changed.db", change, "DELETE FROM stage7_stretches WHERE seq = 7")
    ended = meva("db", "check", "--db", db, "--json")
    named = ended.document["damaged_columns"]
    assert (ended.code, ended.document["sound"]) == (1, False)
    assert ["00:14:00Z" in named[-2], "00:21:00Z" in named[-1]] == [True, True]
    assert ["nor all rows of cycles 7 to 13" in one for one in named[:-2]] == [True] * _has_columns_only(db)
    assert "its SHA-256 is another" in meva("db", "check", "--db", db).out
    deep = meva("db", "check", "--deep", "--db", db, "--json").document
    assert (deep["damaged_columns"], {*named} & {*deep["rows_apart"]}) == (named, set())


def test_rows_beside_columns_that_have_none_are_too_many(meva: Meva, sound: Path, tmp_path: Path) -> None:
    db = damaged(sound, tmp_path / "changed.db", "UPDATE stage7_stretches SET rows = 'few'")
    ended = meva("db", "check", "--deep", "--json", "--db", db).document
    full = damaged(sound, tmp_path / "full.db")
    with closing(sqlite3.connect(full)) as connection:
        rows = connection.execute("SELECT count(*) FROM stage7_cycle_trace").fetchone()[0]
    assert sum(line.startswith("stage7_cycle_trace") for line in ended["rows_apart"]) == rows
