"""A book over runs and processes: one chain, whoever goes on with it, and each run begins where one ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import pytest
from fresh_database import fresh_file
from stage7_runs import BUSY, SYMBOLS, make_dataset, rows_of

from meva_adapters.codec import CODEC
from meva_adapters.replay import open_dataset
from meva_adapters.replay.plans import plan_backtest
from meva_adapters.sql import ensure, reader, writer
from meva_cli.progress import NoProgress
from meva_cli.wiring import AboutRun
from meva_core.blocks import new_group
from meva_core.errors import BadInput, StoreCorrupt
from meva_core.ids import canonical_json
from meva_core.loop import interpreted
from meva_core.settings import build_settings
from meva_core.stages.backtest import recorded
from meva_core.stages.book_runs import find_book, make_book, next_in_book, runs_of
from meva_core.stages.deep import rows_apart
from meva_core.stages.plan import RunPlan, RunTerms
from meva_core.stages.prove import Proof
from meva_core.stages.prove_book import prove_book
from meva_core.stages.record import Beside, Recorder, record_all
from meva_core.stages.resuming import Progressing
from meva_core.stages.run import run as run_book
from meva_core.stretches.groups import Aside
from meva_core.stretches.recorded import recorded_run
from meva_core.stretches.stored import sealed

Meva = Callable[..., Any]
ABOUT = AboutRun(lambda: "interpreted")
MADE = datetime(2026, 1, 1, tzinfo=UTC)
RESTING = {**BUSY, "STAGE7_ORDER_OFFSET_BPS": "40", "TTL_SECONDS": "100000"}
CYCLES = 30


@cache
def plan_of(data: Path, settings: tuple[tuple[str, str], ...], symbols: tuple[str, ...] | None) -> RunPlan:
    """Plan once what each of many processes would plan alike."""
    return plan_backtest(open_dataset(data), build_settings(dict(settings)), configured=symbols)


@attrs.define
class Account:
    """A book in a database, gone on with by one process after another."""

    db: Path | str
    """A file, or the address of a database."""
    data: Path

    def make(self) -> None:
        if isinstance(self.db, Path):
            fresh_file(self.db)
        else:
            ensure(self.db)
        with writer(str(self.db), durable=False) as store, store.unit() as work:
            make_book(work, "main", Decimal(1_000_000), MADE)
            work.commit()

    def plan(self, settings: Mapping[str, str], symbols: Sequence[str] | None) -> RunPlan:
        return plan_of(self.data, tuple(settings.items()), None if symbols is None else tuple(symbols))

    def go_on(
        self,
        first: int,
        stop: int,
        settings: Mapping[str, str] = RESTING,
        *,
        symbols: Sequence[str] | None = None,
        version: str = "1",
        commits: int = 1,
        beside: Beside | None = None,
    ) -> Progressing:
        """Run cycles [first, stop) of the market as one process."""
        plan = self.plan(settings, symbols)
        given = {a.name: getattr(plan, a.name) for a in attrs.fields(RunTerms) if a.init}
        terms = RunTerms(**{**given, "kind": "dry_run"})
        with writer(str(self.db), durable=False) as store:
            with store.read() as reads:
                book = find_book(reads, "main")
                assert book is not None
                run = next_in_book(reads, CODEC, book, terms, version)
            about = {**ABOUT, "code_version": version}
            recorder = Recorder(store, run, CODEC, about, cycles=commits, beside=beside)
            source = recorded(plan, open_dataset(self.data), plan.times[first:stop], commits)
            record_all(recorder, source, interpreted, NoProgress(), None, "dry run")
        return run

    def runs(self) -> list[Mapping[str, Any]]:
        with reader(str(self.db)) as store, store.read() as reads:
            book = find_book(reads, "main")
            assert book is not None
            return [*runs_of(reads, book)][::-1]

    def prove(self, last: int | None = None) -> list[Proof]:
        with reader(str(self.db)) as store, store.read() as reads:
            book = find_book(reads, "main")
            assert book is not None
            return [*prove_book(reads, book, CODEC, interpreted, NoProgress(), last=last)]

    def apart(self) -> list[str]:
        """Return what is stored of any run otherwise than its columns give."""
        with reader(str(self.db)) as store, store.read() as reads:
            runs = [row["run_id"] for row in reads.runs()]
            return [found for run in runs for found in rows_apart(reads, CODEC, run, NoProgress())]

    def change(self, statement: str, *values: Any) -> None:
        with writer(str(self.db), durable=False) as store, store.unit() as work:
            work._connection.exec_driver_sql(statement, values)
            work.commit()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a market of an hour, not to be changed."""
    return make_dataset(tmp_path_factory.mktemp("market") / "data", minutes=60)


@pytest.fixture
def account(data: Path, tmp_path: Path) -> Account:
    made = Account(tmp_path / "book.db", data)
    made.make()
    return made


def other(data: Path, folder: Path) -> Account:
    made = Account(folder / "other.db", data)
    made.make()
    return made


def test_one_process_and_one_for_each_cycle_leave_the_same_book(
    account: Account, data: Path, tmp_path: Path
) -> None:
    at_once = account.go_on(0, CYCLES, commits=7)
    each = other(data, tmp_path)
    for cycle in range(CYCLES):
        each.go_on(cycle, cycle + 1)
    [one], [another] = account.runs(), each.runs()
    assert one["run_id"] == another["run_id"] == at_once.run_id
    assert one["fingerprint"] == another["fingerprint"]
    assert (another["cycles"], another["status"], another["continues"]) == (CYCLES, "complete", None)
    assert [proof.difference for proof in each.prove()] == [None]


def test_settings_symbols_and_code_each_begin_a_run_that_goes_on_with_the_book(account: Account) -> None:
    whitelist = {"STAGE7_UNIVERSE_WHITELIST": "BTCTRY,ETHTRY"}
    account.go_on(0, 20)
    account.go_on(20, 30, {**RESTING, "DRY_RUN_TRY_BALANCE": "5"})
    account.go_on(30, 40, {**RESTING, "STAGE7_FEES_BPS": "500"})
    account.go_on(40, 45, {**RESTING, "STAGE7_FEES_BPS": "500"}, version="2")
    account.go_on(45, 50, {**RESTING, **whitelist}, version="2")

    runs = account.runs()
    assert [run["cycles"] for run in runs] == [30, 10, 5, 5]
    assert [run["continues"] for run in runs] == [None, *(run["run_id"] for run in runs[:-1])]
    assert {run["starting_cash_try"] for run in runs} == {Decimal(1_000_000)}
    assert {run["status"] for run in runs} == {"complete"}
    assert runs[0]["genesis"] is None
    assert all(len(bytes.fromhex(run["genesis"])) == 32 for run in runs[1:])
    assert [(proof.cycles, proof.difference) for proof in account.prove()] == [
        (30, None), (10, None), (5, None), (5, None),
    ]  # fmt: skip
    assert account.apart() == []


def test_what_rested_under_another_fee_ends_in_the_first_settle_of_the_new_run(account: Account) -> None:
    account.go_on(0, 30)
    open_before = rows_of(
        account.db, "SELECT order_id FROM stage7_orders WHERE status NOT IN ('FILLED','CANCELED','REJECTED')"
    )
    assert len(open_before) > 0
    account.go_on(30, 34, {**RESTING, "STAGE7_FEES_BPS": "500"})
    names = [row["order_id"] for row in open_before]
    ended = [
        rows_of(account.db, f"SELECT run_id, status, end_reason FROM stage7_orders WHERE order_id = '{name}'")
        for name in names
    ]
    first, second = account.runs()
    assert ended == [
        [{"run_id": first["run_id"], "status": "CANCELED", "end_reason": "run_changed"}] for _ in names
    ]
    canceled = rows_of(
        account.db,
        "SELECT run_id, order_id FROM stage7_order_events WHERE payload_json LIKE '%run_changed%'",
    )
    assert {row["order_id"] for row in canceled} == set(names)
    assert {row["run_id"] for row in canceled} == {second["run_id"]}
    assert account.apart() == []
    account.change("UPDATE stage7_orders SET end_reason = 'ttl_expired' WHERE order_id = ?", names[0])
    assert account.apart() == [
        f"stage7_orders {names[0]}: end_reason is 'ttl_expired', its columns give 'run_changed'"
    ]


def test_orders_stay_where_only_the_code_has_changed_and_fill_in_the_next_run(account: Account) -> None:
    one = account.go_on(0, 60, version="1")
    fresh = Account(Path(account.db).with_name("two.db"), account.data)
    fresh.make()
    fresh.go_on(0, 30, version="1")
    two = fresh.go_on(30, 60, version="2")
    canceled = "SELECT 1 FROM stage7_order_events WHERE payload_json LIKE '%run_changed%'"
    assert rows_of(fresh.db, canceled) == []
    first, second = (run.document()["state"] for run in (one, two))
    assert first == second
    assert one.book.link != two.book.link
    assert [proof.difference for proof in fresh.prove()] == [None, None]
    assert fresh.apart() == []


def test_a_book_of_postgresql_is_the_same_one(
    account: Account, new_postgres: Callable[[], str], data: Path
) -> None:
    there = Account(new_postgres(), data)
    there.make()
    for each in (account, there):
        each.go_on(0, 20)
        each.go_on(20, 24, {**RESTING, "STAGE7_FEES_BPS": "500"})
        each.go_on(24, 26, {**RESTING, "STAGE7_FEES_BPS": "500"})
    names = ("run_id", "cycles", "continues", "genesis", "fingerprint", "end_ts", "status")
    one, other = ([[run[name] for name in names] for run in each.runs()] for each in (account, there))
    assert one == other
    assert [proof.difference for proof in there.prove()] == [None, None]


def test_a_pair_that_joins_begins_a_run_in_which_all_others_go_on_by_name(
    account: Account, tmp_path: Path
) -> None:
    account.go_on(0, 30)
    account.data = make_dataset(tmp_path / "wider", minutes=60, symbols=("AVAXTRY", *SYMBOLS))
    run = account.go_on(30, 40)
    first, second = account.runs()
    assert (first["cycles"], second["cycles"], run.book.symbols) == (30, 10, ("AVAXTRY", *SYMBOLS))
    canceled = "SELECT 1 FROM stage7_order_events WHERE payload_json LIKE '%run_changed%'"
    assert rows_of(account.db, canceled) == []
    assert [proof.difference for proof in account.prove()] == [None, None]
    assert account.apart() == []


def test_a_proof_names_a_genesis_that_is_not_what_the_run_before_left(account: Account) -> None:
    account.go_on(0, 20)
    account.go_on(20, 25, {**RESTING, "STAGE7_FEES_BPS": "13"})
    [row] = rows_of(account.db, "SELECT run_id, link, state_json FROM stage7_states")
    kept, link = row["state_json"], row["link"]
    document = {**kept, "money": [kept["money"][0] + 1000, *kept["money"][1:]]}
    account.change("UPDATE stage7_states SET state_json = ?", canonical_json(document))
    with pytest.raises(StoreCorrupt, match="the state before cycle 0: its SHA-256 is another"):
        account.prove()
    del document["sha256"]
    told = sealed(document, row["run_id"], 0, link, begins=True)  # by somebody who knows how
    account.change("UPDATE stage7_states SET state_json = ?", canonical_json(told))
    first, second = account.prove()
    assert first.difference is None
    found = second.difference
    assert found is not None
    assert (found.step, found.field) == ("genesis", "money")
    account.change("UPDATE stage7_states SET state_json = ?", canonical_json(kept))
    account.change("UPDATE stage7_runs SET genesis = ? WHERE genesis IS NOT NULL", "00" * 32)
    *_, second = account.prove()
    assert second.difference is not None
    assert second.difference.field == "genesis"


def test_what_stands_beside_a_commit_is_called_first_and_keeps_it_from_being_written(
    account: Account,
) -> None:
    seen: list[Any] = []

    def note(work: Any, stretch: Any) -> None:
        cycles = next(work.rows("stage7_runs", ("cycles",)), (0,))[0]
        seen.append((cycles, None if stretch is None else stretch.cycles))

    account.go_on(0, 3, beside=note)
    assert seen == [(0, 1), (1, 1), (2, 1), (3, None)]

    def refuse(work: Any, stretch: Any) -> None:
        if stretch is None or stretch.seq == 4:
            raise BadInput("the book is another's")

    with pytest.raises(BadInput, match="another's"):
        account.go_on(3, 8, beside=refuse)
    [run] = account.runs()
    assert (run["cycles"], run["status"]) == (4, "running")
    assert [proof.cycles for proof in account.prove()] == [4]


def test_books_are_listed_with_their_runs_and_why_each_began(account: Account, meva: Meva) -> None:
    account.go_on(0, 5)
    account.go_on(5, 8, {**RESTING, "STAGE7_FEES_BPS": "500"}, version="2")
    [book] = meva("books", "--db", account.db, "--json").document["books"]
    assert (book["book"], book["state"], book["cycles"], book["held_by"]) == ("main", "open", 8, None)
    assert book["starting_cash_try"] == "1000000"
    assert 900_000 < float(book["equity_try"]) < 1_100_000
    first, second = book["runs"]
    assert first["changed"] == []
    assert second["changed"] == [
        {"name": "STAGE7_FEES_BPS", "before": "12.25", "after": "500"},
        {"name": "code_version", "before": "1", "after": "2"},
    ]
    assert book["fingerprint"] == second["fingerprint"] != first["fingerprint"]
    shown = meva("books", "--db", account.db).out
    assert "STAGE7_FEES_BPS 12.25 -> 500; code_version 1 -> 2" in shown


def test_prove_takes_a_book_and_ends_with_what_came_of_it(account: Account, meva: Meva) -> None:
    line = ("prove", "--db", account.db, "--book", "main", "--engine", "interpreted")
    assert (meva(*line).code, meva(*line[:4], "other").code) == (2, 2)
    account.go_on(0, 5)
    account.go_on(5, 8, {**RESTING, "STAGE7_FEES_BPS": "500"})
    last = account.runs()[-1]["fingerprint"]
    ended = meva(*line)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"proved: 8 cycles, 2 runs, fingerprint {last}\n"
    assert meva(*line, "--run", account.runs()[0]["run_id"]).code == 2
    account.change("UPDATE stage7_runs SET genesis = ? WHERE genesis IS NOT NULL", "00" * 32)
    failed = meva(*line, "--json")
    assert (failed.code, failed.document["proved"]) == (1, False)
    assert failed.document["runs"][-1]["difference"]["field"] == "genesis"


def test_of_a_book_the_last_cycles_are_proved_over_its_runs(account: Account, meva: Meva) -> None:
    account.go_on(0, 5)
    account.go_on(5, 8, {**RESTING, "STAGE7_FEES_BPS": "500"})
    account.go_on(8, 12)
    proved = {last: [proof.cycles for proof in account.prove(last)] for last in (1, 4, 5, 7, 8, 99)}
    assert proved == {1: [4], 4: [4], 5: [3, 4], 7: [3, 4], 8: [5, 3, 4], 99: [5, 3, 4]}
    line = ("prove", "--db", account.db, "--book", "main", "--engine", "interpreted")
    last = account.runs()[-1]["fingerprint"]
    assert meva(*line, "--last", 5).out == f"proved: 7 cycles, 2 runs, fingerprint {last}\n"
    account.change("UPDATE stage7_runs SET genesis = ? WHERE cycles = 3", "00" * 32)
    assert (meva(*line, "--last", 4).code, meva(*line, "--last", 5).code) == (0, 1)


@pytest.mark.parametrize("table", ["stage7_runs", "stage7_stretches"])
def test_a_form_of_a_newer_version_is_refused_naming_that_version(account: Account, table: str) -> None:
    account.go_on(0, 3, version="9.9")
    if table == "stage7_stretches":
        account.change(f"INSERT INTO stage7_forms VALUES ('{'cd' * 32}', '{{}}', '9.9')")
    account.change(f"UPDATE {table} SET form = ?", "cd" * 32)
    for version in ("9.9", "1"):
        with pytest.raises(BadInput, match=r"by version 9\.9 of Meva in a form that this version does not"):
            account.go_on(3, 6, version=version)
    assert [run["cycles"] for run in account.runs()] == [3]


def test_a_closed_book_is_not_gone_on_with(account: Account, meva: Meva) -> None:
    account.go_on(0, 3)
    assert meva("books", "close", "main", "--db", account.db).code == 0
    with pytest.raises(BadInput, match="book 'main' was closed on"):
        account.go_on(3, 6)
    assert [(proof.cycles, proof.difference) for proof in account.prove()] == [(3, None)]


def test_what_is_stored_aside_of_a_live_cycle_is_in_no_digest(
    account: Account, data: Path, tmp_path: Path
) -> None:
    account.go_on(0, 6)
    beside, plan = other(data, tmp_path), account.plan(RESTING, None)
    given = {a.name: getattr(plan, a.name) for a in attrs.fields(RunTerms) if a.init}
    terms = RunTerms(**{**given, "kind": "dry_run"})
    with writer(str(beside.db), durable=False) as store:
        with store.read() as reads:
            book = find_book(reads, "main")
            assert book is not None
            run = next_in_book(reads, CODEC, book, terms, "1")
        recorder = Recorder(store, run, CODEC, {**ABOUT, "code_version": "1"}, cycles=1, has_aside=True)
        for stretch in run_book(run.book, recorded(plan, open_dataset(data), plan.times[:6], 2), interpreted):
            cycles = len(stretch.market.time)
            aside: Aside = new_group(Aside, c=cycles, i=len(run.book.symbols))
            aside.offset[:] = stretch.market.time
            recorder.record(stretch, aside)
        recorder.finish()
    assert beside.runs()[0]["fingerprint"] == account.runs()[0]["fingerprint"]
    assert [(proof.cycles, proof.difference) for proof in beside.prove()] == [(6, None)]
    with reader(str(beside.db)) as store, store.read() as reads:
        [row] = reads.runs()
        kept = recorded_run(row, CODEC.decode)
        opened = [kept.opened(one, CODEC.columns(), None) for one in reads.stretches(row["run_id"])]
    assert [int(x) for one in opened for x in one.aside.offset] == plan.times[:6].tolist()


def test_a_state_of_a_newer_version_is_refused_and_nothing_is_written(account: Account) -> None:
    account.go_on(0, 3)
    [row] = rows_of(account.db, "SELECT state_json FROM stage7_run_state")
    newer = row["state_json"]
    newer["state"]["version"] = 3
    account.change("UPDATE stage7_run_state SET state_json = ?", canonical_json(newer))
    for settings in (RESTING, {**RESTING, "STAGE7_FEES_BPS": "13"}):
        with pytest.raises(BadInput, match="state: version 3, but this program reads versions 1 and 2"):
            account.go_on(3, 6, settings)
    assert [run["cycles"] for run in account.runs()] == [3]
