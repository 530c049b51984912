"""An account is taken over with any file of the earlier system: what both stages left open is asked for
before anything is sent, all ends quiet, and taken over twice is taken over once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest
from attrs import evolve
from cycles import PRICES, SETTINGS, Lived, a_run
from nightly import every
from old_files import MADE, OLD_FILES, dump
from run_by_hand import cycle, see_to
from running import BUYS, NAME, STRATEGIES, TEXTS, run_over
from scripted_account import Killed, Scripted

from meva_adapters.sql import SqlStore, writer
from meva_adapters.sql.check import check_database
from meva_adapters.sql.migrate import upgrade
from meva_core.errors import IdTaken
from meva_core.live.desk import Desk
from meva_core.modes import Mode
from meva_core.operating.adopting import Opened, open_account
from meva_core.operating.records.stored_cycles import difference, stored_cycles
from meva_core.operating.records.whose import whose
from meva_core.operating.starting import taken_up
from meva_core.operating.steps.inputs_made import Run
from meva_core.operating.steps.reading import JUST_ADOPTED
from meva_core.operational.inputs import Listed
from meva_core.operational.limits import limits_from
from meva_core.orders import Side
from meva_core.settings import build_settings
from meva_core.venue import NewOrder

ACCOUNT: Final = "0123456789abcdef"
NOW: Final = 1_800_000_000 * 10**6
"""In 2027, after all that the files tell of, microseconds."""
FUNDS: Final = {"TRY": Decimal(100_000), "BTC": Decimal(5), "ETH": Decimal(50), "SOL": Decimal(10)}
LEFT: Final = {
    "stage4_orders": {
        "client_order_id": "older-4", "symbol": "BTCTRY", "side": "BUY", "price": "2900", "qty": "0.2",
        "status": "open", "mode": "live", "exchange_order_id": "10001",
    },
    "orders": {
        "client_order_id": "older-3", "symbol": "ETHTRY", "side": "buy", "price": "90", "qty": "2",
        "status": "new", "order_id": "10002",
    },
}  # fmt: skip
"""An order of each stage that rests."""


def leave_open(path: Path, is_made: bool) -> None:
    """Make of a row of each table of orders one that rests at the exchange."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for table, row in LEFT.items():
            there = {name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")}
            values = {name: value for name, value in row.items() if name in there}
            changes = ", ".join(f"{name} = ?" for name in values)
            where = f"rowid = (SELECT min(rowid) FROM {table})"
            connection.execute(f"UPDATE {table} SET {changes} WHERE {where}", tuple(values.values()))
            if is_made:  # what else it has was written by nobody
                others = {"stage4_orders": "mode = 'dry_run'", "orders": "status = 'filled'"}[table]
                connection.execute(f"UPDATE {table} SET {others} WHERE NOT {where}")


def an_exchange() -> Scripted:
    """Both rest; of the one of Stage 4 the half has filled."""
    exchange = Scripted(dict(PRICES), dict(FUNDS), now=NOW)
    for row in LEFT.values():
        order = NewOrder("", row["symbol"], Side.BUY, Decimal(row["price"]), Decimal(row["qty"]))
        exchange._add(order, row["client_order_id"])
    exchange.trade("10001", "0.1")
    return exchange


def taken_over(store: SqlStore, exchange: Scripted) -> Opened:
    def value(names: Iterable[str]) -> Mapping[str, int]:
        return {name: int(PRICES.get(name, Decimal(1)) * 10**8) for name in names}

    desk = Desk(exchange, exchange, store, exchange, lambda ms: exchange.pass_time(ms / 1000))
    return open_account(desk, "live", ACCOUNT, ("BTCTRY", "ETHTRY"), value)


def with_book(store: SqlStore, exchange: Scripted, opened: Opened) -> Lived:
    """Return the account as the process that took it over goes on with it."""
    desk = Desk(exchange, exchange, store, exchange, lambda _: None, owner=whose(opened.book).owner)
    process = taken_up(store, "live", exchange.now).process
    run = a_run(settings=BUYS, strategies=(Listed(NAME),))
    return Lived(exchange, store, run, desk, process)


def idle(run: Run) -> Run:
    """Return a run in which the strategy, which buys at once, buys nothing."""
    limits = limits_from(build_settings({**SETTINGS, **BUYS, "STAGE4_BOOTSTRAP_INTENTS": "0"}))
    return evolve(run, limits=limits)


def rows_of(path: Path) -> Mapping[str, object]:
    """Return what is stored, but for how often orders were asked for."""
    return {table: found for table, found in dump(path).items() if table != "op_state"}


@pytest.mark.parametrize("name", every(20, OLD_FILES))
def test_it_is_taken_over_once_and_ends_quiet(name: str, old_file: Callable[[str], Path]) -> None:
    path = old_file(name)
    leave_open(path, name in MADE)
    upgrade(path)
    exchange = an_exchange()
    with writer(path, durable=False) as store:
        exchange.calls_left = 4
        with pytest.raises(Killed):
            taken_over(store, exchange)
        exchange.calls_left = None
        opened = taken_over(store, exchange)
        once = rows_of(path)
        with pytest.raises(IdTaken):
            taken_over(store, exchange)
        assert rows_of(path) == once
        assert opened.adopted

        account = with_book(store, exchange, opened)
        book = run_over(account)
        see_to(book)  # the earlier system's switch may have been on
        first = cycle(book)
        assert {symbol.name for symbol in first.inputs.symbols} == first.inputs.blocked.keys()
        assert JUST_ADOPTED in first.inputs.blocked.values()
        assert [sent for sent in exchange.sent if not sent.startswith("cancel ")] == []
        book.runner.run = idle(book.runner.run)
        for _ in range(9):
            last = cycle(book)
        assert (last.inputs.blocked, last.book.alarms, last.inputs.orders) == ({}, (), ())
        assert last.cycle.decisions.mode.mode is Mode.NORMAL
        assert all(order.state.ended for order in exchange.orders.values())
        assert account.off() == {}
        account.check()
        with store.read() as view:
            cycles = [*stored_cycles(view, "live", TEXTS, last=99)]
        assert [difference(one, STRATEGIES) for one in cycles] == [None] * 10
    assert check_database(path).losses == []
