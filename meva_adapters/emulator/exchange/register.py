"""All orders by id and by account."""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Iterator
from typing import Final

from attrs import Factory, define

from meva_adapters.emulator.exchange.accounts import TradingAccount
from meva_adapters.emulator.exchange.orders import Fill, Order

_KEPT: Final = 200_000
"""Closed orders and fills that are kept for one account; older ones are forgotten."""


@define(eq=False)
class Records:
    """The orders of one user, oldest first: all that are remembered, and those that are open."""

    orders: dict[int, Order] = Factory(dict)
    open: dict[int, Order] = Factory(dict)
    fills: deque[Fill] = Factory(lambda: deque(maxlen=_KEPT))


@define(eq=False)
class Register:
    """Who ordered what. Orders of the house have ids of their own and are forgotten when they end.

    `canceling` are orders with an accepted cancel that is not carried out yet, the one due first at the
    front.
    """

    canceling: deque[Order] = Factory(deque)
    _next_user: int = 25338000001
    _next_house: int = 90000000001
    _house: dict[int, Order] = Factory(dict)
    _users: dict[int, Order] = Factory(dict)
    _records: dict[int, Records] = Factory(dict)

    @property
    def next_id_to_come(self) -> int:
        """The id that the next order of a user will have."""
        return self._next_user

    def next_id(self, *, house: bool) -> int:
        """Return a new order id, which grows."""
        if house:
            self._next_house += 1
            return self._next_house - 1
        self._next_user += 1
        return self._next_user - 1

    def add(self, order: Order) -> None:
        """Remember a new order."""
        if order.account.house:
            self._house[order.id] = order
            return
        self._users[order.id] = order
        records = self.of(order.account)
        records.orders[order.id] = records.open[order.id] = order
        if len(records.orders) > _KEPT:
            self._forget_one(records)

    def close(self, order: Order) -> None:
        """Take an order from the open ones."""
        if order.account.house:
            del self._house[order.id]
        else:
            del self.of(order.account).open[order.id]

    def find(self, order_id: int) -> Order | None:
        """Return an order by its id, None when there is none."""
        return self._users.get(order_id) or self._house.get(order_id)

    def of(self, account: TradingAccount) -> Records:
        """Return the records of an account."""
        records = self._records.get(account.number)
        if records is None:
            records = self._records[account.number] = Records()
        return records

    def fills_of(self, account: TradingAccount) -> deque[Fill]:
        """Return the fills of an account, oldest first."""
        return self.of(account).fills

    def open_orders(self) -> Iterator[Order]:
        """Yield every open order of everyone."""
        yield from self._house.values()
        for records in self._records.values():
            yield from records.open.values()

    def await_cancel(self, order: Order) -> None:
        """Keep an order until its accepted cancel is due."""
        insort(self.canceling, order, key=_due)

    def due(self, now: int) -> Iterator[Order]:
        """Take out and yield the orders whose accepted cancel is due."""
        while self.canceling and _due(self.canceling[0]) <= now:
            yield self.canceling.popleft()

    def _forget_one(self, records: Records) -> None:
        oldest = next((id_ for id_, order in records.orders.items() if not order.status.is_open), None)
        if oldest is not None:
            del records.orders[oldest], self._users[oldest]


def _due(order: Order) -> int:
    return order.cancel_due or 0
