"""What a person has accepted of a book's alarms, and what comes of it.

    accept(work, name, pair, reason, now)   whoever says so, at any time
    taken_in(store, name, now)              the process that holds the book, before each of its cycles

A process stores its book as a cycle goes on, and would overwrite what somebody else wrote into it meanwhile.
So an acceptance is kept beside the book, in `op_state`, and taken in when the next cycle begins. Each is kept
for good, with its reason and its time.
"""

from __future__ import annotations

import json
from typing import Any, Final

from attrs import asdict, evolve, frozen

from meva_core.errors import BadInput, BrokenBooks, StoreCorrupt
from meva_core.ids import canonical_json
from meva_core.live.live_orders import stamp
from meva_core.live_book.alarms import ACCEPTABLE, Alarm, AlarmCode
from meva_core.live_book.book import LiveBook, accepted, refolded
from meva_core.live_book.opening import LIVE
from meva_core.operating.records import position_rows, recording, stored
from meva_core.operating.records.carried import Carried
from meva_core.operating.records.whose import whose
from meva_core.ports import Reads, Store, UnitOfWork

_TABLE: Final = "op_state"
_KEY: Final = "accepted_alarms"


@frozen
class Acceptance:
    """That a person accepts an alarm: which, named as `Alarm.pair`; why; when, and when the book took it in,
    as stored text."""

    pair: str
    reason: str
    at: str
    taken_in: str | None = None


def open_alarms(view: Reads, name: str) -> tuple[Alarm, ...]:
    """Return the alarms of a book that are open and that nobody has accepted; none for a book that was never
    opened. Raises StoreError."""
    found = stored.stored_book(view, name)
    waiting = {one.pair for one in acceptances(view, name) if one.taken_in is None}
    return () if found is None else tuple(alarm for alarm in found[0].alarms if alarm.pair not in waiting)


def named(alarms: tuple[Alarm, ...], text: str, name: str) -> Alarm:
    """Return the one of a book's open alarms that a person names: by code and object, or by its code alone.

    Raises BadInput for one that is not open, and for a code that several have: nobody accepts what they may
    not have looked at.
    """
    found = [one for one in alarms if text in (one.pair, str(one.code))]
    if not found:
        raise BadInput(f"{text!r}: no such alarm of book {name} is open", action=_listed(alarms))
    if len(found) > 1:
        pairs = ", ".join(one.pair for one in found)
        raise BadInput(
            f"{text!r}: {len(found)} alarms of book {name} have that code: {pairs}",
            action="name each that is to be accepted as CODE:OBJECT",
        )
    return found[0]


def acceptances(view: Reads, name: str) -> list[Acceptance]:
    """Return all that was ever accepted of a book, in its order. Raises StoreCorrupt."""
    key = _key(name)
    text = next(view.rows(_TABLE, ("text_value",), where={"key": key}), (None,))[0]
    try:
        return [] if text is None else [Acceptance(**one) for one in json.loads(text)]
    except (TypeError, ValueError) as error:
        raise StoreCorrupt(
            f"{_TABLE}, {key}: cannot be read ({type(error).__name__}: {error})",
            action="keep the database, and restore a backup",
        ) from error


def accept(work: UnitOfWork, name: str, pair: str, reason: str, now: str) -> Alarm:
    """Keep that a person accepts an alarm, at a time as stored text, and return the alarm.

    Raises BadInput as `named` does, and for one that nobody can accept; StoreError.
    """
    alarms = open_alarms(work, name)
    alarm = named(alarms, pair, name)
    pair = alarm.pair
    if alarm.code not in ACCEPTABLE:
        raise BadInput(
            f"{pair}: it ends by itself once what it is about has ended, and nobody can accept it",
            action=_listed(alarms),
        )
    if alarm.code is AlarmCode.FOLD:
        _check_foldable(work, name)
    _write(work, name, [*acceptances(work, name), Acceptance(pair, reason, now)], now)
    return alarm


def taken_in(store: Store, name: str, now: int) -> tuple[LiveBook, Carried] | None:
    """Return a book as it stands and what its next cycle begins with, once all that was accepted since is
    done and stored, at a time in microseconds; None for a book that was never opened. Raises StoreError."""
    with store.read() as view:
        found = stored.stored_book(view, name)
        waits = any(one.taken_in is None for one in acceptances(view, name))
    if found is None or not waits:
        return found
    with store.unit() as work:
        book, carried = found
        given, at = acceptances(work, name), stamp(now)
        for one in given:
            if one.taken_in is None:
                book = _done(work, book, one.pair, now)
        recording.saved(work, book)
        _write(work, name, [evolve(one, taken_in=one.taken_in or at) for one in given], at)
        work.commit()
    return book, carried


def _done(work: UnitOfWork, book: LiveBook, pair: str, now: int) -> LiveBook:
    """Return a book after an alarm of it was accepted; one that has ended meanwhile is not raised again."""
    if pair.partition(":")[0] != AlarmCode.FOLD:
        return accepted(book, pair)
    of = whose(book)
    folded = accepted(refolded(book, stored.opening(work, book.name), stored.postings(work, of)), pair)
    if of.is_live:
        held = {*book.ledger.holdings, *folded.ledger.holdings}
        position_rows.write(work, folded, held, {}, now)
    return folded


def _check_foldable(view: Reads, name: str) -> None:
    """Raise BadInput where the rows of a book make none."""
    found = stored.stored_book(view, name)
    assert found is not None
    book = found[0]
    try:
        refolded(book, stored.opening(view, name), stored.postings(view, whose(book)))
    except BrokenBooks as error:
        raise BadInput(
            f"the rows of book {name} make no book: {error}", action="keep the database, and restore a backup"
        ) from error


def _listed(alarms: tuple[Alarm, ...]) -> str:
    """Return what may be accepted instead."""
    may = [alarm.pair for alarm in alarms if alarm.code in ACCEPTABLE]
    return f"open, and to be accepted: {', '.join(may)}" if may else "no alarm is open that can be accepted"


def _write(work: UnitOfWork, name: str, given: list[Acceptance], at: str) -> None:
    documents: list[dict[str, Any]] = [asdict(one) for one in given]
    work.upsert(_TABLE, {"key": _key(name), "text_value": canonical_json(documents), "updated_at": at})


def _key(name: str) -> str:
    """Return the key of a book's row: those of dry books begin with their name, as all of theirs do."""
    return _KEY if name == LIVE else f"{name}/{_KEY}"
