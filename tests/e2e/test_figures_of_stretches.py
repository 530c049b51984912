"""Figures of a stored run are the same however many of its stretches are reckoned at a time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from made import Made
from stage7_runs import BUSY

from meva_adapters.codec import CODEC
from meva_adapters.pictures.retelling import told_and_gathered
from meva_adapters.replay import open_dataset
from meva_adapters.replay.plans import plan_backtest
from meva_adapters.sql import reader, writer
from meva_cli.progress import NoProgress
from meva_cli.wiring import AboutRun
from meva_core.figures.cycles import Cycles
from meva_core.figures.restrictions import Restrictions
from meva_core.loop import interpreted
from meva_core.ports import Reads
from meva_core.settings import build_settings
from meva_core.stages import summary
from meva_core.stages.accounts import Account, account_of_run
from meva_core.stages.backtest import recorded
from meva_core.stages.record import Recorder, record_all
from meva_core.stages.resuming import Progressing
from meva_core.stretches.recorded import recorded_run

PIECES = 7
Stored = tuple[Reads, Account]


@pytest.fixture(scope="module")
def db(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database with a run of forty cycles in six stretches, the last of which are restricted."""
    path = tmp_path_factory.mktemp("pieces") / "run.db"
    shutil.copy(made.schema, path)
    dataset = open_dataset(made.data)
    plan = plan_backtest(dataset, build_settings({**BUSY, "STAGE7_MAX_DAILY_LOSS_TRY": "1000"}))
    run = Progressing(plan, plan.new_book(), plan.run_id, int(plan.times[-1]))
    with writer(str(path), durable=False) as store:
        about = AboutRun(lambda: "interpreted")
        recorder = Recorder(store, run, CODEC, about, trace_level="columns", cycles=PIECES)
        source = recorded(plan, dataset, plan.times, PIECES)
        record_all(recorder, source, interpreted, NoProgress(), None, "backtest")
    return path


@pytest.fixture
def stored(db: Path) -> Iterator[Stored]:
    with reader(str(db)) as store, store.read() as reads:
        yield reads, account_of_run(reads, reads.runs()[-1]["run_id"])


def lengths(stored: Stored) -> list[int]:
    """Return the lengths of the parts, each of which bears the times of its first and its last cycle."""
    reads, account = stored
    [row] = account.runs
    found = []
    for of, part in summary.parts_of(reads, row, recorded_run(row, CODEC.decode), CODEC):
        assert (of.start, of.end) == (int(part.times()[0]), int(part.times()[-1]))
        assert len(part.times()) == part.stop - part.start
        found.append(part.stop - part.start)
    return found


# The rules of a stretch of another length are made anew, and begin a part.
@pytest.mark.parametrize(
    ("cycles", "expected"), [(1, [7, 7, 7, 7, 7, 5]), (14, [14, 14, 7, 5]), (10_000, [35, 5])]
)
def test_figures_and_pictures_do_not_depend_on_it(
    stored: Stored, cycles: int, expected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    together = summary.summary_of(*stored, CODEC), told_and_gathered(*stored, 0)
    symbols = len(recorded_run(stored[1].runs[-1], CODEC.decode).symbols)
    monkeypatch.setattr(summary, "_CELLS", cycles * symbols)
    assert lengths(stored) == expected
    told, gathered = told_and_gathered(*stored, 0)
    assert summary.summary_of(*stored, CODEC) == together[0]
    assert together[0].figures.fills > 0
    assert (told.summary, told.trips, told.months) == (
        together[1][0].summary,
        together[1][0].trips,
        together[1][0].months,
    )
    assert gathered.fills == together[1][1].fills
    assert list(gathered.bands()) == list(together[1][1].bands())


def test_cycles_that_matter_come_with_the_rest_of_their_stretches(stored: Stored) -> None:
    reads, account = stored
    [row] = account.runs
    _, part = next(summary.parts_of(reads, row, recorded_run(row, CODEC.decode), CODEC))
    for places, expected in (
        ([8], range(7, 14)),
        ([0, 6, 34], [*range(7), *range(28, 35)]),
        (range(35), range(35)),
    ):
        held = part.holding(np.array(places))
        assert held.times().tolist() == part.times()[expected].tolist()
        assert np.array_equal(held.out.plan.mode, part.out.plan.mode[expected])
        assert held.fills() == np.isin(part.out.journal.fills.cycle, expected).sum()
    assert part.fills() > 0


def test_why_is_asked_of_few_stretches_where_few_are_restricted(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = summary.summary_of(*stored, CODEC)
    asked: list[int] = []
    ask = Restrictions._ask

    def asking(self: Restrictions, part: Cycles) -> None:
        asked.append(part.stop - part.start)
        ask(self, part)

    monkeypatch.setattr(Restrictions, "_ask", asking)
    assert summary.summary_of(*stored, CODEC) == found
    assert 0 < sum(asked) < found.figures.cycles
