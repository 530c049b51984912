"""`meva prove`: whatever way a run was recorded, it is decided again to the same fingerprint; what differs is
named."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from revision_0002 import RUNS, make_market, unpack
from stage7_runs import BUSY, rows_of

from meva_adapters.codec import CODEC
from meva_adapters.replay import open_dataset
from meva_adapters.replay.plans import plan_backtest
from meva_adapters.sql import reader, writer
from meva_cli.progress import NoProgress
from meva_cli.wiring import AboutRun
from meva_core.errors import StoreCorrupt
from meva_core.loop import interpreted
from meva_core.ports import Reads
from meva_core.settings import build_settings
from meva_core.stages.backtest import recorded
from meva_core.stages.plan import RunPlan
from meva_core.stages.prove import prove
from meva_core.stages.record import Recorder, record_all
from meva_core.stages.resuming import Progressing
from meva_core.stages.run import Part
from meva_core.stretches.body import pack
from meva_core.stretches.layout import kind_of
from meva_core.stretches.opened import Opened
from meva_core.stretches.recorded import recorded_run
from meva_core.stretches.stored import StoredStretch

Meva = Callable[..., Any]
PROVE = ("prove", "--engine", "interpreted", "--db")
WAYS: dict[str, list[list[str]]] = {
    "full": [["--trace", "full"]],
    "columns": [["--trace", "columns"]],
    "in pieces": [
        ["--trace", "columns", "--cycles", "9"],
        ["--resume", "--trace", "full", "--cycles", "23"],
        ["--resume", "--trace", "columns"],
    ],
    "adapting": [["--include-adaptation", "--trace", "columns"]],
    "filled": [["--trace", "columns"], ["db", "fill"]],
    "slimmed": [["--trace", "full"], ["db", "slim"]],
}
"""What is done to a database, one command after the other."""


@pytest.mark.parametrize("model", ["touch", "instant"])
@pytest.mark.parametrize("way", WAYS)
def test_a_run_is_proved_whatever_way_it_was_recorded(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path, way: str, model: str
) -> None:
    busy.setenv("STAGE7_FILL_MODEL", model)
    run, fingerprint = "", ""
    for options in WAYS[way]:
        if options[0] == "db":
            ended = meva(*options, "--db", "a.db", "--run", run)
        else:
            command = ("backtest", "--data", data, "--db", "a.db", "--engine", "interpreted", "--json")
            ended = meva(*command, *options)
            run, fingerprint = ended.document["run_id"], ended.document["fingerprint"]
        assert ended.code == 0, ended.err
    proof = meva(*PROVE, "a.db", "--json")
    assert (proof.code, proof.document["difference"]) == (0, None)
    assert (proof.document["cycles"], proof.document["fingerprint"]) == (40, fingerprint)
    assert meva("db", "check", "--deep", "--db", "a.db").code == 0


@pytest.mark.xdist_group("compiled")
@pytest.mark.usefixtures("machine_cache")
def test_each_engine_proves_what_the_other_and_both_in_turn_recorded(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path
) -> None:
    command = ("backtest", "--data", data, "--json", "--db")
    for db in ("a.db", "b.db"):
        assert meva(*command, db, "--engine", "interpreted", "--cycles", 25).code == 0
    made = [
        meva(*command, db, "--engine", engine, "--resume").document["fingerprint"]
        for db, engine in (("a.db", "compiled"), ("b.db", "interpreted"))
    ]
    proofs = [
        meva("prove", "--db", db, "--engine", engine, "--json").document["fingerprint"]
        for db in ("a.db", "b.db")
        for engine in ("compiled", "interpreted")
    ]
    assert set(proofs) == set(made)
    assert len(set(made)) == 1


def test_a_copy_on_a_server_is_proved(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path, new_postgres: Callable[[], str]
) -> None:
    begun = meva("backtest", "--data", data, "--db", "a.db", "--engine", "interpreted", "--json").document
    server = new_postgres()
    assert meva("db", "copy", "a.db", server).code == 0
    proof = meva(*PROVE, server, "--json").document
    assert (proof["proved"], proof["fingerprint"]) == (True, begun["fingerprint"])
    assert meva("db", "check", "--deep", "--db", server).code == 0


# -- Runs that another version began ------------------------------------------------------------------


def test_a_run_of_rows_only_says_what_it_lacks(meva: Meva, tmp_path: Path) -> None:
    unpack("full", tmp_path / "old.db")
    assert meva("db", "upgrade", "--db", "old.db").code == 0
    ended = meva(*PROVE, "old.db")
    assert ended.code == 2
    assert "recorded in rows only, by 0.1.0" in ended.err
    assert meva("db", "check", "--deep", "--db", "old.db").code == 0


@pytest.mark.parametrize("name", ["interrupted", "unsorted"])
def test_the_proof_of_a_run_that_an_earlier_version_began_begins_where_its_columns_do(
    meva: Meva, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    kept, market = RUNS[name], make_market(tmp_path / "market")
    unpack(name, tmp_path / "old.db")
    assert meva("db", "upgrade", "--db", "old.db").code == 0
    for variable, value in kept.settings.items():
        monkeypatch.setenv(variable, value)
    command = ("backtest", "--data", market, "--db", "old.db", "--engine", "interpreted", "--json")
    resumed = meva(*command, "--cycles", kept.cycles, "--resume", *kept.options())
    assert resumed.code == 0, resumed.err
    proof = meva(*PROVE, "old.db", "--json").document
    assert (proof["proved"], proof["cycles"]) == (True, kept.cycles - kept.recorded)
    assert proof["fingerprint"] == resumed.document["fingerprint"]
    assert proof["left_out"] == [
        f"cycles 0 to {kept.recorded - 1} were recorded by a version that kept no columns"
    ]
    assert meva("db", "check", "--deep", "--db", "old.db").code == 0
    with closing(sqlite3.connect("old.db")) as connection:  # the state that its columns begin with
        text = connection.execute("SELECT state_json FROM stage7_states").fetchone()[0]
        other = text.replace('"tuned":[2,', '"tuned":[3,')
        assert other != text
        connection.execute("UPDATE stage7_states SET state_json = ?", (other,))
        connection.commit()
    damaged = meva(*PROVE, "old.db")
    assert damaged.code == 1
    assert f"the state before cycle {kept.recorded}: its SHA-256 is another" in damaged.err


# -- Rules that change, and an interruption -----------------------------------------------------------


def record(db: Path, plan: RunPlan, data: Path, changed: Callable[[int, Part], Part]) -> None:
    """Record a run of 40 cycles, four at a time, each part changed by its number."""
    run = Progressing(plan, plan.new_book(), plan.run_id, int(plan.times[-1]))

    def source() -> Iterator[Part]:
        for number, part in enumerate(recorded(plan, open_dataset(data), plan.times, 4)):
            yield changed(number, part)

    with writer(str(db), durable=False) as store:
        recorder = Recorder(store, run, CODEC, AboutRun(lambda: "interpreted"), cycles=16)
        record_all(recorder, source(), interpreted, NoProgress(), None, "backtest")


@pytest.fixture
def plan(data: Path) -> RunPlan:
    return plan_backtest(open_dataset(data), build_settings(dict(BUSY)))


def test_rules_that_change_within_a_stretch_are_proved(
    meva: Meva, data: Path, tmp_path: Path, plan: RunPlan
) -> None:
    def changed(number: int, part: Part) -> Part:
        market, inputs, rules = part
        return market, inputs, rules._replace(lot=rules.lot * (1 + number % 3))

    record(tmp_path / "a.db", plan, data, changed)
    proof = meva(*PROVE, "a.db", "--json").document
    assert (proof["proved"], proof["cycles"]) == (True, 40)
    assert meva("db", "check", "--deep", "--db", "a.db").code == 0


def test_what_is_there_of_an_interrupted_run_is_proved(
    meva: Meva, data: Path, tmp_path: Path, plan: RunPlan
) -> None:
    def interrupted(number: int, part: Part) -> Part:
        if number == 6:
            raise KeyboardInterrupt
        return part

    with pytest.raises(KeyboardInterrupt):
        record(tmp_path / "a.db", plan, data, interrupted)
    proof = meva(*PROVE, "a.db", "--json").document
    assert (proof["proved"], proof["cycles"]) == (True, 16)


# -- Numbers that were changed, under a SHA-256 that fits again ---------------------------------------


class Forged:
    """A view of a database in which the one stretch of a run is another."""

    def __init__(self, reads: Reads, stretch: StoredStretch) -> None:
        self._reads, self._stretch = reads, stretch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reads, name)

    def stretches(self, *_: object, **__: object) -> Iterator[StoredStretch]:
        yield self._stretch


def copied(opened: Opened, group: str) -> Any:
    """Return copies of the columns of a group; how much of the journal is used is in none."""
    names = kind_of(group)._fields
    return kind_of(group)(*(None if name == "used" else opened._column(group, name).copy() for name in names))


def test_a_difference_is_told_as_people_write_amounts(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path
) -> None:
    command = ("backtest", "--data", data, "--db", "a.db", "--engine", "interpreted", "--json")
    run = meva(*command, "--cycles", 8, "--trace", "columns").document["run_id"]
    told = {}
    with reader("a.db") as store, store.read() as reads:
        [stored] = reads.stretches(run)
        opened = recorded_run(reads.run(run) or {}, CODEC.decode).opened(stored, CODEC.columns(), None)
        for group, name in (("account", "cash_whole"), ("fills", "fee"), ("plan", "shares")):
            groups = {frame.group: copied(opened, frame.group) for frame in opened.layout.frames}
            getattr(groups[group], name)[0] += 1
            body = pack(opened.layout, groups, CODEC.columns())
            stretch = evolve(stored, body=body)
            forged: Any = Forged(reads, evolve(stretch, sha256=stretch.checksum()))
            found = prove(forged, run, CODEC, interpreted, NoProgress()).difference
            assert found is not None
            told[found.field] = (found.stored, found.decided)
    cash, fee = told["account.cash"], told["fills.fee"]
    assert Decimal(cash[0]) - Decimal(cash[1]) == 1
    assert Decimal(fee[0]) - Decimal(fee[1]) == Decimal("0.00000001")
    assert told["plan.shares"][0] - told["plan.shares"][1] == 1


def is_found(reads: Reads, run: str, stretch: StoredStretch) -> bool:
    """Whether the proof of a run finds that its stretch is another one."""
    forged: Any = Forged(reads, evolve(stretch, sha256=stretch.checksum()))
    try:
        return prove(forged, run, CODEC, interpreted, NoProgress()).difference is not None
    except StoreCorrupt:
        return True


def test_one_changed_number_of_any_column_that_decides_is_found(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path
) -> None:
    command = ("backtest", "--data", data, "--db", "a.db", "--engine", "interpreted", "--json")
    run = meva(*command, "--cycles", 8, "--trace", "columns").document["run_id"]
    codec, hidden, looked = CODEC.columns(), set(), 0
    with reader("a.db") as store, store.read() as reads:
        [stored] = reads.stretches(run)
        row = reads.run(run)
        assert row is not None
        opened = recorded_run(row, CODEC.decode).opened(stored, codec, None)
        frames = opened.layout.frames
        for group, names in {(frame.group, frame.columns) for frame in frames}:
            for name in names:
                groups = {frame.group: copied(opened, frame.group) for frame in frames}
                column = getattr(groups[group], name)
                if not column.size:
                    continue
                column.flat[column.size // 2] += 1
                looked += 1
                body = pack(opened.layout, groups, codec)
                if not is_found(reads, run, evolve(stored, body=body)):
                    hidden.add(f"{group}.{name}")
    assert looked > 100
    assert {name.partition(".")[0] for name in hidden} <= {"inputs"}


def test_a_stretch_of_an_unknown_form_names_the_version_that_wrote_it(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path
) -> None:
    command = ("backtest", "--data", data, "--db", "a.db", "--engine", "interpreted", "--json")
    run = meva(*command, "--trace", "columns").document["run_id"]
    with reader("a.db") as store, store.read() as reads:
        [stored] = reads.stretches(run)
    other = evolve(stored, form="f" * 64)
    with closing(sqlite3.connect("a.db")) as connection:
        connection.execute("INSERT INTO stage7_forms VALUES (?, '{}', '9.8.7')", (other.form,))
        connection.execute("UPDATE stage7_stretches SET form = ?, sha256 = ?", (other.form, other.checksum()))
        connection.commit()
    for reading in (("prove", "--engine", "interpreted"), ("report",), ("alerts",)):
        ended = meva(*reading, "--db", "a.db")
        assert ended.code == 2, reading
        assert "which this version of Meva does not know" in ended.err
        assert "the version that wrote them, 9.8.7" in ended.err
    assert rows_of(Path("a.db"), "SELECT count(*) AS n FROM stage7_stretches")[0]["n"] == 1
