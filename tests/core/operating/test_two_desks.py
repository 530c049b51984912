"""Several books on one database: the account's and two that run dry, each over an exchange that numbers its
orders and fills like the others. None sees or touches a row of another's, and each lives as it would alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cycles import Lived, lived
from fresh_database import fresh_file
from postgres_server import fresh_postgres, new_postgres

from meva_adapters.sql import SqlStore, writer
from meva_adapters.sql.tables import META
from meva_core.live.live_orders import Record, add, records
from meva_core.live.owner import ACCOUNT, Owner
from meva_core.live.standing import CANCELABLE, MAY_REST, Standing
from meva_core.live.watch import load
from meva_core.live_book.book import text_of
from meva_core.operating.records.book_file import BookFile
from meva_core.operating.records.whose import whose
from meva_core.operating.steps.replacing import abandon
from meva_core.orders import Side

__all__ = ["fresh_postgres", "new_postgres"]
BOOKS = ("live", "stage3-dry", "stage4-dry")
TURNS = 25
OLD = (
    # key, mode, status, number: rows of the earlier system
    ("old-1", "dry_run", "submitted", "10001"),
    ("old-2", "dry_run", "error", None),
    ("old-3", "dry_run", "unknown_closed", "10002"),
    ("old-4", "external", "open", "10003"),
)
REPLACED = "stage4_replace_transactions"


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    if request.param == "sqlite":
        target = str(fresh_file(tmp_path / "books.db"))
    else:
        make: Callable[[], str] = request.getfixturevalue("fresh_postgres")
        target = make()
    with writer(target, durable=False) as opened:
        yield opened


def write_old_rows(store: SqlStore) -> None:
    columns = (
        "client_order_id", "symbol", "side", "price", "qty", "status", "mode", "exchange_order_id",
        "created_at", "updated_at",
    )  # fmt: skip
    at = "2025-10-09T08:00:00.000000+00:00"
    rows = [
        (key, "BTCTRY", "BUY", "2990", "1", word, mode, number, at, at) for key, mode, word, number in OLD
    ]
    with store.unit() as work:
        work.insert("stage4_orders", columns, rows)
        work.commit()


def all_rows(store: SqlStore) -> list[tuple[str | None, str, Mapping[str, Any]]]:
    """Return every row of the database: whose it is, its table, and its values."""
    found = []
    with store.read() as view:
        for table in META.tables.values():
            columns = tuple(column.name for column in table.columns)
            for values in view.rows(table.name, columns):
                row = dict(zip(columns, values, strict=True))
                found.append((_owner_of(table.name, row), table.name, row))
    return found


def _owner_of(table: str, row: Mapping[str, Any]) -> str | None:
    if table == "op_state":
        book, _, rest = row["key"].partition("/")
        return book if rest else "live"
    if table == "stage4_orders" and row["mode"] == "dry_run" and row["book"] is None:
        return None
    return row.get("book") or "live"


def act(account: Lived, chance: Random) -> None:
    """Let something happen in one book: at its exchange, at its desk, or a cycle."""
    exchange, desk = account.exchange, account.desk
    with account.store.read() as view:
        own = [one for one in records(view, desk.owner) if one.standing in MAY_REST]
    resting = [one for one in exchange.orders.values() if not one.state.ended and one.left]
    what = chance.choice(["cycle", "cycle", "place", "place", "fill", "cancel", "unheard", "restart"])
    if what == "cycle" or not account.reads:
        account.cycle(chance.choice([10, 60, 130]))
        account.check()
    elif what in ("place", "unheard"):
        exchange.unheard = what == "unheard"
        symbol = chance.choice(["BTCTRY", "ETHTRY"])
        account.place(symbol, Side.BUY, "1", str(exchange.prices[symbol] - 10))
        exchange.unheard = False
    elif what == "fill" and resting:
        order = chance.choice(resting)
        assert order.left is not None
        exchange.trade(
            order.order_id, chance.choice([f"{order.left:f}", "0.25"]), late=chance.choice([0, 90])
        )
    elif what == "cancel" and own:
        order = chance.choice(own)
        if order.order_id is not None and order.standing in CANCELABLE:
            desk.cancel(order.client_id)
    elif what == "restart":
        account.process = account.restarted().process


def seen(account: Lived) -> list[tuple[Any, ...]]:
    """Return the orders of a book, with what is remembered of each, however the database numbers them."""
    with account.store.read() as view:
        watches = load(view, account.desk.owner)
        found = records(view, account.desk.owner)
        return [(one, watches.of(one)) for one in found]


@pytest.mark.parametrize(
    ("store", "seed"), [("sqlite", 0), ("sqlite", 1), ("postgresql", 0)], indirect=["store"]
)
def test_books_of_one_database_live_as_if_each_were_alone(store: SqlStore, seed: int, tmp_path: Path) -> None:
    write_old_rows(store)
    together = {name: lived(store, name=name) for name in BOOKS}
    chances = {name: Random(f"{seed} {name}") for name in BOOKS}
    turns = Random(seed)
    counts, before = dict.fromkeys(BOOKS, 0), all_rows(store)
    for _ in range(TURNS):
        name, acts = turns.choice(BOOKS), turns.randint(1, 5)
        for _ in range(acts):
            act(together[name], chances[name])
        counts[name] += acts
        after = all_rows(store)
        assert [row for row in after if row[0] != name] == [row for row in before if row[0] != name]
        before = after
    for name in BOOKS:
        with writer(fresh_file(tmp_path / f"{name}.db"), durable=False) as own:
            alone, chance = lived(own, name=name), Random(f"{seed} {name}")
            for _ in range(counts[name]):
                act(alone, chance)
            assert seen(together[name]) == seen(alone)
            assert text_of(together[name].book) == text_of(alone.book)
            assert together[name].exchange.sent == alone.exchange.sent
            assert sum(together[name].exchange.calls.values()) == sum(alone.exchange.calls.values())
            assert len(seen(alone)) > 3


def test_what_the_earlier_system_left_is_the_accounts_and_is_asked_for_by_it_alone(store: SqlStore) -> None:
    write_old_rows(store)
    dry, live = lived(store, name="stage4-dry"), lived(store)
    created = dry.exchange.now
    left = Record(
        "old-5", "BTCTRY", Side.BUY, Decimal(2990), Decimal(1), Standing.OPEN, "555", None, created, created
    )
    with store.unit() as work:
        add(work, ACCOUNT, [left])
        columns = ("order_id", "symbol", "side", "price", "qty", "status", "created_at", "updated_at")
        at = "2025-10-09T08:00:00.000000+00:00"
        work.insert("orders", columns, [("777", "ETHTRY", "BUY", "99", "1", "open", at, at)])
        work.commit()
    assert dry.desk.due().orders == ()
    assert [one.record.order_id for one in live.desk.due().orders] == ["555", "777"]
    dry.cycle()
    assert dry.exchange.calls["order"] == dry.exchange.calls["find"] == 0
    with store.read() as view:
        assert records(view, dry.desk.owner) == []
        assert len(records(view, ACCOUNT)) == 2


def test_each_abandons_its_own_replacements(store: SqlStore) -> None:
    live, dry = lived(store), lived(store, name="stage4-dry")
    columns = (
        "replace_tx_id", "symbol", "side", "old_client_order_ids_json", "new_client_order_id", "state",
        "created_at", "last_updated_at", "book", "run_id",
    )  # fmt: skip
    at = "2025-10-09T08:00:00.000000+00:00"
    with store.unit() as work:
        for account in (live, dry):
            key = whose(account.book)
            row = (key.run, "BTCTRY", "BUY", "[]", key.run, "CANCEL_SENT", at, at, *key.columns)
            work.insert(REPLACED, columns, [row])
        work.commit()
    assert abandon(store, whose(dry.book), dry.exchange.now) == 1
    with store.read() as view:
        states = dict(view.rows(REPLACED, ("replace_tx_id", "state")))
    assert states == {live.book.run: "CANCEL_SENT", dry.book.run: "FAILED"}
    assert abandon(store, whose(live.book), live.exchange.now) == 1


def test_a_book_is_not_kept_over_a_desk_of_anothers(store: SqlStore) -> None:
    live, dry = lived(store), lived(store, name="stage4-dry")
    for book, desk in ((dry.book, live.desk), (live.book, dry.desk)):
        with pytest.raises(ValueError, match="the desk keeps the orders of"):
            BookFile(desk, whose(book), "c", {})


@pytest.mark.parametrize(
    ("book", "run"), [("stage4-dry", None), (None, "abc0000"), ("", "abc0000"), ("", "")]
)
def test_an_owner_is_a_book_and_its_run_or_the_account(book: str | None, run: str | None) -> None:
    with pytest.raises(ValueError, match=r"expected both|are not empty"):
        Owner(book, run)
