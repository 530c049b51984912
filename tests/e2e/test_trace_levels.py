"""Trace levels: what a run is recorded with, what a call with another level does about what is there, and
that the level noted in a run is what is stored of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from itertools import product
from pathlib import Path
from typing import Final

import pytest
from command_line import Ended
from fresh_database import fresh_file
from nightly import NIGHTLY
from revision_0002 import RUNS, make_market, unpack
from stage7_runs import BUSY, contents, make_dataset, rows_of

from meva_adapters.codec import CODEC
from meva_adapters.replay import open_dataset
from meva_adapters.replay.plans import plan_backtest
from meva_adapters.sql import writer
from meva_adapters.sql.migrate import downgrade
from meva_adapters.sql.upgrade import upgrade_database
from meva_cli.progress import NoProgress
from meva_cli.wiring import AboutRun
from meva_core.errors import BadInput
from meva_core.loop import interpreted
from meva_core.settings import build_settings
from meva_core.stages import levels
from meva_core.stages.backtest import Done, backtest
from meva_core.stages.fill import fill, slim

Meva = Callable[..., Ended]
EVERY_CYCLE: Final = (
    "stage7_cycle_trace",
    "stage7_ledger_metrics",
    "stage7_run_metrics",
    "stage7_cycle_digests",
)
THERE: Final = 8
MORE: Final = 12
STORED: Final = {
    "nothing": (),
    "full": (("full", THERE),),
    "columns": (("columns", THERE),),
    "full, then columns": (("full", 3), ("columns", THERE)),
    "columns, then full": (("columns", 3), ("full", THERE)),
}
"""How runs came about: the levels that they were recorded with, and up to which cycle."""


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a database for each of STORED, and the market, not to be changed."""
    root = tmp_path_factory.mktemp("levels")
    found = {"market": make_dataset(root / "data", minutes=20)}
    fresh_file(root / "schema.db")
    for name, parts in STORED.items():
        found[name] = root / f"{name}.db"
        shutil.copy(root / "schema.db", found[name])
        for level, cycles in parts:
            call(found["market"], found[name], level, cycles, resume=cycles == THERE and len(parts) > 1)
    return found


opened = cache(open_dataset)


def call(
    market: Path, db: Path, level: str, cycles: int, *, resume: bool, settings: dict[str, str] | None = None
) -> Done:
    """Call for a backtest of so many cycles, committed four at a time."""
    plan = plan_backtest(opened(market), build_settings(settings or dict(BUSY)), cycles=cycles)
    with pytest.MonkeyPatch.context() as patch, writer(str(db), durable=False) as store:
        patch.setattr("meva_core.stages.backtest.COMMIT", 4)
        patch.setattr("meva_core.stages.backtest.WINDOW", 4)
        return backtest(
            plan,
            opened(market),
            store,
            loop=interpreted,
            codec=CODEC,
            about=AboutRun(lambda: "interpreted"),
            progress=NoProgress(),
            trace_level=level,
            resume=resume,
        )


def rows_by_cycle(db: Path) -> list[bool]:
    """Return, for every cycle of the one run, whether it has its rows; it has all of them or none."""
    [run] = rows_of(db, "SELECT start_ts, step_seconds, cycles FROM stage7_runs")
    stretches = rows_of(db, "SELECT seq, cycles, rows FROM stage7_stretches ORDER BY seq")
    said = {row["seq"] + at: row["rows"] == "all" for row in stretches for at in range(row["cycles"])}
    there: list[set[str]] = [
        {row["cycle_id"] for row in rows_of(db, f"SELECT cycle_id FROM {table}")} for table in EVERY_CYCLE
    ]
    assert all(cycles == there[0] for cycles in there)
    held = {row["seq"] for row in rows_of(db, "SELECT seq FROM stage7_cycle_digests")}
    assert len(held) == len(there[0])
    assert all(said.get(seq, True) == (seq in held) for seq in range(run["cycles"]))
    return [seq in held for seq in range(run["cycles"])]


def level(db: Path) -> str:
    """Return the level noted in the one run; it is the one that its rows tell."""
    [run] = rows_of(db, "SELECT trace_level FROM stage7_runs")
    assert run["trace_level"] == ("full" if all(rows_by_cycle(db)) else "columns")
    return str(run["trace_level"])


@pytest.mark.parametrize(
    ("there", "asked", "more", "resume"),
    [
        (there, asked, more, resume)
        for (a, there), (b, asked), (c, more), (d, resume) in product(
            *map(enumerate, (STORED, ("auto", "full", "columns"), (False, True), (False, True)))
        )
        if NIGHTLY or (a + b + c + d) % 2 == 0  # any three of them meet
    ],
)
def test_what_a_call_does_about_what_is_there(
    stored: dict[str, Path], tmp_path: Path, there: str, asked: str, more: bool, resume: bool
) -> None:
    db = Path(shutil.copy(stored[there], tmp_path / "state.db"))
    before, wanted = db.read_bytes(), MORE if more else THERE

    def made() -> Done:
        return call(stored["market"], db, asked, wanted, resume=resume)

    if there != "nothing" and more and not resume:
        with pytest.raises(BadInput, match=r"is recorded up to 2026-01-01T00:07:00.* only") as refused:
            made()
        assert refused.value.action == "add --resume to continue it from there"
        assert db.read_bytes() == before
        return
    cycles = 0 if there == "nothing" else THERE
    with_rows = rows_by_cycle(db) if cycles else []
    done = made()
    expected = with_rows + [asked != "columns"] * (wanted - cycles)
    filled = expected.count(False) if asked == "full" else 0
    assert done == Done(
        wanted - cycles,
        ("columns" if asked == "columns" else "full") if wanted > cycles else None,
        filled,
    )
    assert rows_by_cycle(db) == ([True] * wanted if asked == "full" else expected)
    assert level(db) == ("full" if all(expected) or asked == "full" else "columns")
    after = db.read_bytes()
    assert call(stored["market"], db, asked, wanted, resume=resume) == Done()  # already recorded
    assert db.read_bytes() == after


@pytest.mark.parametrize("there", [name for name in STORED if name != "nothing"])
def test_rows_made_later_are_those_of_full(stored: dict[str, Path], tmp_path: Path, there: str) -> None:
    db = Path(shutil.copy(stored[there], tmp_path / "state.db"))
    call(stored["market"], db, "full", THERE, resume=False)
    found, whole = contents(db), contents(stored["full"])
    for kept in (found, whole):
        del kept["stage7_states"], kept["stage7_runs"][0]["created_at"]
        for row in kept["stage7_risk_decisions"]:
            del row["id"]  # numbered as they came
        kept["stage7_risk_decisions"].sort(key=repr)
    assert found == whole


def test_rows_are_made_of_no_more_cycles_than_were_asked_for(stored: dict[str, Path], tmp_path: Path) -> None:
    db = Path(shutil.copy(stored["columns"], tmp_path / "state.db"))
    assert call(stored["market"], db, "full", 2, resume=False) == Done(filled=4)  # the stretch they are in
    assert call(stored["market"], db, "full", 3, resume=False) == Done()
    assert level(db) == "columns"


@pytest.mark.parametrize(("cycles", "made"), [(8, "full"), (9, "columns")])
def test_auto_writes_rows_up_to_a_size_that_the_whole_run_has(
    stored: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cycles: int, made: str
) -> None:
    monkeypatch.setattr(levels, "MOST_FULL", 8)
    db = Path(shutil.copy(stored["full, then columns"], tmp_path / "longer.db"))
    assert call(stored["market"], db, "auto", cycles, resume=True).level == (
        None if cycles == THERE else made
    )
    fresh = Path(shutil.copy(stored["nothing"], tmp_path / "fresh.db"))
    assert call(stored["market"], fresh, "auto", cycles, resume=False).level == made
    assert levels.level_for("auto", None) == "columns"
    assert levels.level_for("full", None) == "full"


def test_a_window_that_is_filled_or_all_of_it_is_what_the_level_says(
    stored: dict[str, Path], tmp_path: Path
) -> None:
    db = Path(shutil.copy(stored["columns"], tmp_path / "state.db"))
    [run] = rows_of(db, "SELECT run_id, start_ts FROM stage7_runs")
    with writer(str(db), durable=False) as store:
        with store.read() as reads:
            first = reads.runs()[0]["start_ts"]
        assert fill(store, CODEC, run["run_id"], NoProgress(), end=first).cycles == 4
        assert (rows_by_cycle(db), level(db)) == ([True] * 4 + [False] * 4, "columns")
        assert fill(store, CODEC, run["run_id"], NoProgress(), start=first).cycles == 4
        assert (rows_by_cycle(db), level(db)) == ([True] * 8, "full")
        assert fill(store, CODEC, run["run_id"], NoProgress()).cycles == 0
        assert slim(store, CODEC, run["run_id"], NoProgress()).cycles == 8
        assert (rows_by_cycle(db), level(db)) == ([False] * 8, "columns")


def test_the_command_says_which_level_it_took_and_why(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shown(*options: object) -> str:
        ended = meva("backtest", "--data", data, "--db", "a.db", "--engine", "interpreted", *options)
        assert ended.code == 0, ended.err
        return dict(line.split("\t") for line in ended.out.splitlines() if line.count("\t") == 1)["trace"]

    monkeypatch.setattr(levels, "MOST_FULL", 8)
    assert shown("--cycles", 5) == "full (auto: at most 8 cycles)"
    assert shown("--cycles", 5) == "full (recorded so)"
    assert shown("--cycles", 9, "--resume") == "columns (auto: more than 8 cycles)"
    assert shown("--cycles", 10, "--resume", "--trace", "full") == "full (as asked for)"
    assert shown("--cycles", 11, "--resume", "--trace", "columns") == "columns (as asked for)"
    assert shown("--cycles", 12, "--resume", "--trace", "auto") == "columns (auto: more than 8 cycles)"
    monkeypatch.setattr(levels, "MOST_FULL", 20)
    assert shown("--cycles", 13, "--resume") == "columns (this part full, auto: at most 20 cycles)"
    assert shown("--trace", "full", "--cycles", 13) == "full (2 cycles filled)"


# -- Runs that an earlier revision recorded ---------------------------------------------------------------


@pytest.fixture(scope="module")
def old_market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_market(tmp_path_factory.mktemp("old") / "data")


def old(name: str, folder: Path) -> Path:
    """Return a database that an earlier revision wrote, upgraded."""
    path = unpack(name, folder / f"{name}.db")
    upgrade_database(path, NoProgress(), with_backup=False)
    return path


@pytest.mark.parametrize(
    ("asked", "more", "resume"), list(product(("auto", "full", "columns"), (False, True), (False, True)))
)
def test_a_run_without_documents_goes_on_with_stretches(
    old_market: Path, tmp_path: Path, asked: str, more: bool, resume: bool
) -> None:
    kept, db = RUNS["changes"], old("changes", tmp_path)
    cycles = kept.recorded + 5 * more

    def made() -> Done:
        return call(old_market, db, asked, cycles, resume=resume, settings=kept.settings)

    if more and not resume:
        with pytest.raises(BadInput, match="is recorded up to 2026-01-01T00:39:00"):
            made()
        return
    if asked == "full" and not more:
        with pytest.raises(BadInput, match="kept no columns: the documents of its quiet cycles cannot"):
            made()
        return
    assert made().ran == 5 * more
    assert rows_of(db, "SELECT trace_level FROM stage7_runs") == [{"trace_level": "changes"}]
    states = rows_of(db, "SELECT seq, hex(link) AS link FROM stage7_states")
    stretches = rows_of(db, "SELECT min(seq) AS seq, sum(cycles) AS cycles FROM stage7_stretches")
    if more:
        assert states == [{"seq": kept.recorded, "link": kept.fingerprint.upper()}]
        assert stretches == [{"seq": kept.recorded, "cycles": 5}]
        rows = {row["rows"] for row in rows_of(db, "SELECT rows FROM stage7_stretches")}
        assert rows == {"few" if asked == "columns" else "all"}
    else:
        assert (states, stretches) == ([], [{"seq": None, "cycles": None}])


def test_what_cannot_be_filled_of_a_run_without_documents_is_named_and_the_rest_is_filled(
    meva: Meva, old_market: Path, tmp_path: Path
) -> None:
    kept, db = RUNS["changes"], old("changes", tmp_path)
    call(old_market, db, "columns", 45, resume=True, settings=kept.settings)
    ended = meva("db", "fill", "--db", db)
    assert (ended.code, ended.out) == (0, f"run {kept.run_id}: 5 cycles filled\n")
    assert (
        "cycles 0 to 39 were recorded by a version that kept no columns: there is nothing to make rows of"
        in ended.err
    )
    assert rows_of(db, "SELECT trace_level FROM stage7_runs") == [{"trace_level": "changes"}]
    slimmed = meva("db", "slim", "--db", db, "--run", kept.run_id)
    assert (slimmed.code, slimmed.out) == (0, f"run {kept.run_id}: 5 cycles slimmed\n")
    assert len(rows_of(db, "SELECT 1 FROM stage7_cycle_trace")) == kept.recorded
    again = meva("prove", "--db", db, "--engine", "interpreted", "--json")
    assert (again.code, again.document["cycles"], again.document["fingerprint"]) == (
        0,
        5,
        RUNS["full"].fingerprint,
    )


def test_nothing_lacks_of_a_run_that_an_earlier_revision_recorded_in_full(meva: Meva, tmp_path: Path) -> None:
    db = old("full", tmp_path)
    ended = meva("db", "fill", "--db", db)
    assert (ended.code, ended.out, ended.err) == (0, f"run {RUNS['full'].run_id}: nothing to fill\n", "")


@pytest.mark.parametrize("name", ["full", "interrupted", "adapting", "unsorted"])
def test_a_run_of_an_earlier_revision_goes_on_in_columns_and_is_filled_to_one_in_full(
    meva: Meva, old_market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    kept, db = RUNS[name], old(name, tmp_path)
    for variable, value in kept.settings.items():
        monkeypatch.setenv(variable, value)
    line = ("backtest", "--data", old_market, "--engine", "interpreted", *kept.options(), "--cycles", 52)
    went_on = meva(*line, "--db", db, "--resume", "--trace", "columns", "--json").document
    assert (went_on["run_id"], went_on["cycles_run"]) == (kept.run_id, 52 - kept.recorded)
    assert level(db) == "columns"
    report = meva("report", "--db", db, "--json", "--last", 60).out
    assert meva("prove", "--db", db, "--engine", "interpreted", "--json").document["proved"]
    filled = meva("db", "fill", "--db", db, "--json").document
    assert [run["cycles"] for run in filled["runs"]] == [52 - kept.recorded]
    assert level(db) == "full"
    assert meva("report", "--db", db, "--json", "--last", 60).out == report
    assert meva("db", "slim", "--db", db, "--run", kept.run_id).code == 0
    assert level(db) == "columns"
    assert meva("report", "--db", db, "--json", "--last", 60).out == report
    if not kept.lists:  # a run of today sorts its lists, and is another
        today = meva(*line, "--db", "today.db", "--json").document
        assert today["fingerprint"] == went_on["fingerprint"]
        assert meva("parity", db, "today.db").code == 0


def test_a_run_that_went_on_comes_back_to_the_earlier_revision_and_up_again_as_it_was(
    old_market: Path, tmp_path: Path
) -> None:
    kept, db = RUNS["interrupted"], old("interrupted", tmp_path)
    call(old_market, db, "columns", 45, resume=True, settings=kept.settings)
    before = contents(db)
    history = ("schema_changes", "sqlite_sequence")
    assert before["stage7_runs"][0]["fingerprint"] == RUNS["full"].fingerprint
    downgrade(db, "0002")
    upgrade_database(db, NoProgress(), with_backup=False)
    after = contents(db)
    for name in history:
        del before[name], after[name]
    assert after == before
    assert level(db) == "columns"
