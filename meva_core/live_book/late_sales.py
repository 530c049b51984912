"""An own sale that was booked already, as something else: what took its coins is taken back.

Where an order is called absent, or its last word was too low, nobody waits for its fills, and what they moved
is booked from the balances: coins that went, TRY that came. Once the fill is there, the sale would be one of
coins that the book no longer has, or of other ones, and its money there twice. Or a person's sale was read
before anybody knew of the coins that it was of. What was bought needs none of this: its coins came as a
person's, and the next balances say so.
"""

from __future__ import annotations

from attrs import evolve

from meva_core.amounts import E6
from meva_core.live.booking import Entry
from meva_core.live_book.book import Booked, Unproven
from meva_core.live_book.flows import coins_in, told_of
from meva_core.live_book.holdings import share
from meva_core.live_book.ledger import QUOTE, Marks, asset_of
from meva_core.live_book.postings import Kind, Posting
from meva_core.venue import VenueFill


def given_back(booked: Booked, fill: VenueFill, entry: Entry, marks: Marks) -> Booked:
    """Return the book with the coins of a sale that a person's sales had taken, or unproven flows since, and
    without the TRY that these had brought for it, the oldest first; the book as it is where they took too
    few. Coins that our order sold were there for it: what a person had sold beside it were other ones.
    """
    asset = asset_of(fill.symbol)
    lacking, after = entry.qty - booked.book.ledger.holding(fill.symbol).qty, booked
    sold = [one for one in booked.book.unproven if one.asset == asset and one.by_sale]
    told = False
    for known in [*sold, *_since(booked, asset, fill)]:
        back = min(lacking, known.taken)
        if back > 0:
            lacking, told = lacking - back, not known.by_sale
            after = _coins_back(after, fill, known, back, marks)
    if lacking > 0:
        return booked
    if not told:
        return after
    money = _money(fill, entry)
    for known in _since(booked, QUOTE, fill):
        back = min(money, known.amount)
        if back > 0:
            money -= back
            after = _money_back(after, fill, known, back, marks)
    return after


def told_before(booked: Booked, fill: VenueFill, entry: Entry, marks: Marks) -> Booked:
    """Return the book without what the balances had told of a sale before its fill was booked: its coins,
    that went, and its TRY, that came; the book as it is where they had not told of both."""
    asset, money = asset_of(fill.symbol), _money(fill, entry)
    gone = told_of(booked.book, asset, -entry.qty, fill.ts, within=1, has_room=True)
    came = told_of(booked.book, QUOTE, money, fill.ts, within=E6, has_room=True)
    if gone is None or came is None:
        return booked
    booked = _coins_back(booked, fill, gone[0], -gone[1], marks)
    return _money_back(booked, fill, came[0], came[1], marks)


def rounded_back(booked: Booked, fill: VenueFill, entry: Entry, fills: int, marks: Marks) -> Booked:
    """Return the book with what a sale lacks where that is a rounding: a unit for each fill of its order so
    far, and one. Between two fills finer than a unit the balance may have shown one less than is sold."""
    lacking = entry.qty - booked.book.ledger.holding(fill.symbol).qty
    if not 0 < lacking <= fills + 1:
        return booked
    name, asset = f"flow:rounding:{fill.fill_id}", asset_of(fill.symbol)
    return coins_in(booked, Posting(name, Kind.ROUNDING, fill.ts, asset), lacking, marks)


def _since(booked: Booked, asset: str, fill: VenueFill) -> list[Unproven]:
    """Return the unproven flows of an asset that were booked after a fill was made."""
    return [
        one for one in booked.book.unproven if one.asset == asset and one.ts >= fill.ts and not one.by_sale
    ]


def _money(fill: VenueFill, entry: Entry) -> int:
    """Return what a sale brings, e8."""
    return entry.notional - (entry.fee if fill.fee_asset == QUOTE else 0)


def _coins_back(booked: Booked, fill: VenueFill, known: Unproven, qty: int, marks: Marks) -> Booked:
    """Take back so many coins of a flow, for what they left with: the book's first, since ours sold them, and
    then those of others that had gone in their place."""
    ours = min(qty, known.taken)
    value = share(known.value, ours, known.taken) if ours else 0
    row = evolve(_row(fill, known), symbol=fill.symbol, qty=ours, notional=value, foreign=qty - ours)
    amount = 0 if known.by_sale else known.amount + qty
    left = evolve(known, amount=amount, taken=known.taken - ours, value=known.value - value)
    return _left(booked.post(marks, row), fill, known, left, marks)


def _money_back(booked: Booked, fill: VenueFill, known: Unproven, amount: int, marks: Marks) -> Booked:
    left = evolve(known, amount=known.amount - amount)
    row = evolve(_row(fill, known), money=-amount)
    return _left(booked.post(marks, row), fill, known, left, marks)


def _left(booked: Booked, fill: VenueFill, known: Unproven, left: Unproven, marks: Marks) -> Booked:
    """Keep what is left of a flow; one that is used up is proved."""
    if left.amount or (left.by_sale and left.taken):
        return booked.known_as(known, left)
    if left.by_sale:
        return booked.known_as(known, None)
    name = f"flow:proof:{fill.fill_id}:{known.id}"
    proof = Posting(name, Kind.PROOF, fill.ts, known.asset, cause=known.id, order_id=fill.order_id)
    return booked.post(marks, proof).known_as(known, None)


def _row(fill: VenueFill, known: Unproven) -> Posting:
    name = f"flow:back:{known.id}:{fill.fill_id}"
    return Posting(name, Kind.TAKEN_BACK, fill.ts, known.asset, cause=known.id, order_id=fill.order_id)
