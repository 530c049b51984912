"""What a fill does to the books: our own as trades, all others as flows.

An own fill is booked by order: its order's quantity, notional and fee so far, each rounded once, and the fill
has the increases (`live.booking`). Lots carry the reference to the mark of the decision. A fee in another
asset than TRY costs no TRY: its coins leave, as far as the book holds them.

A foreign fill brings or takes TRY and moves coins that are not ours. What it sells beyond those went out of
the book. Where balances had shown it before its row came, it proves what was booked then, or its part of
that, and is no second flow.

What filled before the book was opened moves nothing: the book began with it. A stamp alone does not say that
of an order which was sent since.
"""

from __future__ import annotations

from typing import Final

from attrs import evolve

from meva_core.amounts import E6, format_e8
from meva_core.live.booking import Entry, Sums, entry_of
from meva_core.live_book.alarms import Alarm, AlarmCode
from meva_core.live_book.book import SOLD, Booked, LiveBook, Unproven
from meva_core.live_book.flows import coins_out, come_back, come_over, told_of
from meva_core.live_book.holdings import reference_of, share
from meva_core.live_book.ledger import QUOTE, Marks, asset_of, symbol_of
from meva_core.live_book.names import sent_at
from meva_core.live_book.own_orders import STAMPS_MICROS, OwnOrder
from meva_core.live_book.postings import Kind, Posting
from meva_core.orders import Side
from meva_core.venue import VenueFill

FOREIGN: Final = "flow:fill:"
BACK: Final = "flow:in:"
"""How the ids of postings begin, the fill's id next, of coins that came back to the book with what a fill
bought."""


def own_fill(booked: Booked, fill: VenueFill, order: OwnOrder, marks: Marks) -> Booked:
    """Book a fill of an order of ours; `order` is as it stood before it.

    What a SELL has beyond what is held counts as a foreign SELL: the caller has made sure that this has been
    accepted, or is not so.
    """
    entry = entry_of(fill, order.sums)
    if is_before(booked.book, fill, order):
        return booked.post(marks, _posting(fill, Kind.BEFORE, f"fill:{fill.fill_id}"))
    held = booked.book.ledger.holding(fill.symbol).qty
    excess = max(0, entry.qty - held) if fill.side is Side.SELL else 0
    if excess:
        booked = _sold_beyond(booked, fill, order, entry, excess, marks)
    else:
        booked = booked.post(marks, _trade(fill, order, entry))
    return _fee_in_coins(_counted(booked, fill), fill, entry, marks)


def would_hold(booked: Booked, fill: VenueFill, order: OwnOrder) -> bool:
    """Whether what a fill sells is held."""
    if fill.side is Side.BUY or is_before(booked.book, fill, order):
        return True
    return entry_of(fill, order.sums).qty <= booked.book.ledger.holding(fill.symbol).qty


def is_before(book: LiveBook, fill: VenueFill, order: OwnOrder) -> bool:
    """Whether a fill of an order of ours was before the book was opened; of one that we have sent since, none
    was, whatever it is stamped."""
    return fill.ts < book.opened and not (_is_sent(fill, order) and order.created >= book.opened)


def predates(fill: VenueFill, order: OwnOrder) -> bool:
    """Whether a fill is stamped so long before its order was sent that clocks do not explain it."""
    return _is_sent(fill, order) and fill.ts < order.created - STAMPS_MICROS


def _is_sent(fill: VenueFill, order: OwnOrder) -> bool:
    """Whether a program of ours has sent an order. What the earlier system left has times of any clock."""
    return sent_at(order.client_id or order.twin_of or fill.client_id) is not None


def foreign_fill(booked: Booked, fill: VenueFill, marks: Marks) -> Booked:
    """Book a fill that is not ours."""
    kind = Kind.FOREIGN_BUY if fill.side is Side.BUY else Kind.FOREIGN_SELL
    posting = _posting(fill, kind, f"{FOREIGN}{fill.fill_id}")
    if fill.ts < booked.book.opened:
        return booked.post(marks, evolve(posting, kind=Kind.BEFORE))
    entry = entry_of(fill, Sums())
    sign = 1 if fill.side is Side.BUY else -1
    money = -sign * entry.notional - (entry.fee if fill.fee_asset == QUOTE else 0)
    coins = sign * entry.qty
    asset = posting.asset
    booked, money, _ = _unknown(booked, fill, QUOTE, money, marks, within=E6)
    booked, left, known = _unknown(booked, fill, asset, coins, marks, within=1)
    came = evolve(posting, id=f"{BACK}{fill.fill_id}")
    if left > 0:
        booked, left = come_back(booked, came, left, marks, bought=True)
    elif known is not None:
        booked = come_over(booked, came, min(coins, known.kept), marks)
    coins, others = left, booked.book.ledger.foreign.get(asset, 0)
    foreign = max(coins, -others)
    booked = booked.post(marks, evolve(posting, money=money, foreign=foreign))
    if coins < foreign:
        booked = _sold_of_ours(booked, posting, foreign - coins, marks)
    return _counted(booked, fill)


def _sold_of_ours(booked: Booked, posting: Posting, qty: int, marks: Marks) -> Booked:
    """Let coins of the book go that a person has sold, and remember them: what was sold may have come before,
    and not be known yet."""
    out = evolve(posting, id=f"{SOLD}{posting.id.removeprefix(FOREIGN)}", cause=posting.id)
    after = coins_out(booked, out, qty, marks)
    gone = after.postings[len(booked.postings) :]
    taken, value = -sum(one.qty for one in gone), sum(one.notional for one in gone)
    if not taken:
        return after
    sold = Unproven(out.id, out.asset, out.ts, 0, taken=taken, value=value)
    return after.changed(unproven=(*after.book.unproven, sold))


def _trade(fill: VenueFill, order: OwnOrder, entry: Entry) -> Posting:
    kind, sign = (Kind.BUY, 1) if fill.side is Side.BUY else (Kind.SELL, -1)
    return evolve(
        _posting(fill, kind, f"fill:{fill.fill_id}"),
        qty=sign * entry.qty,
        notional=entry.notional,
        fee=entry.fee if fill.fee_asset == QUOTE else 0,
        reference=reference_of(fill.side, entry.qty, entry.notional, order.mark),
        client_id=order.client_id,
    )


def _sold_beyond(
    booked: Booked, fill: VenueFill, order: OwnOrder, entry: Entry, excess: int, marks: Marks
) -> Booked:
    """Book a SELL of more than is held: what is held as ours, the rest as a foreign one."""
    held = entry.qty - excess
    fee = entry.fee if fill.fee_asset == QUOTE else 0
    ours = Entry(held, share(entry.notional, held, entry.qty), share(fee, held, entry.qty), QUOTE)
    trade = evolve(_trade(fill, order, ours), fee=ours.fee)
    asset = trade.asset
    rest = _posting(fill, Kind.FOREIGN_SELL, f"flow:excess:{fill.fill_id}")
    money = (entry.notional - ours.notional) - (fee - ours.fee)
    foreign = -min(excess, booked.book.ledger.foreign.get(asset, 0))
    left = tuple(one for one in booked.book.unproven if not (one.by_sale and one.asset == asset))
    booked = booked.post(marks, trade, evolve(rest, money=money, foreign=foreign, cause=trade.id))
    return booked.changed(unproven=left)  # what a person's sales took is what was sold beyond


def _fee_in_coins(booked: Booked, fill: VenueFill, entry: Entry, marks: Marks) -> Booked:
    """Let the coins of a fee leave, and say that there was one."""
    if fill.fee_asset == QUOTE or not fill.fee:
        return booked
    symbol = symbol_of(fill.fee_asset)
    held = booked.book.ledger.holding(symbol).qty
    fee = min(entry.fee, held)
    if fee:
        out = Posting(
            f"flow:fee:{fill.fill_id}", Kind.TRANSFER_OUT, fill.ts, fill.fee_asset, symbol,
            cause=f"fill:{fill.fill_id}", order_id=fill.order_id,
        )  # fmt: skip
        booked = coins_out(booked, out, fee, marks, alarm=False)
    numbers = {"fee": f"{fill.fee:f}", "asset": fill.fee_asset}
    return booked.alarm(Alarm(AlarmCode.FEE_ASSET, fill.symbol, fill.symbol, numbers))


def _unknown(
    booked: Booked, fill: VenueFill, asset: str, amount: int, marks: Marks, *, within: int
) -> tuple[Booked, int, Unproven | None]:
    """Return what a fill moved of an asset, e8, that was not booked before it: all, or nothing where it
    proves a flow, or a part of one, which is returned as it stood."""
    told = told_of(booked.book, asset, amount, fill.ts, within=within)
    if told is None:
        return booked, amount, None
    known, part = told
    left = known.without(part) if part != known.amount else None
    proof = _posting(fill, Kind.PROOF, proof_name(fill, asset))
    proof = evolve(proof, asset=asset, cause=known.id, part=part)
    return booked.post(marks, proof).known_as(known, left), 0, known


def proof_name(fill: VenueFill, asset: str) -> str:
    """Return the id of what says that a fill proves a flow of an asset."""
    return f"flow:proof:{fill.fill_id}:{asset}"


def _counted(booked: Booked, fill: VenueFill) -> Booked:
    """Count a fill for the roundings that may come of it."""
    looks = dict(booked.book.looks)
    for asset in (QUOTE, asset_of(fill.symbol)):
        look = booked.book.look(asset)
        looks[asset] = evolve(look, fills=look.fills + 1)
    return booked.changed(looks=looks)


def _posting(fill: VenueFill, kind: Kind, name: str) -> Posting:
    return Posting(
        name, kind, fill.ts, asset_of(fill.symbol), fill.symbol,
        order_id=fill.order_id, client_id=fill.client_id, cause=f"fill:{fill.fill_id}",
    )  # fmt: skip


def numbers_of(fill: VenueFill) -> dict[str, str]:
    """Return what a fill says, for an alarm."""
    return {
        "order": fill.order_id or "",
        "side": fill.side.name,
        "price": f"{fill.price:f}",
        "qty": f"{fill.qty:f}",
    }


def held_text(booked: Booked, symbol: str) -> str:
    """Return what is held of a symbol, as text."""
    return format_e8(booked.book.ledger.holding(symbol).qty)
