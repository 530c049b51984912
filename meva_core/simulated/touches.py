"""The measured market as a simulated exchange sees it: the best bid and ask of each pair, and what is left
there."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen

from meva_core.amounts import ABSENT, midpoint
from meva_core.market import Market
from meva_core.operational.documents import Amount
from meva_core.orders import Side
from meva_core.settings import MarkSource
from meva_core.steps.measure import age_of
from meva_core.steps.settle import UNLIMITED


@frozen(kw_only=True)
class Touch:
    """A row of a book, stamped `ts` (microseconds). None where there is no value; a size that was not
    recorded limits no fill. `last` is the last price traded."""

    symbol: str
    ts: int
    bid: Amount | None
    ask: Amount | None
    bid_size: Amount | None = None
    ask_size: Amount | None = None
    last: Amount | None = None

    @property
    def two_sided(self) -> bool:
        """Whether both sides are there and not crossed."""
        return bool(self.bid and self.ask and self.bid <= self.ask)

    def mark(self, source: MarkSource) -> int | None:
        """Return the mark, by the setting of its source; None without one."""
        if self.two_sided and source is MarkSource.MID:
            assert self.bid is not None
            assert self.ask is not None
            return midpoint(self.bid, self.ask)
        return self.last or None


@frozen
class Row:
    """The newest row of a pair, and what our orders have left of its sizes."""

    touch: Touch
    bid_left: Amount | None
    ask_left: Amount | None

    def is_fresh(self, time: int, seconds: int) -> bool:
        """Whether the row is not older than so many seconds at a time in seconds."""
        return 0 <= age_of(time, self.touch.ts) <= seconds

    def opposite(self, side: Side) -> int:
        """Return the price that an order of a side would trade at; the row is two-sided."""
        price = self.touch.ask if side is Side.BUY else self.touch.bid
        assert price is not None
        return price

    def size(self, side: Side) -> int:
        """Return how much an order of a side may still take."""
        left = self.ask_left if side is Side.BUY else self.bid_left
        return UNLIMITED if left is None else left

    def used(self, side: Side, qty: int) -> Row:
        """Return the row after an order of a side took so much of it."""
        if side is Side.BUY:
            return self if self.ask_left is None else evolve(self, ask_left=self.ask_left - qty)
        return self if self.bid_left is None else evolve(self, bid_left=self.bid_left - qty)


def newest(before: Row | None, touch: Touch) -> Row:
    """Return the row of a pair once `touch` is known: what is left of a size is remembered until a newer row
    comes, and an older one is none."""
    if before is None or touch.ts > before.touch.ts:
        return Row(touch, touch.bid_size, touch.ask_size)
    return evolve(before, touch=touch) if touch.ts == before.touch.ts else before


def touches_of(market: Market, c: int, symbols: Sequence[str]) -> list[Touch]:
    """Return the rows that cycle `c` of a measured market has of its symbols, in their order."""

    def cell(column: str, i: int) -> int | None:
        found = int(getattr(market, column)[c, i])
        return None if found == ABSENT else found

    return [
        Touch(
            symbol=symbol,
            ts=ts,
            bid=cell("bid", i),
            ask=cell("ask", i),
            bid_size=cell("bid_qty", i),
            ask_size=cell("ask_qty", i),
            last=cell("last", i),
        )
        for i, symbol in enumerate(symbols)
        if (ts := cell("book_ts", i)) is not None
    ]
