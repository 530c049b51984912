"""Wiring: settings in, ports out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import fields_dict, frozen

from meva_adapters.btcturk.calls import Calls
from meva_adapters.btcturk.client import Client, Manners
from meva_adapters.btcturk.endpoints import STREAM
from meva_adapters.btcturk.feed import Channel
from meva_adapters.btcturk.hosts import check_key_host, host_of, is_loopback
from meva_adapters.btcturk.observed import Observer
from meva_adapters.btcturk.payloads import Payloads
from meva_adapters.btcturk.private import PrivateData
from meva_adapters.btcturk.public import PublicData
from meva_adapters.btcturk.signing import Signer
from meva_adapters.btcturk.stream import Habits, Stream
from meva_core.errors import BadInput
from meva_core.ports import Account, Clock, MarketData, Permit, RulesSource, Venue
from meva_core.rules import FallbackRules
from meva_core.settings import Exchange
from meva_core.venue import NewOrder

API_VERSION = "v2"
"""Of the public calls; private ones are v1, candles the graph's v1."""


@frozen
class Btcturk:
    """The exchange as the core sees it. `account` and `venue` are None without a key."""

    client: Client
    payloads: Payloads
    market: MarketData
    rules: RulesSource
    account: Account | None
    venue: Venue | None

    def close(self) -> None:
        """Close the connections."""
        self.client.close()


def connect(
    exchange: Exchange,
    fallback: FallbackRules,
    clock: Clock,
    *,
    permit: Permit | None = None,
    with_account: bool = False,
    manners: Manners | None = None,
    calls: Calls | None = None,
    observer: Observer | None = None,
) -> Btcturk:
    """Return the exchange that the settings name. Nothing is asked of it yet.

    Without `with_account` no key is read, and there is no account. `permit` is asked right before every
    submit and cancel; without one nothing can be placed or canceled. `calls` is where calls are counted, by
    default for this connection alone; `observer` hears of each. Raises BadInput for addresses or
    credentials that cannot be used, and for an address that the key may not be sent to.
    """
    signer = check_account(exchange) if with_account else None
    client = Client(
        exchange.base_url,
        graph_address(exchange),
        clock,
        signer=signer,
        manners=manners,
        calls=calls,
        observer=observer,
    )
    payloads = Payloads()
    public = PublicData(client, fallback, payloads, exchange.rules_cache_ttl_sec)
    private = PrivateData(client, permit or _Never(), payloads) if signer else None
    return Btcturk(client, payloads, public, public, private, private if permit else None)


def check_account(exchange: Exchange) -> Signer:
    """Return what signs the calls of an account; raise BadInput for credentials that cannot be used, and for
    an address that the key may not be sent to."""
    check_key_host(exchange)
    return _signer(exchange)


@frozen
class _CountedDoor:
    """The stream's door: new connections are counted with all other calls from this address."""

    client: Client

    def enter(self) -> None:
        self.client.count(STREAM)

    def turned_away(self, retry_after: str | None) -> None:
        self.client.block(STREAM, retry_after)


def stream_of(
    opened: Btcturk,
    exchange: Exchange,
    joins: Sequence[tuple[Channel, str]],
    now: Callable[[], int],
    habits: Habits | None = None,
) -> Stream:
    """Return the stream of an exchange, still to be started; `now` is the time in microseconds by which what
    comes is stamped. Raises BadInput for an address that may not be used."""
    door = _CountedDoor(opened.client)
    return Stream(stream_address(exchange), opened.payloads, joins, now, habits=habits, door=door)


def graph_address(exchange: Exchange) -> str:
    """Return where candles are asked for: an emulator that stands alone answers for them, too.

    With REST on this machine and the graph's address left as it is, real candles would mix with made-up
    books.
    """
    return exchange.base_url if _alone(exchange, "graph_url") else exchange.graph_url


def stream_address(exchange: Exchange) -> str:
    """Return where the stream is, by the same rule."""
    if not _alone(exchange, "ws_url"):
        return exchange.ws_url
    return "ws" + exchange.base_url.removeprefix("http")


def _alone(exchange: Exchange, address: str) -> bool:
    """Whether REST is on this machine while another address is still the exchange's own."""
    default: str = getattr(fields_dict(Exchange)[address], "default", "")
    return getattr(exchange, address) == default and is_loopback(host_of(exchange.base_url))


def _signer(exchange: Exchange) -> Signer:
    if exchange.api_key is None or exchange.api_secret is None:
        raise BadInput(
            "BTCTURK_API_KEY and BTCTURK_API_SECRET are not both set",
            action="create a key at the exchange and set both, in the environment or in .env",
        )
    return Signer(exchange.api_key, exchange.api_secret)


class _Never:
    """The permit of who only reads."""

    def submit(self, order: NewOrder) -> None:
        raise BadInput(f"{order.client_id}: nothing may be written to the exchange here")

    def cancel(self, order_id: str) -> None:
        raise BadInput(f"order {order_id}: nothing may be written to the exchange here")
