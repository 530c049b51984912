"""Orders of ours as the book sees them: what they asked, what they were decided at, and what was booked."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from attrs import evolve, field, frozen

from meva_core.live.booking import Sums
from meva_core.live.live_orders import Record
from meva_core.live.standing import ENDED, MAY_REST, UNSETTLED, Standing
from meva_core.live.watch import Watch
from meva_core.live_book.names import cycle_of
from meva_core.orders import Side
from meva_core.venue import EXACT, VenueFill

_ZERO: Final = Decimal(0)
_UNIT: Final = Decimal("0.00000001")
_CANCELED: Final = (Standing.CANCEL_REQUESTED, Standing.CANCELED)
STAMPS_MICROS: Final = 3_600 * 10**6
"""So far stamps of the exchange may lie before our own of the same order."""


@frozen
class OwnOrder:
    """An order of ours. Amounts are the exchange's Decimals, `mark` is e8.

    `client_id` is our name for it at the exchange. `mark` is that of the cycle which decided it, None for
    adopted ones. `filled` is the exchange's word, which it rounds to `lot`. `sums` are its fills that are
    booked, `count` how many, and `inexact` how many of them the exchange gave rounded. `was_absent` says that
    we called it absent, and not the earlier system, when nothing had told of a fill; `is_missed` that it may
    rest, and the exchange did not show it when it was looked for, `was_known` that the exchange had it once,
    by its own word or by the earlier system's; `twin_of` is the name that it shares with another one. Without
    `asks` nobody knows what it asked: for no less than has filled. `written` is when something was sent of it
    last, as far as its row says, in microseconds.
    """

    symbol: str
    side: Side
    price: Decimal
    qty: Decimal
    standing: Standing
    client_id: str | None = None
    order_id: str | None = None
    mark: int | None = None
    filled: Decimal | None = None
    sums: Sums = field(factory=Sums)
    count: int = 0
    inexact: int = 0
    complete: bool = False
    lot: Decimal = _UNIT
    was_absent: bool = False
    is_missed: bool = False
    was_known: bool = False
    twin_of: str | None = None
    asks: bool = True
    created: int = 0
    ended: int | None = None
    written: int = 0

    @property
    def label(self) -> str:
        """What to call it before people."""
        return self.client_id or self.order_id or f"{self.symbol} {self.side.name} of {self.created}"

    @property
    def is_unsettled(self) -> bool:
        """Whether it has to be asked for before anything else is decided."""
        return self.standing in UNSETTLED

    @property
    def has_ended(self) -> bool:
        """Whether it can fill no more, but for fills that are under way."""
        return self.standing in ENDED or self.standing is Standing.ABSENT

    @property
    def agrees(self) -> bool:
        """Whether its booked fills add up to what the exchange says was filled, or are all there are.

        What it said of an order that it does not show any more may be old.
        """
        if self.complete:
            return True
        if self.is_missed or (self.standing is Standing.ABSENT and self.filled):
            return False
        return self.missing == 0 or (self.filled is None and not self.sums.qty)

    @property
    def missing(self) -> Decimal | None:
        """By how much its booked fills fall short of what the exchange says was filled; below zero, more
        came; None, it does not say. Within a unit for each fill that the exchange did not give exactly, that
        is zero. Its own word, which it rounds where something is left, is off by less than one: a whole lot
        is a fill that lacks.
        """
        if self.filled is None:
            return None
        short = EXACT.subtract(self.filled, self.sums.qty)
        off, spare = abs(short), EXACT.multiply(self.lot, Decimal(self.inexact))
        is_rounded = off <= spare or (self.filled != self.qty and off < EXACT.add(spare, self.lot))
        return _ZERO if is_rounded else short

    @property
    def left(self) -> Decimal:
        """What of it is not booked: of its quantity, or, once it has ended, of its filled quantity."""
        if self.complete and self.has_ended:
            return _ZERO
        if self.standing in MAY_REST:
            most = self.qty
        elif self.standing in (Standing.FILLED, Standing.CANCELED):
            most = self.qty if self.filled is None else self.filled
        else:
            most = self.filled or _ZERO
        return max(_ZERO, EXACT.subtract(most, self.sums.qty))

    def may_have(self, fill: VenueFill) -> bool:
        """Whether a fill can be of it: it asked that, and, up to the digits of rounded ones, for no less than
        has filled then."""
        if (fill.symbol, fill.side) != (self.symbol, self.side):
            return False
        if not self.asks:
            return True
        after = self.plus(fill)
        unit = Decimal(1).scaleb(int(fill.qty.as_tuple().exponent))
        spare = EXACT.multiply(unit, Decimal(after.inexact)) if after.inexact else _ZERO
        return after.sums.qty <= EXACT.add(self.qty, spare)

    def plus(self, fill: VenueFill) -> OwnOrder:
        """Return it with one more fill, whose number it takes over if it had none."""
        return evolve(
            self,
            order_id=self.order_id or fill.order_id,
            sums=self.sums.plus(fill),
            count=self.count + 1,
            inexact=self.inexact + (not fill.exact),
        )


def own_order(
    record: Record, watch: Watch, fills: Iterable[VenueFill], *, mark: int | None = None, lot: Decimal = _UNIT
) -> OwnOrder:
    """Return an order out of its row, what is remembered of it, and its fills that are in the file.

    `mark` is that of the cycle which decided it, e8, `lot` a unit of the pair's quantities.
    """
    has_ended = record.standing in ENDED or record.standing is Standing.ABSENT
    number, sums, count, inexact = record.order_id, Sums(), 0, 0
    for fill in fills:  # as `plus` does
        number, sums = number or fill.order_id, sums.plus(fill)
        count, inexact = count + 1, inexact + (not fill.exact)
    return OwnOrder(
        symbol=record.symbol,
        side=record.side,
        price=record.price,
        qty=record.qty,
        standing=record.standing,
        client_id=record.name,
        order_id=number,
        mark=mark,
        filled=watch.filled,
        sums=sums,
        count=count,
        inexact=inexact,
        complete=watch.complete,
        lot=lot,
        was_absent=record.standing is Standing.ABSENT and not watch.filled and _by_us(record, watch),
        is_missed=record.standing in MAY_REST and watch.missing is not None,
        was_known=record.order_id is not None or watch.known,
        twin_of=watch.twin_of,
        asks=record.asks,
        created=record.created,
        ended=record.updated if has_ended else None,
        written=record.updated if record.standing in _CANCELED else record.created,
    )


def _by_us(record: Record, watch: Watch) -> bool:
    """Whether it was we who called an order absent: one of ours, or one that the earlier system had not."""
    is_ours = record.name is not None and cycle_of(record.name) is not None
    return is_ours or (watch.known and not watch.once)
