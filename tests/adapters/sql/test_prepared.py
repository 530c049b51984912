"""Questions of one form are put into SQL once, whatever their values; each view sees what was committed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fresh_database import fresh_file

from meva_adapters.sql import SqlStore, prepared, writer

AT = datetime(2027, 1, 15, tzinfo=UTC)
COLUMNS = (
    "client_order_id",
    "symbol",
    "side",
    "price",
    "qty",
    "status",
    "created_at",
    "updated_at",
    "mode",
    "book",
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with writer(fresh_file(tmp_path / "orders.db"), durable=False) as opened:
        yield opened


def add(store: SqlStore, name: str, price: str, book: str | None = None) -> None:
    now = AT.isoformat(timespec="microseconds")
    row = (name, "BTCTRY", "BUY", price, "1", "open", now, now, "live", book)
    with store.unit() as work:
        work.insert("stage4_orders", COLUMNS, [row])
        work.commit()


def ask(store: SqlStore, **where: Any) -> list[tuple[Any, ...]]:
    with store.read() as view:
        return list(view.rows("stage4_orders", ("client_order_id", "price", "created_at"), where=where))


def test_values_come_typed_and_by_what_was_asked_for_last(store: SqlStore) -> None:
    add(store, "a", "1.5")
    add(store, "b", "2.25", book="other")
    assert ask(store, client_order_id="a") == [("a", Decimal("1.5"), AT)]
    assert ask(store, client_order_id="b") == [("b", Decimal("2.25"), AT)]
    assert ask(store, price=Decimal("2.25")) == [("b", Decimal("2.25"), AT)]


def test_no_value_is_another_question_than_one(store: SqlStore) -> None:
    add(store, "a", "1")
    add(store, "b", "2", book="other")
    assert [row[0] for row in ask(store, book=None)] == ["a"]
    assert [row[0] for row in ask(store, book="other")] == ["b"]


def test_a_form_is_put_into_sql_once_for_all_databases_of_a_kind(store: SqlStore, tmp_path: Path) -> None:
    ask(store, client_order_id="a", status="open")
    before = len(prepared._FORMS)
    ask(store, client_order_id="b", status="filled")
    with writer(fresh_file(tmp_path / "another.db"), durable=False) as another:
        ask(another, client_order_id="c", status="open")
    assert len(prepared._FORMS) == before
    ask(store, client_order_id="a", status=None)
    assert len(prepared._FORMS) == before + 1


def test_a_view_sees_what_was_committed_before_it_and_nothing_of_later(store: SqlStore) -> None:
    assert ask(store) == []
    add(store, "a", "1")
    assert len(ask(store)) == 1
    with store.read() as first, store.read() as second:
        names = [list(view.rows("stage4_orders", ("client_order_id",))) for view in (first, second)]
        add(store, "b", "2")
        assert names == [[("a",)], [("a",)]]
        assert list(first.rows("stage4_orders", ("client_order_id",))) == [("a",)]
    assert len(ask(store)) == 2


def test_a_set_of_values_means_one_of_them_and_an_empty_one_nothing(store: SqlStore) -> None:
    for name in "abcde":
        add(store, name, "1")
    assert [row[0] for row in ask(store, client_order_id=frozenset("bd"))] == ["b", "d"]
    assert [row[0] for row in ask(store, client_order_id=frozenset("aceg"))] == ["a", "c", "e"]
    assert ask(store, client_order_id=frozenset()) == []


def test_sets_of_some_sizes_share_a_form(store: SqlStore) -> None:
    ask(store, symbol=frozenset(f"{n}" for n in range(5)))
    before = len(prepared._FORMS)
    for size in (6, 7, 8):
        ask(store, symbol=frozenset(f"{n}" for n in range(size)))
    assert len(prepared._FORMS) == before
