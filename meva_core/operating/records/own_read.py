"""Our orders with their booked fills, as the database has them, read once until something of them is stored.

A cycle asks for them a dozen times while it books fills symbol by symbol, and in between only what it books
itself changes them. So whoever books says what is to be forgotten: a symbol's fills once some were booked,
the orders once one of them was stored.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from attrs import define, evolve, field

from meva_core.amounts import parse_e8
from meva_core.live.live_orders import Record, records, resting
from meva_core.live.watch import Watches, load
from meva_core.live_book.names import cycle_of
from meva_core.live_book.own_orders import STAMPS_MICROS, OwnOrder, own_order
from meva_core.operating.records import stored
from meva_core.operating.records.file import Meant
from meva_core.operating.records.whose import Whose
from meva_core.ports import Reads, Store
from meva_core.venue import VenueFill

_ORDERS: Final = "stage4_orders"
_KEPT: Final = ("decision_mark_try", "strategy", "purpose", "fill_complete")
_UNIT: Final = Decimal("0.00000001")


@define
class Orders:
    """Rows of orders: `base` are those that may still move something, and by `numbers` and `names` others
    that were asked for. `kept` is what stands beside each, `made` are the orders that were made of them."""

    watches: Watches
    records: dict[int, Record]
    base: frozenset[int]
    kept: dict[int, tuple[Any, ...]] = field(factory=dict)
    numbers: dict[str, frozenset[int]] = field(factory=dict)
    names: dict[str, frozenset[int]] = field(factory=dict)
    made: dict[int, OwnOrder] = field(factory=dict)

    def wanted(self, numbers: Iterable[str], names: Iterable[str]) -> frozenset[int]:
        """Return the rows of the base and of these."""
        of_numbers, of_names = (self.numbers[one] for one in numbers), (self.names[one] for one in names)
        return self.base.union(*of_numbers, *of_names)

    def has(self, numbers: Collection[str], names: Collection[str]) -> bool:
        """Whether all of these are here already."""
        if not (self.numbers.keys() >= {*numbers} and self.names.keys() >= {*names}):
            return False
        return self.made.keys() >= self.wanted(numbers, names)


@define
class OwnRead:
    """What was read of a book's orders. `lots` are units of the quantities of pairs, by symbol."""

    store: Store
    whose: Whose
    lots: Mapping[str, Decimal]
    _orders: Orders | None = field(default=None, init=False)
    _fills: dict[str, tuple[int, dict[str, list[VenueFill]]]] = field(factory=dict, init=False)
    """By symbol: since when, and the fills by the numbers or names of their orders."""
    _before_us: dict[str, list[VenueFill]] = field(factory=dict, init=False)
    """The fills that the earlier system booked, by the numbers of their orders: they never change."""

    def forget(self) -> None:
        """Forget all that may have changed."""
        self._orders, self._fills = None, {}

    def forget_orders(self) -> None:
        """Forget orders: some were stored."""
        self._orders = None

    def forget_fills(self, symbol: str) -> None:
        """Forget the fills of a symbol: some were booked."""
        self._fills.pop(symbol, None)
        if self._orders is not None:
            made = self._orders.made
            self._orders.made = {row: one for row, one in made.items() if one.symbol != symbol}

    def orders(self, numbers: Collection[str], names: Collection[str]) -> list[OwnOrder]:
        """Return the orders that may still move something, and those of these numbers or names, by their
        rows."""
        there = self._orders
        if there is None or not there.has(numbers, names):
            with self.store.read() as view:
                there = self._orders = self._learnt(view, self._orders, numbers, names)
        return [there.made[row] for row in sorted(there.wanted(numbers, names))]

    def meant(self, orders: Iterable[OwnOrder]) -> dict[str, Meant]:
        """Return what orders were decided for, by their labels; of those that were read here, and whose rows
        stand as they did then."""
        if self._orders is None:
            return {}
        rows = {id(order): row for row, order in self._orders.made.items()}
        known = ((order.label, self._orders.kept[rows[id(order)]]) for order in orders if id(order) in rows)
        return {label: Meant(purpose or "", strategy or "") for label, (_, strategy, purpose, _) in known}

    # -- Read -------------------------------------------------------------------------------------------

    def _learnt(
        self, view: Reads, there: Orders | None, numbers: Collection[str], names: Collection[str]
    ) -> Orders:
        """Return what is known, and what of these was not."""
        there = self._base(view) if there is None else there
        owner, rows = self.whose.owner, there.records
        if new := frozenset(one for one in numbers if one not in there.numbers):
            found = records(view, owner, exchange_order_id=new)
            there.numbers |= _rows_by(new, found, lambda one: (one.order_id,))
            rows |= {one.stored: rows.get(one.stored, one) for one in found}
        if new := frozenset(one for one in names if one not in there.names):
            found = records(view, owner, client_order_id=new) + records(view, owner, exchange_client_id=new)
            there.names |= _rows_by(new, found, lambda one: (one.client_id, one.exchange_name))
            rows |= {one.stored: rows.get(one.stored, one) for one in found}
        there.kept |= _kept(view, rows.keys() - there.kept.keys())
        wanted = [rows[row] for row in sorted(there.wanted(numbers, names)) if row not in there.made]
        fills = self._fills_of(view, wanted)
        there.made |= {one.stored: self._made(there, one, fills) for one in wanted}
        return there

    def _base(self, view: Reads) -> Orders:
        watches = load(view, self.whose.owner)
        found = [one for one in resting(view, self.whose.owner) if isinstance(one, Record)]
        found += records(view, self.whose.owner, id=frozenset(watches.orders))
        rows = {one.stored: one for one in found}
        return Orders(watches, rows, frozenset(rows))

    def _made(self, there: Orders, record: Record, fills: Mapping[str, list[VenueFill]]) -> OwnOrder:
        mark, _, _, complete = there.kept[record.stored]
        order = own_order(
            record,
            there.watches.of(record),
            [fill for name in (record.order_id, record.name) if name for fill in fills.get(name, ())],
            mark=None if mark is None else parse_e8(mark),
            lot=self.lots.get(record.symbol, _UNIT),
        )
        return evolve(order, complete=True) if complete and not order.complete else order

    def _fills_of(self, view: Reads, orders: Sequence[Record]) -> dict[str, list[VenueFill]]:
        """Return the booked fills of orders by their numbers, or our names for them where a row gives no
        number."""
        since: dict[str, int] = {}
        for record in orders:
            since[record.symbol] = min(record.created, since.get(record.symbol, record.created))
        found: dict[str, list[VenueFill]] = {}
        for symbol, earliest in since.items():
            start = max(0, earliest - STAMPS_MICROS)
            if symbol not in self._fills or self._fills[symbol][0] > start:
                self._fills[symbol] = start, self._since(view, symbol, start)
            for name, fills in self._fills[symbol][1].items():
                found[name] = [*found.get(name, ()), *fills]
        for order, before in self._fills_before_us(view, orders).items():
            there = {fill.fill_id for fill in found.get(order, ())}
            found[order] = [*(one for one in before if one.fill_id not in there), *found.get(order, ())]
        return found

    def _since(self, view: Reads, symbol: str, start: int) -> dict[str, list[VenueFill]]:
        found: dict[str, list[VenueFill]] = {}
        for fill in stored.own_fills(view, self.whose, start, symbol):
            found.setdefault(fill.order_id or fill.client_id or "", []).append(fill)
        return found

    def _fills_before_us(self, view: Reads, orders: Iterable[Record]) -> dict[str, list[VenueFill]]:
        """Return the fills that the earlier system booked of orders which rest still, by their numbers: what
        they moved, the book was opened with."""
        adopted = {
            order.order_id: order
            for order in orders
            if self.whose.is_live and order.order_id is not None and _is_adopted(order)
        }
        numbers = {
            name: number
            for number, order in adopted.items()
            if number not in self._before_us  # they have no index
            for name in (number, order.client_id, order.exchange_name)
            if name is not None
        }
        self._before_us.update({number: [] for number in numbers.values()})
        for fill in stored.adopted_fills(view, numbers) if numbers else ():
            number = numbers.get(fill.order_id or "") or numbers.get(fill.client_id or "")
            if number is not None:
                self._before_us[number].append(fill)
        return {number: self._before_us[number] for number in adopted}


def _is_adopted(order: Record) -> bool:
    """Whether an order was not named by us."""
    return order.name is None or cycle_of(order.name) is None


def _rows_by(
    asked: Iterable[str], found: Iterable[Record], names: Callable[[Record], tuple[str | None, ...]]
) -> dict[str, frozenset[int]]:
    """Return the rows of each name that was asked for, none among them."""
    rows: dict[str, set[int]] = {name: set() for name in asked}
    for record in found:
        for name in names(record):
            if name in rows:
                rows[name].add(record.stored)
    return {name: frozenset(of) for name, of in rows.items()}


def _kept(view: Reads, rows: Collection[int]) -> dict[int, tuple[Any, ...]]:
    """Return what orders keep beside where they stand, by their rows."""
    found = view.rows(_ORDERS, ("id", *_KEPT), where={"id": frozenset(rows)})
    return {row: tuple(kept) for row, *kept in found}
