"""Taking back, by rows, what was booked of a foreign fill that proved to be ours.

What the fill moved goes back, and what it had proved: flows that had been booked from the balance. Where such
a flow was of more than the fill, only the fill's part of it is taken back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import evolve, frozen

from meva_core.live_book.book import SOLD, Booked
from meva_core.live_book.fills import BACK, FOREIGN, proof_name
from meva_core.live_book.holdings import share
from meva_core.live_book.ledger import QUOTE, Marks
from meva_core.live_book.postings import Kind, Posting
from meva_core.venue import VenueFill


@frozen
class Moved:
    """A posting that a fill moved something with, or as much of it as the fill moved; `of` is the fill's id
    where that is not all."""

    posting: Posting
    of: str | None = None

    @property
    def name(self) -> str:
        """The id of what takes it back."""
        name = f"flow:back:{self.posting.id}"
        return name if self.of is None else f"{name}:of:{self.of}"


def taken_back(booked: Booked, fill: VenueFill, before: Iterable[Posting], ts: int, marks: Marks) -> Booked:
    """Take back what a foreign fill moved that proved to be ours; `before` are the postings of the book so
    far, `ts` is when, in microseconds.

    Newest first, each flow for what it was booked with: what the mark did meanwhile the book has had no part
    in. Foreign coins that have gone cannot be taken back; the next balances say what became of them.
    """
    earlier = list(before)
    moved_then = moved_by(fill, [*earlier, *booked.postings])
    for moved in sorted(moved_then, key=lambda one: one.posting.seq, reverse=True):
        posting = moved.posting
        back = Posting(
            moved.name, Kind.TAKEN_BACK, ts, posting.asset, posting.symbol,
            cause=posting.id, order_id=posting.order_id,
        )  # fmt: skip
        others = booked.book.ledger.foreign.get(posting.asset, 0)
        back = evolve(back, money=-posting.money, foreign=max(-posting.foreign, -others))
        if posting.qty > 0 and posting.symbol is not None:
            gone = min(posting.qty, booked.book.ledger.holding(posting.symbol).qty)
            back = evolve(back, qty=-gone, notional=share(posting.notional, gone, posting.qty))
        elif posting.qty:
            back = evolve(back, qty=-posting.qty, notional=posting.notional)
        if back.money or back.foreign or back.qty:
            booked = booked.post(marks, back)
    return _still_taken(booked, fill, [*earlier, *booked.postings])


def moved_by(fill: VenueFill, rows: Sequence[Posting]) -> list[Moved]:
    """Return, of postings, what a foreign fill moved: its own, and its part of the flows that it proved."""
    causes = {f"fill:{fill.fill_id}", f"{FOREIGN}{fill.fill_id}", f"{SOLD}{fill.fill_id}"}
    back = f"{BACK}{fill.fill_id}:"
    found = [Moved(one) for one in rows if one.cause in causes or one.id.startswith(back)]
    for proof in _proofs(fill, rows):
        proved = [one for one in rows if one.unproven and _is_of(one.id, proof)]
        found += _parts(proved, proof, fill, rows) if proof.part else [Moved(one) for one in proved]
    return found


def _proofs(fill: VenueFill, rows: Iterable[Posting]) -> list[Posting]:
    start = proof_name(fill, "")
    return [one for one in rows if one.kind is Kind.PROOF and one.id.startswith(start)]


def _is_of(name: str | None, proof: Posting) -> bool:
    """Whether an id is that of the flow that something proves, or of a part of it."""
    return None not in (name, proof.cause) and f"{name}:".startswith(f"{proof.cause}:")


def _parts(
    proved: Sequence[Posting], proof: Posting, fill: VenueFill, rows: Sequence[Posting]
) -> list[Moved]:
    """Return a fill's part of the rows of a flow: as it was ours, the book's coins first of what went, those
    of others first of what came. A fill may be more than the flow, or of the other sign, where something else
    was in the flow, too: that was a person's, and is what is left."""
    rest, found = proof.part, []
    for one in sorted(proved, key=lambda one: one.qty):
        there = _left_of(one, proof, rows)
        part = max(rest, there) if rest < 0 else min(rest, there)
        if part * rest <= 0:
            continue
        rest -= part
        if part == _amount(one):
            found.append(Moved(one))
        elif one.asset == QUOTE:
            found.append(Moved(evolve(one, money=part), fill.fill_id))
        elif one.qty:
            value = share(one.notional, abs(part), abs(one.qty))
            found.append(Moved(evolve(one, qty=part, notional=value), fill.fill_id))
        else:
            found.append(Moved(evolve(one, foreign=part), fill.fill_id))
    if rest and proved:
        whole = evolve(proved[0], id=f"{proof.cause}:rest", qty=0, notional=0, money=0, foreign=0)
        beside = evolve(whole, money=rest) if whole.asset == QUOTE else evolve(whole, foreign=rest)
        found.append(Moved(beside, fill.fill_id))
    return found


def _amount(posting: Posting) -> int:
    return posting.money if posting.asset == QUOTE else posting.qty + posting.foreign


def _left_of(posting: Posting, proof: Posting, rows: Iterable[Posting]) -> int:
    """Return what has not come back yet of a row of a flow, e8; coins that came back to the book for the flow
    name that, not the row."""
    backs = [one for one in rows if one.cause in (posting.id, proof.cause) and one.kind is not Kind.PROOF]
    if posting.asset == QUOTE:
        return posting.money + sum(one.money for one in backs)
    if posting.qty:
        return posting.qty + sum(one.qty for one in backs)
    return posting.foreign + sum(one.foreign for one in backs)


def _still_taken(booked: Booked, fill: VenueFill, rows: Sequence[Posting]) -> Booked:
    """Return it with no more coins to come back, for flows of which a part was taken back, than are gone."""
    for proof in _proofs(fill, rows):
        gone = -sum(one.qty for one in rows if _is_of(one.id, proof) or _is_of(one.cause, proof))
        for known in booked.book.unproven:
            taken = min(known.taken, max(0, gone))
            if known.id == proof.cause and taken < known.taken:
                value = share(known.value, taken, known.taken)
                booked = booked.known_as(known, evolve(known, taken=taken, value=value))
    return booked
