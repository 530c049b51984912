"""A simulated exchange whose market a test moves; of `MarketData` and `RulesSource` it has what tests ask."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal

from attrs import define, evolve, field

from meva_core.amounts import E8, to_decimal
from meva_core.rules import RuleStatus, SymbolRules
from meva_core.simulated.books import Books
from meva_core.simulated.terms import Terms
from meva_core.simulated.touches import Touch
from meva_core.simulated.venue import SimulatedVenue
from meva_core.venue import Book, Level

MICROS = 10**6
START = 1_700_000_000
TRY, BTC = 100_000 * E8, 2 * E8
MAKER, TAKER, SLIPPAGE = 12 * E8, 24 * E8, 25 * E8  # rates in 1e-12
TERMS = Terms(maker=MAKER, taker=TAKER, slippage=SLIPPAGE, max_data_age=60)
BTCTRY = SymbolRules(
    "BTCTRY", RuleStatus.OK, Decimal(1), Decimal("0.00000001"), Decimal("99.91"),
    max_price=Decimal(10_000_000), quote="TRY",
)  # fmt: skip
ETHTRY = evolve(BTCTRY, symbol="ETHTRY", lot_size=Decimal("0.001"), max_qty=Decimal(50))
RULES = (BTCTRY, ETHTRY)


@define
class Moved:
    """The exchange's clock, in microseconds; a test moves it."""

    now: int = START * MICROS

    def micros(self) -> int:
        return self.now


@define
class Shown:
    """What the market shows: the touches that were handed over last."""

    clock: Moved
    touches: dict[str, Touch] = field(factory=dict)
    listed: Mapping[str, SymbolRules] = field(factory=lambda: {rule.symbol: rule for rule in RULES})

    def now(self) -> int:
        return self.clock.now

    def book(self, symbol: str) -> Book:
        touch = self.touches[symbol]
        sides = ((touch.bid, touch.bid_size), (touch.ask, touch.ask_size))
        bids, asks = (
            () if price is None else (Level(to_decimal(price), to_decimal(size or E8)),)
            for price, size in sides
        )
        return Book(symbol, touch.ts, bids, asks)

    def rules(self, symbols: Sequence[str]) -> Sequence[SymbolRules]:
        return [self.listed[symbol] for symbol in symbols]


@define
class Exchange:
    """A venue, its clock and its market. `show` measures and hands it over, as a cycle does."""

    venue: SimulatedVenue
    clock: Moved
    market: Shown

    def show(self, *touches: Touch) -> None:
        self.market.touches |= {touch.symbol: touch for touch in touches}
        self.venue.meet(self.clock.now // MICROS, touches, self.market.listed.values())

    def next(self, *touches: Touch, seconds: int = 60) -> None:
        """Let time go on, then show rows that are stamped then."""
        self.clock.now += seconds * MICROS
        self.show(*(evolve(touch, ts=self.clock.now) for touch in touches))


def exchange(terms: Terms = TERMS, books: Books | None = None, clock: Moved | None = None) -> Exchange:
    """Return an exchange whose account has TRY and BTC; nothing has been shown to it yet."""
    clock = clock or Moved()
    books = books or Books(name="stage4-dry", totals={"TRY": TRY, "BTC": BTC})
    return Exchange(SimulatedVenue(books, terms, clock, rules=RULES), clock, Shown(clock))


def touch(
    bid: str | None,
    ask: str | None,
    *,
    symbol: str = "BTCTRY",
    sizes: tuple[str | None, str | None] = (None, None),
    ts: int = START * MICROS,
    last: str | None = None,
) -> Touch:
    """Return a row of a book, its amounts given as text."""
    amounts = [None if text is None else int(Decimal(text) * E8) for text in (bid, ask, *sizes, last)]
    return Touch(
        symbol=symbol, ts=ts, bid=amounts[0], ask=amounts[1], bid_size=amounts[2], ask_size=amounts[3],
        last=amounts[4],
    )  # fmt: skip


def stored_and_read(text: str) -> Mapping[str, object]:
    """Return a document as a database gives it back."""
    found: Mapping[str, object] = json.loads(text)
    return found
