"""What changes the books, one value for each change: a row of the ledger, in the order of booking.

Amounts are integers of 10^-8. A change that is not of our own trades is a flow: what equity moves by through
it is neither profit nor loss. Coins that are not ours (`foreign`) have no value in the book.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from attrs import evolve, frozen

from meva_core.live_book.documents import e8, later
from meva_core.live_book.holdings import share
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
    """Return postings without coins that were taken back, and without what took them back: what was a
    person's by all that was known then, and ours in the end, moved no coins twice. Of what came back in part,
    the rest is left, for its share."""
    found = list(postings)
    moved = {one.id: one for one in found if one.qty and one.kind is not Kind.TAKEN_BACK}
    back, used = dict[str, int](), set[str]()
    for one in found:
        of = _moved_by(one, moved)
        total = back.get(of.id, 0) + one.qty if of is not None else 0
        if of is not None and total * of.qty < 0 and abs(total) <= abs(of.qty):
            back[of.id] = total
            used.add(one.id)
    left = (_left(one, back.get(one.id, 0)) for one in found if one.id not in used)
    return [one for one in left if one is not None]


def _moved_by(posting: Posting, moved: Mapping[str, Posting]) -> Posting | None:
    """Return the posting that moved the coins which one takes back: the one that it names, or, where others'
    coins went first, the one beside it that took the book's."""
    if posting.kind is not Kind.TAKEN_BACK or not posting.qty or posting.cause is None:
        return None
    return moved.get(posting.cause) or moved.get(f"{posting.cause}:out")


def _left(posting: Posting, back: int) -> Posting | None:
    """Return what is left of a posting once so many of its coins came back; none where all did."""
    left = posting.qty + back
    if not back:
        return posting
    return (
        evolve(posting, qty=left, notional=share(posting.notional, abs(left), abs(posting.qty)))
        if left
        else None
    )
