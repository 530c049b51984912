"""How a process takes a book up: what an earlier one left under way, whether its rows still make it, and
whose account it is."""

from __future__ import annotations

from typing import Final

from attrs import evolve, frozen

from meva_core.errors import BadInput
from meva_core.live_book.alarms import Alarm, AlarmCode
from meva_core.live_book.book import LiveBook, proved
from meva_core.live_book.opening import admitted
from meva_core.operating.accepting import taken_in
from meva_core.operating.answered import answered
from meva_core.operating.records import recording, stored
from meva_core.operating.records.decided_rows import CYCLES
from meva_core.operating.records.stored_cycles import check_head
from meva_core.operating.records.whose import Whose, whose
from meva_core.operating.steps import replacing
from meva_core.operating.steps.reading import Process
from meva_core.ports import Account, Reads, Store

_LOOKS: Final = 3
"""Orders of a book's own that are asked for, to see whether a key knows one."""


@frozen
class TakenUp:
    """A book as a process takes it up: what it knows of its own run, the cycles that were left decided and
    not done, and how many replacements were left under way."""

    book: LiveBook
    process: Process
    interrupted: tuple[str, ...] = ()
    abandoned: int = 0


def taken_up(store: Store, name: str, now: int) -> TakenUp:
    """Take up a book that is there, at a time in microseconds.

    What the earlier process left under way is said to have ended: what became of its orders, the first cycle
    finds out. A book that its rows do not make is alarming (K2), and so stored. Raises KeyError for no book,
    StoreCorrupt for one whose row is not what was stored or whose last cycle is not there, and StoreError.
    """
    found = taken_in(store, name, now)
    if found is None:
        raise KeyError(name)
    book, carried = found
    with store.unit() as work:
        check_head(work, book)
        left = recording.interrupted(work, name)
        rows = stored.postings(work, whose(book))
        alarms = proved(book, stored.opening(work, name), rows, carried.valuations)
        open_now = {alarm.pair for alarm in book.alarms} | set(book.accepted)
        if new := [alarm for alarm in alarms if alarm.pair not in open_now]:
            book = evolve(book, alarms=(*book.alarms, *(evolve(one, since=now) for one in new)))
            recording.saved(work, book)
        process = Process(runs=stored.runs(work, name), newest=_newest(work, name), offset=carried.offset)
        work.commit()
    return TakenUp(book, process, tuple(left), replacing.abandon(store, whose(book), now))


def check_account(store: Store, account: Account, book: LiveBook, name: str, now: int) -> LiveBook:
    """Return a book that the key of an account, called `name`, may trade; a new key of the same account is
    added.

    Raises BadInput for another account, with the alarm stored that a person may accept; VenueError where
    nobody can tell.
    """
    with answered():
        knows = name not in book.accounts and any(
            account.order(number) is not None for number in _numbers(store, whose(book))
        )
    found = admitted(book, name, knows_an_order=knows)
    if found is None:
        alarm = Alarm(AlarmCode.OTHER_ACCOUNT, name, since=now)
        others = (one for one in book.alarms if one.pair != alarm.pair)
        _save(store, evolve(book, alarms=(*others, alarm)))
        raise BadInput(
            f"the key is of account {name}, and book {book.name} is of account {', '.join(book.accounts)}; "
            "none of the book's orders is known to it",
            action=f"use the key of that account, or another database; if it is the same account: "
            f"`meva arm --accept {alarm.pair} --reason TEXT`",
        )
    found = evolve(found, alarms=tuple(a for a in found.alarms if a.code is not AlarmCode.OTHER_ACCOUNT))
    if found != book:
        _save(store, found)
    return found


def _save(store: Store, book: LiveBook) -> None:
    with store.unit() as work:
        recording.saved(work, book)
        work.commit()


def _newest(view: Reads, name: str) -> int:
    """Return the time of a book's newest cycle, in seconds, however that ended; 0 before the first."""
    found = view.rows(CYCLES, ("ts",), where={"book": name}, newest_first=True, limit=1)
    return next((int(ts.timestamp()) for (ts,) in found), 0)


def _numbers(store: Store, of: Whose) -> list[str]:
    """Return the exchange's numbers of some orders of a book, the newest first."""
    columns = ("exchange_order_id",)
    with store.read() as view:
        found = view.rows("stage4_orders", columns, run_id=of.run, newest_first=True)
        numbers = (number for (number,) in found if number)
        return [number for number, _ in zip(numbers, range(_LOOKS), strict=False)]
