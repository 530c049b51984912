"""Live loops while the exchange cannot be reached, and what happened there meanwhile, over real sockets."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from closable_way import Way, way_to
from emulator_server import KEY, SECRET
from live_account import ARMED, LiveAccount, differences, live_account, looping, staged
from nightly import NIGHTLY
from stage7_runs import rows_of

from meva_adapters.emulator.api.calls import Call
from meva_adapters.emulator.exchange.orders import Method, Request, Side
from meva_adapters.emulator.world import World

PAIRS = ("BTCTRY",)
CAP = 200
"""So many fills the exchange lists at once, without a word on the rest."""
ONE_LARGE = '''
from meva_core.strategy import Intent, Side, Strategy

class Large(Strategy):
    """Asks in its first cycle for one large BUY, better than what others bid, and for no more."""
    id = "large"
    version = 1

    def decide(self, view, memory):
        n = memory["n"] = memory.get("n", 0) + 1
        one = view.symbols[0]
        return [Intent(one.name, Side.BUY, 60_000, limit=(one.bid + one.ask) / 2)] if n == 1 else []
'''
SETTINGS = {
    "SYMBOLS": ",".join(PAIRS),
    "STAGE4_STRATEGIES": "large",
    "TTL_SECONDS": "86400",
    "MAX_POSITION_TRY_PER_SYMBOL": "100000",
    "RISK_MAX_ORDER_NOTIONAL_TRY": "100000",
    "NOTIONAL_CAP_TRY_PER_CYCLE": "100000",
    "RISK_MAX_GROSS_EXPOSURE_TRY": "100000",
    "MAX_POSITION_NOTIONAL_TRY": "100000",
    "RISK_MAX_POSITION_PCT": "1",
}
INTERVAL = 10


@pytest.fixture
def account(quick_folder: Path, tmp_path: Path) -> Iterator[LiveAccount]:
    folder = quick_folder / tmp_path.name
    folder.mkdir()
    with live_account(folder, PAIRS) as served:
        (folder / "strategies" / "large.py").write_text(ONE_LARGE)
        yield served


def crumbled(account: LiveAccount, count: int, apart: int = 1) -> int:
    """Have others sell into our order, crumbs so many ms `apart`, until all of it has filled; return when
    that began, ms."""

    def work(world: World) -> int:
        exchange, clock = world.venue.exchange, world.manual_clock
        assert clock is not None
        began, house = clock.now, next(one for one in exchange.accounts if one.house)
        [order] = exchange.register.of(account.user).orders.values()
        for left in range(count, 0, -1):
            clock.now += apart
            crumb = Request(order.pair, Side.SELL, Method.LIMIT, order.left // left, "", order.price)
            exchange.place_house(house, crumb, clock.now)
        assert not order.status.is_open
        return began

    return account.looked(work)


def test_n14_all_fills_are_booked_though_more_came_than_are_listed_at_once(account: LiveAccount) -> None:
    ended = staged(account, interval=INTERVAL, **SETTINGS)
    assert ended.returncode == 0, ended.stderr
    began, count = crumbled(account, 2 * CAP + 50), 2 * CAP + 50  # while nothing runs
    assert len(account.fills()) == count
    account.fault("answer", "GET /api/v1/users/transactions/trade*", status=502)
    ended = staged(account, interval=INTERVAL, cycles=2, **SETTINGS)
    assert "its fills cannot be read" in ended.stderr
    assert booked(account) == 0
    # Then half of them are shown, as late as it takes, and at last all.
    next_cycle = -(-account.looked(lambda w: w.venue.clock()) // (INTERVAL * 1000)) * INTERVAL * 1000
    account.quiet(fills_delay_ms=next_cycle - began - count // 2)
    ended = staged(account, interval=INTERVAL, cycles=4, **SETTINGS)
    assert ended.returncode == 0, ended.stderr
    assert booked(account) == count
    assert differences(account, account.folder / "a.db") == []


@pytest.mark.skipif(not NIGHTLY, reason="takes the cycles of ten minutes")
def test_n14_where_fills_cannot_all_be_had_the_symbol_rests_at_once_and_all_buys_after_ten_minutes(
    account: LiveAccount,
) -> None:
    staged(account, interval=INTERVAL, **SETTINGS)
    crumbled(account, CAP + 50, apart=0)
    ended = staged(account, cycles=12, **SETTINGS)
    assert ended.returncode == 0, ended.stderr
    assert "BTCTRY: nothing is submitted: its fills could not be read" in ended.stderr
    assert f"fills within one millisecond: {CAP}" in ended.stderr
    modes = [line.split()[2] for line in ended.stdout.splitlines()]
    assert modes == ["NORMAL"] * 10 + ["REDUCE_RISK_ONLY"] * 2
    assert "alarm fills_missing:" in ended.stderr
    assert booked(account) == 0


def booked(account: LiveAccount) -> int:
    return len(rows_of(account.folder / "a.db", "SELECT fill_id FROM stage4_fills"))


def test_n1_a_port_that_is_closed_between_plan_and_send_loses_nothing_and_is_waited_for(
    account: LiveAccount,
) -> None:
    settings = {"SYMBOLS": "BTCTRY", "MAX_ORDERS_PER_CYCLE": "3"}
    assert staged(account, interval=INTERVAL, cycles=2, **settings).returncode == 0
    with way_to(account) as (way, addresses):
        process = looping(account, interval=INTERVAL, cycles=60, **{**settings, **addresses})
        assert process.stderr is not None
        assert process.stdout is not None
        for _ in range(8):  # a cycle may have nothing to send, or read once more
            closes_after_a_look_at_fills(account, way)
            told: list[str] = []
            while sum("no cycle: " in line for line in told) < 2:
                told.append(process.stderr.readline())
                assert told[-1], told
            blocked = [line for line in told if line.startswith("blocked: ")]
            during = names_of(account)
            account.awaited(way.open())
            if blocked:
                break
        assert blocked
        while names_of(account) == during:
            assert process.stdout.readline(), "it went on"
        process.terminate()
        _, err = process.communicate(60)
        assert process.returncode == 130, err
    assert all("nothing was sent: Connection refused" in line for line in blocked), blocked
    unsent = rows_of(account.folder / "a.db", "SELECT * FROM stage4_orders WHERE status = 'unsent'")
    assert len(unsent) == len(blocked)
    assert not {row["client_order_id"] for row in unsent} & names_of(account)
    assert staged(account, "--observe", cycles=3, **settings).returncode == 0
    assert differences(account, account.folder / "a.db") == []


def closes_after_a_look_at_fills(account: LiveAccount, way: Way) -> None:
    """Have the way closed once that is answered, which is a cycle's last read mostly."""

    def hears(call: Call) -> None:
        if call.path.endswith("/transactions/trade"):
            way.closes = True
            account.world.hears = lambda call: None

    account.hears(hears)


def names_of(account: LiveAccount) -> set[str]:
    return {order.client_id for order in account.ours()}


@pytest.mark.parametrize("way_of_running", ["--live", "--dry-run"])
def test_n1_a_port_that_is_closed_when_it_begins_is_said_and_nothing_is_made(
    meva: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, way_of_running: str
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as held:
        address = f"http://127.0.0.1:{held.getsockname()[1]}"
    given = {**ARMED, "BTCTURK_API_KEY": KEY, "BTCTURK_API_SECRET": SECRET, "SYMBOLS": "BTCTRY"}
    given |= {"BTCTURK_BASE_URL": address, "BTCTURK_GRAPH_URL": address, "MEVA_CACHE_DIR": str(tmp_path)}
    for name, text in given.items():
        monkeypatch.setenv(name, text)
    ended = meva("run", "stage4", way_of_running, "--db", "a.db")
    assert ended.code == 1, ended.err
    assert f"Error: {address}: GET /api/v2/server/time: Connection refused" in ended.err
    assert rows_of(tmp_path / "a.db", "SELECT * FROM live_books") == []
