"""The calls of the REST interface and how often each may be made."""

from __future__ import annotations

from enum import Enum
from typing import Final

from attrs import frozen


@frozen
class Budget:
    """At most `calls` within any `seconds`."""

    calls: int
    seconds: float


class Host(Enum):
    """Which of the exchange's hosts answers."""

    API = "api"
    GRAPH = "graph"


@frozen
class Endpoint:
    """One call. Endpoints of one `quota` share their budgets.

    Answers come in the exchange's envelope, which says of itself that it is a success, unless `bare`.
    """

    method: str
    path: str
    quota: str
    budgets: tuple[Budget, ...]
    host: Host = Host.API
    private: bool = False
    write: bool = False
    bare: bool = False


# The documented limits; where there is none, one that no honest client would reach.
_UNLISTED: Final = (Budget(120, 60),)
_ORDER: Final = (Budget(10, 1), Budget(300, 60))
_GRAPH: Final = (Budget(120, 60), Budget(600, 600))

SERVER_TIME: Final = Endpoint("GET", "/api/v2/server/time", "server/time", _UNLISTED, bare=True)
EXCHANGE_INFO: Final = Endpoint("GET", "/api/v2/server/exchangeinfo", "exchangeinfo", _UNLISTED)
TICKER: Final = Endpoint("GET", "/api/v2/ticker", "ticker", (Budget(600, 60),))
BOOK: Final = Endpoint("GET", "/api/v2/orderbook", "orderbook", (Budget(180, 60),))
TRADES: Final = Endpoint("GET", "/api/v2/trades", "trades", _UNLISTED)
STREAM: Final = Endpoint("GET", "/", "stream", (Budget(15, 60),))
"""A new connection to the stream; what is joined on it is not counted."""
KLINES: Final = Endpoint("GET", "/v1/klines/history", "graph", _GRAPH, host=Host.GRAPH, bare=True)

BALANCES: Final = Endpoint("GET", "/api/v1/users/balances", "balances", (Budget(120, 60),), private=True)
OPEN_ORDERS: Final = Endpoint("GET", "/api/v1/openOrders", "openOrders", (Budget(300, 60),), private=True)
ALL_ORDERS: Final = Endpoint("GET", "/api/v1/allOrders", "allOrders", (Budget(300, 60),), private=True)
ORDER: Final = Endpoint(
    "GET", "/api/v1/order/{id}", "order/id", (Budget(30, 1), Budget(900, 60)), private=True
)
FILLS: Final = Endpoint(
    "GET", "/api/v1/users/transactions/trade", "transactions", (Budget(120, 60),), private=True
)
_FLOWS: Final = (Budget(90, 60),)
CRYPTO_FLOWS: Final = Endpoint(
    "GET", "/api/v1/users/transactions/crypto", "transactions other", _FLOWS, private=True
)
FIAT_FLOWS: Final = Endpoint(
    "GET", "/api/v1/users/transactions/fiat", "transactions other", _FLOWS, private=True
)
SUBMIT: Final = Endpoint("POST", "/api/v1/order", "order post", _ORDER, private=True, write=True)
CANCEL: Final = Endpoint("DELETE", "/api/v1/order", "order delete", _ORDER, private=True, write=True)
