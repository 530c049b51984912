"""Rows where they are stored, and made out of columns where they are not: no command knows which.

The same runs lie in three databases: with all of their rows, with none of them, and with some.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from made import Made
from nightly import NIGHTLY, every
from stage7_runs import BUSY, rows_of

from meva_adapters.sql import reader
from meva_adapters.sql.tables import META
from meva_adapters.sql.tables_stage7 import EVERY_CYCLE
from meva_cli.app import run
from meva_core.ports import Reads
from meva_core.settings.build import VARIABLES

Meva = Callable[..., Any]

REAL = Path(__file__).parents[3] / "shared" / "data" / "real-5m"
KINDS = ("full", "columns", "mixed")
START = datetime(2026, 1, 1, tzinfo=UTC)
OLD = (("old-1", "2026-01-01T03:05:00+03:00"), ("old-2", "2026-01-01T00:07:00"), ("old-3", "some day"))
"""Cycles of the earlier system: one at the time of one of ours, one without an offset, one without a time."""


class Kept(NamedTuple):
    """Databases by kind, each called state.db in a folder of its own, their market, and the runs in them."""

    folder: Path
    data: Path
    runs: list[str]

    def db(self, kind: str) -> Path:
        return self.folder / kind / "state.db"


def command(*arguments: object) -> None:
    assert run([str(argument) for argument in arguments]) == 0, arguments


def kept(folder: Path, data: Path, schema: Path, cycles: int) -> Kept:
    """Record runs over the same times, each in two commits, and take rows away."""
    for kind in KINDS:
        (folder / kind).mkdir(parents=True)
    made = Kept(folder, data, [])
    full = made.db("full")
    shutil.copy(schema, full)
    given = ("backtest", "--data", data, "--db", full, "--engine", "interpreted", "--trace", "full")
    for options in (("--include-adaptation",), ("--fill-model", "instant"), ("--seed", 1)):
        command(*given, *options, "--cycles", cycles // 3)
        command(*given, *options, "--cycles", cycles, "--resume")
    with closing(sqlite3.connect(full)) as connection, connection:
        for cycle, moment in OLD:
            connection.execute(
                "INSERT INTO stage7_cycle_trace (cycle_id, ts, selected_universe_json, intents_summary_json, "
                "mode_json, order_decisions_json, order_intents_json) VALUES (?, ?, '[\"BTCTRY\"]', '{}', ?, "
                "'[]', '[]')",
                (cycle, moment, '{"final_mode": "OBSERVE_ONLY"}'),
            )
    runs = rows_of(full, "SELECT run_id FROM stage7_runs ORDER BY created_at")
    made.runs.extend(row["run_id"] for row in runs)
    shutil.copy(full, made.db("columns"))
    for name in made.runs:
        command("db", "slim", "--db", made.db("columns"), "--run", name)
    shutil.copy(made.db("columns"), made.db("mixed"))
    late = rows_of(full, "SELECT max(start_ts) AS ts FROM stage7_stretches")[0]["ts"]
    command("db", "fill", "--db", made.db("mixed"), "--run", made.runs[0], "--start", late)
    command("db", "fill", "--db", made.db("mixed"), "--run", made.runs[1], "--end", late)
    return made


@pytest.fixture(scope="module", params=["synthetic", "recorded"])
def both(
    request: pytest.FixtureRequest, made: Made, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kept]:
    if request.param == "recorded" and not REAL.is_dir():
        pytest.skip("the recorded market is not beside the project")
    with pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES:
            patch.delenv(name, raising=False)
        for name, value in BUSY.items():
            patch.setenv(name, value)
        data = REAL if request.param == "recorded" else made.data
        yield kept(tmp_path_factory.mktemp("kept"), data, made.schema, 36)


def test_the_databases_are_what_they_are_called(both: Kept) -> None:
    """None of what follows compares a database with itself."""
    few = {
        kind: [row["rows"] for row in rows_of(both.db(kind), "SELECT rows FROM stage7_stretches")]
        for kind in KINDS
    }
    assert set(few["full"]) == {"all"}
    assert set(few["columns"]) == {"few"}
    assert set(few["mixed"]) == {"few", "all"}
    for table in EVERY_CYCLE:
        [found] = rows_of(both.db("columns"), f"SELECT count(run_id) AS n FROM {table}")
        assert found["n"] == 0


WINDOWS = ((), ("--last", 5), ("--start", "FIRST"), ("--start", "FIRST", "--end", "LAST", "--last", 3))
COMMANDS = (
    *(("report", *window, "--json") for window in WINDOWS),
    ("report",),
    *(("alerts", *window, "--json") for window in WINDOWS),
    *(("why", *window, "--json") for window in (*WINDOWS[1:], ())),
    ("why", "CYCLE", "--json"),
    ("why", "LAST"),
    *(("export", "--format", form, *window) for form in ("jsonl", "csv") for window in WINDOWS[1:]),
)


@pytest.mark.parametrize("asked", COMMANDS, ids=str)
def test_every_command_answers_the_same(
    both: Kept, meva: Meva, monkeypatch: pytest.MonkeyPatch, asked: tuple[Any, ...]
) -> None:
    names = [*both.runs, "legacy"]
    for name in every(3, names, COMMANDS.index(asked) % 3):  # a window is one of several commands
        there = rows_of(
            both.db("full"),
            "SELECT cycle_id, ts FROM stage7_cycle_trace WHERE coalesce(run_id, 'legacy') = ? ORDER BY ts",
            name,
        )
        meant = {
            "FIRST": there[len(there) // 4]["ts"],
            "LAST": there[-2]["ts"],
            "CYCLE": there[1]["cycle_id"],
        }
        answers = []
        for kind in KINDS:
            monkeypatch.chdir(both.db(kind).parent)
            run_of = () if "CYCLE" in asked else ("--run", name)
            answers.append(meva(asked[0], "--db", "state.db", *run_of, *(meant.get(a, a) for a in asked[1:])))
        assert answers[0] == answers[1] == answers[2]
        assert answers[0].code == 0 or name == "legacy", answers[0].err


def test_files_are_the_same_to_the_byte(both: Kept, meva: Meva, monkeypatch: pytest.MonkeyPatch) -> None:
    for form, name in product(("jsonl", "csv", "parquet"), both.runs):
        found = set()
        for kind in KINDS:
            monkeypatch.chdir(both.db(kind).parent)
            out = f"cycles.{form}"
            ended = meva("export", "--db", "state.db", "--run", name, "--format", form, "--out", out)
            assert ended.code == 0, ended.err
            found.add(Path(out).read_bytes())
        assert len(found) == 1, form


def test_runs_differ_in_their_level_alone(both: Kept, meva: Meva, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for kind in KINDS:
        monkeypatch.chdir(both.db(kind).parent)
        entries = meva("runs", "--db", "state.db", "--json").document["runs"]
        found.append([{k: v for k, v in entry.items() if k != "trace"} for entry in entries])
    assert found[0] == found[1] == found[2]


def test_a_run_over_their_times_and_a_comparison_with_it_are_the_same(
    both: Kept, meva: Meva, busy: pytest.MonkeyPatch, made: Made, tmp_path: Path
) -> None:
    [window] = rows_of(
        both.db("full"),
        "SELECT min(ts) AS first, max(ts) AS last FROM stage7_cycle_digests WHERE seq BETWEEN 5 AND 30",
    )
    within = ("--start", window["first"], "--end", window["last"])
    ways = ((), ("--include-adaptation",), ("--quantize-try", "0.01"), within)
    verdicts, answers = [], []
    for kind in KINDS:
        mine = tmp_path / f"{kind}.db"
        shutil.copy(made.schema, mine)
        ended = meva(
            *("backtest", "--data", both.data, "--db", mine, "--times", both.db(kind)),
            *("--engine", "interpreted", "--seed", 1, "--json"),
        )
        assert ended.code == 0, ended.err
        answers.append(ended.document["fingerprint"])
        for options, name in product(ways, (both.runs[2], both.runs[0])):
            ended = meva("parity", both.db(kind), mine, "--run-a", name, *options, "--json")
            verdicts.append(ended.document)
    assert len(set(answers)) == 1
    third = len(verdicts) // 3
    assert verdicts[:third] == verdicts[third : 2 * third] == verdicts[2 * third :]
    assert [verdict["equal"] for verdict in verdicts[:third:2]] == [True] * len(ways)


# -- Readers ------------------------------------------------------------------------------------------------


def questions(cycle: str, other: str, runs: list[str]) -> Iterator[dict[str, Any]]:
    """Yield what a reader may ask of a table that has a row for every cycle."""
    minute, second = timedelta(minutes=1), timedelta(seconds=1)
    windows: list[dict[str, datetime]] = [
        {},
        {"start": START + 5 * minute, "end": START + 14 * minute},
        {"start": START + 5 * minute + timedelta(microseconds=1)},
        {"end": START + 7 * minute - second},
        {"start": START + timedelta(days=9000)},
    ]
    of = [{}, *({"run_id": name} for name in (*runs, "legacy"))]
    orders = [{}, {"newest_first": True}, {"limit": 3}, {"newest_first": True, "limit": 40}]
    # Any two of a run, a window and an order meet, and in nightly runs all three.
    for (a, of_run), (b, window), (c, order) in product(*map(enumerate, (of, windows, orders))):
        if NIGHTLY or (a + b + c) % 4 == 0:
            yield of_run | window | order
    cycles = (cycle, other, "old-1", "nothing")
    for (a, named), (b, window), (c, of_run) in product(*map(enumerate, (cycles, windows, of[:3]))):
        if NIGHTLY or (a + b + c) % 3 == 0:
            yield {"where": {"cycle_id": named}, **window, **of_run}


def answers(view: Reads, table: str, columns: list[str], asked: dict[str, Any]) -> list[Any]:
    return list(view.rows(table, columns, **asked))


def columns_of(table: str) -> list[str]:
    """Return all columns but the number that a database gives to a row."""
    return [column.name for column in META.tables[table].columns if column.name != "id"]


def cycles_where(view: Reads, key: str, where: dict[str, Any]) -> list[Any]:
    return answers(view, key.split()[0], ["cycle_id"], {"where": where})


@pytest.mark.parametrize("table", EVERY_CYCLE)
def test_readers_get_the_same_rows_in_the_same_order(both: Kept, table: str) -> None:
    columns = columns_of(table)
    with reader(both.db("full")) as store, store.read() as view:
        named = [
            next(view.rows(table, ("cycle_id",), run_id=name, newest_first=True))[0] for name in both.runs[:2]
        ]
        asked = list(questions(*named, both.runs))
        asked += [{"where": {"run_id": both.runs[0]}, "newest_first": True}]
        expected = [answers(view, table, columns, one) for one in asked]
    assert any(expected)
    for kind in KINDS[1:]:
        with reader(both.db(kind)) as store, store.read() as view:
            for one, rows in zip(asked, expected, strict=True):
                assert answers(view, table, columns, one) == rows, one


def test_rows_are_chosen_by_any_of_their_values(both: Kept) -> None:
    asked: dict[str, dict[str, Any]] = {}
    with reader(both.db("full")) as store, store.read() as view:
        for table in EVERY_CYCLE:
            row = next(view.rows(table, columns_of(table), run_id=both.runs[0], newest_first=True))
            values = zip(columns_of(table), row, strict=True)
            asked |= {f"{table} {name}": {name: value} for name, value in values if value}
        expected = [cycles_where(view, key, where) for key, where in asked.items()]
    assert all(expected)
    for kind in KINDS[1:]:
        with reader(both.db(kind)) as store, store.read() as view:
            for (key, where), rows in zip(asked.items(), expected, strict=True):
                assert cycles_where(view, key, where) == rows, key


def test_postgresql_answers_as_sqlite_does(
    both: Kept, meva: Meva, tmp_path: Path, new_postgres: Callable[[], str]
) -> None:
    # Each window, order and run is still asked for.
    asked = every(5, list(questions(f"{both.runs[0]}-20260101000500", "old-2", both.runs)))
    commands = (("report",), ("why",), ("alerts",), ("why", "--last", 9))
    found: list[list[Any]] = []
    for kind in ("sqlite", *KINDS):
        source = Path(shutil.copy(both.db("full" if kind == "sqlite" else kind), tmp_path / f"{kind}.db"))
        with closing(sqlite3.connect(source)) as connection, connection:
            connection.execute(
                "DELETE FROM stage7_cycle_trace WHERE ts = 'some day'"
            )  # PostgreSQL has no such
        url = str(source) if kind == "sqlite" else new_postgres()
        assert kind == "sqlite" or meva("db", "copy", source, url).code == 0
        with reader(url) as store, store.read() as view:
            rows = [answers(view, table, columns_of(table), one) for table in EVERY_CYCLE for one in asked]
        told = [meva(*command, "--db", url, "--run", both.runs[0], "--json").document for command in commands]
        found.append([*rows, *told])
    for others in found[1:]:
        assert others == found[0]
