"""From a call to its reply: which endpoint, whose key, which budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from attrs import frozen

from meva_adapters.emulator.api import account, graph, orders, public
from meva_adapters.emulator.api.auth import Key
from meva_adapters.emulator.api.calls import Call, Failed, Reply, refused
from meva_adapters.emulator.api.venue import Venue
from meva_adapters.emulator.bounds import is_writable
from meva_adapters.emulator.exchange.rejections import Reason

Open = Callable[[Venue, Call], Reply]
Signed = Callable[[Venue, Call, Key], Reply]


@frozen
class Public:
    """An endpoint for everyone. `budgets` are the endpoint classes that a call is counted in."""

    answer: Open
    budgets: tuple[str, ...] = ()


@frozen
class Private:
    """An endpoint for the owner of a key with a permission."""

    answer: Signed
    permission: str
    budget: str


Endpoint = Public | Private
_TRADE: Final = "trade"

ROUTES: Final[Mapping[tuple[str, str], Endpoint]] = {
    ("GET", "/api/v2/server/exchangeinfo"): Public(public.exchange_info),
    ("GET", "/api/v2/server/time"): Public(public.server_time),
    ("GET", "/api/v2/server/ping"): Public(public.ping),
    ("GET", "/api/v2/ticker"): Public(public.ticker, ("ticker",)),
    ("GET", "/api/v2/ticker/currency"): Public(public.ticker_of_currency, ("ticker",)),
    ("GET", "/api/v2/orderbook"): Public(public.orderbook, ("orderbook",)),
    ("GET", "/api/v2/trades"): Public(public.trades),
    ("GET", "/api/v2/ohlc"): Public(public.ohlc),
    ("GET", "/v1/klines/history"): Public(graph.klines, ("graph",)),
    ("GET", "/v1/ohlcs"): Public(graph.ohlcs, ("ohlcs", "graph")),
    ("GET", "/api/v1/users/balances"): Private(account.balances, "balances", "balances"),
    ("GET", "/api/v1/openorders"): Private(orders.open_orders, _TRADE, "open_orders"),
    ("GET", "/api/v1/allorders"): Private(orders.all_orders, _TRADE, "all_orders"),
    ("GET", "/api/v1/order/*"): Private(orders.one_order, _TRADE, "order.get"),
    ("POST", "/api/v1/order"): Private(orders.place, _TRADE, "order.post"),
    ("DELETE", "/api/v1/order"): Private(orders.cancel, _TRADE, "order.delete"),
    ("GET", "/api/v1/users/transactions/trade"): Private(account.trades, "account", "transactions.trade"),
    ("GET", "/api/v1/users/transactions/trade/*"): Private(
        account.one_trade, "account", "transactions.trade"
    ),
    **{
        (method, f"/api/v1/users/transactions/{kind}"): Private(
            account.transfers, "account", "transactions.other"
        )
        for method in ("GET", "POST")
        for kind in ("crypto", "fiat")
    },
}
"""By method and path in lower case; a star stands for one last part."""
_PATHS: Final = frozenset(path for _, path in ROUTES)


def endpoint_of(call: Call) -> Endpoint:
    """Return the endpoint of a call; raises Failed with an empty 404, or a 405."""
    path = call.path.lower()
    if path not in _PATHS:
        path = path.rpartition("/")[0] + "/*"
    endpoint = ROUTES.get((call.method, path))
    if endpoint is None:
        raise Failed(Reply(405 if path in _PATHS else 404, b"", content_type="text/plain"))
    return endpoint


def answer(venue: Venue, call: Call) -> Reply:
    """Answer a call whole. Whatever it does on the exchange has been published when this returns."""
    return begin(venue, call).finish()


def begin(venue: Venue, call: Call) -> Reply:
    """Answer a call, where it takes long but for the reply's `work`."""
    now = venue.clock()
    venue.exchange.advance(now)
    try:
        endpoint = endpoint_of(call)
        if not all(is_writable(text) for name in call.query for text in (name, *call.query[name])):
            raise refused(Reason.REQUEST.message)
        if isinstance(endpoint, Public):
            _spend(venue, endpoint.budgets, call, "", now)
            reply = endpoint.answer(venue, call)
        else:
            key = venue.keyring.identify(call, endpoint.permission, venue.server_time)
            _spend(venue, (endpoint.budget,), call, key.public, now)
            reply = endpoint.answer(venue, call, key)
    except Failed as e:
        reply = e.reply
    venue.publish()
    return reply


def _spend(venue: Venue, budgets: tuple[str, ...], call: Call, account_name: str, now: int) -> None:
    if venue.policy.limits:
        for budget in budgets:
            venue.limiter.spend(budget, call.remote, account_name, now)
