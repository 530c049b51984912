"""Rows of orders as lists have them, read one by one: what can be read, and what is told of the rest."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from meva_core.venue import OrdersUnread, UnreadOrder, VenueOrder


@frozen
class Listed:
    """Orders by their numbers, and the rows that no order can be made of."""

    orders: Mapping[str, VenueOrder] = field(factory=dict)
    unread: frozenset[UnreadOrder] = frozenset()

    def __len__(self) -> int:
        return len(self.orders) + len(self.unread)

    def plus(self, more: Listed) -> Listed:
        """Return it with what another list has."""
        return Listed({**self.orders, **more.orders}, self.unread | more.unread)

    def whole(self) -> list[VenueOrder]:
        """Return the orders, by number. Raises OrdersUnread where that is not all that was listed."""
        found = [order for _, order in sorted((int(number), order) for number, order in self.orders.items())]
        if self.unread:
            raise _unread(self.unread, found)
        return found

    def named(self, client_id: str) -> dict[str, VenueOrder]:
        """Return the orders of a name, by number. Raises OrdersUnread where a row may be of it that cannot be
        read: one that bears another name, or none, would not be among them either."""
        found = {number: order for number, order in self.orders.items() if order.client_id == client_id}
        may_be = frozenset(row for row in self.unread if row.order_id is None or row.client_id == client_id)
        if may_be:
            raise _unread(may_be, list(found.values()))
        return found


def _unread(rows: frozenset[UnreadOrder], orders: list[VenueOrder]) -> OrdersUnread:
    unread = sorted(rows, key=lambda row: row.why)
    return OrdersUnread("; ".join(row.why for row in unread), orders=orders, unread=unread)
