"""A second matching engine, as plain as the rules: lists, sorting, whole numbers, all from scratch.

Written from docs/emulator.md and the facts of the exchange's API, not from the engine. It keeps no totals and
no indexes: what rests, what is locked and who is first is found by looking through all orders each time.
"""

from __future__ import annotations

from typing import Any

from attrs import Factory, define

E8 = 10**8
BASIS_POINTS = {"TRY": (12, 24), "other": (10, 14)}
"""Resting and taking, in hundredths of a per cent, tax included."""


@define(eq=False)
class PlainPair:
    """The rules of a pair in e8."""

    base: str
    quote: str
    price_step: int
    lot: int
    min_total: int
    lowest: int
    highest: int


@define(eq=False)
class PlainFill:
    """What the owner of an order sees of a match."""

    name: str
    price: int
    qty: int
    fee: int
    tax: int


@define(eq=False)
class PlainOrder:
    """An order. `money` is what a buy without a limit may still spend, None for all others."""

    name: str
    who: str
    pair: str
    buys: bool
    method: str
    quantity: int
    price: int
    stop: int
    place: int
    amount: int = 0
    left: int = 0
    money: int | None = None
    held: int = 0
    status: str = "Untouched"
    cancel_due: int | None = None

    @property
    def open(self) -> bool:
        return self.status in ("Untouched", "Partial")

    @property
    def waits(self) -> bool:
        return self.open and self.method.startswith("stop")


class Refused(Exception):
    """The message of a refusal."""


def up(numerator: int, denominator: int) -> int:
    """Divide, rounded up."""
    return -(-numerator // denominator)


@define(eq=False)
class Oracle:
    """An exchange. `house` trades without commission, and its cancels take no time."""

    pairs: dict[str, PlainPair]
    house: str
    cancel_ms: int = 0
    fee_on_top: bool = True
    free: dict[tuple[str, str], int] = Factory(dict)
    orders: list[PlainOrder] = Factory(list)
    fills: dict[str, list[PlainFill]] = Factory(dict)
    tape: list[tuple[str, int, int, str]] = Factory(list)
    last: dict[str, int] = Factory(dict)
    printed: dict[str, list[int]] = Factory(dict)
    """Prices since stops were looked at."""
    collected: dict[str, int] = Factory(dict)

    # -- What can be seen -----------------------------------------------------------------------------

    def locked(self, who: str, asset: str) -> int:
        """What the open orders of an account hold of an asset."""
        return sum(
            order.held
            for order in self.orders
            if order.open and order.who == who and self._pays_with(order) == asset
        )

    def resting(self, pair: str, *, buys: bool) -> list[PlainOrder]:
        """The orders of one side, in the order in which they trade: by price, then by time."""
        found = [
            order
            for order in self.orders
            if order.open and order.pair == pair and order.buys == buys and order.method == "limit"
        ]
        return sorted(found, key=lambda order: (-order.price if buys else order.price, order.place))

    # -- What can be done -----------------------------------------------------------------------------

    def submit(
        self, now: int, name: str, who: str, pair: str, buys: bool, method: str, **numbers: int
    ) -> None:
        """Place an order; raises Refused with nothing changed."""
        self.advance(now)
        quantity, price, stop = (numbers.get(field, 0) for field in ("quantity", "price", "stop"))
        self._check(pair, buys, method, quantity, price, stop)
        if method == "market" and not self.resting(pair, buys=not buys):
            raise Refused("FAILED_MARKET_ORDER")
        self._enter(name, who, pair, buys, method, quantity, price, stop)
        self._look_at_stops(pair)

    def cancel(self, now: int, order: PlainOrder) -> None:
        """Accept a cancel of an order by its owner; raises Refused."""
        self.advance(now)
        if order.cancel_due is not None or order.status == "Canceled":
            raise Refused("NO_ORDER_MATCHES_YOUR_REQUEST")
        if order.status == "Closed":
            raise Refused("ORDER_COULD_NOT_BE_CANCELED")
        if self.cancel_ms and order.who != self.house:
            order.cancel_due = now + self.cancel_ms
        else:
            self._end(order, "Canceled")

    def advance(self, now: int) -> None:
        """Carry out the accepted cancels that are due."""
        for order in self.orders:
            if order.open and order.cancel_due is not None and order.cancel_due <= now:
                self._end(order, "Canceled")

    def print_trade(self, now: int, pair: str, price: int, qty: int, side: str) -> None:
        """A trade between strangers."""
        self.advance(now)
        self._tell(pair, price, qty, side)
        self._look_at_stops(pair)

    # -- The rules ------------------------------------------------------------------------------------

    def _check(self, name: str, buys: bool, method: str, quantity: int, price: int, stop: int) -> None:
        pair = self.pairs[name]
        spends = buys and "limit" not in method
        if quantity <= 0 or quantity % (pair.price_step if spends else pair.lot):
            raise Refused("FAILED_INVALID_QUANTITY_SCALE")
        if price % pair.price_step:
            raise Refused("FAILED_INVALID_PRICE_SCALE")
        if stop % pair.price_step:
            raise Refused("FAILED_INVALID_STOP_PRICE_SCALE")
        if "limit" in method and price > pair.highest:
            raise Refused("PRICE_MUST_BE_LESS_THAN_MAXPRICE")
        if "limit" in method and price < pair.lowest:
            raise Refused("PRICE_MUST_BE_LESS_THAN_MINPRICE")
        bids, asks = (self.resting(name, buys=side) for side in (True, False))
        if method.startswith("stop"):
            if not buys and asks and stop > asks[0].price:
                raise Refused("FAILED_STOP_PRICE_GREATER_THAN_BEST_ASK")
            if buys and bids and stop < bids[0].price:
                raise Refused("FAILED_STOP_PRICE_LESS_THAN_BEST_BID")
        if spends:
            total = quantity
        elif method == "market":
            total = bids[0].price * quantity // E8 if bids else pair.min_total
        else:
            total = (price if "limit" in method else stop) * quantity // E8
        if total < pair.min_total:
            raise Refused("FAILED_MIN_TOTAL_AMOUNT")

    def _enter(
        self, name: str, who: str, pair: str, buys: bool, method: str, quantity: int, price: int, stop: int
    ) -> None:
        """Reserve, remember and trade."""
        order = PlainOrder(name, who, pair, buys, method, quantity, price, stop, len(self.orders))
        if buys and "limit" not in method:
            order.money = self._money(who, pair, quantity)
        else:
            order.amount = order.left = quantity
        need, asset = self._need(order), self._pays_with(order)
        if need > self.free.get((who, asset), 0):
            raise Refused(
                "FAILED_ORDER_WITH_OPEN_ORDERS" if self.locked(who, asset) else "BALANCE_NOT_ENOUGH"
            )
        self.free[who, asset] = self.free.get((who, asset), 0) - need
        order.held = need
        self.orders.append(order)
        if method == "limit":
            self._match_limit(order)
        elif method == "market":
            self._match_market(order)

    def _match_limit(self, order: PlainOrder) -> None:
        for maker in self.resting(order.pair, buys=not order.buys):
            meets = maker.price <= order.price if order.buys else maker.price >= order.price
            if not meets or order.left == 0:
                break
            self._match(order, maker, min(order.left, maker.left))
        if order.left == 0:
            self._end(order, "Closed")
        else:
            self._hold_less(order)

    def _match_market(self, order: PlainOrder) -> None:
        """Trade within five per cent of the touch. What could not trade is canceled."""
        makers = self.resting(order.pair, buys=not order.buys)
        touch = makers[0].price if makers else 0
        for maker in makers:
            inside = maker.price * 100 <= touch * 105 if order.buys else maker.price * 100 >= touch * 95
            if not inside:
                break
            wanted = self._wanted(order, maker.price)
            if wanted == 0:
                self._end(order, "Closed" if order.amount > order.left else "Canceled")
                return
            self._match(order, maker, min(wanted, maker.left))
        # The end of the band: done if nothing more could be wanted there.
        edge = touch * 105 // 100 if order.buys else touch
        rest = self._wanted(order, edge) if edge else 1
        self._end(order, "Canceled" if rest or order.amount == order.left else "Closed")

    def _wanted(self, order: PlainOrder, price: int) -> int:
        if order.money is None:
            return order.left
        lot = self.pairs[order.pair].lot
        return order.money * E8 // price // lot * lot

    def _match(self, taker: PlainOrder, maker: PlainOrder, qty: int) -> None:
        """Trade at the maker's price. Notional, commission and fee are rounded down, the tax is the rest."""
        notional = maker.price * qty // E8
        for order, takes in ((taker, True), (maker, False)):
            commission = notional * self._points(order.who, order.pair, takes) // 10_000
            fee = commission * 5 // 6
            self._settle(order, qty, notional, commission)
            if order.money is None:
                order.left -= qty
            else:
                order.amount += qty
                order.money -= notional
            order.status = "Partial"
            if order.who != self.house:
                fills = self.fills.setdefault(order.who, [])
                fills.append(PlainFill(order.name, maker.price, qty, fee, commission - fee))
        if maker.left == 0:
            self._end(maker, "Closed")
        else:
            self._hold_less(maker)
        self._tell(taker.pair, maker.price, qty, "buy" if taker.buys else "sell")

    def _settle(self, order: PlainOrder, qty: int, notional: int, commission: int) -> None:
        pair = self.pairs[order.pair]
        self.collected[pair.quote] = self.collected.get(pair.quote, 0) + commission
        if order.buys:
            order.held -= notional + commission
            self._give(order.who, pair.base, qty)
        else:
            order.held -= qty
            self._give(order.who, pair.quote, notional - commission)
        assert order.held >= 0, f"{order.name} spent more than it held"

    def _look_at_stops(self, pair: str) -> None:
        """Turn the oldest stop that a price since the last look has reached into an order, and look again."""
        while True:
            prices = [*self.printed.get(pair, []), *([self.last[pair]] if pair in self.last else [])]
            reached = (
                order
                for order in self.orders
                if order.waits
                and order.pair == pair
                and any(p >= order.stop if order.buys else p <= order.stop for p in prices)
            )
            stop = next(reached, None)
            if stop is None:
                self.printed[pair] = []
                return
            self._end(stop, "Canceled")
            try:
                method = stop.method.removeprefix("stop")
                self._enter(stop.name, stop.who, pair, stop.buys, method, stop.quantity, stop.price, 0)
            except Refused:
                continue

    # -- Money ----------------------------------------------------------------------------------------

    def _points(self, who: str, pair: str, takes: bool) -> int:
        if who == self.house:
            return 0
        quote = self.pairs[pair].quote
        return BASIS_POINTS.get(quote, BASIS_POINTS["other"])[takes]

    def _money(self, who: str, pair: str, quantity: int) -> int:
        """What a buy may spend: all of it, or what is left when the commission comes out of it."""
        points = 0 if self.fee_on_top else self._points(who, pair, True)
        return quantity * 10_000 // (10_000 + points)

    def _need(self, order: PlainOrder) -> int:
        """What a new order locks, rounded up."""
        if not order.buys:
            return order.amount
        if order.money is not None and not self.fee_on_top:
            return order.quantity
        takes = order.method != "limit"
        if not takes:
            best = self.resting(order.pair, buys=False)
            takes = bool(best) and best[0].price <= order.price
        spent = up(order.price * order.amount, E8) if order.money is None else order.money
        return spent + up(spent * self._points(order.who, order.pair, takes), 10_000)

    def _hold_less(self, order: PlainOrder) -> None:
        """A resting buy holds what is left of it and the commission of resting, never more than before."""
        if not order.buys:
            return
        spent = up(order.price * order.left, E8)
        need = min(order.held, spent + up(spent * self._points(order.who, order.pair, False), 10_000))
        self._give(order.who, self.pairs[order.pair].quote, order.held - need)
        order.held = need

    def _end(self, order: PlainOrder, status: str) -> None:
        self._give(order.who, self._pays_with(order), order.held)
        order.held, order.status = 0, status

    def _give(self, who: str, asset: str, amount: int) -> None:
        self.free[who, asset] = self.free.get((who, asset), 0) + amount

    def _pays_with(self, order: PlainOrder) -> str:
        pair = self.pairs[order.pair]
        return pair.quote if order.buys else pair.base

    def _tell(self, pair: str, price: int, qty: int, side: str) -> None:
        self.tape.append((pair, price, qty, side))
        self.last[pair] = price
        self.printed.setdefault(pair, []).append(price)


def plain_pair(pair: Any) -> PlainPair:
    """The rules of one of the emulator's pairs."""
    return PlainPair(
        pair.base, pair.quote, pair.price_step, pair.qty_step, pair.min_total, pair.min_price, pair.max_price
    )
