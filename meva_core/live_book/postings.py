"""What changes the books, one value for each change: a row of the ledger, in the order of booking.

Amounts are integers of 10^-8. A change that is not of our own trades is a flow: what equity moves by through
it is neither profit nor loss. Coins that are not ours (`foreign`) have no value in the book.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from attrs import frozen

from meva_core.live_book.documents import e8, later
from meva_core.orders import Side


class Kind(StrEnum):
    """What a posting is of; the words are what the database holds."""

    BUY = "buy"
    SELL = "sell"
    BEFORE = "before_opening"
    """A fill stamped before the opening: kept, and moves nothing."""
    FOREIGN_BUY = "foreign_buy"
    FOREIGN_SELL = "foreign_sell"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    FOREIGN_IN = "foreign_in"
    FOREIGN_OUT = "foreign_out"
    TRANSFER_IN = "transfer_in"
    TRANSFER_OUT = "transfer_out"
    """Coins of the book that went, or came back, otherwise than by an own trade."""
    ROUNDING = "rounding"
    PROOF = "proof"
    """The exchange lists what had been booked from the balance alone: moves nothing."""
    TAKEN_BACK = "taken_back"
    """What a posting moved was not so."""


FILLS: Final = frozenset({Kind.BUY, Kind.SELL})
"""What books as an own trade; all else is a flow or moves nothing."""


@frozen
class Posting:
    """One change of the books.

    `seq` is its place in the order of booking, from 1 on; `ts` the exchange's stamp in microseconds. `qty`
    are coins of the book, below zero where they leave; `notional` is what they were traded for, or, of a
    flow, what the value of the holding changes by. `fee` and `reference` are a trade's. `money` is TRY that a
    flow brings, below zero what it takes; `foreign` are coins that are not the book's. `cause` is the id of
    what it was made of: a fill, a listed flow, or another posting. `part` is of a proof: how much of what it
    proves it says, 0 in older rows, which say all of it.
    """

    id: str
    kind: Kind
    ts: int
    asset: str
    symbol: str | None = None
    qty: int = e8(0)
    notional: int = e8(0)
    fee: int = e8(0)
    reference: int = e8(0)
    money: int = e8(0)
    foreign: int = e8(0)
    unproven: bool = False
    cause: str | None = None
    order_id: str | None = None
    client_id: str | None = None
    seq: int = 0
    part: int = later(0, is_e8=True)

    @property
    def side(self) -> Side:
        """Which way an own trade went."""
        return Side.BUY if self.kind is Kind.BUY else Side.SELL

    @property
    def cash(self) -> int:
        """What TRY changes by."""
        if self.kind is Kind.BUY:
            return -self.notional - self.fee
        return self.notional - self.fee if self.kind is Kind.SELL else self.money

    @property
    def flow(self) -> int:
        """What equity changes by and is neither profit nor loss."""
        if self.kind in FILLS:
            return 0
        return self.money + (self.notional if self.qty > 0 else -self.notional)


def lasting(postings: Iterable[Posting]) -> list[Posting]:
    """Return postings without those whose coins were taken back whole, and without what took them back: what
    was a person's by all that was known then, and ours in the end, moved no coins twice."""
    found = list(postings)
    backs = {one.cause: one for one in found if one.kind is Kind.TAKEN_BACK and one.qty}
    pairs = [(one, backs[one.id]) for one in found if one.id in backs and backs[one.id].qty == -one.qty]
    gone = {one.id for pair in pairs for one in pair}
    return [one for one in found if one.id not in gone]
