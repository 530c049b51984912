"""Money and coins that come and go otherwise than by an own trade.

TRY is the book's, all of it. Coins are the book's only if it bought them, so coins that come are foreign
unless they had gone without anybody knowing why; coins that go are foreign as far as there are any, and the
book's beyond that: lots leave as if sold for what the value of the holding falls by.
"""

from __future__ import annotations

from typing import Final

from attrs import evolve

from meva_core.amounts import format_e8
from meva_core.live_book.alarms import Alarm, AlarmCode
from meva_core.live_book.book import Booked, LiveBook, Unproven
from meva_core.live_book.holdings import Holding, product, share
from meva_core.live_book.ledger import QUOTE, Marks, symbol_of
from meva_core.live_book.postings import Kind, Posting

WEEK: Final = 7 * 86_400 * 10**6
"""How long an unproven flow may be proved, and what it took may come back, in microseconds."""


def money(booked: Booked, posting: Posting, amount: int, marks: Marks) -> Booked:
    """Book TRY that came, or went (below 0)."""
    kind = Kind.DEPOSIT if amount > 0 else Kind.WITHDRAWAL
    kind = posting.kind if posting.kind is Kind.ROUNDING else kind
    return booked.post(marks, evolve(posting, kind=kind, asset=QUOTE, symbol=None, money=amount))


def coins(booked: Booked, posting: Posting, amount: int, marks: Marks) -> Booked:
    """Book coins of `posting.asset` that came, or went (below 0)."""
    symbol = symbol_of(posting.asset)
    posting = evolve(posting, symbol=symbol)
    if amount > 0:
        booked, rest = come_back(booked, posting, amount, marks)
        return booked.post(marks, evolve(posting, kind=Kind.FOREIGN_IN, foreign=rest)) if rest else booked
    others = min(-amount, booked.book.ledger.foreign.get(posting.asset, 0))
    if others:
        booked = booked.post(marks, evolve(posting, kind=Kind.FOREIGN_OUT, foreign=-others))
    rest = -amount - others
    out = evolve(posting, id=f"{posting.id}:out" if others else posting.id)
    return coins_out(booked, out, rest, marks) if rest else booked


def come_back(
    booked: Booked, posting: Posting, amount: int, marks: Marks, *, bought: bool = False
) -> tuple[Booked, int]:
    """Let come back what unproven flows took within a week, the oldest first, and what a person's sales took
    of the coins that had come before them; return what is left. What a person has `bought` is of the latter
    alone."""
    rest = amount
    for known in booked.book.unproven:
        back = min(rest, known.taken)
        may = _came_before(known, posting) or not (bought or known.by_sale or posting.ts - known.ts > WEEK)
        if known.asset == posting.asset and back and may:
            booked = _came_back(booked, posting, known, back, marks)
            rest -= back
    return booked, rest


def come_over(booked: Booked, posting: Posting, amount: int, marks: Marks) -> Booked:
    """Let the book have back, of coins that were counted as a person's when they came, what a person's sales
    took: now it is known that they had come before those, and were what was sold."""
    for known in booked.book.unproven:
        back = min(amount, known.taken, booked.book.ledger.foreign.get(posting.asset, 0))
        if known.asset == posting.asset and back > 0 and _came_before(known, posting):
            booked = _came_back(booked, posting, known, back, marks, foreign=-back)
            amount -= back
    return booked


def _came_before(known: Unproven, posting: Posting) -> bool:
    """Whether coins had come within a week before a person's sale that took some of the book's."""
    return known.by_sale and -WEEK <= posting.ts - known.ts <= 0


def _came_back(
    booked: Booked, posting: Posting, known: Unproven, back: int, marks: Marks, *, foreign: int = 0
) -> Booked:
    """Let coins that a flow took come back to the book, those among them that were `foreign` from there."""
    value = share(known.value, back, known.taken)
    name = evolve(posting, id=f"{posting.id}:back:{known.id}", cause=known.id)
    booked = coins_in(booked, name, back, marks, value, foreign=foreign)
    return booked.known_as(known, evolve(known, taken=known.taken - back, value=known.value - value))


def coins_out(booked: Booked, posting: Posting, qty: int, marks: Marks, *, alarm: bool = True) -> Booked:
    """Let coins of the book go, as many as it holds, oldest lots first; raises the alarm of it."""
    symbol = symbol_of(posting.asset)
    holding = booked.book.ledger.holding(symbol)
    gone = min(qty, holding.qty)
    if not gone:
        return booked
    value = fall(holding, gone, marks.get(symbol))
    kind = Kind.ROUNDING if posting.kind is Kind.ROUNDING else Kind.TRANSFER_OUT
    out = evolve(posting, kind=kind, symbol=symbol, qty=-gone, notional=value, foreign=0, money=0)
    booked = booked.post(marks, out)
    if not alarm or kind is Kind.ROUNDING:
        return booked
    numbers = {"qty": format_e8(gone), "value": format_e8(value)}
    return booked.alarm(Alarm(AlarmCode.TRANSFER_OUT, posting.id, symbol, numbers))


def coins_in(
    booked: Booked, posting: Posting, qty: int, marks: Marks, unmarked: int = 0, *, foreign: int = 0
) -> Booked:
    """Let coins be the book's: a lot, and a flow, of what the value of the holding rises by; `unmarked` is
    what they count for where there is no mark, `foreign` what others have more then."""
    symbol = symbol_of(posting.asset)
    value = rise(booked.book.ledger.holding(symbol), qty, marks.get(symbol), unmarked)
    kind = Kind.TRANSFER_IN if posting.kind is not Kind.ROUNDING else Kind.ROUNDING
    return booked.post(
        marks, evolve(posting, kind=kind, symbol=symbol, qty=qty, notional=value, foreign=foreign, money=0)
    )


def proof_of(
    book: LiveBook, asset: str, amount: int, ts: int, *, within: int = 0, after: int = 0
) -> Unproven | None:
    """Return the oldest unproven flow of an asset and amount, e8, that something of time `ts` proves, in
    microseconds, of those that were booked `after` a time or at it.

    `within` is how far the amounts may lie apart at least, or as far as roundings may have put it.
    """
    for known in book.unproven:
        if known.by_sale or known.ts < after:
            continue
        is_near = known.asset == asset and abs(known.amount - amount) <= max(within, known.spare)
        if amount and is_near and (known.amount > 0) == (amount > 0) and abs(known.ts - ts) <= WEEK:
            return known
    return None


def told_of(
    book: LiveBook, asset: str, amount: int, ts: int, *, within: int, has_room: bool = False
) -> tuple[Unproven, int] | None:
    """Return the unproven flow that a fill of time `ts` had been in, and how much of it that is, e8.

    One that was booked before the fill was made is another thing, whatever its amount. One of the fill's
    amount is it; else the fill was a part of the oldest whose reads all came after it: of all that happened
    before, the balances had shown one sum, which may be less than the fill, or of the other sign. With
    `has_room` only one that may be nothing but such fills.
    """
    known = proof_of(book, asset, amount, ts, within=within, after=ts)
    if known is not None:
        return known, known.amount
    for known in book.unproven:
        may = known.asset == asset and known.since >= ts and known.amount and not known.by_sale
        room = (known.amount > 0) == (amount > 0) and abs(amount) <= abs(known.amount)
        if may and amount and (room or not has_room):
            return known, amount
    return None


def fall(holding: Holding, qty: int, mark: int | None) -> int:
    """Return what the value of a holding falls by as coins leave: their cost where there is no mark."""
    if mark is None:
        return holding.cost_of(qty)
    return product(holding.qty, mark) - product(holding.qty - qty, mark)


def rise(holding: Holding, qty: int, mark: int | None, unmarked: int = 0) -> int:
    """Return what the value of a holding rises by as coins come."""
    if mark is None:
        return unmarked
    return product(holding.qty + qty, mark) - product(holding.qty, mark)
