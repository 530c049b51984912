"""Stretches of one cycle, as a live run commits them, become those that a recorder of many commits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from postgres_server import new_postgres
from stage7_runs import BUSY, rows_of

from meva_adapters.codec import CODEC
from meva_adapters.replay import open_dataset
from meva_adapters.replay.plans import plan_backtest
from meva_adapters.sql import ensure, writer
from meva_adapters.sql.store import SqlStore
from meva_cli.progress import NoProgress
from meva_cli.wiring import AboutRun
from meva_core.errors import BadInput, LeaseLost, StoreBusy, StoreCorrupt
from meva_core.loop import interpreted
from meva_core.ports import MarketHistory
from meva_core.settings import build_settings
from meva_core.stages import record
from meva_core.stages.backtest import recorded
from meva_core.stages.fill import fill, slim
from meva_core.stages.join import join_ones
from meva_core.stages.plan import RunPlan
from meva_core.stages.prove import prove
from meva_core.stages.record import Recorder, record_all
from meva_core.stages.resuming import find_run
from meva_core.stages.run import Part
from meva_core.stretches import stored
from meva_core.stretches.stored import STRETCH_COLUMNS

__all__ = ["new_postgres"]
CHANGES = {5: ("min_notional", 0, 1_000), 11: ("tick", 1, 100_000), (12): ("candidate", 2, 0)}
"""At which cycle which rule of which symbol becomes another."""
CYCLES = 23
MANY = 10


class World(NamedTuple):
    """A run that is planned, and the markets that it sees."""

    plan: RunPlan
    history: MarketHistory

    @property
    def run_id(self) -> str:
        return self.plan.run_id


@pytest.fixture
def world(data: Path) -> World:
    dataset = open_dataset(data)
    return World(plan_backtest(dataset, build_settings(dict(BUSY)), cycles=CYCLES), dataset)


def source(world: World, first: int = 0) -> Iterator[Part]:
    """Give the markets one by one, under rules that change."""
    plan = world.plan
    rules = plan.pairs.columns()
    parts = recorded(plan, world.history, plan.times[first:], 1)
    for cycle, (market, inputs, _) in enumerate(parts, start=first):
        for at, (column, symbol, value) in CHANGES.items():
            if at == cycle:
                getattr(rules, column)[symbol] = value
        yield market, inputs, rules


def record_by(
    store: SqlStore, world: World, cycles: int, first: int = 0, level: str = "full", stop: int = CYCLES
) -> None:
    """Record a part of the run with a recorder of so many cycles a commit."""
    with store.read() as reads:
        run = find_run(world.plan, reads, CODEC, resume=first > 0)
    parts = (part for part, _ in zip(source(world, first), range(first, stop), strict=False))
    recorder = Recorder(store, run, CODEC, AboutRun(lambda: "interpreted"), level, cycles)
    record_all(recorder, parts, interpreted, NoProgress(), None, "test")


def stretches(store: SqlStore) -> list[tuple[Any, ...]]:
    with store.read() as reads:
        return list(reads.rows("stage7_stretches", STRETCH_COLUMNS))


def sizes(store: SqlStore) -> list[int]:
    return [row[STRETCH_COLUMNS.index("cycles")] for row in stretches(store)]


def assert_proved(store: SqlStore, world: World, cycles: int) -> None:
    with store.read() as reads:
        proof = prove(reads, world.run_id, CODEC, interpreted, NoProgress())
    assert (proof.cycles, proof.difference) == (cycles, None)


def test_they_are_those_of_a_recorder_of_many_byte_for_byte(world: World, tmp_path: Path) -> None:
    with (
        writer(str(tmp_path / "a.db"), durable=False) as ones,
        writer(str(tmp_path / "b.db"), durable=False) as many,
    ):
        record_by(ones, world, 1)
        record_by(many, world, MANY)
        assert sizes(ones) == [1] * CYCLES
        assert join_ones(ones, CODEC, world.run_id, most=MANY) == 20
        assert sizes(ones) == [10, 10, 1, 1, 1]
        assert stretches(ones)[:2] == stretches(many)[:2]
        assert join_ones(ones, CODEC, world.run_id, most=MANY) == 0
        assert join_ones(ones, CODEC, world.run_id, most=MANY, rest=True) == 3
        assert stretches(ones) == stretches(many)
        assert join_ones(ones, CODEC, world.run_id, most=MANY, rest=True) == 0
        for store in (ones, many):
            assert_proved(store, world, CYCLES)
    kept = "SELECT * FROM stage7_states"
    assert rows_of(tmp_path / "a.db", kept) == rows_of(tmp_path / "b.db", kept) == []


def test_who_lost_the_book_joins_nothing(world: World, tmp_path: Path) -> None:
    def lost(work: object) -> None:
        raise LeaseLost("another process has it")

    with writer(str(tmp_path / "a.db"), durable=False) as store:
        record_by(store, world, 1)
        with pytest.raises(LeaseLost):
            join_ones(store, CODEC, world.run_id, most=MANY, check=lost)
        assert sizes(store) == [1] * CYCLES


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_recorder_joins_what_it_and_those_before_it_committed_one_by_one(
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    kind: str,
) -> None:
    target = str(tmp_path / "a.db") if kind == "sqlite" else request.getfixturevalue("new_postgres")()
    ensure(target)
    monkeypatch.setattr(record, "CYCLES", MANY)
    with writer(target, durable=False) as store:
        record_by(store, world, 1, stop=13)
        assert sizes(store) == [10, 1, 1, 1]
        record_by(store, world, 1, first=13, stop=13)  # begins again, and sees no market
        assert sizes(store) == [10, 1, 1, 1]
        for cycle in range(13, 19):  # a process each
            record_by(store, world, 1, first=cycle, stop=cycle + 1)
        assert sizes(store) == [10, *[1] * 9]
        record_by(store, world, 1, first=19)
        assert sizes(store) == [10, 10, 1, 1, 1]
        assert_proved(store, world, CYCLES)
        assert slim(store, CODEC, world.run_id, NoProgress()).cycles == CYCLES
        assert fill(store, CODEC, world.run_id, NoProgress()).cycles == CYCLES


def test_a_stretch_has_one_kind_of_rows_beside_it_and_no_gap(world: World, tmp_path: Path) -> None:
    with writer(str(tmp_path / "a.db"), durable=False) as store:
        record_by(store, world, 1, stop=4)
        assert join_ones(store, CODEC, world.run_id, rest=True) == 4
        record_by(store, world, MANY, first=4, stop=7)
        record_by(store, world, 1, first=7, stop=10)
        with store.read() as reads:
            [middle] = (row["last_ts"] for row in reads.runs())
        assert sizes(store) == [4, 3, 1, 1, 1]
        assert join_ones(store, CODEC, world.run_id, rest=True) == 3
        record_by(store, world, 1, first=10, level="columns")
        assert sizes(store) == [4, 3, 3, *[1] * 13]
        with store.read() as reads:
            first = next(reads.rows("stage7_stretches", ("start_ts",), start=middle, where={"rows": "few"}))
        assert fill(store, CODEC, world.run_id, NoProgress(), start=first[0], end=first[0]).cycles == 1
        assert join_ones(store, CODEC, world.run_id, most=MANY) == 10
        assert [(row[4], row[6]) for row in stretches(store)] == [
            (4, "all"),
            (3, "all"),
            (3, "all"),
            (1, "all"),
            (10, "few"),
            (1, "few"),
            (1, "few"),
        ]
        assert_proved(store, world, CYCLES)


def test_a_stretch_begins_where_a_state_is_stored(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "STATES_APART", 8)
    with writer(str(tmp_path / "a.db"), durable=False) as store:
        record_by(store, world, 1)
        assert join_ones(store, CODEC, world.run_id, most=MANY) == 16
        assert sizes(store) == [8, 8, *[1] * 7]
        with store.read() as reads:
            assert [seq for (seq,) in reads.rows("stage7_states", ("seq",))] == [8, 16]
            assert prove(reads, world.run_id, CODEC, interpreted, NoProgress(), last=9).cycles == 15


def test_what_another_process_records_is_left_alone(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meva_adapters.sql.recording.BUSY_SECONDS", 0)
    with writer(str(tmp_path / "a.db"), durable=False) as store:
        record_by(store, world, 1)
        store.take(world.run_id)
        with writer(str(tmp_path / "a.db"), durable=False) as other:
            for work in (join_ones, fill, slim):
                extra = () if work is join_ones else (NoProgress(),)
                with pytest.raises(StoreBusy, match=world.run_id):
                    work(other, CODEC, world.run_id, *extra)  # type: ignore[operator]
        assert sizes(store) == [1] * CYCLES


def test_a_damaged_stretch_is_named_and_nothing_is_joined_over_it(world: World, tmp_path: Path) -> None:
    with writer(str(tmp_path / "a.db"), durable=False) as store:
        record_by(store, world, 1)
        with store.unit() as work:
            body = stretches(store)[3][STRETCH_COLUMNS.index("body")]
            damaged = body[:-1] + bytes([body[-1] ^ 1])
            work.update("stage7_stretches", ("run_id", "seq"), ("body",), [(world.run_id, 3, damaged)])
            work.commit()
        with pytest.raises(StoreCorrupt, match="cycles 2026-01-01T00:03"):
            join_ones(store, CODEC, world.run_id, most=MANY)
        assert sizes(store) == [1] * CYCLES
        with pytest.raises(BadInput, match="there is no run nowhere"):
            join_ones(store, CODEC, "nowhere")
