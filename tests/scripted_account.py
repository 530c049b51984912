"""An exchange with one account, in this process, on a clock that a test moves: what happens there is written
down by the test, and shown when the test says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from attrs import define, evolve, field

from meva_core.errors import NotShown, OutcomeUnknown, Refused, Unavailable, VenueReason
from meva_core.orders import Side
from meva_core.rules import RuleStatus, SymbolRules
from meva_core.venue import (
    EXACT,
    Accepted,
    Balance,
    Book,
    Candle,
    Level,
    Method,
    NewOrder,
    OrderState,
    OrdersUnread,
    Ticker,
    UnreadOrder,
    VenueFill,
    VenueFlow,
    VenueOrder,
)

SECOND = 10**6
START = 1_760_000_000 * SECOND
FEE = Decimal("0.0024")
COSTS = {"find": 5, "all_orders": 3, "flows": 2}
"""Requests that a call makes at most; every other makes one."""


class Killed(BaseException):
    """The process ends here; what it did not store is gone."""


@define
class Scripted:
    """The exchange. `prices` are the marks by symbol, `there` is what the account really has by asset. With
    `rests_on` an order stays open though its cancel was taken; `unread` are open orders whose rows cannot be
    read, `unread_before` rows of lists of all orders. With `hides` the list of open orders does not show what
    was taken unheard. `heard` are the calls, and what each was about."""

    prices: dict[str, Decimal]
    there: dict[str, Decimal]
    now: int = START
    orders: dict[str, VenueOrder] = field(factory=dict)
    fills_shown: list[tuple[int, VenueFill]] = field(factory=list)
    flows_shown: list[tuple[int, VenueFlow]] = field(factory=list)
    silent: set[tuple[str, str]] = field(factory=set)
    unheard: bool = False
    hides: bool = False
    hidden: set[str] = field(factory=set)
    unheard_of: VenueReason = VenueReason.OTHER
    refuse: VenueReason | None = None
    permit: Any = None
    rests_on: bool = False
    delisted: set[str] = field(factory=set)
    calls_left: int | None = None
    calls: Counter[str] = field(factory=Counter)
    heard: list[tuple[str, str]] = field(factory=list)
    sent: list[str] = field(factory=list)
    unread: list[UnreadOrder] = field(factory=list)
    unread_before: list[UnreadOrder] = field(factory=list)
    numbers: int = 0

    # -- What happens -----------------------------------------------------------------------------------

    def pass_time(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)

    def trade(
        self, number: str, qty: str, price: str | None = None, late: float = 0, told: bool = True
    ) -> None:
        """Fill so much of an order; the fill is shown `late` seconds later, with its name if `told`."""
        order = self.orders[number]
        amount, at = Decimal(qty), Decimal(price) if price else order.price
        assert at is not None
        assert order.left is not None
        notional = EXACT.multiply(at, amount)
        fee = EXACT.multiply(notional, FEE)
        sign = 1 if order.side is Side.BUY else -1
        self._move("TRY", EXACT.subtract(-sign * notional, fee))
        self._move(order.symbol.removesuffix("TRY"), sign * amount)
        left = EXACT.subtract(order.left, amount)
        state = OrderState.PARTIAL if left else OrderState.FILLED
        self.orders[number] = evolve(order, left=left, state=state)
        name = order.client_id if told else None
        fill = VenueFill(
            self._number(), number, name, order.symbol, order.side, at, amount, fee, "TRY", self.now
        )
        self.fills_shown.append((self.now + int(late * SECOND), fill))

    def by_hand(self, symbol: str, side: Side, qty: str, late: float = 0) -> None:
        """A person buys or sells at once."""
        number = self._add(NewOrder("", symbol, side, self.prices[symbol], Decimal(qty)), None)
        self.trade(number, qty, late=late, told=False)

    def transfer(self, asset: str, amount: str, listed_after: float | None = 0) -> None:
        """Money or coins come or go; the list shows it so many seconds later, or never."""
        self._move(asset, Decimal(amount))
        if listed_after is not None:
            flow = VenueFlow(f"list:{self._number()}", asset, Decimal(amount), Decimal(0), self.now)
            self.flows_shown.append((self.now + int(listed_after * SECOND), flow))

    @contextmanager
    def failing(self, call: str, about: str = "") -> Iterator[None]:
        """No answer to a call, of one symbol or of all."""
        self.silent.add((call, about))
        yield
        self.silent.discard((call, about))

    def requests(self) -> int:
        return sum(COSTS.get(call, 1) * count for call, count in self.calls.items())

    def _number(self) -> str:
        self.numbers += 1
        return str(10_000 + self.numbers)

    def _move(self, asset: str, amount: Decimal) -> None:
        self.there[asset] = EXACT.add(self.there.get(asset, Decimal(0)), amount)

    def _add(self, order: NewOrder, name: str | None) -> str:
        number = self._number()
        self.orders[number] = VenueOrder(
            number, name, order.symbol, order.side, Method.LIMIT, order.price, order.qty, order.qty,
            OrderState.OPEN, "Untouched", self.now, self.now,
        )  # fmt: skip
        return number

    def _called(self, call: str, about: str = "") -> None:
        self.calls[call] += 1
        self.heard.append((call, about))
        if self.calls_left is not None:
            self.calls_left -= 1
            if self.calls_left < 0:
                raise Killed
        if self.silent & {(call, about), (call, "")}:
            raise Unavailable(f"{call} {about}: no answer", reason=VenueReason.UNREACHABLE)

    # -- The ports --------------------------------------------------------------------------------------

    def micros(self) -> int:
        return self.now

    def submit(self, order: NewOrder) -> Accepted:
        if self.permit is not None:
            self.permit.submit(order)
        self.calls["submit"] += 1
        self.sent.append(order.client_id)
        if self.refuse is not None:
            raise Refused("refused", reason=self.refuse)
        number = self._add(order, order.client_id)
        if self.unheard:
            self.hidden.add(number)
            raise OutcomeUnknown("nothing was heard", reason=self.unheard_of)
        return Accepted(number, order.client_id, self.now)

    def cancel(self, order_id: str) -> None:
        if self.permit is not None:
            self.permit.cancel(order_id)
        self.calls["cancel"] += 1
        self.heard.append(("cancel", order_id))
        self.sent.append(f"cancel {order_id}")
        order = self.orders.get(order_id)
        if order is None:
            raise Refused("there is no such order", reason=VenueReason.UNKNOWN_ORDER)
        if order.state.ended:
            raise Refused("it has ended", reason=VenueReason.NOT_CANCELABLE)
        if not self.rests_on:
            self.orders[order_id] = evolve(order, state=OrderState.CANCELED)

    def find(self, symbol: str, client_id: str, since: int) -> Sequence[VenueOrder]:
        self._called("find", symbol)
        found = [one for one in self.orders.values() if (one.symbol, one.client_id) == (symbol, client_id)]
        filled = {one.order_id or "" for one in self._shown() if one.client_id == client_id}
        if not found and (hidden := sorted(filled - self.orders.keys())):
            raise NotShown(f"fills name {hidden}", hidden)
        return found

    def balances(self) -> Mapping[str, Balance]:
        self._called("balances")
        return {asset: Balance(asset, total, Decimal(0)) for asset, total in sorted(self.there.items())}

    def open_orders(self, symbol: str | None = None) -> Sequence[VenueOrder]:
        self._called("open_orders")
        found = [one for one in self.orders.values() if not one.state.ended and symbol in (None, one.symbol)]
        if self.hides:
            found = [one for one in found if one.order_id not in self.hidden]
        unread = [row for row in self.unread if symbol in (None, row.symbol) or row.symbol is None]
        numbers = {row.order_id for row in unread}
        if unread:
            readable = [one for one in found if one.order_id not in numbers]
            raise OrdersUnread("; ".join(row.why for row in unread), orders=readable, unread=unread)
        return found

    def all_orders(self, symbol: str, start: int, end: int) -> Sequence[VenueOrder]:
        self._called("all_orders", symbol)
        found = [
            one
            for one in self.orders.values()
            if one.symbol == symbol and start * SECOND <= (one.created_ts or self.now) <= end * SECOND
        ]
        if unread := [row for row in self.unread_before if row.symbol == symbol]:
            numbers = {row.order_id for row in unread}
            readable = [one for one in found if one.order_id not in numbers]
            raise OrdersUnread("; ".join(row.why for row in unread), orders=readable, unread=unread)
        return found

    def order(self, order_id: str) -> VenueOrder | None:
        self._called("order", order_id)
        return self.orders.get(order_id)

    def fills(self, symbol: str, start: int, end: int) -> Sequence[VenueFill]:
        self._called("fills", symbol)
        if symbol in self.delisted:
            raise Refused("there is no such pair", reason=VenueReason.UNKNOWN_SYMBOL)
        return [one for one in self._shown() if one.symbol == symbol and start <= one.ts <= end]

    def order_fills(self, order_id: str) -> Sequence[VenueFill]:
        self._called("order_fills", order_id)
        return [one for one in self._shown() if one.order_id == order_id]

    def _shown(self) -> list[VenueFill]:
        return [one for when, one in self.fills_shown if when <= self.now]

    def flows(self, start: int, end: int) -> Sequence[VenueFlow]:
        self._called("flows")
        return [one for when, one in self.flows_shown if when <= self.now and start <= one.ts <= end]

    def tickers(self) -> Mapping[str, Ticker]:
        self._called("tickers")
        return {name: self._ticker(name) for name in sorted(self.prices)}

    def _ticker(self, name: str) -> Ticker:
        price = self.prices[name]
        return Ticker(name, self.now, price, price, price, price - 1, price + 1, Decimal(1000))

    def book(self, symbol: str) -> Book:
        self._called("book", symbol)
        if symbol not in self.prices:
            raise Refused(f"pair {symbol} does not exist", reason=VenueReason.UNKNOWN_SYMBOL)
        price = self.prices[symbol]
        bids, asks = (Level(price - 1, Decimal(5)),), (Level(price + 1, Decimal(5)),)
        return Book(symbol, self.now, bids, asks)

    def candles(
        self, symbol: str, interval_seconds: int, start: int, end: int, unreadable: Any = None
    ) -> Sequence[Candle]:
        self._called("candles", symbol)
        price = self.prices[symbol]
        first = -(-(start + 1) // interval_seconds) * interval_seconds
        return [
            Candle(at * SECOND, price, price, price, price, Decimal(1))
            for at in range(first, end + 1, interval_seconds)
        ]

    def rules(self, symbols: Sequence[str]) -> Sequence[SymbolRules]:
        self._called("rules")
        return [
            SymbolRules(one, RuleStatus.OK, Decimal(1), Decimal("1e-8"), Decimal("99.91"), quote="TRY")
            if one in self.prices
            else SymbolRules(one, RuleStatus.MISSING, reason="not in the exchange's metadata", quote="TRY")
            for one in symbols
        ]

    def metadata(self) -> Any:
        self._called("metadata")
        return None
