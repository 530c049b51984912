"""Stretches, forms and states in a store, on SQLite and on PostgreSQL."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from fresh_database import fresh_file
from stored_runs import FORM, START, STRETCH, record_stretches, stored_values, stretch

from meva_adapters.sql import SqlStore, reader, writer
from meva_adapters.sql.tables import META
from meva_core.errors import IdTaken, StoreCorrupt, StoreError
from meva_core.ports import Store
from meva_core.stages.deep import _UNUSED
from meva_core.trace import COLUMNS


def firsts(store: Store, run: str = "abc1234", **window: Any) -> list[int]:
    with store.read() as view:
        return [one.seq for one in view.stretches(run, **window)]


def test_stretches_come_back_as_they_went_in_in_the_order_of_time(store: SqlStore) -> None:
    made = [stretch(seq) for seq in (0, 10, 20, 100)]
    record_stretches(store, made[2], made[0], made[3], made[1], stretch(5, run="zzz9999", rows="all"))
    with store.read() as view:
        assert list(view.stretches("abc1234")) == made
        assert list(view.stretches("abc1234", newest_first=True)) == made[::-1]
        assert [one.rows for one in view.stretches("zzz9999")] == ["all"]
        assert list(view.stretches("nobody")) == list(view.stretches("legacy")) == []
        assert all(one.checksum() == one.sha256 for one in view.stretches("abc1234"))


def test_the_stretches_of_a_window_are_those_that_have_a_cycle_in_it(store: SqlStore) -> None:
    record_stretches(store, *(stretch(seq) for seq in (0, 10, 20, 40)))

    def second(number: int) -> datetime:
        return START + timedelta(seconds=number)

    assert firsts(store, start=second(9)) == [0, 10, 20, 40]
    assert firsts(store, start=second(10)) == [10, 20, 40]
    assert firsts(store, end=second(19)) == [0, 10]
    assert firsts(store, start=second(12), end=second(13)) == [10]
    assert firsts(store, start=second(30), end=second(39)) == []
    elsewhere = second(20).astimezone(timezone(timedelta(hours=3)))
    assert firsts(store, start=elsewhere, newest_first=True) == [40, 20]


def test_a_view_that_leaves_stretches_half_read_ends(store: SqlStore) -> None:
    record_stretches(store, *(stretch(seq) for seq in range(0, 100, 10)))
    with store.read() as view:
        assert next(view.stretches("abc1234")).seq == 0
    assert firsts(store)[-1] == 90


def test_stretches_with_a_key_that_is_there_are_refused_without_printing_them(store: SqlStore) -> None:
    one = stretch(10)
    record_stretches(store, one)
    with pytest.raises(IdTaken) as error:
        record_stretches(store, evolve(one, body=one.body[:-1]))
    text = str(error.value)
    assert "stage7_stretches.seq 10 is there already with other content: body is 10244 bytes with SHA" in text
    assert len(text) < 300


def test_a_stretch_needs_its_run_and_its_form(store: SqlStore) -> None:
    values = stored_values(stretch(0))
    with pytest.raises(StoreError), store.unit() as work:
        work.insert("stage7_stretches", STRETCH, [values])


def test_states_and_forms_are_rows_like_others(store: SqlStore) -> None:
    record_stretches(store, stretch(0))
    with store.unit() as work:
        states = [("abc1234", seq, bytes([seq]) * 32, f'{{"n":{seq}}}') for seq in (16, 0, 8)]
        work.insert("stage7_states", ("run_id", "seq", "link", "state_json"), states)
        work.commit()
    with store.read() as view:
        found = list(view.rows("stage7_states", ("seq", "link"), run_id="abc1234"))
        assert found == [(seq, bytes([seq]) * 32) for seq in (0, 8, 16)]
        newest = view.rows("stage7_states", ("seq",), run_id="abc1234", newest_first=True, limit=1)
        assert list(newest) == [(16,)]
        assert list(view.rows("stage7_states", ("state_json",), where={"seq": 8})) == [('{"n":8}',)]
        assert list(view.rows("stage7_forms", ("form", "code_version"))) == [(FORM, "0.1.0")]
        bodies = list(view.rows("stage7_stretches", ("seq", "start_ts", "body"), run_id="abc1234"))
        assert bodies == [(0, START, stretch(0).body)]
        with pytest.raises(KeyError, match="has no times"):
            next(view.rows("stage7_states", ("seq",), run_id="abc1234", start=START))
        with pytest.raises(KeyError):
            next(view.rows("stage7_forms", ("form",), run_id="abc1234"))


def test_a_row_is_updated_by_a_key_of_several_columns(store: SqlStore) -> None:
    record_stretches(store, stretch(0), stretch(10), stretch(0, run="zzz9999"))
    with store.unit() as work:
        key = ("run_id", "seq")
        assert work.update("stage7_stretches", key, ("rows",), [("abc1234", 10, "all")]) == 1
        work.commit()
        with pytest.raises(StoreError, match="1 of 1 rows"), store.unit() as again:
            again.update("stage7_stretches", key, ("rows",), [("abc1234", 11, "all")])
    with store.read() as view:
        standing = [(r, s.seq, s.rows) for r in ("abc1234", "zzz9999") for s in view.stretches(r)]
    assert standing == [("abc1234", 0, "few"), ("abc1234", 10, "all"), ("zzz9999", 0, "few")]


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        ("start_ts", "2026-01-01T00:00:10+00:00", "start_ts is '2026-01-01T00:00:10+00:00'"),
        ("start_ts", "2026-01-01T00:00:10.000001+00:00", "start_ts is '2026-01-01T00:00:10.000001+00:00'"),
        ("end_ts", "soon", "end_ts is 'soon'"),
        ("cycles", "ten", "cycles is 'ten'"),
        ("rows", "some", "rows is 'some'"),
        ("body", "text", "body is 'text'"),
        ("body", 7, "body is 7"),
        ("sha256", 7, "sha256 is 7"),
        ("links", bytes(319), "links is 319 bytes"),
        ("cycles", 11, "links is 320 bytes"),
    ],
)
def test_a_stretch_that_none_of_us_wrote_is_named_with_what_is_wrong(
    column: str, value: Any, shown: str, tmp_path: Path
) -> None:
    fresh_file(tmp_path / "state.db")
    with writer(tmp_path / "state.db", durable=False) as store:
        record_stretches(store, stretch(0), stretch(10), stretch(20))
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        connection.execute(f"UPDATE stage7_stretches SET {column} = ? WHERE seq = 10", (value,))
        connection.commit()
    with reader(tmp_path / "state.db") as store, store.read() as view:
        found = view.stretches("abc1234")
        assert next(found) == stretch(0)
        with pytest.raises(StoreCorrupt, match="the stretch of run abc1234 from cycle 10 on, at 20") as error:
            next(found)
    assert str(error.value).endswith(f", is damaged: its {shown}")


def test_a_deep_check_looks_at_every_column_that_a_run_has() -> None:
    for table, columns in COLUMNS.items():
        looked_at = {*columns, *_UNUSED.get(table, ())}
        assert {column.name for column in META.tables[table].columns} - looked_at <= {"id"}
