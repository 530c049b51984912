"""The text in which revisions freeze their schema."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable

from meva_adapters.sql.notation import parse_schema


def test_a_paragraph_is_a_table() -> None:
    meta = parse_schema(
        """
        runs id:serial* name:text! at:stamp=now
            price:amount? digest:digest mode:text=dry_run n:integer=0
        +orders ts run:text?
        child id:text*>parent
        parent id:text*
        """.replace("\n        ", "\n"),
        "idx_runs UNIQUE runs(name, n) WHERE n > 0",
    )
    runs, orders = meta.tables["runs"], meta.tables["orders"]
    assert [c.name for c in runs.columns] == ["id", "name", "at", "price", "digest", "mode", "n"]
    assert [c.nullable for c in runs.columns] == [False, False, False, True, False, False, False]
    assert (runs.info["added"], orders.info["added"]) == (False, True)
    assert orders.c.ts.info == {"given": True}
    sql = str(CreateTable(runs).compile(dialect=sa.create_engine("sqlite://").dialect))
    assert "DEFAULT CURRENT_TIMESTAMP" in sql
    assert "DEFAULT 'dry_run'" in sql
    assert "DEFAULT 0" in sql
    assert "UNIQUE (name)" in sql
    assert [t.name for t in meta.sorted_tables].index("parent") < [t.name for t in meta.sorted_tables].index(
        "child"
    )
    (index,) = runs.indexes
    index_sql = str(CreateIndex(index).compile(dialect=sa.create_engine("sqlite://").dialect))
    assert index_sql == "CREATE UNIQUE INDEX idx_runs ON runs (name, n) WHERE n > 0"


@pytest.mark.parametrize("note", ["a:float", "a:text??", "a b:", "a:text>"])
def test_a_column_that_cannot_be_read_is_refused(note: str) -> None:
    with pytest.raises(ValueError, match="is not a column; expected name:kind"):
        parse_schema(f"t {note}")


def test_an_index_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ValueError, match="is not an index; expected name"):
        parse_schema("t a:text*", "idx_t t a")
