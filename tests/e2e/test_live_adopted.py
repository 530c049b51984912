"""What the earlier system left is taken over by the first live cycles: its open orders are asked for before
anything is sent, what they filled is booked, and all ends quiet; begun twice it is taken over once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fresh_database import fresh_file
from live_account import LiveAccount, book_of, called, live_account, staged
from stage7_runs import rows_of

MOMENT = "2025-12-31T23:00:00+00:00"


@pytest.fixture
def account(tmp_path: Path) -> Iterator[LiveAccount]:
    with live_account(tmp_path) as served:
        served.transfer("BTC", "0.002")
        served.forward(60)
        yield served


def left(db: Path, table: str, **row: Any) -> None:
    with closing(sqlite3.connect(db)) as connection, connection:
        marks = ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))


def order(db: Path, name: str, number: str | None, status: str, side: str, price: str, qty: str) -> None:
    left(
        db, "stage4_orders", symbol="BTCTRY", client_order_id=name, exchange_order_id=number, side=side,
        price=price, qty=qty, status=status, mode="live", created_at=MOMENT, updated_at=MOMENT,
    )  # fmt: skip


@pytest.fixture
def old(account: LiveAccount) -> Path:
    """A file with a position, an order of Stage 4 and one of Stage 3 that rest, and what is known by name."""
    db = fresh_file(account.folder / "a.db")
    resting = account.by_hand("BTCTRY", "sell", "0.0004", "2990000", newOrderClientId="older-1")
    third = account.by_hand("BTCTRY", "buy", "0.0001", "2700000", newOrderClientId="older-2")
    order(db, "older-1", str(resting["id"]), "open", "SELL", "2990000", "0.0004")
    order(db, "older-3", None, "error", "buy", "0", "0")
    order(db, "older-4", "x-9", "open", "BUY", "100", "1")
    left(
        db, "orders", order_id=str(third["id"]), symbol="BTCTRY", side="buy", price="2700000", qty="0.0001",
        status="new", created_at=MOMENT, updated_at=MOMENT, client_order_id="older-2",
    )  # fmt: skip
    left(
        db, "stage4_fills", fill_id="f-1", order_id="77", symbol="BTCTRY", side="BUY", price="2800000",
        qty="0.001", fee="6.72", fee_asset="TRY", ts=MOMENT,
    )  # fmt: skip
    left(
        db, "stage4_positions", symbol="BTCTRY", qty="0.001", avg_cost_try="2806720", realized_pnl_try="0",
        last_update_ts=MOMENT,
    )  # fmt: skip
    return db


def test_it_starts_by_asking_and_ends_quiet(account: LiveAccount, old: Path) -> None:
    ended = staged(account, cycles=6, STAGE4_STRATEGIES="brief", TTL_SECONDS="86400")
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert "sent 0 " in lines[0], "nothing is submitted in the cycle that takes it over"
    assert " NORMAL " in lines[-1]
    assert "unknown 0 " in lines[-1]
    # What rests far from the market is stale, whoever placed it.
    stands = {
        row["client_order_id"]: row["status"]
        for row in rows_of(old, "SELECT client_order_id, status FROM stage4_orders WHERE run_id IS NULL")
    }
    assert stands == {
        "older-1": "canceled",
        "older-2": "canceled",
        "older-3": "unknown_closed",
        "older-4": "unknown_closed",
    }
    held = book_of(old)["ledger"]
    assert Decimal(held["foreign"]["BTC"]) == Decimal("0.001"), "what no row says is the book's"
    again = called(account, "recheck", "--db", "a.db")
    assert again.returncode == 0, again.stdout


def test_what_rested_fills_and_is_booked_once_though_the_process_begins_again(
    account: LiveAccount, old: Path
) -> None:
    observed = staged(account, "--observe", cycles=2)
    assert observed.returncode == 0, observed.stderr
    run = book_of(old)["run"]
    account.control("POST", "quote", pair="BTCTRY", bid="2990000", ask="2990100")
    for _ in range(2):
        ended = staged(account, "--observe", cycles=3)
        assert ended.returncode == 0, ended.stderr
        assert "taken over" not in ended.stderr
    book = book_of(old)
    assert book["run"] == run
    assert Decimal(book["ledger"]["holdings"]["BTCTRY"]["qty"]) == Decimal("0.0006")
    fills = rows_of(old, "SELECT qty FROM stage4_fills WHERE run_id = ?", run)
    assert sum(Decimal(row["qty"]) for row in fills) == Decimal("0.0004")
    held = Decimal(book["ledger"]["foreign"]["BTC"]) + Decimal("0.0006")
    assert held == Decimal(account.total("BTC")) / 10**8
