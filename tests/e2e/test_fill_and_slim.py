"""`meva db fill` and `meva db slim`: rows out of columns and back, and what is kept."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from command_line import Ended
from fresh_database import fresh_file
from stage7_runs import BUSY, contents, make_dataset, rows_of

from meva_adapters.codec import CODEC
from meva_adapters.replay import open_dataset
from meva_adapters.replay.plans import plan_backtest
from meva_adapters.sql import ensure, reader, writer
from meva_cli.progress import NoProgress
from meva_cli.wiring import AboutRun
from meva_core.ids import cycle_id
from meva_core.loop import interpreted
from meva_core.settings import build_settings
from meva_core.stages.backtest import backtest
from meva_core.stages.fill import fill, slim
from meva_core.stages.plan import RunPlan
from meva_core.trace import COLUMNS, TABLES

Meva = Callable[..., Ended]
CYCLES: Final = 30
COMMIT: Final = 10
SECOND: Final = "2026-01-01T00:10:00.000000+00:00"
"""When the second of the three stretches begins."""
CHANGED: Final = {
    "stage7_cycle_trace": "mode_json = mode_json || ' '",
    "stage7_ledger_metrics": "equity_try = equity_try || '0'",
    "stage7_run_metrics": "universe_size = universe_size + 1",
    "stage7_cycle_digests": "plan_sha256 = zeroblob(32)",
    "stage7_risk_decisions": "mode = mode || 'X'",
}
"""A change of one value in each of the tables."""


def record(target: str, market: Path, level: str, **options: Any) -> RunPlan:
    """Record a run in three stretches, and return its plan."""
    dataset = open_dataset(market)
    plan = plan_backtest(dataset, build_settings(dict(BUSY)), cycles=CYCLES, **options)
    with pytest.MonkeyPatch.context() as patch, writer(target, durable=False) as store:
        for name in ("COMMIT", "WINDOW"):
            patch.setattr(f"meva_core.stages.backtest.{name}", COMMIT)
        backtest(
            plan,
            dataset,
            store,
            loop=interpreted,
            codec=CODEC,
            about=AboutRun(lambda: "interpreted"),
            progress=NoProgress(),
            trace_level=level,
        )
    return plan


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return databases with the same two runs, each with all rows and with none, not to be changed."""
    root = tmp_path_factory.mktemp("kept")
    found = {"market": make_dataset(root / "data", minutes=40)}
    for level in ("full", "columns"):
        found[level] = root / f"{level}.db"
        fresh_file(found[level])
        for seed in (0, 1):
            record(str(found[level]), found["market"], level, seed=seed)
    return found


@pytest.fixture
def db(kept: dict[str, Path], tmp_path: Path) -> Path:
    """Return a database with two runs in full."""
    return Path(shutil.copy(kept["full"], tmp_path / "state.db"))


def runs_of(db: Path) -> list[str]:
    return [row["run_id"] for row in rows_of(db, "SELECT run_id FROM stage7_runs ORDER BY seed")]


def execute(db: Path, statement: str, *values: Any) -> None:
    with closing(sqlite3.connect(db)) as connection, connection:
        assert connection.execute(statement, values).rowcount == 1


def stored(db: Path) -> dict[str, Any]:
    """Return what is stored, but for numbers that count what was made, and when."""
    found = contents(db)
    for run in found["stage7_runs"]:
        del run["created_at"]
    decisions = [{**row, "id": None} for row in found["stage7_risk_decisions"]]
    for name in ("sqlite_sequence", "schema_changes"):
        del found[name]
    return {**found, "stage7_risk_decisions": sorted(decisions, key=repr)}


def rows_held(db: Path, run: str) -> list[str]:
    """Return which rows stand beside each stretch of a run; they do."""
    found = rows_of(db, "SELECT * FROM stage7_stretches WHERE run_id = ? ORDER BY seq", run)
    for table in TABLES:
        cycles = rows_of(db, f"SELECT cycle_id FROM {table} WHERE run_id = ?", run)
        assert len(cycles) == sum(row["cycles"] for row in found if row["rows"] == "all"), table
    return [row["rows"] for row in found]


def test_all_runs_are_filled_and_are_then_as_if_recorded_in_full(
    meva: Meva, kept: dict[str, Path], tmp_path: Path
) -> None:
    db = Path(shutil.copy(kept["columns"], tmp_path / "state.db"))
    runs = runs_of(db)
    ended = meva("db", "fill", "--db", db, "--json")
    assert ended.code == 0
    filled = {run["run_id"]: (run["cycles"], run["left_out"]) for run in ended.document["runs"]}
    assert filled == dict.fromkeys(runs, (CYCLES, []))
    assert stored(db) == stored(kept["full"])
    assert meva("db", "fill", "--db", db).out.count("nothing to fill") == 2


def test_slimmed_it_is_smaller_and_reads_on_and_filled_again_it_is_what_it_was(
    meva: Meva, kept: dict[str, Path], db: Path
) -> None:
    [run, other] = runs_of(db)
    before, size = stored(db), db.stat().st_size
    read = [meva(command, "--run", run, "--db", db, "--json").out for command in ("report", "why")]
    ended = meva("db", "slim", "--db", db, "--run", run)
    assert (ended.code, ended.out, ended.err) == (0, f"run {run}: {CYCLES} cycles slimmed\n", "")
    assert (rows_held(db, run), rows_held(db, other)) == (["few"] * 3, ["all"] * 3)
    assert db.stat().st_size < size
    assert rows_of(db, "PRAGMA freelist_count") == [{"freelist_count": 0}]
    assert [meva(command, "--run", run, "--db", db, "--json").out for command in ("report", "why")] == read
    assert meva("prove", "--run", run, "--db", db, "--engine", "interpreted").code == 0
    assert meva("db", "slim", "--db", db, "--run", run).out == f"run {run}: nothing to take away\n"
    assert meva("db", "fill", "--db", db, "--run", run).out == f"run {run}: {CYCLES} cycles filled\n"
    assert stored(db) == before


def test_a_window_is_filled_by_whole_stretches(meva: Meva, kept: dict[str, Path], tmp_path: Path) -> None:
    db = Path(shutil.copy(kept["columns"], tmp_path / "state.db"))
    [run, other] = runs_of(db)
    window = ("--start", "2026-01-01T00:12:00", "--end", "2026-01-01T00:13:00")
    filled = meva("db", "fill", "--db", db, "--run", run, *window, "--json").document["runs"]
    assert filled == [{"run_id": run, "cycles": COMMIT, "left_out": []}]
    assert (rows_held(db, run), rows_held(db, other)) == (["few", "all", "few"], ["few"] * 3)
    between = ("--start", "2026-01-01T00:09:30", "--end", "2026-01-01T00:09:40")
    assert meva("db", "fill", "--db", db, "--run", run, *between).out == f"run {run}: nothing to fill\n"
    assert meva("db", "fill", "--db", db, "--start", "2026-01-01T00:20:00").code == 0
    assert (rows_held(db, run), rows_held(db, other)) == (["few", "all", "all"], ["few", "few", "all"])


@pytest.mark.parametrize("change", ["changed", "lost", "added"])
@pytest.mark.parametrize("table", TABLES)
def test_rows_that_are_not_what_the_columns_give_are_named_and_stay(
    meva: Meva, db: Path, table: str, change: str
) -> None:
    [run, _] = runs_of(db)
    ts = "decided_at" if table == "stage7_risk_decisions" else "ts"
    where = f"WHERE run_id = ? AND {ts} = ?"
    if change == "changed":
        execute(db, f"UPDATE {table} SET {CHANGED[table]} {where}", run, SECOND)
    elif change == "lost":
        execute(db, f"DELETE FROM {table} {where}", run, SECOND)
    else:
        names = [row["name"] for row in rows_of(db, f"SELECT name FROM pragma_table_info('{table}')")]
        other = {
            "cycle_id": f"'{run}-20260101001030'",
            "id": "NULL",
            ts: "'2026-01-01T00:10:30.000000+00:00'",
        }
        values = ", ".join(other.get(name, name) for name in names)
        execute(db, f"INSERT INTO {table} SELECT {values} FROM {table} {where}", run, SECOND)
    ended = meva("db", "slim", "--db", db, "--run", run, "--json")
    assert ended.code == 1
    assert ended.document["cycles"] == CYCLES - COMMIT
    [differing] = ended.document["differing"]
    assert f"run {run}, cycles 2026-01-01T00:10:00" in differing
    assert f"the rows of {table} are not those that its columns give" in differing
    found = [row["rows"] for row in rows_of(db, "SELECT * FROM stage7_stretches WHERE run_id = ?", run)]
    assert found == ["few", "all", "few"]
    assert rows_of(db, "SELECT trace_level FROM stage7_runs WHERE run_id = ?", run) == [
        {"trace_level": "columns"}
    ]
    plain = meva("db", "slim", "--db", db, "--run", run)
    assert (plain.code, plain.out) == (1, f"run {run}: nothing to take away\n")
    assert "warning: kept: " in plain.err


def test_a_damaged_stretch_ends_it_and_is_named(meva: Meva, db: Path) -> None:
    [run, _] = runs_of(db)
    execute(
        db, "UPDATE stage7_stretches SET body = zeroblob(length(body)) WHERE run_id = ? AND seq = 10", run
    )
    before = stored(db)["stage7_cycle_trace"]
    ended = meva("db", "slim", "--db", db, "--run", run)
    assert (ended.code, "2026-01-01T00:10:00" in ended.err) == (2, True)
    assert len(stored(db)["stage7_cycle_trace"]) == len(before) - COMMIT


@pytest.mark.parametrize(
    ("last", "held"),
    [
        ("2026-01-31T00:09:00.000000+00:00", ["all", "all", "all"]),
        ("2026-01-31T00:09:01.000000+00:00", ["few", "all", "all"]),
        ("2026-01-31T00:25:00.000000+00:00", ["few", "few", "all"]),
        ("2026-01-31T00:29:01.000000+00:00", ["few", "few", "few"]),
    ],
)
def test_of_what_is_no_backtest_the_last_30_days_stay_by_its_own_clock(
    meva: Meva, db: Path, last: str, held: list[str]
) -> None:
    [run, other] = runs_of(db)
    execute(db, "UPDATE stage7_runs SET kind = 'dry_run', last_ts = ? WHERE run_id = ?", last, run)
    ended = meva("db", "slim", "--db", db, "--run", run)
    assert ended.code == 0
    assert (rows_held(db, run), rows_held(db, other)) == (held, ["all"] * 3)
    kept = held.count("all") * COMMIT
    assert (f"{kept} cycles of the last 30 days keep their rows\n" in ended.out) == bool(kept)


def test_rows_of_the_earlier_system_are_never_touched(meva: Meva, db: Path) -> None:
    [run, other] = runs_of(db)
    names = [row["name"] for row in rows_of(db, "SELECT name FROM pragma_table_info('stage7_cycle_trace')")]
    values = ", ".join({"cycle_id": "'old'", "run_id": "NULL"}.get(name, name) for name in names)
    execute(
        db,
        f"INSERT INTO stage7_cycle_trace SELECT {values} FROM stage7_cycle_trace WHERE run_id = ? AND ts = ?",
        run,
        SECOND,
    )
    for command in ("fill", "slim"):
        refused = meva("db", command, "--db", db, "--run", "legacy")
        assert (refused.code, "recorded by the earlier system" in refused.err) == (2, True)
    for name in (run, other):
        assert meva("db", "slim", "--db", db, "--run", name).code == 0
    assert rows_of(db, "SELECT cycle_id FROM stage7_cycle_trace") == [{"cycle_id": "old"}]
    assert meva("db", "fill", "--db", db).code == 0
    assert len(rows_of(db, "SELECT cycle_id FROM stage7_cycle_trace")) == 2 * CYCLES + 1


def test_what_an_earlier_call_left_empty_is_given_back(meva: Meva, db: Path) -> None:
    [run, _] = runs_of(db)
    with writer(str(db), durable=False) as store:
        slim(store, CODEC, run, NoProgress())  # and is ended before the file is made smaller
    size = db.stat().st_size
    assert meva("db", "slim", "--db", db, "--run", run).code == 0
    assert db.stat().st_size < size


def test_a_run_that_is_not_there_is_named(meva: Meva, db: Path) -> None:
    for command in ("fill", "slim"):
        refused = meva("db", command, "--db", db, "--run", "nowhere")
        assert (refused.code, "'nowhere' is not in the database" in refused.err) == (2, True)


def test_postgresql_gives_the_same(
    kept: dict[str, Path], new_postgres: Callable[[], str], meva: Meva
) -> None:
    target = new_postgres()
    ensure(target)
    plan = record(target, kept["market"], "full")

    def rows() -> dict[str, list[Any]]:
        with reader(target) as store, store.read() as reads:
            return {
                table: list(reads.as_stored(table, COLUMNS[table], run_id=plan.run_id)) for table in TABLES
            }

    before = rows()
    read = meva("report", "--db", target, "--json").out
    with writer(target, durable=False) as store:
        assert slim(store, CODEC, plan.run_id, NoProgress()).cycles == CYCLES
        store.compact()
    assert set(map(len, rows().values())) == {0}
    assert meva("report", "--db", target, "--json").out == read
    with writer(target, durable=False) as store:
        assert fill(store, CODEC, plan.run_id, NoProgress()).cycles == CYCLES
    assert rows() == before
    with writer(target, durable=False) as store:
        with store.unit() as work:
            cycle = cycle_id(plan.run_id, int(plan.times[COMMIT]))
            work.update("stage7_run_metrics", "cycle_id", ("universe_size",), [(cycle, 99)])
            work.commit()
        slimmed = slim(store, CODEC, plan.run_id, NoProgress())
    assert slimmed.cycles == CYCLES - COMMIT
    assert ["the rows of stage7_run_metrics" in one for one in slimmed.differing] == [True]
