"""Accounts at an emulator whose time stands still, and what Stages 3 and 4 leave in a database of one.

The emulator runs in a thread of the tests, so what it has on its own books is at hand: whatever Meva has
stored is held against those, and never against what Meva says.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, TypeVar

import requests
from attrs import define, evolve
from emulator_server import KEY, SECRET, signed
from loops import wind_up
from stage7_runs import rows_of
from started import Started, run, start

from meva_adapters.emulator.api.calls import Call
from meva_adapters.emulator.exchange.accounts import TradingAccount
from meva_adapters.emulator.exchange.orders import Fill, Order
from meva_adapters.emulator.manual_clock import ManualClock
from meva_adapters.emulator.markets.builtin import builtin_document
from meva_adapters.emulator.server.serving import Doors, serving
from meva_adapters.emulator.world import Options, World, build_world
from meva_core.amounts import format_e8, parse_e8

T = TypeVar("T")
E8 = 10**8
BEGIN = 1_767_225_600_000
"""When the exchange's time begins, ms: 2026-01-01."""
PAIRS = ("BTCTRY", "ETHTRY", "XRPTRY")
FUNDS = {"TRY": 100_000 * E8, "XRP": 50 * E8}
"""What a user begins with; the coins are a person's, and no book's."""
OFTEN = 2
"""Seconds between the cycles of a loop beside which another process begins: both move one time, and one that
jumps by more than the other takes for an answer is no time that it could set its clock by."""
ARMED = {
    "DRY_RUN": "false",
    "LIVE_TRADING": "true",
    "LIVE_TRADING_ACK": "I_UNDERSTAND",
    "KILL_SWITCH": "false",
}
RESTLESS = '''
from meva_core.strategy import Intent, Side, Strategy

class Restless(Strategy):
    """Buys and sells in turns, at the touch and resting, so that every kind of order comes."""
    id = "restless"
    version = 1

    def decide(self, view, memory):
        n = memory["n"] = memory.get("n", 0) + 1
        asked = []
        for i, s in enumerate(view.symbols):
            if not (s.mark and s.bid and s.ask):
                continue
            turn = (n + i) % 6
            if turn in (0, 3):
                asked.append(Intent(s.name, Side.BUY, 150 + 7 * n % 50, limit=s.ask))
            elif turn == 1:
                asked.append(Intent(s.name, Side.BUY, 130, limit=s.bid))
            elif turn == 2 and s.to_sell:
                asked.append(Intent(s.name, Side.SELL, qty=s.to_sell, limit=s.ask, purpose="reduce"))
            elif turn == 4 and s.to_sell:
                asked.append(Intent(s.name, Side.SELL, 120, limit=s.bid, purpose="reduce"))
        return asked
'''
BRIEF = "asked = [] if n < 5 else None\n        if asked is None:\n            return []"
"""It asks in its first four cycles alone, so that all can come to rest, and for what has to be canceled."""
BUSY = {
    "SYMBOLS": ",".join(PAIRS),
    "STAGE4_STRATEGIES": "restless",
    "MAX_ORDERS_PER_CYCLE": "6",
    "COOLDOWN_SECONDS": "0",
    "TTL_SECONDS": "90",
    "MAX_POSITION_TRY_PER_SYMBOL": "1000",
    "LATENCY_SPIKE_MS": "60000",
}
"""Settings under which every cycle has something to send; how slow the machine is decides nothing."""


@define
class LiveAccount:
    """A running emulator, a user of it, and the folder from which commands trade for that."""

    world: World
    doors: Doors
    folder: Path
    _loop: asyncio.AbstractEventLoop
    key: str = KEY

    @property
    def user(self) -> TradingAccount:
        """What the exchange has of the user."""
        found = self.world.venue.keyring.find(self.key)
        assert found is not None
        return found.account

    def another(self, folder: Path, key: str) -> LiveAccount:
        """Return one more user of the same exchange, and a folder for it."""
        funds = {asset: format_e8(amount) for asset, amount in FUNDS.items()}
        self.control("POST", "accounts", key=key, secret=SECRET, balances=funds)
        furnish(folder)
        return evolve(self, folder=folder, key=key)

    @property
    def environment(self) -> dict[str, str]:
        """What a command needs to trade here."""
        return {
            "BTCTURK_BASE_URL": self.doors.base_url,
            "BTCTURK_GRAPH_URL": self.doors.base_url,
            "BTCTURK_WS_URL": self.doors.stream_url,
            "BTCTURK_API_KEY": self.key,
            "BTCTURK_API_SECRET": SECRET,
            "MEVA_CACHE_DIR": str(self.folder / "cache"),
            "MEVA_STRATEGY_PATH": str(self.folder / "strategies"),
            "HOME": str(self.folder),
        }

    # -- Told from outside its API ---------------------------------------------------------------------

    def looked(self, look: Callable[[World], T]) -> T:
        """Look at the exchange in between two of its calls."""
        found: Future[T] = Future()

        def work() -> None:
            try:
                found.set_result(look(self.world))
            except BaseException as error:  # noqa: BLE001 - it is the test's
                found.set_exception(error)

        self._loop.call_soon_threadsafe(work)
        return found.result(timeout=60)

    def awaited(self, work: Coroutine[Any, Any, T]) -> T:
        """Await something in the exchange's own thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    def hears(self, hear: Callable[[Call], None]) -> None:
        """Have the exchange tell of each call before it answers it: whoever called waits meanwhile."""

        def set_so(world: World) -> None:
            world.hears = hear

        self.looked(set_so)

    def control(self, method: str, path: str, /, **body: Any) -> Any:
        """Call the control endpoint."""
        url = f"{self.doors.base_url}/_emulator/{path}"
        reply = requests.request(method, url, json=body or None, timeout=60)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def fault(self, fault: str, on: str = "*", /, **settings: Any) -> None:
        """Add a rule of faults."""
        self.control("POST", "faults", fault=fault, on=on, **settings)

    def faults(self, rules: list[dict[str, Any]], **policy: Any) -> None:
        """Set rules and switches."""
        if rules:
            self.control("POST", "faults", rules=rules)
        if policy:
            self.control("POST", "policy", **policy)

    def quiet(self, **policy: Any) -> None:
        """Take all faults away, and give all budgets back."""
        self.control("DELETE", "faults")
        usual = {"cancel_ms": 20, "orders_delay_ms": 0, "fills_delay_ms": 0, "balances_delay_ms": 0}
        self.control("POST", "policy", **(usual | {"clock_skew_ms": 0} | policy))
        self.control("POST", "limits/reset")

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.control("POST", "clock", milliseconds=int(seconds * 1000))

    def transfer(self, asset: str, amount: str, **more: Any) -> None:
        """Let the user bring funds in, or take them out."""
        self.control("POST", "transfers", key=self.key, asset=asset, amount=amount, **more)

    def by_hand(self, pair: str, side: str, quantity: str, price: str = "0", **more: Any) -> Any:
        """Trade as the user would on the exchange's site; without a price at the market."""
        body = {
            "pairSymbol": pair, "orderType": side, "quantity": quantity, "price": price,
            "orderMethod": "market" if price == "0" else "limit", "newOrderClientId": "", **more,
        }  # fmt: skip
        headers = signed(self.key, stamp=self.looked(lambda world: world.venue.clock()))
        reply = requests.post(f"{self.doors.base_url}/api/v1/order", json=body, headers=headers, timeout=60)
        assert reply.status_code == 200, reply.text
        return reply.json()["data"]

    # -- Its own books -------------------------------------------------------------------------------------

    def orders(self) -> list[Order]:
        """All orders of the user, oldest first."""
        return self.looked(lambda w: [*w.venue.exchange.register.of(self.user).orders.values()])

    def ours(self) -> list[Order]:
        """Those that a program of ours has named."""
        return [order for order in self.orders() if order.client_id[:3] in ("s3:", "s4:")]

    def fills(self) -> list[Fill]:
        """All fills of those."""
        return [fill for order in self.ours() for fill in order.fills]

    def total(self, asset: str) -> int:
        """Free and locked of an asset, e8."""
        return self.looked(lambda _: self.user.balance(asset).total)

    def broken(self) -> list[str]:
        """What does not hold in the exchange's own books: nothing, ever."""
        found: list[str] = self.control("GET", "state")["broken"]
        return found

    def happened(self) -> Counter[str]:
        """Faults that happened, by kind."""
        return self.looked(lambda world: Counter(world.faults.happened))


def differences(account: LiveAccount, db: Path | str) -> list[str]:
    """Return what a database has otherwise than the exchange's own books: of orders, fills, cash and coins;
    and what of its cycles is not decided again as it was.

    To be asked when all is quiet: nothing is under way. The live book's coins and the foreign ones make the
    balance together, and its cash is all the TRY there are.
    """
    found = [*_orders(account, db), *_fills(account, db), *_holdings(account, db), *account.broken()]
    return [*found, *_rechecked(account, db)]


WORDS = {"Closed": "filled", "Canceled": "canceled", "Untouched": "open", "Partial": "partially_filled"}
"""How an order stands: in the exchange's word, and in ours."""


def _orders(account: LiveAccount, db: Path | str) -> Iterator[str]:
    rows = rows_of(db, "SELECT * FROM stage4_orders WHERE mode = 'live' AND book IS NULL")
    named = Counter(order.client_id for order in account.ours())
    yield from (f"{name}: {count} orders at the exchange" for name, count in named.items() if count > 1)
    by_number = {row["exchange_order_id"]: row for row in rows if row["exchange_order_id"]}
    for order in account.ours():
        row = by_number.pop(str(order.id), None)
        if row is None:
            yield f"{order.client_id}, {order.id}: not in the file"
            continue
        said = (row["symbol"], row["side"], Decimal(row["price"]), Decimal(row["qty"]))
        is_so = (order.pair, order.side.word.upper(), _e8(order.price), _e8(order.amount))
        if said != is_so:
            yield f"{order.client_id}: {said} in the file, {is_so} at the exchange"
        if row["status"] != WORDS[order.status.value]:
            yield f"{order.client_id}: {row['status']} in the file, {order.status.value} at the exchange"
        filled = order.amount - order.left
        if Decimal(row["filled_qty"] or 0) != _e8(filled):
            yield f"{order.client_id}: {row['filled_qty']} filled in the file, {_e8(filled)} at the exchange"
        if not order.status.is_open and filled and not row["fill_complete"]:
            yield f"{order.client_id}: its fills are not known to be complete"
    yield from (f"{number}: in the file, not at the exchange" for number in by_number)
    for row in rows:
        if row["exchange_order_id"] is None and row["status"] in ("sending", "unknown"):
            yield f"{row['client_order_id']}: {row['status']}"


def _fills(account: LiveAccount, db: Path | str) -> Iterator[str]:
    rows = rows_of(db, "SELECT * FROM stage4_fills WHERE book IS NULL AND run_id IS NOT NULL")
    stored = {row["fill_id"]: _of_row(row) for row in rows}
    made = {str(fill.id): _of_fill(fill) for fill in account.fills()}
    for key in sorted(stored.keys() | made.keys()):
        if stored.get(key) != made.get(key):
            yield f"fill {key}: {stored.get(key)} in the file, {made.get(key)} at the exchange"


def _of_row(row: Mapping[str, Any]) -> tuple[Any, ...]:
    amounts = (Decimal(row[name]) for name in ("price", "qty", "fee"))
    return row["symbol"], row["side"].upper(), row["order_id"], *amounts


def _of_fill(fill: Fill) -> tuple[Any, ...]:
    amounts = (_e8(fill.price), _e8(fill.qty), _e8(fill.fee + fill.tax))
    return fill.pair, fill.side.word.upper(), str(fill.order_id), *amounts


def _holdings(account: LiveAccount, db: Path | str) -> Iterator[str]:
    book = book_of(db)["ledger"]
    held = Counter({"TRY": parse_e8(book["cash"])})
    for symbol, holding in book["holdings"].items():
        held[symbol.removesuffix("TRY")] += parse_e8(holding["qty"])
    for asset, amount in book["foreign"].items():
        held[asset] += parse_e8(amount)
    for asset in sorted({*held, "TRY", *(pair.removesuffix("TRY") for pair in PAIRS)}):
        if held[asset] != account.total(asset):
            yield f"{asset}: {format_e8(held[asset])} in the book, {format_e8(account.total(asset))} there"


def _rechecked(account: LiveAccount, db: Path | str) -> Iterator[str]:
    done = called(account, "recheck", "--db", db, "--book", "live", "--last", 100_000)
    if done.returncode:
        yield f"recheck: {done.stdout}{done.stderr}"


def book_of(db: Path | str, name: str = "live") -> dict[str, Any]:
    """Return the document of a book."""
    [row] = rows_of(db, "SELECT book_json FROM live_books WHERE book = ?", name)
    found: dict[str, Any] = row["book_json"]["book"]
    return found


def _e8(amount: int) -> Decimal:
    return Decimal(amount) / E8


def furnish(folder: Path) -> None:
    """Put the strategies of these tests into a folder."""
    for name in ("strategies", "cache"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "strategies" / "restless.py").write_text(RESTLESS)
    brief = RESTLESS.replace("Restless", "Brief").replace("restless", "brief")
    brief = brief.replace("130, limit=s.bid", "130, limit=s.bid * 99 / 100")
    (folder / "strategies" / "brief.py").write_text(brief.replace("asked = []", BRIEF))


@contextmanager
def live_account(
    folder: Path, pairs: tuple[str, ...] = PAIRS, begin: int = BEGIN, **changes: Any
) -> Iterator[LiveAccount]:
    """Serve an exchange of these pairs, its time beginning at so many ms, until the block is left."""
    document = builtin_document()
    document["symbols"] = [row for row in document["symbols"] if row["name"] in pairs]
    listing = folder / "exchangeinfo.json"
    listing.write_text(json.dumps(document))
    furnish(folder)
    given = {"key": KEY, "secret": SECRET, "balances": FUNDS, "exchangeinfo": listing, "seed": 7, **changes}
    loop, ready, stop = asyncio.new_event_loop(), Future[tuple[World, Doors]](), asyncio.Event()

    async def main() -> None:
        world = build_world(Options(**given), ManualClock(begin))
        async with serving(world, "127.0.0.1", 0) as doors:
            ready.set_result((world, doors))
            await stop.wait()

    def work() -> None:
        try:
            loop.run_until_complete(main())
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)
        finally:
            wind_up(loop)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        world, doors = ready.result(timeout=60)
        yield LiveAccount(world, doors, folder, loop)
    finally:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=60)


def staged(
    account: LiveAccount, *more: object, stage: str = "stage4", db: str = "a.db", cycles: int = 1,
    interval: int = 60, **changes: str,
) -> CompletedProcess[str]:  # fmt: skip
    """Run cycles of a stage to their end, by the emulator's time."""
    command = command_of(stage, db, cycles, interval, *more)
    return run(*command, cwd=account.folder, env=armed(account, **changes), timeout=120)


def looping(
    account: LiveAccount, *more: object, stage: str = "stage4", db: str = "a.db", cycles: int = 1_000,
    interval: int = 60, **changes: str,
) -> Started:  # fmt: skip
    """Start cycles of a stage, by the emulator's time: each ends with a line on stdout."""
    command = command_of(stage, db, cycles, interval, *more)
    return start(*command, cwd=account.folder, env=armed(account, **changes))


def command_of(stage: str, db: str, cycles: int, interval: int, *more: object) -> tuple[object, ...]:
    """Return the command line of so many cycles."""
    often = ("--loop", "--interval", interval, "--cycles", cycles)
    return ("run", stage, "--db", db, "--clock", "emulator", *often, *more)


def called(account: LiveAccount, *arguments: object, **changes: str) -> CompletedProcess[str]:
    """Run any other command for an account."""
    return run(*arguments, cwd=account.folder, env=armed(account, **changes), timeout=120)


def armed(account: LiveAccount, **changes: str) -> dict[str, str]:
    """Return the environment of a live run, its gates open; a path is taken from the machine's own."""
    return {"PATH": os.environ["PATH"], **account.environment, **BUSY, **ARMED, **changes}
