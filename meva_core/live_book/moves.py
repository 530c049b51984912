"""What moved the totals of the account of late, as far as anything but a balance told of it: fills and flows
that the exchange lists, each at its stamp there.

They say of an earlier moment what the account had then, which is what a balance that is shown late shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import frozen

from meva_core.amounts import E6
from meva_core.live_book.documents import e8
from meva_core.live_book.postings import Kind, Posting

LATE_MICROS: Final = 600 * E6
"""How late a balance may be shown; what moved before that is not kept."""
_QUOTE: Final = "TRY"


@frozen
class Move:
    """What a posting moved of TRY, and of `asset`, ours and not ours; `ts` is in microseconds."""

    id: str
    ts: int
    asset: str
    money: int = e8(0)
    coins: int = e8(0)

    def of(self, asset: str) -> int:
        """Return what it moved of an asset, e8."""
        return (self.money if asset == _QUOTE else 0) + (self.coins if asset == self.asset else 0)


def noted(moves: Sequence[Move], posting: Posting) -> tuple[Move, ...]:
    """Return the moves after one more posting, in the order of their stamps.

    What was booked from a balance is none: a balance that is shown late may be what it was booked from.
    """
    if posting.kind is Kind.TAKEN_BACK:
        return tuple(one for one in moves if one.id != posting.cause)
    coins = posting.qty + posting.foreign
    if posting.unproven or posting.kind is Kind.ROUNDING or not (posting.cash or coins):
        return tuple(moves)
    new = Move(posting.id, posting.ts, posting.asset, posting.cash, coins)
    kept = sorted((*moves, new), key=lambda one: one.ts)
    return tuple(one for one in kept if one.ts > kept[-1].ts - LATE_MICROS)


def since(moves: Sequence[Move], asset: str, moment: int) -> tuple[int, int]:
    """Return what moved of an asset after a moment, e8, and in how many moves."""
    found = [amount for one in moves if one.ts > moment and (amount := one.of(asset))]
    return sum(found), len(found)
