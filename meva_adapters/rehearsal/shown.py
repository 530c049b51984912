"""The ports `Account`, `MarketData` and `RulesSource`: what the simulated exchange shows of what is true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from random import Random
from typing import Final, TypeVar

from attrs import define, evolve, field, frozen

from meva_adapters.rehearsal.calls import Calls
from meva_adapters.rehearsal.faults import Fault, Faults
from meva_adapters.rehearsal.pairs import Pair, amount
from meva_adapters.rehearsal.time_there import SECOND
from meva_adapters.rehearsal.truth import QUOTE, Fill, Order, State, Truth, decimal_of
from meva_core.errors import BadInput, Refused, Unavailable, VenueReason
from meva_core.ports import BadBar
from meva_core.rules import RuleStatus, SymbolRules
from meva_core.venue import (
    Balance,
    Book,
    Candle,
    Level,
    Metadata,
    Method,
    OrderState,
    Ticker,
    Trade,
    VenueFill,
    VenueFlow,
    VenueOrder,
)

T = TypeVar("T")
FROZEN_SECONDS: Final = 400
_STATES: Final = {
    State.OPEN: OrderState.OPEN,
    State.FILLED: OrderState.FILLED,
    State.CANCELED: OrderState.CANCELED,
}


@frozen
class Listed:
    """A flow as the exchange lists it, from a time on; None for never."""

    shown_at: int | None
    flow: VenueFlow


@define
class Shown:
    """What may be asked. `frozen` are balances that are shown instead of the true ones until a time."""

    truth: Truth
    calls: Calls
    faults: Faults
    random: Random
    flows_listed: list[Listed] = field(factory=list)
    frozen: tuple[int, dict[str, Balance]] | None = None
    newest_hidden: int = 0
    """Until when lists lack the newest order, microseconds."""

    # -- Faults of every read ---------------------------------------------------------------------------

    def _may_fail(self, what: str, *, private: bool = True) -> None:
        happens = self.faults.happens
        if happens(Fault.NO_ANSWER):
            self.truth.time.passes(self.random.randint(1, 10) * SECOND)
            raise Unavailable(f"{what}: no answer", reason=VenueReason.UNREACHABLE)
        if happens(Fault.BUSY):
            raise Unavailable(f"{what}: too many requests", reason=VenueReason.RATE_LIMITED)
        if happens(Fault.DOWN):
            raise Unavailable(f"{what}: 503", reason=VenueReason.MAINTENANCE)
        if happens(Fault.UNREADABLE):
            raise BadInput(f"{what}: an answer that cannot be read")
        if private and happens(Fault.UNAUTHORIZED):
            raise Refused(f"{what}: 401", reason=VenueReason.UNAUTHORIZED)

    # -- Account ----------------------------------------------------------------------------------------

    def balances(self) -> Mapping[str, Balance]:
        """Return what is held by asset."""
        with self.calls.call("balances"):
            self._may_fail("balances")
            shown = self._balances()
            assets = [asset for asset in shown if asset != QUOTE]
            if assets and self.faults.happens(Fault.ASSET_MISSING):
                shown.pop(self.random.choice(assets))
        return shown

    def _balances(self) -> dict[str, Balance]:
        now = self.truth.time.now
        if self.frozen is not None and self.frozen[0] > now:
            return dict(self.frozen[1])
        self.frozen = None
        true = {asset: self._balance(asset) for asset in sorted({QUOTE, *self.truth.there})}
        if self.faults.happens(Fault.FROZEN):
            self.frozen = now + self.random.randint(1, FROZEN_SECONDS) * SECOND, true
        return dict(true)

    def _balance(self, asset: str) -> Balance:
        places = 18 if asset == QUOTE else 10
        total, locked = self.truth.there.get(asset, 0), self.truth.locked(asset)
        locked = min(total, locked)
        return Balance(asset, decimal_of(total - locked, places), decimal_of(locked, places))

    def open_orders(self, symbol: str | None = None) -> Sequence[VenueOrder]:
        """Return what rests."""
        with self.calls.call("open_orders"):
            self._may_fail("open orders")
            self.truth.goes_on()
            for order in self.truth.open():
                if self.faults.happens(Fault.FORGOTTEN):
                    order.state = State.FORGOTTEN
            return self._listed([one for one in self.truth.open() if symbol in (None, one.pair.name)])

    def all_orders(self, symbol: str, start: int, end: int) -> Sequence[VenueOrder]:
        """Return the orders of a pair that came about in a window, in seconds."""
        with self.calls.call("all_orders"):
            self._may_fail("all orders")
            return self._listed(self._of_window(symbol, start, end))

    def find(self, symbol: str, client_id: str, since: int) -> Sequence[VenueOrder]:
        """Return the orders under a client id that came about soon after `since`, in seconds."""
        with self.calls.call("find"):
            self._may_fail("find")
            if not self.truth.pairs[symbol].listed:
                raise Refused("no such pair", reason=VenueReason.UNKNOWN_SYMBOL)
            of_name = [one for one in self.truth.of_name(client_id) if one.pair.name == symbol]
            there = set(map(id, self._of_window(symbol, since, since + 86_400 + 60)))
            return self._listed([one for one in of_name if not one.state.ended or id(one) in there])

    def _of_window(self, symbol: str, start: int, end: int) -> list[Order]:
        window = range(start * SECOND, (end + 1) * SECOND)
        known = (one for one in self.truth.orders.values() if one.state is not State.FORGOTTEN)
        return [one for one in known if one.pair.name == symbol and one.created in window]

    def _listed(self, orders: list[Order]) -> list[VenueOrder]:
        """Return orders as a list has them, which may lack some; the newest one lacks for less than the grace
        after it was sent, however late it was taken: beyond that nothing could be believed of any order."""
        now = self.truth.time.now
        known = [one for one in orders if one.shown_at <= now]
        if known and self.faults.happens(Fault.LACKS_NEWEST):
            self.newest_hidden = now + self.random.randint(1, 100) * SECOND
        if known and self.newest_hidden > now and now - known[-1].sent < 100 * SECOND:
            known = known[:-1]
        if len(known) > 1 and self.faults.happens(Fault.LACKS_PAGE):
            known = known[: len(known) // 2]
        return [self._order(one) for one in known]

    def order(self, order_id: str) -> VenueOrder | None:
        """Return one order."""
        with self.calls.call("order"):
            self._may_fail("order")
            self.truth.goes_on()
            order = self.truth.orders.get(int(order_id))
            if order is None or order.state is State.FORGOTTEN:
                return None
            shown = self._order(order)
            if not order.state.ended and self.faults.happens(Fault.UNKNOWN_WORD):
                shown = evolve(shown, state=OrderState.UNKNOWN, status="Pondered")
        return shown

    def _order(self, order: Order) -> VenueOrder:
        left = decimal_of(order.left, 10)
        state = _STATES[order.state]
        if order.state is State.OPEN and order.filled:
            state = OrderState.PARTIAL
        return VenueOrder(
            str(order.number), order.name, order.pair.name, order.side, Method.LIMIT, amount(order.price),
            decimal_of(order.qty, 10), left, state, state.value, order.created, order.created,
        )  # fmt: skip

    def fills(self, symbol: str, start: int, end: int) -> Sequence[VenueFill]:
        """Return the fills of a pair stamped in a window, in microseconds."""
        with self.calls.call("fills"):
            self._may_fail("fills")
            found = [
                self._fill(one)
                for one in self._fills_by_now()
                if one.order.pair.name == symbol and start <= one.ts <= end
            ]
            self._shuffle(found)
        return found

    def order_fills(self, order_id: str) -> Sequence[VenueFill]:
        """Return the fills of an order."""
        with self.calls.call("order_fills"):
            self._may_fail("order fills")
            found = [self._fill(one) for one in self._fills_by_now() if str(one.order.number) == order_id]
            self._shuffle(found)
        return found

    def _fills_by_now(self) -> list[Fill]:
        return [one for one in self.truth.fills if one.shown_at <= self.truth.time.now]

    def _shuffle(self, found: list[VenueFill]) -> None:
        if len(found) > 1 and self.faults.happens(Fault.FILLS_SHUFFLED):
            self.random.shuffle(found)

    def _fill(self, fill: Fill) -> VenueFill:
        order = fill.order
        return VenueFill(
            str(fill.number), str(order.number) if fill.numbered else None,
            order.name if fill.named else None, order.pair.name, order.side, amount(fill.price),
            decimal_of(fill.qty, 10), decimal_of(fill.fee, 18), QUOTE, fill.ts,
        )  # fmt: skip

    def flows(self, start: int, end: int) -> Sequence[VenueFlow]:
        """Return the flows of a window, in microseconds."""
        with self.calls.call("flows"):
            self._may_fail("flows")
            return [
                one.flow
                for one in self.flows_listed
                if one.shown_at is not None
                and one.shown_at <= self.truth.time.now
                and start <= one.flow.ts <= end
            ]

    # -- Market -----------------------------------------------------------------------------------------

    def now(self) -> int:
        """Return the exchange's time."""
        with self.calls.call("now"):
            self._may_fail("time", private=False)
        return self.truth.time.now

    def ticker(self, symbol: str) -> Ticker:
        """Return the last day of one pair."""
        return self.tickers()[symbol]

    def tickers(self) -> Mapping[str, Ticker]:
        """Return those of all pairs."""
        with self.calls.call("tickers"):
            self._may_fail("tickers", private=False)
            return {name: self._ticker(pair) for name, pair in self._listed_pairs()}

    def _listed_pairs(self) -> list[tuple[str, Pair]]:
        return [(name, pair) for name, pair in sorted(self.truth.pairs.items()) if pair.listed]

    def _ticker(self, pair: Pair) -> Ticker:
        last, bid, ask = map(amount, (pair.price, pair.bid, pair.ask))
        volume = Decimal(5_000_000 * 10**8 // pair.price)
        return Ticker(pair.name, self.truth.time.now, last, last, last, bid, ask, volume)

    def book(self, symbol: str) -> Book:
        """Return a pair's order book."""
        with self.calls.call("book"):
            self._may_fail("book", private=False)
            pair = self.truth.pairs.get(symbol)
            if pair is None or not pair.listed:
                raise Refused(f"no such pair {symbol}", reason=VenueReason.UNKNOWN_SYMBOL)
            if self.faults.happens(Fault.NO_BOOK):
                raise Unavailable(f"{symbol}: no answer", reason=VenueReason.UNREACHABLE)
            size = decimal_of(self.random.randint(1, 10**12), 10)
            bids: tuple[Level, ...] = (Level(amount(pair.bid), size),)
            asks: tuple[Level, ...] = (Level(amount(pair.ask), size),)
            if self.faults.happens(Fault.ONE_SIDED):
                bids, asks = self.random.choice(((bids, ()), ((), asks), ((), ())))
        self.calls.arrived.books[symbol] = self.truth.time.now
        return Book(symbol, self.truth.time.now, bids, asks)

    def trades(self, symbol: str) -> Sequence[Trade]:
        """Return no public trades: nothing here looks at them."""
        return ()

    def candles(
        self, symbol: str, interval_seconds: int, start: int, end: int, unreadable: BadBar | None = None
    ) -> Sequence[Candle]:
        """Return bars around the price of now: what a bar was is not kept."""
        with self.calls.call("candles"):
            self._may_fail("candles", private=False)
            pair = self.truth.pairs[symbol]
            first = -(-(start + 1) // interval_seconds) * interval_seconds
            return [self._candle(pair, at) for at in range(first, end + 1, interval_seconds)]

    def _candle(self, pair: Pair, at: int) -> Candle:
        swing = pair.price // 200
        close = amount(pair.price - swing + (at // 60 * 7919) % (2 * swing + 1))
        return Candle(at * SECOND, close, close, close, close, Decimal(1))

    def rules(self, symbols: Sequence[str]) -> Sequence[SymbolRules]:
        """Return the rules of pairs."""
        with self.calls.call("rules"):
            self._may_fail("rules", private=False)
            return [self._rules(name) for name in symbols]

    def _rules(self, name: str) -> SymbolRules:
        pair = self.truth.pairs.get(name)
        if pair is None:
            return SymbolRules(name, RuleStatus.MISSING, reason="not in the exchange's metadata", quote=QUOTE)
        return pair.rules()

    def metadata(self) -> Metadata:
        """Return nothing but when it was asked: `rules` derives none from it."""
        with self.calls.call("metadata"):
            self._may_fail("metadata", private=False)
        return Metadata(self.truth.time.now, {}, b"{}")
