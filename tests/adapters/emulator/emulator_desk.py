"""The emulator's API without sockets: calls go straight to the router, and time passes by hand."""

from __future__ import annotations

import json
from typing import Any

from emulator_server import BALANCES, E8, KEY, SECRET, HandClock, signed

from meva_adapters.emulator.api.calls import Call, Reply
from meva_adapters.emulator.api.router import answer
from meva_adapters.emulator.api.venue import Venue
from meva_adapters.emulator.exchange.accounts import TradingAccount
from meva_adapters.emulator.exchange.matching import Exchange
from meva_adapters.emulator.exchange.orders import Method, Order, Request, Side
from meva_adapters.emulator.markets.candles import Tape
from meva_adapters.emulator.markets.metadata import builtin_listing

ORDER = "/api/v1/order"
OPENED = 1_760_000_000_000
"""When a desk opens: a whole second, and the same in every run."""


class Desk:
    """An exchange with two pairs, one user and a house, and no market but what a test makes."""

    def __init__(self) -> None:
        self.clock = HandClock(OPENED)
        listing = builtin_listing({"BTCTRY": 3_000_000 * E8, "XRPUSDT": 141_800_000})
        self.exchange = Exchange(listing.pairs)
        self.house: TradingAccount = self.exchange.open_account("house", house=True)
        for asset in ("TRY", "BTC", "USDT", "XRP"):
            self.exchange.clearing.deposit(self.house, asset, 10**10 * E8, 0)
        self.venue = Venue(self.exchange, listing, {name: Tape(()) for name in listing.pairs}, self.clock)
        self.key = self.venue.open_user(KEY, SECRET, BALANCES)
        self.switch(cancel_ms=0)

    def switch(self, **switches: Any) -> None:
        """Set switches of the policy."""
        self.venue.policy.change(switches)
        self.venue.obey()

    def call(
        self, method: str, path: str, body: Any = None, *, remote: str = "127.0.0.1", **query: Any
    ) -> Reply:
        """Make a signed call; query values are one text or a list of them."""
        headers = {name.lower(): value for name, value in signed(stamp=self.clock()).items()}
        lists = {
            name: [str(v) for v in (value if isinstance(value, list) else [value])]
            for name, value in query.items()
        }
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return answer(self.venue, Call(method, path, lists, headers, raw, remote))

    def read(self, path: str, **query: Any) -> Any:
        """Return the data of a GET that has to succeed."""
        reply = self.call("GET", path, **query)
        assert reply.status == 200, reply.body
        return json.loads(reply.body)["data"]

    def refusal(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, int, str]:
        """Return status, code and message of a call that has to be refused."""
        reply = self.call(method, path, body, **query)
        tree = json.loads(reply.body)
        assert reply.status != 200, reply.body
        return reply.status, tree["code"], tree["message"]

    def buy(self, price: int = 2_900_000, quantity: str = "0.001", **more: Any) -> Any:
        """Place a limit buy on BTCTRY and return the accepted row."""
        fields = {"pairSymbol": "BTCTRY", "orderType": "buy", "orderMethod": "limit", "price": str(price)}
        reply = self.call("POST", ORDER, {**fields, "quantity": quantity, **more})
        assert reply.status == 200, reply.body
        return json.loads(reply.body)["data"]

    def offer(self, side: Side, price: int, quantity: int = E8, pair: str = "BTCTRY") -> Order:
        """Let the house place a limit order, price and quantity in e8."""
        request = Request(pair, side, Method.LIMIT, quantity, "house", price)
        return self.exchange.place_house(self.house, request, self.clock())
