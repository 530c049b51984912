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
