"""A process that dies in mid-cycle, between any two calls: the next one books the rest, and nothing twice."""

from __future__ import annotations

from pathlib import Path

from cycles import Lived, lived
from fresh_database import fresh_file
from scripted_account import Killed

from meva_adapters.sql.store import SqlStore, writer
from meva_core.amounts import parse_e8
from meva_core.orders import Side


def eventful(store: SqlStore) -> Lived:
    """Return an account in which much has happened since the last cycle."""
    account = lived(store)
    account.cycle()
    first = account.place("BTCTRY", Side.BUY, "1", "2990")
    account.exchange.unheard = True
    with account.exchange.failing("find"):
        account.place("ETHTRY", Side.BUY, "3", "101")
    account.exchange.unheard = False
    account.exchange.trade(first, "0.5")
    other = next(one for one in account.exchange.orders.values() if one.symbol == "ETHTRY")
    account.exchange.trade(other.order_id, "3")
    account.exchange.by_hand("SOLTRY", Side.SELL, "4")
    account.exchange.transfer("TRY", "500")
    return account


def test_wherever_a_cycle_ends_the_next_ones_book_the_rest_and_nothing_twice(tmp_path: Path) -> None:
    died, calls = [], 0
    while True:
        with writer(fresh_file(tmp_path / f"{calls}.db"), durable=False) as store:
            account = eventful(store)
            account.exchange.calls_left = calls
            try:
                account.cycle()
            except Killed:
                died.append(calls)
            account.exchange.calls_left = None
            account = account.restarted()
            account.check()
            for _ in range(5):
                account.cycle()
                account.check()
            assert account.off() == {}
            held = {one.symbol: one.qty for one in account.last.inputs.positions.positions}
            assert held == {"BTCTRY": parse_e8("0.5"), "ETHTRY": parse_e8("3")}
        if calls not in died:
            break
        calls += 1
    assert len(died) >= 12, "a cycle makes so many calls"
