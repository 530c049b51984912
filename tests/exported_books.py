"""A book on a played market, whose runs are written out and decided again: each has to come out equal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
from command_line import meva
from direct_asker import asked_here
from fresh_database import fresh_file
from played_market import rows_of
from stage7_runs import BUSY, START, make_dataset
from stage7_runs import rows_of as stored

from meva_adapters.codec import CODEC
from meva_adapters.replay import open_dataset, validate
from meva_adapters.replay.alignment import Alignment
from meva_adapters.replay.plans import pair_entries
from meva_adapters.sql import SqlStore, writer
from meva_adapters.strategies.loading import Chosen
from meva_cli.progress import NoProgress
from meva_cli.wiring import AboutRun
from meva_core.ids import stamp_text
from meva_core.live_market import SeenRow
from meva_core.loop import interpreted
from meva_core.settings import build_settings
from meva_core.stages.book_runs import book_settings, find_book, make_book
from meva_core.stages.deep import rows_apart
from meva_core.stages.dry_cycle import Told
from meva_core.stages.dry_run import DryRun
from meva_core.strategy import Strategy

__all__ = ["equal", "live", "meva", "recorded"]
Meva = Callable[..., Any]
Rows = list[SeenRow]
Pairs = Mapping[str, Mapping[str, Any]]
ABOUT = AboutRun(lambda: "interpreted")
SYMBOLS = "BTCTRY,ETHTRY,SOLTRY,XRPTRY"
FIRST = START + 1800


@attrs.define
class Live:
    """A book on a market that is played, process by process."""

    db: Path
    settings: dict[str, str]
    name: str = "main"
    strategy: Strategy | Chosen | None = None

    @contextmanager
    def process(self, market: Any, *, adapt: bool = False, **changes: str) -> Iterator[DryRun]:
        """What one process holds of the book, with these settings from now on."""
        self.settings.update(changes)
        settings = build_settings(self.settings)
        if not self.db.exists():
            fresh_file(self.db)
        with writer(self.db, durable=False) as store:
            self._make(store, settings)
            with store.read() as reads:
                settings = book_settings(reads, self.name, settings)
            alignment = Alignment(settings.stage7.vol_lookback)
            given = (store, CODEC, market, alignment, _free, interpreted, ABOUT, settings, self.name, adapt)
            asked = None if self.strategy is None else asked_here(self.strategy)
            told = {"source": "a played market", "api_version": "v2"}
            dry = DryRun(*given, source=told, strategy=asked)
            dry.open()
            yield dry

    def _make(self, store: SqlStore, settings: Any) -> None:
        with store.unit() as work:
            if find_book(work, self.name) is None:
                cash = settings.live.dry_run_try_balance
                make_book(work, self.name, cash, datetime.fromtimestamp(START, UTC))
                work.commit()

    def run(self, market: Any, times: Sequence[int], *, adapt: bool = False, **changes: str) -> list[Told]:
        """Run cycles in one process, as far as the market and its clock let them come about."""
        with self.process(market, adapt=adapt, **changes) as dry:
            found = []
            for market.now in times:
                told = dry.cycle(20, market.now, lambda seconds: None)
                if told is not None:
                    found.append(told)
            return found

    def write(self, table: str, **values: Any) -> None:
        with writer(self.db, durable=False) as store, store.unit() as work:
            texts = [
                stamp_text(int(v.timestamp())) if isinstance(v, datetime) else v for v in values.values()
            ]
            work.insert(table, tuple(values), [texts])
            work.commit()

    def runs(self) -> list[dict[str, Any]]:
        return stored(self.db, "SELECT * FROM stage7_runs WHERE kind = 'dry_run' ORDER BY start_ts")


def _free(work: Any, last: Any) -> None:
    """No other process is there to hold the book."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Rows, Pairs]:
    folder = make_dataset(tmp_path_factory.mktemp("live") / "data", minutes=90)
    pairs = pair_entries(open_dataset(folder).exchangeinfo)
    assert pairs is not None
    return rows_of(folder), pairs


def new_live(folder: Path) -> Live:
    return Live(folder / "book.db", {**BUSY, "SYMBOLS": SYMBOLS})


@pytest.fixture
def live(tmp_path: Path) -> Live:
    return new_live(tmp_path)


@pytest.fixture
def equal(meva: Meva, live: Live, tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """Write out every run of the book, decide each again, and hold all against what was recorded. What is
    given is said of each: where its strategy is."""

    def check(*said: str) -> list[dict[str, Any]]:
        runs, again, out = live.runs(), fresh_file(tmp_path / "again.db"), tmp_path / "out"
        written = meva("replay", "export", "--db", live.db, "--book", live.name, out, "--json")
        assert [one["run_id"] for one in written.document["runs"]] == [r["run_id"] for r in runs]
        found = []
        for run in runs:
            folder = out / run["run_id"]
            report = validate(folder)
            assert report.ok, report.errors
            assert [fault.code for fault in report.warnings if fault.code not in MAY_WARN] == []
            result = meva("backtest", "--data", folder, "--as-recorded", "--db", again, "--json", *said)
            figures = result.document
            assert figures["fingerprint"] == run["fingerprint"] == figures["recorded_fingerprint"]
            assert (figures["cycles"], figures["equal_to_recorded"]) == (run["cycles"], True)
            assert meva("prove", "--db", again, "--run", figures["run_id"], "--json").code == 0
            both = ("parity", live.db, again, "--run-a", run["run_id"], "--run-b", figures["run_id"])
            assert meva(*both, "--include-adaptation", "--json").document["equal"] is True
            with writer(again, durable=False) as store, store.read() as reads:
                assert [*rows_apart(reads, CODEC, figures["run_id"], NoProgress())] == []
            found.append(figures)
        assert meva("prove", "--db", live.db, "--book", live.name).code == 0
        return found

    return check


MAY_WARN = ("gap", "crossed_book")


def minutes(count: int, first: int = FIRST) -> range:
    return range(first, first + 60 * count, 60)
