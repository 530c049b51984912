"""What is there is what is there now, however often a schema was looked at before."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from fresh_database import fresh_file

from meva_adapters.sql.addresses import database_url
from meva_adapters.sql.engine import looking_at
from meva_adapters.sql.inspection import Shape, shape_of


def looked_at(path: Path) -> Shape:
    with looking_at(database_url(path)) as connection:
        return shape_of(connection)


def test_a_schema_that_was_seen_before_is_not_taken_apart_again(tmp_path: Path) -> None:
    first = looked_at(fresh_file(tmp_path / "a.db"))
    assert looked_at(fresh_file(tmp_path / "b.db")) is first
    assert {"book", "run_id"} <= set(first.columns["stage7_books"])


def test_each_change_of_a_schema_is_seen(tmp_path: Path) -> None:
    path = fresh_file(tmp_path / "a.db")
    shapes = [looked_at(path)]
    for change in (
        "ALTER TABLE stage7_books ADD COLUMN note TEXT",
        "CREATE INDEX own ON stage7_books (note)",
        "ALTER TABLE stage7_books RENAME COLUMN note TO Noted",
        "CREATE TABLE Mine (a, b)",
        "CREATE VIEW seen AS SELECT a FROM Mine",
    ):
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(change)
        shapes.append(looked_at(path))
    before, noted, indexed, renamed, mine, viewed = shapes
    assert set(noted.columns["stage7_books"]) - set(before.columns["stage7_books"]) == {"note"}
    assert indexed.indexes - noted.indexes == {"own"}
    assert "noted" in renamed.columns["stage7_books"]
    assert mine.columns["mine"] == ("a", "b")
    assert viewed == mine
