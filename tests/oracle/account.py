"""The account: cash, FIFO lots, open orders, and what a fill does to them."""

from __future__ import annotations

from fractions import Fraction

from attrs import Factory, define

from meva_core.orders import Event, Side, Status
from oracle.world import E8, LIMIT


@define
class Lot:
    """What is left of one buy, and of what it cost at the mark."""

    qty: int
    cost: int


@define
class Order:
    """A simulated order; `met` is the stamp of the book row that it met last."""

    time: int
    n: int
    symbol: int
    side: Side
    limit: int
    qty: int
    reserved: int
    met: int
    status: Status = Status.PLANNED
    filled: int = 0
    exact: Fraction = Fraction(0)
    notional: int = 0
    fee: int = 0
    events: int = 0
    fills: int = 0
    result: int = 0

    @property
    def is_open(self) -> bool:
        return self.status not in (Status.FILLED, Status.CANCELED, Status.REJECTED)

    @property
    def rest(self) -> int:
        return self.qty - self.filled

    @property
    def cash_held(self) -> int:
        return self.reserved - self.notional - self.fee if self.side is Side.BUY else 0


@define
class Account:
    """One book. Totals are plain ints of 1e-8, as large as they get."""

    symbols: int
    starting: int
    fee_rate: Fraction
    cash: int = 0
    fees: int = 0
    slippage: int = 0
    turnover: int = 0
    realized: int = 0
    streak: int = 0
    cooling: bool = False
    lots: list[list[Lot]] = Factory(list)
    valuation: list[int | None] = Factory(list)
    valuation_time: list[int] = Factory(list)
    orders: list[Order] = Factory(list)
    events: list[dict[str, object]] = Factory(list)
    fills: list[dict[str, object]] = Factory(list)

    def __attrs_post_init__(self) -> None:
        self.cash = self.starting
        self.lots = [[] for _ in range(self.symbols)]
        self.valuation = [None] * self.symbols
        self.valuation_time = [0] * self.symbols

    def qty(self, i: int) -> int:
        return sum(lot.qty for lot in self.lots[i])

    def cost(self, i: int) -> int:
        return sum(lot.cost for lot in self.lots[i])

    def value(self, i: int) -> int:
        mark = self.valuation[i]
        return round(Fraction(self.qty(i) * mark, E8)) if mark is not None else 0

    def equity(self) -> int:
        return self.cash + sum(self.value(i) for i in range(self.symbols))

    def open_orders(self, i: int | None = None, side: Side | None = None) -> list[Order]:
        return [
            order
            for order in self.orders
            if order.is_open and i in (None, order.symbol) and side in (None, order.side)
        ]

    def held(self, i: int) -> bool:
        return self.qty(i) > 0 or bool(self.open_orders(i))

    def free_qty(self, i: int) -> int:
        return self.qty(i) - sum(order.rest for order in self.open_orders(i, Side.SELL))

    def potential_qty(self, i: int) -> int:
        return self.qty(i) + sum(order.rest for order in self.open_orders(i, Side.BUY))

    def free_cash(self) -> int:
        # The engine looks at an amount of cash at most; what is beyond it buys nothing more.
        reserved = sum(order.cash_held for order in self.open_orders())
        return max(0, min(self.cash, LIMIT - 1) - reserved)

    # -- Orders ----------------------------------------------------------------------------------------

    def note(
        self,
        order: Order,
        kind: Event,
        status: Status,
        code: int = 0,
        price: int = 0,
        qty: int = 0,
        attempt: int = 0,
    ) -> None:
        order.status = status
        order.events += 1
        self.events.append(
            {
                "time": order.time,
                "n": order.n,
                "seq": order.events,
                "kind": kind,
                "status": status,
                "code": code,
                "symbol": order.symbol,
                "side": order.side,
                "price": price,
                "qty": qty,
                "filled": order.filled,
                "notional": order.notional,
                "fee": order.fee,
                "attempt": attempt,
            }
        )

    def cancel(self, order: Order, code: int) -> None:
        self.note(order, Event.CANCELED, Status.CANCELED, code)
        self._ended(order)

    def fill(self, order: Order, price: int, qty: int, mark: int | None, resting: bool) -> None:
        order.exact += Fraction(price * qty, E8)
        notional_so_far = round(order.exact)
        fee_so_far = round(notional_so_far * self.fee_rate)
        notional, fee = notional_so_far - order.notional, fee_so_far - order.fee
        order.notional, order.fee = notional_so_far, fee_so_far
        order.filled += qty
        order.fills += 1
        at_mark = round(Fraction(mark * qty, E8)) if mark is not None else notional
        cost = 0
        if order.side is Side.BUY:
            reference = min(notional, at_mark)
            self.cash -= notional + fee
            self.slippage += notional - reference
            self.lots[order.symbol].append(Lot(qty, reference))
        else:
            reference = max(notional, at_mark)
            cost = self._take(order.symbol, qty)
            self.cash += notional - fee
            self.slippage += reference - notional
            self.realized += reference - cost
            order.result += notional - fee - cost
        self.fees += fee
        self.turnover += notional
        self.fills.append(
            {
                "time": order.time,
                "n": order.n,
                "seq": order.fills,
                "symbol": order.symbol,
                "side": order.side,
                "price": price,
                "qty": qty,
                "notional": notional,
                "fee": fee,
                "reference": reference,
                "cost": cost,
                "resting": int(resting),
            }
        )
        if order.rest == 0:
            self.note(order, Event.FILLED, Status.FILLED, 0, price, qty)
            self._ended(order)
        else:
            self.note(order, Event.PARTIAL_FILL, Status.PARTIALLY_FILLED, 0, price, qty)

    def _take(self, i: int, qty: int) -> int:
        """Take from the oldest lots and return what they cost."""
        cost = 0
        while qty > 0:
            lot = self.lots[i][0]
            taken = min(qty, lot.qty)
            part = lot.cost if taken == lot.qty else lot.cost * taken // lot.qty
            lot.qty -= taken
            lot.cost -= part
            cost += part
            qty -= taken
            if lot.qty == 0:
                del self.lots[i][0]
        return cost

    def _ended(self, order: Order) -> None:
        if order.side is Side.SELL and order.filled > 0 and not self.cooling:
            self.streak = self.streak + 1 if order.result < 0 else 0
