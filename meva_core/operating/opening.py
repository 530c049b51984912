"""What a book begins with: balances that two reads show alike, far enough apart and with no fill between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from meva_core.errors import Refused, Unavailable, VenueReason
from meva_core.live_book.ledger import QUOTE
from meva_core.live_book.opening import APART_MICROS, Read, agree
from meva_core.market import MICROS
from meva_core.ports import Account, Clock
from meva_core.venue import VenueFill

TRIES: Final = 4


def opening_read(
    account: Account, clock: Clock, pause: Callable[[int], None], symbols: Sequence[str]
) -> Read:
    """Return the balances that a book is opened with, as two reads 30 s apart agree on them.

    `clock` is the exchange's, `pause` waits for so many milliseconds, `symbols` are the pairs whose fills are
    looked for. Raises Unavailable if no two reads agree, and what the account raises.
    """
    first, why = _read(account, clock), ""
    for _ in range(TRIES):
        pause(APART_MICROS // 1000)
        second = _read(account, clock)
        if QUOTE not in second.balances:
            why = f"they do not show {QUOTE}"
        elif not agree(first, second, filled=False):
            why = f"two reads {(second.ts - first.ts) // MICROS} s apart differ"
        elif any(_fills(account, symbol, first.ts, second.ts) for symbol in symbols):
            why = "orders filled between two reads"
        else:
            return second
        first = second
    raise Unavailable(
        f"the balances cannot be taken as the opening of a book: {why}",
        action="let nothing trade on the account for a minute, then start again",
        reason=VenueReason.INCOMPLETE,
    )


def _fills(account: Account, symbol: str, start: int, end: int) -> Sequence[VenueFill]:
    """Return the fills of a pair; where the exchange does not list it any more, nothing can have filled."""
    try:
        return account.fills(symbol, start, end)
    except Refused as error:
        if error.reason is not VenueReason.UNKNOWN_SYMBOL:
            raise
        return ()


def _read(account: Account, clock: Clock) -> Read:
    return Read(clock.micros(), account.balances())
