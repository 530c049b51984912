"""What is remembered of orders does not grow without end, however many end in each cycle, and each cycle asks
so much and no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cycles import Lived, lived
from fresh_database import fresh_file
from nightly import NIGHTLY, every

from meva_adapters.sql.store import SqlStore, writer
from meva_core.live.owner import ACCOUNT
from meva_core.live.standing import Standing
from meva_core.live.watch import Watch, load
from meva_core.orders import Side

ENDED_AT_ONCE = 10
"""Orders of a cycle, more than twice as many as are looked for by name."""
SECONDS = 30


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as opened:
        yield opened


def watches(account: Lived) -> dict[int, Watch]:
    with account.store.read() as view:
        return dict(load(view, ACCOUNT).orders)


def lost(account: Lived, count: int) -> None:
    """Send orders that nobody hears of and that are not there, until they are called absent."""
    exchange = account.exchange
    before = set(exchange.orders)
    exchange.unheard = True
    for n in range(count):
        with exchange.failing("find"):
            account.place(("BTCTRY", "ETHTRY")[n % 2], Side.BUY, "1", "99")
    exchange.unheard = False
    for number in set(exchange.orders) - before:
        del exchange.orders[number]
    for _ in range(8):
        account.cycle(61)


@pytest.mark.parametrize("absent", every(2, [6, 0]))
def test_orders_that_end_in_every_cycle_are_forgotten_as_fast(store: SqlStore, absent: int) -> None:
    """Absent ones are looked for by name in every cycle, for a day: they do not take the turns of others."""
    account = lived(store)
    account.cycle()
    lost(account, absent)
    assert len(watches(account)) == absent
    counts = []
    for _ in range(24 if NIGHTLY else 12):
        for n in range(ENDED_AT_ONCE):
            symbol = ("BTCTRY", "ETHTRY")[n % 2]
            price = f"{account.exchange.prices[symbol] - 1}"
            account.exchange.trade(account.place(symbol, Side.BUY, "0.01", price), "0.01")
        account.cycle(SECONDS)
        assert account.exchange.requests() <= 6 + 4 * 3 + 40
        counts.append(len(watches(account)))
    # Each is looked for when it ended and 120 s later, which is four cycles.
    most = absent + ENDED_AT_ONCE * (120 // SECONDS + 2)
    assert max(counts) <= most, counts
    for _ in range(10):
        account.cycle(SECONDS)
    assert len(watches(account)) == absent
    standings = {order.standing for order in account.last.orders}
    assert standings <= {Standing.ABSENT}
    account.check()


def test_no_fill_of_an_absent_order_is_awaited_for_longer_than_its_two_reads(store: SqlStore) -> None:
    """It is looked for by name for a day; its row says that it is complete as long as it is not seen."""
    account = lived(store)
    account.cycle()
    lost(account, 2)
    for _ in range(5):
        account.cycle(61)
        assert [order.complete for order in account.last.orders] == [True, True]
        assert [watch.complete for watch in watches(account).values()] == [True, True]
        assert not account.book.sums
    account.check()


def test_an_absent_order_that_is_seen_after_all_is_complete_no_more(store: SqlStore) -> None:
    account = lived(store)
    account.cycle()
    before = dict(account.exchange.orders)
    account.exchange.unheard = True
    with account.exchange.failing("find"):
        account.place("BTCTRY", Side.BUY, "1", "99")
    account.exchange.unheard = False
    hidden = {number: one for number, one in account.exchange.orders.items() if number not in before}
    for number in hidden:
        del account.exchange.orders[number]
    for _ in range(8):
        account.cycle(61)
    assert [(order.standing, order.complete) for order in account.last.orders] == [(Standing.ABSENT, True)]
    account.exchange.orders.update(hidden)
    account.cycle(61)
    assert [(order.standing, order.complete) for order in account.last.orders] == [(Standing.OPEN, False)]
    account.check()
