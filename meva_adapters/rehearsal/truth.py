"""What is true at the exchange: orders, fills, balances. Integers throughout; nothing of ours reckons here.

Prices are e8, quantities e10 and money e18, so that every product is exact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
from enum import Enum
from random import Random
from typing import Final

from attrs import define, field, frozen

from meva_adapters.rehearsal.faults import Fault, Faults
from meva_adapters.rehearsal.pairs import Pair
from meva_adapters.rehearsal.time_there import SECOND, Time
from meva_core.orders import Side

QUOTE: Final = "TRY"
Q: Final = 10**10
MONEY: Final = 10**18
_FINE: Final = Q // 10**8
_RATE: Final = 10**6
"""Fee rates are in millionths."""
FILL_LATE_SECONDS: Final = 400


class State(Enum):
    """Where an order stands."""

    OPEN = "open"
    FILLED = "filled"
    CANCELED = "canceled"
    FORGOTTEN = "forgotten"
    """It ended, and the exchange will not know it any more."""

    @property
    def ended(self) -> bool:
        """Whether it can trade no more."""
        return self is not State.OPEN


@define
class Order:
    """An order at the exchange. `name` is its client id; `shown_at` is from when lists have it. `created` is
    when it was taken, which may be after it was `sent`."""

    number: int
    name: str | None
    pair: Pair
    side: Side
    price: int
    qty: int
    created: int
    shown_at: int
    sent: int
    filled: int = 0
    state: State = State.OPEN
    ends_at: int | None = None
    """When a cancel that was taken is carried out."""
    fills: list[Fill] = field(factory=list)

    @property
    def left(self) -> int:
        """What of it is not filled, e10."""
        return self.qty - self.filled

    @property
    def locked(self) -> int:
        """What it ties up: money for a BUY, coins for a SELL."""
        if self.state.ended:
            return 0
        return self.left * self.price if self.side is Side.BUY else self.left


@frozen
class Fill:
    """One execution. `fee` is e18; `named` and `numbered` say whether its row names its order, either way."""

    number: int
    order: Order
    price: int
    qty: int
    fee: int
    ts: int
    shown_at: int
    named: bool
    numbered: bool
    is_ours: bool


@define
class Truth:
    """The books of the exchange. `there` is what the account has, money e18 and coins e10.

    `maker` and `taker` are fee rates in millionths, `cash_step` is the unit to which the exchange rounds what
    a fill moves in money. `fine` says that it matches finer than 10^-8.
    """

    time: Time
    random: Random
    faults: Faults
    pairs: dict[str, Pair]
    there: dict[str, int]
    maker: int
    taker: int
    cash_step: int = 1
    fine: bool = False
    sizes: int = 20_000
    """What rests at the best price of others, TRY at most."""
    orders: dict[int, Order] = field(factory=dict)
    fills: list[Fill] = field(factory=list)
    numbers: int = 10_000
    run: str = ""
    """The run of the book: what bears its name is ours."""
    left: set[str] = field(factory=set)
    """Names of orders that an earlier system left: they are ours as well."""
    begun: Counter[str] = field(factory=Counter)
    """What was ours of each pair when the book was opened, e10."""
    excused: set[str] = field(factory=set)
    """Symbols in which an order of ours was taken twice, or after it had to be given up."""
    moved: Counter[tuple[bool, str]] = field(factory=Counter)
    """What fills and transfers moved of each asset: those of our own orders, and all else."""
    late: list[tuple[int, str, Pair, Side, int, int, int]] = field(factory=list)
    """Orders that were sent, at the last of their times, and that the exchange takes at the first."""

    # -- Asked ------------------------------------------------------------------------------------------

    def open(self) -> list[Order]:
        """Return all that rests."""
        return [one for one in self.orders.values() if not one.state.ended]

    def locked(self, asset: str) -> int:
        """Return what resting orders tie up of an asset."""
        side = Side.BUY if asset == QUOTE else Side.SELL
        found = (one for one in self.open() if one.side is side and asset in (QUOTE, one.pair.asset))
        return sum(self._needs(one.side, one.price, one.left) for one in found)

    def free(self, asset: str) -> int:
        """Return what of an asset is not tied up."""
        return self.there.get(asset, 0) - self.locked(asset)

    def affords(self, pair: Pair, side: Side, price: int, qty: int) -> bool:
        """Whether there is enough for an order."""
        asset = QUOTE if side is Side.BUY else pair.asset
        return self._needs(side, price, qty) <= self.free(asset)

    def _needs(self, side: Side, price: int, qty: int) -> int:
        if side is Side.SELL:
            return qty
        return qty * price * (_RATE + self.taker) // _RATE + self.cash_step

    def of_name(self, name: str) -> list[Order]:
        """Return the orders under a client id."""
        return [one for one in self.orders.values() if one.name == name]

    # -- What happens -----------------------------------------------------------------------------------

    def number(self) -> int:
        """Return the next number."""
        self.numbers += self.random.randint(1, 9)
        return self.numbers

    def takes(
        self, name: str | None, pair: Pair, side: Side, price: int, qty: int, hidden: int = 0, sent: int = 0
    ) -> Order:
        """Take an order, and trade what trades at once; lists have it after so many microseconds. It was
        sent at a time before, or now."""
        now = self.time.now
        order = Order(self.number(), name, pair, side, price, qty, now, now + hidden, sent or now)
        self.orders[order.number] = order
        best = pair.ask if side is Side.BUY else pair.bid
        crosses = price >= best if side is Side.BUY else price <= best
        if crosses:
            most = max(1, self.random.randint(1, self.sizes) * MONEY // best)
            self.trades(order, best, min(order.left, most), taking=True)
        return order

    def cancels(self, order: Order) -> None:
        """End an order that rests."""
        if not order.state.ended:
            order.state, order.ends_at = State.CANCELED, None

    def goes_on(self) -> None:
        """Do what is due by now: late acceptances, slow cancels, and what the market trades of what rests."""
        now = self.time.now
        for one in [one for one in self.late if one[0] <= now]:
            self.late.remove(one)
            _, name, pair, side, price, qty, sent = one
            if pair.listed and self.affords(pair, side, price, qty):
                self.takes(name, pair, side, price, qty, sent=sent)
        for order in self.open():
            if not order.pair.listed or (order.ends_at is not None and order.ends_at <= now):
                self.cancels(order)
            elif self._is_met(order):
                self.trades(order, order.price, self._part(order), taking=False)

    def _is_met(self, order: Order) -> bool:
        pair = order.pair
        return pair.ask <= order.price if order.side is Side.BUY else pair.bid >= order.price

    def _part(self, order: Order) -> int:
        if not self.faults.happens(Fault.PARTIAL):
            return order.left
        part = order.left * self.random.randint(1, 99) // 100
        return part if self.fine else part - part % (order.pair.lot * _FINE)

    def trades(self, order: Order, price: int, qty: int, *, taking: bool) -> None:
        """Fill so much of an order, or as much as there is to trade with."""
        step = 1 if self.fine else order.pair.lot * _FINE
        qty = min(order.left, qty - qty % step if qty < order.left else qty)
        if qty <= 0:
            return
        rate = self.taker if taking else self.maker
        notional = price * qty
        fee = -(-notional * rate // _RATE // 10**10) * 10**10
        sign = 1 if order.side is Side.BUY else -1
        money = -sign * notional - fee
        money -= money % self.cash_step  # against the account, as exchanges round
        if self.there.get(QUOTE, 0) + money < 0 or self.there.get(order.pair.asset, 0) + sign * qty < 0:
            return
        self.there[QUOTE] = self.there.get(QUOTE, 0) + money
        self.there[order.pair.asset] = self.there.get(order.pair.asset, 0) + sign * qty
        ours = self.is_ours(order)
        self.moved[ours, QUOTE] += money
        self.moved[ours, order.pair.asset] += sign * qty
        order.filled += qty
        if not order.left:
            order.state = State.FILLED
        self._row(order, price, qty, fee)

    def _row(self, order: Order, price: int, qty: int, fee: int) -> None:
        is_ours = self.is_ours(order)
        late = self.random.randint(0, 2 * SECOND)
        if self.faults.happens(Fault.FILL_LATE):
            late = self.random.randint(3, FILL_LATE_SECONDS) * SECOND
        named = order.name is not None and not self.faults.happens(Fault.FILL_NAMELESS)
        numbered = not (is_ours and named and self.faults.happens(Fault.FILL_NUMBERLESS))
        number = self._fill_number(order) if numbered else self.number()
        now = self.time.now
        fill = Fill(number, order, price, qty, fee, now, now + late, named, numbered, is_ours)
        self.fills.append(fill)
        order.fills.append(fill)

    def _fill_number(self, order: Order) -> int:
        """Return the number of a fill: where two of one account meet, both rows may have the same, and pairs
        may count each for itself. No order has two of one number, and orders of one name, which are on one
        side, never meet."""
        last = self.fills[-1] if self.fills else None
        if last is None or last.order is order or not last.numbered or len(last.order.fills) > 1:
            return self.number()
        if last.number in [fill.number for fill in order.fills]:
            return self.number()
        if order.name is not None and last.order.name == order.name:
            return self.number()
        return last.number if self.faults.happens(Fault.FILL_ID_SHARED) else self.number()

    def transfers(self, asset: str, amount: int) -> None:
        """Bring in money or coins, or take them out."""
        self.there[asset] = self.there.get(asset, 0) + amount
        self.moved[False, asset] += amount

    # -- For whoever checks -----------------------------------------------------------------------------

    def ours(self) -> Iterator[Order]:
        """Yield the orders under our names."""
        return filter(self.is_ours, self.orders.values())

    def is_ours(self, order: Order) -> bool:
        """Whether an order bears our name."""
        name = order.name
        if name is None or name in self.left:
            return name is not None
        return name[:3] in ("s3:", "s4:") and name[3:].startswith(f"{self.run}-")

    def position(self, symbol: str) -> int:
        """Return what was ours of a pair at first, and what our own fills came to since, e10."""
        return self.begun[symbol] + net(
            fill for fill in self.fills if fill.is_ours and fill.order.pair.name == symbol
        )


def net(fills: Iterable[Fill]) -> int:
    """Return bought less sold, e10."""
    return sum(fill.qty if fill.order.side is Side.BUY else -fill.qty for fill in fills)


def units(value: Decimal, places: int) -> int:
    """Return an amount in units of 10^-places. Raises ValueError for one that is finer."""
    whole = value.scaleb(places)
    if whole != int(whole):
        raise ValueError(f"{value} is finer than 10^-{places}")
    return int(whole)


def decimal_of(many: int, places: int) -> Decimal:
    """Return so many units of 10^-places exactly, without needless zeros behind the point."""
    while places > 8 and many % 10 == 0:
        many, places = many // 10, places - 1
    return Decimal(many).scaleb(-places)
