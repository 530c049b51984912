"""The live book: one account's continuous ledger, what it is measured by, and what a next cycle has to know.

A value and its canonical document; every change goes through `Booked.post`, so that no row is without its
effect and no effect without its row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from attrs import evolve, field, frozen

from meva_core.errors import BrokenBooks
from meva_core.ids import canonical_json
from meva_core.live_book import figures as measured
from meva_core.live_book.alarms import ACCEPTABLE, LASTING, Alarm, AlarmCode
from meva_core.live_book.documents import document_of, e8, later, restored
from meva_core.live_book.figures import Figures
from meva_core.live_book.holdings import share
from meva_core.live_book.ledger import Ledger, Marks, faults, fold, posted
from meva_core.live_book.moves import Move, noted
from meva_core.live_book.postings import Posting

FORMAT: Final = 1
SEAL: Final = "sha256"
"""What beside the book may be in its document: the seal of its row (`operating.records.sealing`)."""


@frozen
class Look:
    """What quiet reads of an asset's balance said: `gap` is what the exchange has beyond the books.

    `part` is how much of it all of the last `reads` showed, the first of them at `since`, in microseconds.
    `fills` counts the fills booked since book and exchange last agreed.
    """

    gap: int = e8(0)
    part: int = e8(0)
    since: int = 0
    reads: int = 0
    fills: int = 0


SOLD: Final = "flow:out:"


@frozen
class Unproven:
    """A flow that was booked from the balance alone: `amount` of `asset`, below zero where it left.

    `spare` is what roundings of fills may have put into the amount. `taken` are coins of the book among them
    that have not come back, `value` what the holding's value fell by for those. `since` is when the first
    read was that showed it, in microseconds, 0 where that is not known: what was made before and comes to
    the book after `ts` was in that read. `kept` are coins that it brought others and that are there still.

    Or what a person's sale took of the book's coins (`SOLD` and the fill's id), `amount` being 0: coins that
    had come before the sale, and were read after it, are what was sold.
    """

    id: str
    asset: str
    ts: int
    amount: int = e8()
    spare: int = e8(0)
    taken: int = e8(0)
    value: int = e8(0)
    since: int = later(0)
    kept: int = later(0, is_e8=True)

    @property
    def by_sale(self) -> bool:
        """Whether it is of a person's sale, which nothing has to prove."""
        return self.id.startswith(SOLD)

    def without(self, amount: int) -> Unproven:
        """Return what is left of it once a part of the amount is proved. No coins come back for those that
        are known to have gone."""
        left = self.amount - amount
        taken = min(self.taken, max(0, -left))
        value = share(self.value, taken, self.taken) if taken else 0
        return evolve(self, amount=left, taken=taken, value=value, kept=max(0, min(self.kept, left)))


@frozen
class Sum:
    """What the fills of an order came to at a read, and since when it has been that (microseconds)."""

    qty: Decimal
    since: int


@frozen
class Wait:
    """A fill that is not booked: of which symbol, and since when it has waited (microseconds)."""

    symbol: str
    since: int


@frozen
class LiveBook:
    """One account's book. Times are microseconds of the exchange's clock.

    `accounts` are those whose keys may trade it. `cursors` are in ms by symbol, `bases` the base balance at
    the last whole read of a symbol's fills. `waits` has the fills that are not booked, by id; `sums`
    what the fills of orders that are not fill-complete came to. `moves` have moved the account's totals of
    late, in the order of their stamps, `seen` is when an asset's balance agreed with the book of then last.
    `listed` are the flows that the exchange lists and that were taken in, with their stamps. `wanted` are
    quantities by symbol, `memories` canonical JSON by strategy. `loud` is since when the account was not
    quiet for writes alone.
    """

    name: str
    run: str
    opened: int
    accounts: tuple[str, ...]
    ledger: Ledger
    figures: Figures
    cursors: Mapping[str, int] = field(factory=dict)
    bases: Mapping[str, Decimal] = field(factory=dict)
    waits: Mapping[str, Wait] = field(factory=dict)
    sums: Mapping[str, Sum] = field(factory=dict)
    looks: Mapping[str, Look] = field(factory=dict)
    moves: tuple[Move, ...] = ()
    seen: Mapping[str, int] = field(factory=dict)
    unproven: tuple[Unproven, ...] = ()
    listed: Mapping[str, int] = field(factory=dict)
    loud: int | None = None
    wanted: Mapping[str, int] = e8(factory=dict)
    memories: Mapping[str, str] = field(factory=dict)
    alarms: tuple[Alarm, ...] = ()
    accepted: tuple[str, ...] = ()
    cycles: int = 0

    def look(self, asset: str) -> Look:
        """Return what is remembered of an asset's balance."""
        return self.looks.get(asset, Look())

    def shortfall(self, asset: str) -> int:
        """Return how much less than the books the exchange showed at the last quiet read, e8, as a number
        that is not above zero."""
        return min(0, self.look(asset).gap)

    def accepted_of(self, code: AlarmCode) -> frozenset[str]:
        """Return of which objects a person has accepted this."""
        found = (pair.partition(":") for pair in self.accepted)
        return frozenset(about for of, _, about in found if of == code)

    def is_accepted(self, code: AlarmCode, about: str) -> bool:
        """Whether a person has accepted this of this object."""
        return f"{code}:{about}" in self.accepted


def text_of(book: LiveBook) -> str:
    """Return a book as its canonical JSON, which is what is stored."""
    return canonical_json({"format": FORMAT, "book": document_of(book)})


def book_of(document: Any) -> LiveBook:
    """Return the book that a parsed document is of. Raises BadInput for one that is not of a book, or has
    more in it than that: one changed letter of a name must not hide what it named."""
    parts = document if isinstance(document, dict) else {}
    is_one = parts.get("format") == FORMAT and parts.keys() <= {"book", "format", SEAL}
    return restored(parts.get("book") if is_one else None, LiveBook, "$.book")


@frozen
class Booked:
    """A book after changes, the rows that made them, and what is alarming about them."""

    book: LiveBook
    postings: tuple[Posting, ...] = ()
    alarms: tuple[Alarm, ...] = ()

    def post(self, marks: Marks, *postings: Posting) -> Booked:
        """Return it after postings, which get their places in the order of booking.

        A flow moves the figures at the equity that the book had before it.
        """
        book, made = self.book, []
        for posting in postings:
            numbered = evolve(posting, seq=book.ledger.seq + 1)
            figures = book.figures
            if numbered.flow:
                figures = measured.moved(figures, numbered.flow, book.ledger.equity(marks))
            moves = noted(book.moves, numbered)
            book = evolve(book, ledger=posted(book.ledger, numbered), figures=figures, moves=moves)
            if numbered.foreign < 0:
                book = evolve(book, unproven=_there_still(book, numbered.asset))
            made.append(numbered)
        return evolve(self, book=book, postings=(*self.postings, *made))

    def alarm(self, *alarms: Alarm) -> Booked:
        """Return it with alarms, but for those that a person has accepted."""
        raised = [one for one in alarms if one.pair not in self.book.accepted]
        return evolve(self, alarms=(*self.alarms, *raised))

    def known_as(self, known: Unproven, left: Unproven | None) -> Booked:
        """Return it with what is left of an unproven flow, or without it."""
        listed = ((left if one.id == known.id else one) for one in self.book.unproven)
        after = self.changed(unproven=tuple(one for one in listed if one is not None))
        return after.changed(unproven=_there_still(after.book, known.asset))

    def changed(self, **parts: Any) -> Booked:
        """Return it with other parts of the book than the ledger and the figures."""
        return evolve(self, book=evolve(self.book, **parts))


def _there_still(book: LiveBook, asset: str) -> tuple[Unproven, ...]:
    """Return the unproven flows after coins of others have gone: none has brought more that are there still
    than there are."""
    left = book.ledger.foreign.get(asset, 0)
    return tuple(
        evolve(one, kept=left) if one.asset == asset and one.kept > left else one for one in book.unproven
    )


def raised(book: LiveBook, found: Iterable[Alarm], now: int) -> LiveBook:
    """Return the book with the alarms that are open after a cycle which found these.

    One that is there already keeps its beginning. One that lasts stays open until a person accepts it, found
    again or not; every other that was not found again has ended.
    """
    before = {alarm.pair: alarm for alarm in book.alarms}
    open_now = {pair: alarm for pair, alarm in before.items() if alarm.code in LASTING}
    for alarm in found:
        earlier = before.get(alarm.pair)
        open_now[alarm.pair] = evolve(alarm, since=now if earlier is None else earlier.since)
    kept = [open_now[pair] for pair in sorted(open_now) if pair not in book.accepted]
    return evolve(book, alarms=tuple(kept))


def added(book: LiveBook, found: Iterable[Alarm], now: int) -> LiveBook:
    """Return the book with those of some alarms that last, for whoever stores what they are of before the
    cycle has come to its alarms: they must not be lost with the process."""
    there = {*book.accepted, *(alarm.pair for alarm in book.alarms)}
    new = {one.pair: one for one in found if one.code in LASTING and one.pair not in there}
    return evolve(book, alarms=(*book.alarms, *(evolve(one, since=now) for one in new.values())))


def accepted(book: LiveBook, pair: str) -> LiveBook:
    """Return the book after a person has accepted an alarm, named as `Alarm.pair`.

    That of a book which its rows do not make is cured with its acceptance (`refolded`): another time, it is
    raised again. Raises ValueError for one that ends with its condition alone.
    """
    code = pair.partition(":")[0]
    if code not in ACCEPTABLE:
        raise ValueError(f"{code} ends by itself once its condition does")
    kept = tuple(one for one in book.alarms if one.pair != pair)
    known = {*book.accepted, pair} if code != AlarmCode.FOLD else {*book.accepted}
    return evolve(book, alarms=kept, accepted=tuple(sorted(known)))


def refolded(book: LiveBook, opening: Ledger, postings: Iterable[Posting]) -> LiveBook:
    """Return the book with what its rows make of its opening: what accepting K2 means."""
    return evolve(book, ledger=fold(opening, postings))


def proved(book: LiveBook, opening: Ledger, postings: Iterable[Posting], marks: Marks) -> tuple[Alarm, ...]:
    """Return K2 if the book is not what its rows make of its opening, or an identity of it fails."""
    try:
        is_folded = fold(opening, postings) == book.ledger
    except BrokenBooks:  # they make none
        is_folded = False
    return broken(book, marks, is_folded=is_folded)


def broken(book: LiveBook, marks: Marks, *, is_folded: bool = True) -> tuple[Alarm, ...]:
    """Return K2 if an identity of the book fails, which every cycle looks at, or its rows do not fold to
    it."""
    found = faults(book.ledger, marks)
    if not is_folded:
        found.append("the rows fold to another book than the stored one")
    if not found:
        return ()
    return (Alarm(AlarmCode.FOLD, book.name, numbers={"faults": "; ".join(found)}),)
