"""Whether a book of the stream is still the exchange's: tickers, which come by another way, say so.

A stream that falls silent, or late, looks as one of a market in which nothing happens. So a book is as old as
its last frame, or as the ticker that shows the same; and one that tickers speak against is of no use.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from attrs import define, field

from meva_adapters.btcturk.followed import Showing, Touch
from meva_core.venue import Ticker

BEFORE_MICROS: Final = 1_000_000
AFTER_MICROS: Final = 1_500_000
"""A ticker may show what the stream showed so long before it, or shows so long after it: the exchange makes
tickers about once a second, and sends changes of books a little more often."""
RUNNING: Final = 2
"""So many tickers that speak against a book one after the other, and it is to be left; twice as many each
time that no ticker agreed in between, up to MOST_RUNNING: it may be the tickers that are wrong."""
MOST_RUNNING: Final = 64


@define
class _Standing:
    """What is known of one book. Times are the tickers' stamps, in microseconds."""

    judged: int = -1
    against: int = 0
    running: int = RUNNING
    """So many against it, and it is to be left."""
    doubted: Ticker | None = None
    """The last ticker that spoke against it, as long as a frame may yet come that agrees with it."""
    agreed: tuple[Touch, int] | None = None
    """The touch that a ticker agreed with, and when."""


@define
class Agreement:
    """What tickers said of the books of a stream, by symbol. `tick` is the step of a pair's prices."""

    _standings: dict[str, _Standing] = field(factory=dict)

    def judge(self, symbol: str, showing: Showing, ticker: Ticker | None, tick: Decimal) -> int | None:
        """Hold a book against a ticker, if that is a new one; return the time as of which it is as it shows.

        None where the last ticker that said anything spoke against it. One that did is taken back where the
        book showed the same a little later, or earlier.
        """
        standing = self._standings.setdefault(symbol, _Standing())
        _reconsider(standing, showing, tick)
        if ticker is not None and ticker.ts > standing.judged:
            standing.judged = ticker.ts
            _hear(standing, showing, ticker, tick)
        if standing.against:
            return None
        if standing.agreed is not None and standing.agreed[0] == showing.touches[-1]:
            return max(showing.at, standing.agreed[1])
        return showing.at

    def is_spent(self, symbol: str) -> bool:
        """Whether so many tickers spoke against a book that it is to be left and joined anew."""
        standing = self._standings.get(symbol)
        return standing is not None and standing.against >= standing.running

    def left(self, symbol: str) -> None:
        """Begin anew with a book that was left and joined."""
        running = self._standings[symbol].running
        self._standings[symbol] = _Standing(running=min(2 * running, MOST_RUNNING))

    def forget(self, symbol: str) -> None:
        """Know nothing of a book any more."""
        self._standings.pop(symbol, None)


def _reconsider(standing: _Standing, showing: Showing, tick: Decimal) -> None:
    """Take back what a ticker said before the frame came that it agrees with."""
    ticker = standing.doubted
    if ticker is not None and _was_shown(showing, ticker, tick):
        standing.against, standing.doubted = 0, None


def _hear(standing: _Standing, showing: Showing, ticker: Ticker, tick: Decimal) -> None:
    stands = showing.touches[-1]
    if _is_near(stands.bid, ticker.bid, tick) and _is_near(stands.ask, ticker.ask, tick):
        standing.against, standing.doubted, standing.agreed = 0, None, (stands, ticker.ts)
        standing.running = RUNNING
    elif _was_shown(showing, ticker, tick):
        standing.against, standing.doubted = 0, None
    else:
        standing.against += 1
        standing.doubted = ticker


def _was_shown(showing: Showing, ticker: Ticker, tick: Decimal) -> bool:
    """Whether a ticker lies among the touches that the book showed around then, or none of them is known."""
    touches = showing.around(ticker.ts - BEFORE_MICROS, ticker.ts + AFTER_MICROS)
    return not touches or (
        _is_among([touch.bid for touch in touches], ticker.bid, tick)
        and _is_among([touch.ask for touch in touches], ticker.ask, tick)
    )


def _is_among(shown: list[Decimal | None], price: Decimal | None, tick: Decimal) -> bool:
    """Whether a price lies within those that were shown: what changed twice in between was not sent."""
    prices = [one for one in shown if one is not None]
    if price is None:
        return len(prices) < len(shown)
    return bool(prices) and min(prices) - tick <= price <= max(prices) + tick


def _is_near(one: Decimal | None, other: Decimal | None, tick: Decimal) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= tick
