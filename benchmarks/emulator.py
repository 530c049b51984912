"""Requests a second of the emulator, and whether its books add up to the last digit afterwards.

    python -m benchmarks.emulator [--seconds 10] [--connections 16] [--at-least N]

The emulator runs in a process of its own, with its signature check on and its budgets off. This process sends
a mix of 60 % reads and 40 % orders and cancels over keep-alive connections, waits for every reply, and then
asks: does the emulator find its identities whole, is every accepted order there, do its fills explain the
balances?
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections import Counter
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.parse import urlsplit

KEY: Final = "b7e1c0de-0000-4000-8000-000000000001"
SECRET: Final = base64.b64decode("ZW11bGF0b3Itc2VjcmV0LWtleS0zMi1ieXRlcy14eXo=")
OPENING: Final = {"TRY": Decimal(50_000_000), "BTC": Decimal(20)}
_MIX: Final = (
    ("ticker", 15),
    ("orderbook", 15),
    ("balances", 10),
    ("open_orders", 10),
    ("order", 10),
    ("place", 28),
    ("cancel", 12),
)


class Connection:
    """One keep-alive connection: a request, its reply, the next one."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, host: str, port: int) -> Connection:
        """Connect."""
        return cls(*await asyncio.open_connection(host, port))

    async def call(self, method: str, path: str, body: bytes = b"", *, sign: bool = False) -> tuple[int, Any]:
        """Send a request and return status and parsed body."""
        head = [f"{method} {path} HTTP/1.1", "Host: emulator", f"Content-Length: {len(body)}"]
        if sign:
            stamp = str(time.time_ns() // 10**6)
            digest = hmac.digest(SECRET, (KEY + stamp).encode(), "sha256")
            head += [
                f"X-PCK: {KEY}",
                f"X-Stamp: {stamp}",
                f"X-Signature: {base64.b64encode(digest).decode()}",
            ]
            head.append("Content-Type: application/json")
        self._writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        reply = await self._reader.readuntil(b"\r\n\r\n")
        status = int(reply[9:12])
        length = int(reply.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return status, json.loads(await self._reader.readexactly(length) or b"null")

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        await self._writer.wait_closed()


class Trader:
    """Sends the mix over one connection and remembers what was accepted."""

    def __init__(self, number: int, connection: Connection, middle: int) -> None:
        self._random = Random(number)
        self._connection = connection
        self._middle = middle
        self._prefix = f"load-{number}-"
        self.accepted: list[int] = []
        self.replies: Counter[tuple[str, int]] = Counter()

    async def run(self, until: float) -> None:
        """Send until the time is over."""
        kinds, weights = zip(*_MIX, strict=True)
        while time.monotonic() < until:
            kind = self._random.choices(kinds, weights)[0]
            if kind in ("order", "cancel") and not self.accepted:
                kind = "place"
            status = await getattr(self, f"_{kind}")()
            self.replies[kind, status] += 1

    async def _ticker(self) -> int:
        return (await self._connection.call("GET", "/api/v2/ticker?pairSymbol=BTCTRY"))[0]

    async def _orderbook(self) -> int:
        return (await self._connection.call("GET", "/api/v2/orderbook?pairSymbol=BTCTRY"))[0]

    async def _balances(self) -> int:
        return (await self._connection.call("GET", "/api/v1/users/balances", sign=True))[0]

    async def _open_orders(self) -> int:
        path = "/api/v1/openOrders?pairSymbol=ETHTRY"
        return (await self._connection.call("GET", path, sign=True))[0]

    async def _order(self) -> int:
        number = self._random.choice(self.accepted[-50:])
        return (await self._connection.call("GET", f"/api/v1/order/{number}", sign=True))[0]

    async def _place(self) -> int:
        side = self._random.choice(["buy", "sell"])
        # Half of the orders rest near the touch, the others trade.
        away = self._random.randrange(-40, 40) * self._middle // 10_000
        fields = {
            "pairSymbol": "BTCTRY",
            "orderType": side,
            "orderMethod": "limit",
            "quantity": f"0.000{self._random.randrange(100, 999)}",
            "price": str(self._middle + away),
            "newOrderClientId": self._prefix + str(len(self.accepted)),
        }
        status, reply = await self._connection.call(
            "POST", "/api/v1/order", json.dumps(fields).encode(), sign=True
        )
        if status == 200:
            self.accepted.append(reply["data"]["id"])
        return status

    async def _cancel(self) -> int:
        number = self._random.choice(self.accepted[-20:])
        return (await self._connection.call("DELETE", f"/api/v1/order?id={number}", sign=True))[0]


async def load(host: str, port: int, seconds: float, connections: int) -> tuple[list[Trader], float]:
    """Send the mix for so long; return the traders and the seconds it took."""
    first = await Connection.open(host, port)
    _, reply = await first.call("GET", "/api/v2/ticker?pairSymbol=BTCTRY")
    middle = int(reply["data"][0]["last"])
    lines = [first, *[await Connection.open(host, port) for _ in range(connections - 1)]]
    traders = [Trader(number, line, middle) for number, line in enumerate(lines)]
    begun = time.monotonic()
    await asyncio.gather(*(trader.run(begun + seconds) for trader in traders))
    took = time.monotonic() - begun
    for line in lines:
        await line.close()
    return traders, took


async def cpu_seconds(host: str, port: int) -> float:
    """Return the processor time that the emulator has used."""
    line = await Connection.open(host, port)
    _, state = await line.call("GET", "/_emulator/state")
    await line.close()
    return float(state["cpu_seconds"])


async def settle(host: str, port: int, accepted: set[int]) -> list[str]:
    """Cancel what is open and return everything that does not add up."""
    line = await Connection.open(host, port)
    _, reply = await line.call("GET", "/api/v1/openOrders", sign=True)
    for row in reply["data"]["asks"] + reply["data"]["bids"]:
        await line.call("DELETE", f"/api/v1/order?id={row['id']}", sign=True)
    await asyncio.sleep(0.2)
    faults = list((await line.call("GET", "/_emulator/state"))[1]["broken"])
    orders = await _all_orders(line)
    if set(orders) != accepted:
        faults.append(f"{len(set(orders) ^ accepted)} orders are there but were not accepted, or the reverse")
    explained = dict(OPENING)
    for number, row in orders.items():
        if row["status"] not in ("Closed", "Canceled"):
            faults.append(f"order {number} is {row['status']} after its cancel")
        if Decimal(row["amount"]) != Decimal(row["leftAmount"]):
            await _explain(line, number, row, explained, faults)
    _, reply = await line.call("GET", "/api/v1/users/balances", sign=True)
    for row in reply["data"]:
        asset, held = row["asset"], Decimal(row["balance"])
        if held != explained.get(asset, Decimal(0)) or Decimal(row["locked"]) != 0:
            faults.append(
                f"{asset}: {held} held ({row['locked']} locked), the fills say {explained.get(asset)}"
            )
    await line.close()
    return faults


async def _all_orders(line: Connection) -> dict[int, Any]:
    orders: dict[int, Any] = {}
    page = 1
    while True:
        path = f"/api/v1/allOrders?pairSymbol=BTCTRY&limit=1000&page={page}"
        _, reply = await line.call("GET", path, sign=True)
        orders.update({row["id"]: row for row in reply["data"]})
        if len(reply["data"]) < 1000:
            return orders
        page += 1


async def _explain(
    line: Connection, number: int, row: Any, explained: dict[str, Decimal], faults: list[str]
) -> None:
    """Book an order's fills, and hold their sum against what the order says."""
    _, reply = await line.call("GET", f"/api/v1/users/transactions/trade?orderId={number}", sign=True)
    filled = Decimal(0)
    for fill in reply["data"]:
        qty, price = Decimal(fill["amount"]), Decimal(fill["price"])
        filled += abs(qty)
        # The exchange rounds the money of a match down to 1e-8.
        money = (abs(qty) * price).quantize(Decimal("1e-8"), rounding="ROUND_DOWN")
        explained["BTC"] += qty
        explained["TRY"] += (money if qty < 0 else -money) + Decimal(fill["fee"]) + Decimal(fill["tax"])
    if filled != Decimal(row["amount"]) - Decimal(row["leftAmount"]):
        faults.append(f"order {number}: its fills add up to {filled}")


def serve(folder: Path) -> tuple[subprocess.Popen[str], str, int]:
    """Start an emulator without budgets and wait until it is ready."""
    plan = folder / "plan.json"
    plan.write_text(json.dumps({"policy": {"limits": False, "cancel_ms": 20}}))
    arguments = ["emulator", "serve", "--port", "0", "--json", "--faults", str(plan), "--seed", "1"]
    for asset, amount in OPENING.items():
        arguments += ["--balance", f"{asset}={amount}"]
    command = [sys.executable, "-c", "from meva_cli.app import main; main()", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    address = urlsplit(json.loads(process.stdout.readline())["environment"]["BTCTURK_BASE_URL"])
    assert address.hostname is not None
    assert address.port is not None
    return process, address.hostname, address.port


async def drive(host: str, port: int, seconds: float, connections: int) -> tuple[float, list[str]]:
    """Load and settle; print what happened; return requests a second and what is wrong."""
    before = await cpu_seconds(host, port)
    traders, took = await load(host, port, seconds, connections)
    spent = await cpu_seconds(host, port) - before
    replies = sum((trader.replies for trader in traders), Counter[tuple[str, int]]())
    accepted = {number for trader in traders for number in trader.accepted}
    rate = sum(replies.values()) / took
    for (kind, status), count in sorted(replies.items()):
        print(f"{kind:12}{status:5}{count:8}")
    print(f"{sum(replies.values())} requests in {took:.1f} s, {connections} connections: {rate:.0f} a second")
    print(f"{sum(replies.values()) / spent:.0f} for each second of the emulator's processor time")
    faults = await settle(host, port, accepted)
    print("\n".join(faults) or f"{len(accepted)} orders and every balance add up to the last digit")
    return rate, faults


def main() -> int:
    """Measure; 1 if the books do not add up, or the rate stays below --at-least."""
    parser = ArgumentParser(description="Load the emulator from another process.")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--at-least", type=float, default=0.0, help="requests a second")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        process, host, port = serve(Path(folder))
        try:
            rate, faults = asyncio.run(drive(host, port, given.seconds, given.connections))
        finally:
            process.terminate()
            process.wait(timeout=20)
    return 1 if faults or rate < given.at_least else 0


if __name__ == "__main__":
    sys.exit(main())
