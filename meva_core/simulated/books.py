"""What a simulated exchange holds, as one value with a canonical document.

Holds after every change: nothing free or locked is below zero, and what is locked is what the open orders
hold back.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

from attrs import evolve, field, frozen

from meva_core.amounts import to_decimal
from meva_core.ids import canonical_json, content_hash
from meva_core.operational.documents import Amount, document_of, from_document
from meva_core.orders import Side
from meva_core.simulated.orders import Fill, Order
from meva_core.simulated.touches import Row
from meva_core.venue import Balance

QUOTE: Final = "TRY"
MICROS: Final = 10**6
_NUMBERS: Final = 10**9  # of orders in a second


@frozen(kw_only=True)
class Books:
    """The books of one account, under the name of the dry book that it belongs to.

    `now` is the newest time that it was told, microseconds, `time` that of the market that it saw last,
    seconds; neither ever goes back. `totals` are by asset, free and locked together; orders are in the order
    in which they came, which is that of their numbers, and so are fills in time. `last` is the newest number.
    """

    name: str
    totals: Mapping[str, Amount]
    now: int = 0
    time: int = 0
    last: int = 0
    rows: Mapping[str, Row] = field(factory=dict)
    orders: tuple[Order, ...] = ()
    fills: tuple[Fill, ...] = ()

    @cached_property
    def by_id(self) -> Mapping[str, Order]:
        """The orders by their numbers."""
        return {order.order_id: order for order in self.orders}

    @cached_property
    def open(self) -> tuple[Order, ...]:
        """The orders that may still trade, as they came."""
        return tuple(order for order in self.orders if order.is_open)

    def locked(self, asset: str) -> int:
        """Return how much of an asset the open orders hold back."""
        return sum(order.locked for order in self.open if order.asset == asset)

    def free(self, asset: str) -> int:
        """Return how much of an asset may be spent."""
        return self.totals.get(asset, 0) - self.locked(asset)

    def balance(self, asset: str) -> Balance:
        """Return the balance of an asset."""
        return Balance(asset, to_decimal(self.free(asset)), to_decimal(self.locked(asset)))

    def at(self, now: int) -> Books:
        """Return them at a time in microseconds, or as they are if they have been told a later one."""
        return evolve(self, now=max(self.now, now))

    def next_number(self, content: Any) -> int:
        """Return the number of a new order: its second, and digits of its content; above all before it."""
        digest = int(content_hash([self.name, content]), 16) % _NUMBERS
        return max(self.last + 1, self.now // MICROS * _NUMBERS + digest)

    def added(self, order: Order) -> Books:
        """Return them with a new order."""
        return evolve(self, orders=(*self.orders, order), last=int(order.order_id))

    def changed(self, order: Order) -> Books:
        """Return them with an order as it is now."""
        orders = tuple(order if one.order_id == order.order_id else one for one in self.orders)
        return evolve(self, orders=orders)

    def with_row(self, row: Row) -> Books:
        """Return them with the newest row of a pair."""
        return evolve(self, rows={**self.rows, row.touch.symbol: row})

    def filled(self, order: Order, price: int, qty: int, rate: int, *, resting: bool) -> Books:
        """Return them after a fill of an order of theirs, charged at a rate."""
        after = order.after(price, qty, rate, self.now)
        notional, fee = after.notional - order.notional, after.fee - order.fee
        fill = Fill(
            fill_id=f"sim:{order.order_id}:{after.fills}",
            order_id=order.order_id,
            client_id=order.client_id,
            symbol=order.symbol,
            quote=order.quote,
            side=order.side,
            price=price,
            qty=qty,
            notional=notional,
            fee=fee,
            ts=self.now,
            resting=resting,
        )
        coins, money = (qty, -notional - fee) if order.side is Side.BUY else (-qty, notional - fee)
        totals = dict(self.totals)
        for asset, moved in ((order.base, coins), (order.quote, money)):
            totals[asset] = totals.get(asset, 0) + moved
        return evolve(self.changed(after), totals=totals, fills=(*self.fills, fill))


def opened(name: str, cash: int) -> Books:
    """Return the books of an account that holds so much TRY, e8, and nothing else."""
    return Books(name=name, totals={QUOTE: cash})


def text_of(books: Books) -> str:
    """Return books as their canonical JSON, which is what is stored."""
    return canonical_json(document_of(books))


def books_of(document: Mapping[str, Any]) -> Books:
    """Return the books that a parsed document is of. Raises BadInput for one that is not of books."""
    return from_document(Books, document)
