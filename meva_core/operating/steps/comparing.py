"""Step 4 of a cycle: what the exchange's balances say of the book, and the flows that it lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from attrs import evolve, frozen

from meva_core.errors import BadInput, MevaError, Unavailable, VenueError, VenueReason
from meva_core.live_book.alarms import Alarm
from meva_core.live_book.balances import explained, flows_window, needs_flows, quiet, standing_alarms
from meva_core.live_book.book import LiveBook
from meva_core.live_book.ledger import QUOTE, Marks
from meva_core.live_book.own_orders import OwnOrder
from meva_core.live_book.readings import reading_of, without_unread
from meva_core.operating.records.file import File
from meva_core.ports import Account
from meva_core.venue import Balance

BALANCES_UNREAD: Final = "balances_unread"
FLOWS_UNREAD: Final = "flows_unread"
RESTS: Final = "balances_wait"
"""Why nothing at all is submitted in a cycle: the balances, or the flows, could not be read; or our own
writes have kept balances from being compared for so long that one cycle has to rest."""


@frozen
class Compared:
    """What step 4 came to. `looked` says that balances were compared, `why_not` why nothing may be submitted
    in this cycle, `flows` counts what was booked; `note` is for people."""

    book: LiveBook
    alarms: tuple[Alarm, ...] = ()
    looked: bool = False
    flows: int = 0
    why_not: str = ""
    note: str = ""


def read_balances(account: Account) -> tuple[Mapping[str, Balance] | None, str]:
    """Return the balances, or None and why they cannot be read. TRY has to be among them.

    Raises Unavailable with reason CLOCK where the exchange takes no stamp: then the time that it told may be
    wrong, and the cycle's with it.
    """
    try:
        balances = account.balances()
    except (VenueError, BadInput) as error:
        if isinstance(error, VenueError) and error.reason is VenueReason.CLOCK:
            raise Unavailable(
                f"the exchange's time cannot be relied on: {error}", action=error.action, reason=error.reason
            ) from error
        return None, f"the balances cannot be read: {error}{_to_do(error)}"
    if QUOTE not in balances:
        return None, f"the balances do not show {QUOTE}"
    return balances, ""


def _to_do(error: MevaError) -> str:
    """Return what a person has to do about a key that is refused; what else there is may pass by itself."""
    if not isinstance(error, VenueError) or error.reason is not VenueReason.UNAUTHORIZED:
        return ""
    return f". To do: {error.action}; `meva health --account` says whether it is taken then"


def compare(
    account: Account,
    file: File,
    book: LiveBook,
    orders: Iterable[OwnOrder],
    balances: Mapping[str, Balance] | None,
    read_at: int,
    marks: Marks,
    last_write: int | None,
    now: int,
    unread: Iterable[str],
) -> Compared:
    """Compare balances that were read before the fills with the book, if the account is quiet, and book what
    explains the difference.

    `unread` are the symbols whose fills are not all in the book, `read_at` is when the balances had been
    read, `last_write` when something was sent last, `now` the exchange's time, all in microseconds. Raises
    StoreError.
    """
    book, told = quiet(book, orders, last_write, now)
    if balances is None:
        return _unlooked(book, now, BALANCES_UNREAD)
    if not told.is_quiet:
        return _unlooked(book, now, RESTS if told.rests else "")
    reading = without_unread(book, reading_of(book, balances, read_at), unread)
    try:
        flows = account.flows(*flows_window(book, now)) if needs_flows(book, reading) else ()
    except (VenueError, BadInput) as error:
        return _unlooked(book, now, FLOWS_UNREAD, f"the flows cannot be read: {error}")
    done = explained(book, reading, flows, marks, now)
    # What was seen alone is stored with the cycle.
    if evolve(done.book, seen=book.seen) != book or done.postings:
        file.store_flows(book, done.book, done.postings)
    return Compared(done.book, done.alarms, looked=True, flows=len(done.postings))


def _unlooked(book: LiveBook, now: int, why_not: str, note: str = "") -> Compared:
    """Return what stands of the reads before."""
    return Compared(book, tuple(standing_alarms(book, now)), why_not=why_not, note=note)
