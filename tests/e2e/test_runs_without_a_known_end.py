"""A source whose times nobody knows before: the run is named by its first market and has no end until the
source ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from stage7_runs import BUSY, contents, rows_of

from meva_adapters.codec import CODEC
from meva_adapters.replay import open_dataset
from meva_adapters.replay.plans import plan_backtest
from meva_adapters.sql import writer
from meva_cli.progress import NoProgress
from meva_cli.wiring import AboutRun
from meva_core.errors import StoreBusy
from meva_core.loop import interpreted
from meva_core.settings import build_settings
from meva_core.stages.backtest import backtest, recorded
from meva_core.stages.plan import RunPlan, RunTerms
from meva_core.stages.record import Recorder, record_all
from meva_core.stages.resuming import Progressing
from meva_core.stages.run import Part

Meva = Callable[..., Any]
ABOUT = AboutRun(lambda: "interpreted")
ROWS = 7


@attrs.define
class Watched(NoProgress):
    """Notes what it is told of the work."""

    told: list[Any] = attrs.field(factory=list)

    def start(self, total: int | None, label: str) -> None:
        self.told.append((total, label))

    def advance(self, steps: int) -> None:
        self.told.append(steps)


@pytest.fixture
def plan(data: Path) -> RunPlan:
    return plan_backtest(open_dataset(data), build_settings(dict(BUSY)), adapt=True)


def terms_of(plan: RunPlan) -> RunTerms:
    """Return what a plan is but for its times."""
    return RunTerms(**{a.name: getattr(plan, a.name) for a in attrs.fields(RunTerms) if a.init})


def record(db: Path, plan: RunPlan, source: Iterator[Part], progress: Watched) -> Progressing:
    """Record a source into a database that knows neither name nor times beforehand."""
    terms = terms_of(plan)
    run = Progressing(terms, terms.new_book())
    with writer(str(db), durable=False) as store:
        recorder = Recorder(store, run, CODEC, ABOUT, cycles=ROWS)
        record_all(recorder, source, interpreted, progress, None, "dry run")
    return run


def standing(db: Path) -> list[dict[str, Any]]:
    return rows_of(db, "SELECT run_id, status, end_ts, last_ts, cycles FROM stage7_runs")


def test_it_stores_what_a_planned_run_stores(data: Path, tmp_path: Path, plan: RunPlan) -> None:
    history, a, b = open_dataset(data), tmp_path / "a.db", tmp_path / "b.db"
    with writer(str(a), durable=False) as store:
        progress = NoProgress()
        backtest(plan, history, store, loop=interpreted, codec=CODEC, about=ABOUT, progress=progress)

    def source() -> Iterator[Part]:
        """Give the same markets, and look at what is stored whenever more is asked for."""
        given = 0
        for part in recorded(plan, history, plan.times, ROWS):
            last = rows_of(b, "SELECT max(ts) AS ts FROM stage7_cycle_digests")[0]["ts"]
            run = {
                "run_id": plan.run_id,
                "status": "running",
                "end_ts": None,
                "last_ts": last,
                "cycles": given,
            }
            assert standing(b) == ([run] if given else [])
            given += len(part[0].time)
            yield part

    progress = Watched()
    run = record(b, plan, source(), progress)
    assert (run.run_id, run.end, run.book.seq) == (plan.run_id, int(plan.times[-1]), len(plan.times))
    assert progress.told[0] == (None, "dry run")
    assert sum(progress.told[1:]) == len(plan.times)
    assert contents(a) == contents(b)
    assert standing(b)[0]["status"] == "complete"


def test_an_interruption_leaves_whole_stretches_without_an_end(
    meva: Meva, data: Path, tmp_path: Path, plan: RunPlan
) -> None:
    def source() -> Iterator[Part]:
        for given, part in enumerate(recorded(plan, open_dataset(data), plan.times, ROWS)):
            if given == 3:
                raise KeyboardInterrupt
            yield part

    with pytest.raises(KeyboardInterrupt):
        record(tmp_path / "b.db", plan, source(), Watched())
    [run] = standing(tmp_path / "b.db")
    assert (run["status"], run["end_ts"], run["cycles"]) == ("interrupted", None, 3 * ROWS)
    [shown] = meva("runs", "--db", "b.db", "--json").document["runs"]
    assert (shown["end"], shown["cycles"]) == (None, 3 * ROWS)
    for command in ("runs", "report", "why", "export", "alerts"):
        ended = meva(command, "--db", "b.db")
        assert ended.code == 0, (command, ended.err)


def test_a_source_that_gives_nothing_begins_no_run(data: Path, tmp_path: Path, plan: RunPlan) -> None:
    assert record(tmp_path / "b.db", plan, iter(()), Watched()).run_id == ""
    assert standing(tmp_path / "b.db") == []


def test_a_run_that_another_process_has_begun_is_left_alone(
    data: Path, tmp_path: Path, plan: RunPlan
) -> None:
    db = tmp_path / "b.db"
    first = recorded(plan, open_dataset(data), plan.times[:ROWS], ROWS)
    record(db, plan, first, Watched())
    before = contents(db)
    with pytest.raises(StoreBusy, match=f"begun to record run {plan.run_id} meanwhile; nothing was written"):
        record(db, plan, recorded(plan, open_dataset(data), plan.times, ROWS), Watched())
    assert contents(db) == before
