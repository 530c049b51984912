"""The emulator put together: an exchange with its markets, users and driver, on a clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from attrs import define, field, frozen

from meva_adapters.emulator.api.policy import Policy
from meva_adapters.emulator.api.venue import Venue
from meva_adapters.emulator.exchange.matching import Exchange
from meva_adapters.emulator.markets.driver import Driver, build
from meva_adapters.emulator.markets.metadata import Listing, builtin_listing, listing_of, read_document


@frozen
class Options:
    """What the emulator is started with. Balances are e8 by asset; `speed` is recorded seconds in one."""

    key: str
    secret: str = field(repr=False)
    balances: Mapping[str, int]
    exchangeinfo: Path | None = None
    data: Path | None = None
    speed: int = 1
    seed: int = 0
    policy: Policy = field(factory=Policy)


@define(eq=False)
class World:
    """A running exchange without its sockets."""

    venue: Venue
    driver: Driver

    def step(self) -> None:
        """Let the markets come to the present."""
        now = self.venue.clock()
        self.venue.exchange.advance(now)
        self.driver.step(now)
        self.venue.publish()


def build_world(options: Options, clock: Callable[[], int]) -> World:
    """Return an exchange that is open for business; raises BadInput for files that it cannot be made from."""
    listing = _listing(options)
    exchange = Exchange(listing.pairs)
    now = clock()
    driver, tapes = build(exchange, listing.start_prices, options.seed, now, {})
    venue = Venue(exchange, listing, tapes, clock, options.policy)
    venue.open_user(options.key, options.secret, options.balances)
    driver.begin(now)
    venue.publish()
    return World(venue, driver)


def _listing(options: Options) -> Listing:
    if options.exchangeinfo is not None:
        return listing_of(read_document(options.exchangeinfo), {}, str(options.exchangeinfo))
    return builtin_listing({})
