"""What is held of one symbol: FIFO lots at their reference, and what was paid for it at average cost.

For a fill of notional N with fee F the reference R is what it would have cost at the mark of the decision,
limited so that slippage S is never negative: BUY R = min(N, mark x q), S = N - R; SELL R = max(N, mark x q),
S = R - N. Lots carry R; average cost carries N + F. Once all is sold the two have said the same:

    realized (FIFO) - fees - slippage = realized (average cost)

Amounts are integers of 10^-8 without a bound: what an exchange did is booked, whatever its size.
"""

from __future__ import annotations

from attrs import evolve, frozen

from meva_core.amounts import E8
from meva_core.live_book.documents import e8
from meva_core.orders import Side


@frozen
class Lot:
    """Coins that came together, and their reference cost."""

    qty: int = e8()
    cost: int = e8()


@frozen
class Holding:
    """What is held of one symbol, and what its trades came to.

    `paid` is the average cost of all that is held, N + F of its BUYs. `realized` is FIFO's, before fees and
    slippage; `realized_average` is what average cost says, with both.
    """

    qty: int = e8(0)
    lots: tuple[Lot, ...] = ()
    paid: int = e8(0)
    realized: int = e8(0)
    realized_average: int = e8(0)
    fees: int = e8(0)
    slippage: int = e8(0)

    @property
    def cost(self) -> int:
        """The reference cost of the lots."""
        return sum(lot.cost for lot in self.lots)

    def value(self, mark: int | None) -> int:
        """Return what it is worth at a mark, rounded once; what never had a mark is worth its cost."""
        return self.cost if mark is None else product(self.qty, mark)

    def bought(self, qty: int, notional: int, fee: int, reference: int) -> Holding:
        """Return it after coins came. What was paid for less than a unit, of which nothing is held, is a
        loss, no cost."""
        held, paid = self.qty + qty, notional + fee
        return evolve(
            self,
            qty=held,
            lots=(*self.lots, Lot(qty, reference)) if qty else self.lots,
            paid=self.paid + paid if held else 0,
            # A lot of nothing cannot be sold: its reference is realized at once, as its price is.
            realized=self.realized if qty else self.realized - reference,
            realized_average=self.realized_average if held else self.realized_average - paid,
            fees=self.fees + fee,
            slippage=self.slippage + notional - reference,
        )

    def sold(self, qty: int, notional: int, fee: int, reference: int) -> Holding:
        """Return it after coins left, oldest lots first; raises ValueError for more than is held.

        Of a partly taken lot floor(cost x taken / quantity) leaves, of what was paid floor(paid x q / held);
        the last takes all.
        """
        if not 0 <= qty <= self.qty:
            raise ValueError(f"{qty} cannot leave where {self.qty} are held")
        lots, cost = _without(self.lots, qty)
        paid = self.paid if qty == self.qty else share(self.paid, qty, self.qty)
        return evolve(
            self,
            qty=self.qty - qty,
            lots=lots,
            paid=self.paid - paid,
            realized=self.realized + reference - cost,
            realized_average=self.realized_average + notional - fee - paid,
            fees=self.fees + fee,
            slippage=self.slippage + reference - notional,
        )

    def cost_of(self, qty: int) -> int:
        """Return the reference cost of the oldest so many coins."""
        return _without(self.lots, qty)[1]


def reference_of(side: Side, qty: int, notional: int, mark: int | None) -> int:
    """Return the reference notional of a fill; without a mark of the decision it is what it cost."""
    if mark is None:
        return notional
    at_mark = product(qty, mark)
    return min(notional, at_mark) if side is Side.BUY else max(notional, at_mark)


def product(a: int, b: int) -> int:
    """Return HALF_EVEN(a x b / 10^8) of two amounts that are not negative."""
    whole, rest = divmod(a * b, E8)
    return whole + (2 * rest + (whole & 1) > E8)


def share(amount: int, part: int, whole: int) -> int:
    """Return floor(amount x part / whole), as `ledger.share_of` does within the bounds of an amount."""
    return amount * part // whole


def _without(lots: tuple[Lot, ...], qty: int) -> tuple[tuple[Lot, ...], int]:
    """Return the lots without the oldest `qty` coins, and what those cost."""
    cost = 0
    for at, lot in enumerate(lots):
        if qty < lot.qty:
            part = share(lot.cost, qty, lot.qty)
            return (Lot(lot.qty - qty, lot.cost - part), *lots[at + 1 :]), cost + part
        qty -= lot.qty
        cost += lot.cost
    return (), cost
