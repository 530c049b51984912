"""What SQLite is asked past SQLAlchemy: the same rows, errors and listeners as by way of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fresh_database import fresh_file

from meva_adapters.sql import SqlStore, writer
from meva_core.errors import IdTaken, StoreError

COLUMNS = ("key", "text_value", "updated_at")
AT = "2027-01-15T00:00:00.000000+00:00"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with writer(fresh_file(tmp_path / "state.db"), durable=False) as opened:
        yield opened


@pytest.fixture
def heard() -> Iterator[list[str]]:
    found: list[str] = []

    def executed(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        found.append(statement.split()[0])

    sa.event.listen(sa.Engine, "before_cursor_execute", executed)
    try:
        yield found
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", executed)


def kept(store: SqlStore) -> dict[str, str]:
    with store.read() as view:
        return dict(view.rows("op_state", ("key", "text_value")))  # type: ignore[arg-type]


def test_whoever_listens_to_statements_hears_of_each(store: SqlStore, heard: list[str]) -> None:
    with store.unit() as work:
        work.insert("op_state", COLUMNS, [("a", "1", AT)])
        work.insert("op_state", COLUMNS, [("b", "1", AT), ("c", "1", AT)])
        work.update("op_state", "key", ("text_value",), [("a", "2")])
        work.upsert("op_state", {"key": "b", "text_value": "3", "updated_at": AT})
        work.commit()
    assert heard == ["BEGIN", "INSERT", "SAVEPOINT", "INSERT", "RELEASE", "UPDATE", "INSERT"]
    heard.clear()
    assert kept(store) == {"a": "2", "b": "3", "c": "1"}
    assert heard == ["BEGIN", "SELECT"]


def test_an_upsert_changes_what_it_is_given_and_nothing_else(store: SqlStore) -> None:
    with store.unit() as work:
        work.upsert("op_state", {"key": "a", "text_value": "1", "updated_at": AT})
        work.upsert("op_state", {"key": "a", "int_value": 7, "updated_at": AT})
        work.commit()
    with store.read() as view:
        assert list(view.rows("op_state", ("text_value", "int_value"))) == [("1", 7)]


@pytest.mark.parametrize("rows", [[("a", "2", AT)], [("b", "2", AT), ("a", "2", AT)]], ids=["one", "two"])
def test_a_key_that_is_taken_undoes_its_own_rows_and_the_unit_goes_on(
    store: SqlStore, rows: list[tuple[str, ...]]
) -> None:
    with store.unit() as work:
        work.insert("op_state", COLUMNS, [("a", "1", AT)])
        with pytest.raises(IdTaken, match="text_value is 1 there and 2 here"):
            work.insert("op_state", COLUMNS, rows)
        work.upsert("op_state", {"key": "c", "text_value": "3", "updated_at": AT})
        work.commit()
    assert kept(store) == {"a": "1", "c": "3"}


def test_a_row_that_breaks_another_rule_is_an_error_of_the_store(store: SqlStore) -> None:
    with store.unit() as work, pytest.raises(StoreError, match="NOT NULL"):
        work.insert("op_state", COLUMNS, [("a", "1", None)])


def test_what_the_schema_lacks_is_a_key_error(store: SqlStore) -> None:
    with store.unit() as work:
        for change in (
            lambda: work.insert("op_state", ("key", "nothing"), []),
            lambda: work.update("op_state", "key", ("nothing",), []),
            lambda: work.upsert("op_state", {"key": "a", "nothing": 1}),
        ):
            with pytest.raises(KeyError):
                change()  # type: ignore[no-untyped-call]


def test_nothing_is_asked_once_a_view_is_over(store: SqlStore) -> None:
    with store.unit() as work:
        work.insert("op_state", COLUMNS, [("a", "1", AT)])
        work.commit()
        with pytest.raises(sa.exc.InvalidRequestError):
            work.insert("op_state", COLUMNS, [("b", "1", AT)])
    assert kept(store) == {"a": "1"}


@pytest.mark.parametrize("ends", ["the view first", "the database first"])
def test_what_was_half_read_may_outlive_its_view_and_its_database(tmp_path: Path, ends: str) -> None:
    store = writer(fresh_file(tmp_path / "other.db"), durable=False)
    with store.unit() as work:
        for key in ("a", "b"):
            work.upsert("op_state", {"key": key, "text_value": key, "updated_at": AT})
        work.commit()
    held = store.read()
    rows = held.__enter__().rows("op_state", COLUMNS)
    next(rows)
    if ends == "the view first":
        held.__exit__(None, None, None)
        store.close()
    else:  # as when a process is gone
        store.close()
        held.__exit__(None, None, None)
    rows.close()  # what Python does with it, and a failure of which nobody could catch
