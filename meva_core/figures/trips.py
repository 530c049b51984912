"""Round trips: what each SELL order made of the lots that it took, first in, first out.

A lot is a fill of a BUY and costs its notional and its fee; of a partly taken lot that is floor(cost x taken
/ quantity), the last piece takes all that is left. So the results of all round trips are, exactly, what cash
gained and what the lots that are still open cost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from itertools import islice
from typing import Final, NamedTuple

from attrs import define, field

from meva_core.figures.cycles import Cycles, Opening
from meva_core.figures.ratios import quotient
from meva_core.orders import Side
from meva_core.state import OPEN_ORDERS, State

_COLUMNS: Final = ("side", "time", "n", "resting", "price", "qty", "notional", "fee", "reference")
_BUY: Final = int(Side.BUY)
OrderName = tuple[int, int]
"""An order by its submission time, seconds, and its place among its cycle's intents."""


@define
class OpenLot:
    """What is left of a lot, in e8; `time` is when it was bought, None for what a book began with. The cost
    has the fee in it; the slippage stands beside it."""

    time: int | None
    qty: int
    cost: int
    fee: int
    slippage: int

    def taken(self, qty: int) -> OpenLot:
        """Take out a part of it, and return that."""
        held = self.qty
        part = OpenLot(
            self.time, qty, self.cost * qty // held, self.fee * qty // held, self.slippage * qty // held
        )
        self.qty -= qty
        self.cost -= part.cost
        self.fee -= part.fee
        self.slippage -= part.slippage
        return part


@define
class RoundTrip:
    """A SELL order and the lots that it took, amounts in e8, times in seconds.

    `notional`, `fee` and `slippage` are of its fills, `cost`, `bought_fee` and `bought_slippage` of what it
    took; `opened` is when the oldest of that was bought, None where a book began with it. `bought_at` is the
    sum of quantity x time over what it took. `reason` is why it was sold (`motives`), and `open` says that
    the order still rests, and may sell more.
    """

    symbol: str
    order: OrderName
    opened: int | None
    closed: int = 0
    qty: int = 0
    notional: int = 0
    fee: int = 0
    slippage: int = 0
    cost: int = 0
    bought_fee: int = 0
    bought_slippage: int = 0
    bought_at: int | None = 0
    reason: str = ""
    open: bool = False

    @property
    def result(self) -> int:
        """What was left of its proceeds after its fee and the cost of what it took."""
        return self.notional - self.fee - self.cost

    @property
    def share(self) -> float | None:
        """The result to that cost; None where it cost nothing."""
        return quotient(self.result, self.cost) if self.cost else None

    @property
    def held_seconds(self) -> float | None:
        """The mean age of the quantity taken at the order's last fill; None where one is not known."""
        if self.bought_at is None or self.qty == 0:
            return None
        return quotient(self.closed * self.qty - self.bought_at, self.qty)

    def took(self, part: OpenLot) -> None:
        """Count a part of a lot as taken."""
        self.qty += part.qty
        self.cost += part.cost
        self.bought_fee += part.fee
        self.bought_slippage += part.slippage
        if part.time is None or self.bought_at is None:
            self.bought_at = None
        else:
            self.bought_at += part.qty * part.time


class Fill(NamedTuple):
    """A fill as the journal has it, amounts in e8; `time` is its cycle's, in seconds, and its order is named
    by `submitted` and `n`. `resting` is 1 for one at our limit, 0 for one that took the touch."""

    time: int
    symbol: str
    side: int
    submitted: int
    n: int
    resting: int
    price: int
    qty: int
    notional: int
    fee: int
    reference: int

    @property
    def slippage(self) -> int:
        """What it cost against the mark of its cycle."""
        apart = self.notional - self.reference
        return apart if self.side == Side.BUY else -apart


def fills_of(part: Cycles) -> Iterator[Fill]:
    """Yield the fills of cycles, in the order in which they happened."""
    fills, used = part.out.journal.fills, slice(0, part.fills())
    if used.stop == 0:
        return
    times = part.market.time[fills.cycle[used]].tolist()
    symbols = map(part.symbols.__getitem__, fills.symbol[used].tolist())
    others = (getattr(fills, name)[used].tolist() for name in _COLUMNS)
    yield from map(Fill._make, zip(times, symbols, *others, strict=True))


def resting(state: State) -> list[OrderName]:
    """Return the SELL orders that rest in a state."""
    columns = (column.tolist() for column in (state.order_time, state.order_n, state.order_side))
    used = islice(zip(*columns, strict=True), int(state.facts[OPEN_ORDERS]))
    return [(time, n) for time, n, side in used if side == Side.SELL]


@define
class Trips:
    """The round trips so far, by their orders, and the lots that are open, by symbol, oldest first."""

    trips: dict[OrderName, RoundTrip] = field(factory=dict)
    lots: dict[str, deque[OpenLot]] = field(factory=dict)

    @classmethod
    def after(cls, opening: Opening) -> Trips:
        """Return none yet, over what a book begins with."""
        lots = {
            symbol: deque(OpenLot(None, lot.qty, lot.cost, 0, 0) for lot in found)
            for symbol, found in opening.lots.items()
        }
        return cls({}, lots)

    def take(self, fill: Fill) -> None:
        """Take the next fill."""
        lots = self.lots.get(fill.symbol)
        if lots is None:
            lots = self.lots[fill.symbol] = deque()
        if fill.side == _BUY:
            fee = fill.fee
            lots.append(OpenLot(fill.time, fill.qty, fill.notional + fee, fee, fill.slippage))
        else:
            self._sell(fill, lots)

    def _sell(self, fill: Fill, lots: deque[OpenLot]) -> None:
        order = fill.submitted, fill.n
        trip = self.trips.get(order)
        if trip is None:
            opened = lots[0].time if lots else None
            trip = self.trips[order] = RoundTrip(fill.symbol, order, opened)
        trip.closed = fill.time
        trip.notional += fill.notional
        trip.fee += fill.fee
        trip.slippage += fill.slippage
        left = fill.qty
        while left and lots:
            part = lots.popleft() if lots[0].qty <= left else lots[0].taken(left)
            left -= part.qty
            trip.took(part)

    def done(self, still_open: Collection[OrderName] = ()) -> list[RoundTrip]:
        """Return the round trips in the order of their last fills, those of orders that still rest marked."""
        for name in still_open:
            if name in self.trips:
                self.trips[name].open = True
        return sorted(self.trips.values(), key=lambda trip: (trip.closed, trip.order))

    @property
    def open_cost(self) -> int:
        """What the lots cost that are still open."""
        return sum(lot.cost for lots in self.lots.values() for lot in lots)
