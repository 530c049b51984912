"""A book on a live market: cycle by cycle, process by process, proved out of what it left."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from attrs import define, evolve
from fresh_database import fresh_file
from played_market import Played, rows_of
from stage7_runs import BUSY, START, make_dataset
from stage7_runs import rows_of as stored

from meva_adapters.codec import CODEC
from meva_adapters.replay import open_dataset
from meva_adapters.replay.alignment import Alignment
from meva_adapters.replay.plans import pair_entries
from meva_adapters.sql import SqlStore, writer
from meva_cli.progress import NoProgress
from meva_cli.wiring import AboutRun
from meva_core.errors import StoreBusy
from meva_core.live_market import BAR60, Answers, Asking
from meva_core.loop import interpreted
from meva_core.settings import Settings, build_settings
from meva_core.stages.book_runs import make_book
from meva_core.stages.book_seen import stored_offset
from meva_core.stages.dry_cycle import ClockBehind, Told
from meva_core.stages.dry_run import DryRun
from meva_core.stages.prove import prove

ABOUT = AboutRun(lambda: "interpreted")
BOOK = "main"
CYCLES = 25


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Any], Mapping[str, Any]]:
    folder = make_dataset(tmp_path_factory.mktemp("live") / "data", minutes=90)
    info = pair_entries(open_dataset(folder).exchangeinfo)
    assert info is not None
    return rows_of(folder), info


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return fresh_file(tmp_path / "book.db")


def new_book(store: SqlStore, settings: Settings) -> None:
    with store.unit() as work:
        make_book(work, BOOK, settings.live.dry_run_try_balance, datetime.fromtimestamp(START, UTC))
        work.commit()


def settings_of(**more: str) -> Settings:
    return build_settings({**BUSY, "SYMBOLS": "BTCTRY,ETHTRY,SOLTRY,XRPTRY", **more})


def session(store: SqlStore, market: Played, settings: Settings) -> DryRun:
    """What a process holds that goes on with the book."""
    alignment = Alignment(settings.stage7.vol_lookback)
    dry = DryRun(store, CODEC, market, alignment, lambda work, last: None, interpreted, ABOUT, settings, BOOK)
    dry.open()
    return dry


def no_wait(seconds: float) -> None:
    raise AssertionError(f"nothing is to be waited for, and {seconds} s were")


def cycles(dry: DryRun, market: Played, times: range) -> list[Told]:
    found = []
    for market.now in times:
        told = dry.cycle(20, market.now, no_wait)
        assert told is not None
        found.append(told)
    return found


def proved(db: Path, run_id: str) -> str:
    with writer(db, durable=False) as store, store.read() as reads:
        proof = prove(reads, run_id, CODEC, interpreted, NoProgress())
    assert proof.difference is None, proof.difference
    return proof.fingerprint


def test_one_process_and_one_for_each_cycle_leave_the_same_chain(
    db: Path, tmp_path: Path, recorded: Any
) -> None:
    times, settings = range(START + 1800, START + 1800 + 60 * CYCLES, 60), settings_of()
    other = tmp_path / "other.db"
    fresh_file(other)
    with writer(db, durable=False) as store:
        new_book(store, settings)
        market = Played(*recorded, now=START)
        told = cycles(session(store, market, settings), market, times)
    for at in times:
        with writer(other, durable=False) as store:
            if at == times[0]:
                new_book(store, settings)
            market = Played(*recorded, now=at)
            assert session(store, market, settings).cycle(20, at, no_wait) is not None
    runs = "SELECT run_id, fingerprint, cycles, book, continues, genesis FROM stage7_runs"
    assert stored(db, runs) == stored(other, runs)
    [run] = stored(db, runs)
    assert (run["cycles"], run["book"], run["continues"], run["genesis"]) == (CYCLES, BOOK, None, None)
    assert [one.began for one in told] == [True] + [False] * (CYCLES - 1)
    assert stored(db, "SELECT * FROM stage7_rows") == stored(other, "SELECT * FROM stage7_rows")
    assert len(stored(db, "SELECT * FROM ledger_events")) > 5
    assert proved(db, run["run_id"]) == proved(other, run["run_id"]) == run["fingerprint"]


@define
class Noting:
    """A market that keeps what it was asked for."""

    market: Played
    asked: list[Asking]

    def measure(self, asking: Asking) -> Answers:
        self.asked.append(asking)
        return self.market.measure(asking)


def test_a_process_knows_the_last_bars_as_the_one_before_saw_them(db: Path, recorded: Any) -> None:
    settings, market = settings_of(), Played(*recorded, now=START + 1800)
    with writer(db, durable=False) as store:
        new_book(store, settings)
        [told] = cycles(session(store, market, settings), market, range(START + 1800, START + 1801))
        market.now += 1
        noting = Noting(market, [])
        session(store, noting, settings).measure(20, market.now, no_wait)  # type: ignore[arg-type]
    [asked] = noting.asked
    last = {row.symbol: (row.stamp, row.cells) for row in told.answers.rows if row.kind == BAR60}
    assert {symbol: (row.stamp, row.cells) for symbol, row in asked.last_bars.items()} == last
    assert len(last) == 4


def test_other_settings_begin_a_run_that_continues_the_book(db: Path, recorded: Any) -> None:
    first, later = settings_of(), settings_of(STAGE7_FEES_BPS="30", STAGE7_UNIVERSE_SIZE="2")
    times = range(START + 1800, START + 1800 + 60 * 12, 60)
    market = Played(*recorded, now=START)
    with writer(db, durable=False) as store:
        new_book(store, first)
        before = cycles(session(store, market, first), market, times)
        after = cycles(session(store, market, later), market, range(times[-1] + 60, times[-1] + 60 * 13, 60))
    assert before[0].run_id != after[0].run_id
    assert [one.began for one in after] == [True] + [False] * 11
    runs = stored(db, "SELECT run_id, book, continues, genesis, cycles FROM stage7_runs ORDER BY start_ts")
    assert [(run["continues"], run["cycles"]) for run in runs] == [(None, 12), (before[0].run_id, 12)]
    assert len(runs[1]["genesis"]) == 64
    sizes = stored(db, "SELECT cycles FROM stage7_stretches ORDER BY start_ts")
    assert [row["cycles"] for row in sizes] == [12, *[1] * 12], (
        "what a run is left with is joined as the next begins"
    )
    for run in runs:
        proved(db, run["run_id"])
    [cash] = stored(db, "SELECT min(CAST(cash_try AS REAL)) AS least FROM stage7_ledger_metrics")
    assert cash["least"] >= 0


def test_a_cycle_without_answers_goes_on_with_what_is_known(db: Path, recorded: Any) -> None:
    settings, market = settings_of(), Played(*recorded, now=START)
    with writer(db, durable=False) as store:
        new_book(store, settings)
        dry = session(store, market, settings)
        market.fails = True
        assert dry.cycle(20, market.now, no_wait) is None
        market.fails, market.now = False, START + 1800
        assert dry.cycle(20, market.now, no_wait) is not None
        market.fails, market.now = True, START + 1860
        told = dry.cycle(20, market.now, no_wait)
        assert told is not None
        assert told.stretch.out.measure.book_age[0].tolist() == [60] * 4


def test_a_clock_that_goes_back_is_waited_for_or_refused(db: Path, recorded: Any) -> None:
    settings, market = settings_of(), Played(*recorded, now=START + 1800)
    waited: list[float] = []
    with writer(db, durable=False) as store:
        new_book(store, settings)
        dry = session(store, market, settings)
        assert dry.cycle(20, market.now, no_wait) is not None
        market.now -= 3
        told = dry.cycle(20, market.now, waited.append)
        assert told is not None
        assert (waited, told.time) == ([4], START + 1801)
        market.now -= 60
        with pytest.raises(ClockBehind, match="the last cycle of book main"):
            dry.cycle(20, market.now, no_wait)
        market.now = START + 1860
        assert dry.cycle(20, market.now, no_wait) is not None
    [run] = stored(db, "SELECT run_id FROM stage7_runs")
    proved(db, run["run_id"])


def test_a_reset_is_taken_in_by_one_cycle(db: Path, recorded: Any) -> None:
    settings, market = settings_of(), Played(*recorded, now=START + 1800)
    with writer(db, durable=False) as store:
        new_book(store, settings)
        dry = session(store, market, settings)
        cycles(dry, market, range(START + 1800, START + 1920, 60))
        with store.unit() as work:
            columns = ("ts", "book", "reason", "equity_try")
            moment = datetime.fromtimestamp(START + 1900, UTC)
            work.insert("stage7_risk_resets", columns, [(moment, BOOK, "seen", "1")])
            work.commit()
        told = cycles(dry, market, range(START + 1920, START + 2040, 60))
    assert stored(db, "SELECT run_id FROM stage7_risk_resets") == [{"run_id": told[0].run_id}]
    proved(db, told[0].run_id)


def test_a_process_without_metadata_goes_on_under_the_rules_of_the_last_cycle(
    db: Path, recorded: Any
) -> None:
    settings, market = settings_of(), Played(*recorded, now=START + 1800)
    with writer(db, durable=False) as store:
        new_book(store, settings)
        told = cycles(session(store, market, settings), market, range(START + 1800, START + 1920, 60))
        market.now, market.fails = START + 1920, True
        after = session(store, market, settings).cycle(20, market.now, no_wait)
        assert after is not None
        assert (after.run_id, after.began, after.answered) == (told[0].run_id, False, False)
        market.now += 60
        other = session(store, market, settings_of(STAGE7_FEES_BPS="30"))
        assert other.cycle(20, market.now, no_wait) is None  # a new run needs rules of its own
    proved(db, told[0].run_id)


def test_a_run_is_complete_with_the_first_cycle_of_the_next_one_and_not_before(
    db: Path, recorded: Any
) -> None:
    settings, (rows, info) = settings_of(RULES_CACHE_TTL_SEC="60"), recorded
    market = Played(rows, {name: entry for name, entry in info.items() if name != "XRPTRY"}, now=START)
    busy = [True]

    def hold(work: Any, last: int | None) -> None:
        if market.pairs is info and busy:
            raise StoreBusy("the database is busy")

    with writer(db, durable=False) as store:
        new_book(store, settings)
        dry = session(store, market, settings)
        dry.hold = hold
        cycles(dry, market, range(START + 1800, START + 1920, 60))
        market.now, market.pairs = START + 1920, info
        with pytest.raises(StoreBusy):
            dry.cycle(20, market.now, no_wait)
        stands = "SELECT status, end_ts FROM stage7_runs ORDER BY start_ts"
        assert stored(db, stands) == [{"status": "running", "end_ts": None}]
        busy.clear()
        assert dry.commit().began
        old, new = stored(db, stands)
    assert (old["status"], old["end_ts"] is not None) == ("complete", True)
    assert new == {"status": "running", "end_ts": None}


def test_a_pair_that_metadata_do_not_name_for_a_while_stays_and_begins_no_run(
    db: Path, recorded: Any
) -> None:
    settings = settings_of(RULES_CACHE_TTL_SEC="60")
    rows, info = recorded
    market = Played(rows, info, now=START)
    with writer(db, durable=False) as store:
        new_book(store, settings)
        dry = session(store, market, settings)
        told = cycles(dry, market, range(START + 1800, START + 1920, 60))
        market.pairs = {symbol: entry for symbol, entry in info.items() if symbol != "XRPTRY"}
        told += cycles(dry, market, range(START + 1920, START + 2040, 60))
        market.pairs = info
        told += cycles(dry, market, range(START + 2040, START + 2160, 60))
    assert len({one.run_id for one in told}) == 1
    [run] = stored(db, "SELECT run_id, cycles FROM stage7_runs")
    assert run["cycles"] == 6
    proved(db, run["run_id"])


def test_a_pair_that_is_gone_leaves_with_the_next_run_unless_it_is_held(db: Path, recorded: Any) -> None:
    rows, info = recorded
    market = Played(rows, info, now=START)
    with writer(db, durable=False) as store:
        new_book(store, settings_of())
        cycles(session(store, market, settings_of()), market, range(START + 1800, START + 2400, 60))
        [row] = stored(db, "SELECT state_json FROM stage7_run_state")
        state = row["state_json"]["state"]
        held = {symbol for symbol, qty in zip(state["symbols"], state["qty"], strict=True) if qty}
        ordered = {state["symbols"][i] for i in state["orders"]["symbol"]}
        [idle, *_] = [symbol for symbol in state["symbols"] if symbol not in held | ordered]
        gone = {idle, next(iter(held))}
        market.pairs = {symbol: entry for symbol, entry in info.items() if symbol not in gone}
        later = settings_of(STAGE7_FEES_BPS="30")
        cycles(session(store, market, later), market, range(START + 2400, START + 2520, 60))
    symbols = stored(db, "SELECT symbols_json FROM stage7_runs ORDER BY start_ts")[-1]["symbols_json"]
    assert set(symbols) == set(state["symbols"]) - {idle}


@define
class Deaf(Played):
    """A market of which the exchange's clock can no longer be learnt."""

    def measure(self, asking: Asking) -> Answers:
        return evolve(super().measure(asking), offset_is_old=True, learnt=0)


def test_what_was_learnt_of_the_clock_grows_no_younger_by_going_on_with_it(db: Path, recorded: Any) -> None:
    settings, market = settings_of(), Played(*recorded, now=START + 1800)
    with writer(db, durable=False) as store:
        new_book(store, settings)
        cycles(session(store, market, settings), market, range(START + 1800, START + 1920, 60))
        deaf = Deaf(*recorded, now=START)
        cycles(session(store, deaf, settings), deaf, range(START + 1920, START + 2040, 60))
        with store.read() as reads:
            assert stored_offset(reads, CODEC, BOOK) == (0, 1000, (START + 1860) * 10**6)
