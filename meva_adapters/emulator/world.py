"""The emulator put together: an exchange with its markets, users and driver, on a clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

from attrs import define, field, frozen

from meva_adapters.emulator.api.calls import Call
from meva_adapters.emulator.api.policy import Policy
from meva_adapters.emulator.api.venue import Venue
from meva_adapters.emulator.exchange.matching import Exchange
from meva_adapters.emulator.faults.rules import FaultRules, read_fault_file
from meva_adapters.emulator.manual_clock import ManualClock
from meva_adapters.emulator.markets.candles import Tape
from meva_adapters.emulator.markets.driver import Driver, build, leading_minutes
from meva_adapters.emulator.markets.metadata import (
    Listing,
    builtin_listing,
    inner_document,
    listing_of,
    read_document,
)
from meva_adapters.emulator.markets.recorded import DatasetRecording, first_prices, history_of
from meva_adapters.replay import Dataset, open_dataset


@frozen
class Options:
    """What the emulator is started with. Balances are e8 by asset; `speed` is recorded seconds in one."""

    key: str
    secret: str = field(repr=False)
    balances: Mapping[str, int]
    exchangeinfo: Path | None = None
    data: Path | None = None
    speed: Fraction = Fraction(1)
    seed: int = 0
    faults: Path | None = None


@define(eq=False, repr=False)
class World:
    """A running exchange without its sockets."""

    venue: Venue
    driver: Driver
    faults: FaultRules
    hears: Callable[[Call], None] = lambda _: None
    """Is told of each call before anything is done about it."""

    def step(self) -> None:
        """Let the markets come to the present."""
        now = self.venue.clock()
        self.venue.exchange.advance(now)
        self.driver.step(now)
        self.venue.publish()

    @property
    def manual_clock(self) -> ManualClock | None:
        """The clock, if it moves on command."""
        clock = self.venue.clock
        return clock if isinstance(clock, ManualClock) else None


def build_world(options: Options, clock: Callable[[], int]) -> World:
    """Return an exchange that is open for business; raises BadInput for files that it cannot be made from."""
    dataset = None if options.data is None else open_dataset(options.data)
    listing = _listing(options, dataset)
    exchange = Exchange(listing.pairs)
    now = clock()
    driver = build(
        exchange,
        listing.start_prices,
        options.seed,
        now,
        _recorded_tapes(dataset, listing, options.seed, now),
    )
    if dataset is not None:
        driver.recording, driver.speed = DatasetRecording(dataset), options.speed
    faults, policy = _faults(options)
    venue = Venue(exchange, listing, driver.tapes, clock, policy)
    venue.open_user(options.key, options.secret, options.balances)
    driver.begin(now)
    venue.publish()
    return World(venue, driver, faults)


def _faults(options: Options) -> tuple[FaultRules, Policy]:
    """Return the rules of faults and the switches that the faults file asks for."""
    faults, policy = FaultRules(options.seed), Policy()
    if options.faults is not None:
        file = read_fault_file(options.faults)
        faults.seed = options.seed if file.seed is None else file.seed
        faults.add(*file.rules)
        policy.change(file.policy)
    return faults, policy


def _listing(options: Options, dataset: Dataset | None) -> Listing:
    """Return the pairs of the given file, else of the dataset, else the built-in ones."""
    prices = {} if dataset is None else first_prices(dataset)
    if options.exchangeinfo is not None:
        return listing_of(read_document(options.exchangeinfo), prices, str(options.exchangeinfo))
    if dataset is not None and dataset.exchangeinfo is not None:
        where = f"{dataset.root}/exchangeinfo.json"
        return listing_of(inner_document(dataset.exchangeinfo, where), prices, where)
    return builtin_listing(prices)


def _recorded_tapes(dataset: Dataset | None, listing: Listing, seed: int, now: int) -> dict[str, Tape]:
    """Return the tapes of a dataset's pairs: their candles, and made-up minutes right before now.

    Without the latter a client that looks back from the present would find nothing for as long as it looks.
    """
    tapes: dict[str, Tape] = {}
    if dataset is None:
        return tapes
    for symbol in dataset.symbols:
        pair, price = listing.pairs[symbol], listing.start_prices[symbol]
        lead = leading_minutes(pair, price, seed, now // 1000, dataset.end)
        tapes[symbol] = Tape((history_of(dataset, symbol), lead))
    return tapes
