"""What the exchange's balances say of the book, and what is booked of it.

For TRY and each asset of the book, U is what the exchange has beyond the book and what is foreign. It is
looked at when the account is quiet: else it would hide a fill that is under way. What is smaller than the
roundings of the fills since the last agreement is booked as one. Then come the flows that the exchange lists.
What is left stands after two reads over 30 s, and restricts if it is less than ours: what is missing of coins
goes from those that are not ours first. What three reads over 120 s have all shown is booked, unproven: a
person who does something else meanwhile makes the reads differ, and what was missing in each of them is
missing all the same. A read that is shown late counts as none of them. An asset that is missing from the list
was not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, product
from typing import Final

from attrs import evolve, frozen

from meva_core.amounts import E6, E8, format_e8
from meva_core.live.booking import units
from meva_core.live_book.alarms import Alarm, AlarmCode
from meva_core.live_book.book import Booked, LiveBook, Look, Unproven
from meva_core.live_book.flows import WEEK, coins, coins_in, come_over, money, proof_of
from meva_core.live_book.ledger import DAY_MICROS, QUOTE, Marks, symbol_of
from meva_core.live_book.own_orders import OwnOrder
from meva_core.live_book.postings import Kind, Posting
from meva_core.live_book.readings import Reading, assets_of, is_rounding, may_be_old, spare
from meva_core.live_book.readings import gap as gap_now
from meva_core.live_book.windows import EVERY, is_read_out
from meva_core.venue import EXACT, Balance, VenueFlow

WRITE_MICROS: Final = 10 * E6
LOUD_MICROS: Final = 30 * 60 * E6
STANDING_MICROS: Final = 30 * E6
BOOKED_MICROS: Final = 120 * E6
MONTH: Final = 30 * 86_400 * E6
"""What is listed with an older stamp is not taken in any more, and need not be remembered."""
_MOST_AT_ONCE: Final = 10
"""Listed flows at a time that are tried in all combinations."""
_STANDING_READS: Final = 2
_BOOKED_READS: Final = 3


@frozen
class Quiet:
    """Whether balances can be compared. `rests` says that a cycle has to submit nothing, so that they can be
    the next time: only our own writes have kept them from it for half an hour."""

    is_quiet: bool
    rests: bool = False


def quiet(
    book: LiveBook, orders: Iterable[OwnOrder], last_write: int | None, now: int
) -> tuple[LiveBook, Quiet]:
    """Say whether the account is quiet: no unsettled own order, each one's fills add up to its filled
    quantity, and 10 s have passed since the last write. The book remembers since when only that failed."""
    is_settled = not any(order.is_unsettled or not order.agrees for order in orders)
    is_still = last_write is None or now - last_write >= WRITE_MICROS
    if is_still or not is_settled:
        return evolve(book, loud=None if is_still else book.loud), Quiet(is_settled and is_still)
    since = now if book.loud is None else book.loud
    rests = now - since >= LOUD_MICROS
    return evolve(book, loud=now if rests else since), Quiet(False, rests)


def gaps(book: LiveBook, balances: Mapping[str, Balance]) -> dict[str, int]:
    """Return U of TRY and of the book's assets that were read, e8, as the book stands."""
    return {asset: gap_now(book, balances, asset) for asset in assets_of(book) if asset in balances}


def explained(
    book: LiveBook, reading: Reading, listed: Sequence[VenueFlow], marks: Marks, now: int
) -> Booked:
    """Compare a quiet read of the balances with the book, and book what explains the difference.

    `listed` are flows that the exchange lists, known ones among them or not; they are asked for where
    there are more than roundings to explain (`needs_flows`). What came after the balances were read is not
    in them, and is left to the next cycle.
    """
    shown = (one for one in listed if one.ts <= reading.moment)
    booked, flows = Booked(book), sorted(shown, key=lambda one: (one.ts, one.flow_id))
    read, there = _read(book, reading), assets_of(book)
    # Of what a person had and has sold, nothing can lack, and nobody looks at it again.
    booked = booked.changed(looks={asset: look for asset, look in book.looks.items() if asset in there})
    for asset in read:
        booked = _explained(booked, asset, reading, flows, marks, now)
    booked = booked.alarm(*(one for one in standing_alarms(book, now) if one.about not in read))
    kept = tuple(one for one in booked.book.unproven if not _is_settled(booked.book, one, now))
    listed_then = {name: ts for name, ts in booked.book.listed.items() if ts >= now - MONTH}
    return booked.changed(unproven=kept, listed=listed_then)


def needs_flows(book: LiveBook, reading: Reading) -> bool:
    """Whether the flows that the exchange lists have to be asked for: to explain a gap, or, in every tenth
    cycle, to tell of coins that came unlisted whether a person had sold them before the book's."""
    read = _read(book, reading)
    if book.cycles % EVERY == 0 and any(_may_be_sold(book, asset) for asset in read):
        return True
    return any(not is_rounding(book, asset, reading.gap(book, asset)) for asset in read)


def _may_be_sold(book: LiveBook, asset: str) -> bool:
    """Whether coins of an asset came of which no list tells, and a person's sale has some of the book's."""
    known = [one for one in book.unproven if one.asset == asset]
    return any(one.by_sale and one.taken for one in known) and any(one.amount > 0 for one in known)


def flows_window(book: LiveBook, now: int) -> tuple[int, int]:
    """Return the window to ask them for, in microseconds: those of the days for which one may still prove
    what was booked."""
    return max(book.opened, now - WEEK), now


def missing(book: LiveBook, now: int) -> dict[str, int]:
    """Return what stands of each asset as less than ours, e8, by asset."""
    found = {asset: _lacking(book, asset) for asset in sorted(book.looks) if _stands(book.look(asset), now)}
    return {asset: lacking for asset, lacking in found.items() if lacking}


def standing_alarms(book: LiveBook, now: int) -> list[Alarm]:
    """Return the alarms of what stands as less than ours, for a cycle that did not look at balances."""
    return [alarm for asset in sorted(book.looks) for alarm in _standing(book, asset, now)]


def shortfalls(book: LiveBook, marks: Marks, now: int) -> int:
    """Return what stands of the book and is not at the exchange, in e8 TRY at its marks."""
    total = 0
    for asset, lacking in missing(book, now).items():
        mark = E8 if asset == QUOTE else marks.get(symbol_of(asset), 0)
        total += lacking * mark // E8
    return total


# -- Roundings, listed flows, and what is left ----------------------------------------------------------


def _explained(
    booked: Booked, asset: str, reading: Reading, flows: Sequence[VenueFlow], marks: Marks, now: int
) -> Booked:
    """Book what explains the gap of one asset, in the order in which explanations are looked for."""
    gap = reading.gap(booked.book, asset)
    if not is_rounding(booked.book, asset, gap) or _may_be_sold(booked.book, asset):
        booked = _listed(booked, [one for one in flows if one.asset == asset], gap, marks, now)
        gap = reading.gap(booked.book, asset)
    if is_rounding(booked.book, asset, gap):
        posting = Posting(f"flow:rounding:{now}:{asset}", Kind.ROUNDING, now, asset)
        booked = _round(booked, posting, gap, marks) if gap else booked
        if not reading.is_late:
            booked = booked.changed(seen={**booked.book.seen, asset: reading.moment})
        return _remember(booked, asset, Look(fills=reading.unseen(booked.book, asset)))
    if not reading.is_late:
        booked = _looked(booked, asset, gap, now)
        if not _may_be_old(booked.book, reading, asset):
            booked = _unproven(booked, asset, marks, now)
    return booked.alarm(*_standing(booked.book, asset, now))


def _may_be_old(book: LiveBook, reading: Reading, asset: str) -> bool:
    """Whether an asset's balance may be one that is shown late; coins that are were paid with TRY."""
    others = _read(book, reading) if asset == QUOTE else [asset]
    return any(may_be_old(book, reading, one) for one in others)


def _round(booked: Booked, posting: Posting, gap: int, marks: Marks) -> Booked:
    if posting.asset == QUOTE:
        return money(booked, posting, gap, marks)
    others = booked.book.ledger.foreign.get(posting.asset, 0)
    if gap > 0 and not others and booked.book.ledger.holding(symbol_of(posting.asset)).qty:
        return coins_in(booked, posting, gap, marks)
    if gap > 0:  # fills of others are rounded down, too: what may be theirs is not ours to sell
        return booked.post(marks, evolve(posting, foreign=gap))
    others = min(-gap, others)
    if others:
        booked = booked.post(marks, evolve(posting, foreign=-others))
    rest = -gap - others
    return coins(booked, evolve(posting, id=f"{posting.id}:out"), -rest, marks) if rest else booked


def _listed(booked: Booked, flows: Sequence[VenueFlow], gap: int, marks: Marks, now: int) -> Booked:
    """Book the flows of one asset that the exchange lists, each once. One that was booked from the balance is
    proved by it, alone or with others."""
    rest = []
    for flow in flows:
        if flow.flow_id in booked.book.listed or flow.ts < max(booked.book.opened, now - MONTH):
            continue
        known = _proved_by(booked.book, flow)
        if known is None:
            rest.append(flow)
            continue
        booked = _taken_in(booked, flow, known, marks).known_as(known, None)
    new = _new(booked.book, rest, gap) if rest else {}
    for flow in rest:
        if flow in new:
            booked = _moved(booked, flow, new[flow], marks)
            continue
        plain, _ = _amounts(flow)
        whole = _newest_unproven(booked.book, flow.asset)
        if whole is None:  # those before it have proved all that was booked: it was in that, and is noted
            booked = _taken_in(booked, flow, None, marks)
            continue
        left: Unproven | None = whole.without(plain)
        if whole.amount > 0 > whole.amount - plain and _may_be_sold(booked.book, flow.asset):
            left = None  # the rest of what came was sold, and nothing that went is to be proved
        booked = _taken_in(booked, flow, whole, marks).known_as(whole, left)
    return booked


def _new(book: LiveBook, flows: Sequence[VenueFlow], gap: int) -> dict[VenueFlow, int]:
    """Return which flows of one asset, listed and not taken in, were not in what was booked from the balance,
    and what each moved, e8.

    Where several came between two reads, that was their sum, and none of them proves it by itself. The gap
    says which are new: those that make it up, as many as can. Where none do, something that no list shows is
    in it, too: what is stamped before the flow that was booked last was seen in the balance then.
    """
    asset = flows[0].asset
    whole = _newest_unproven(book, asset)
    smallest = len(flows) if whole is None else 1
    for size in range(len(flows), smallest - 1, -1) if len(flows) <= _MOST_AT_ONCE else ():
        for some in combinations(flows, size):
            if (amounts := _that_make(gap, some, spare(book, asset))) is not None:
                return dict(zip(some, amounts, strict=True))
    return {flow: _amounts(flow)[0] for flow in flows if whole is None or flow.ts > whole.ts}


def _that_make(gap: int, flows: Sequence[VenueFlow], within: int) -> tuple[int, ...] | None:
    """Return what flows moved if they make up a gap, all amounts in e8. Whether what a withdrawal costs is in
    its amount, the balance says, fills being rounded in it."""
    choices = product(*(dict.fromkeys(_amounts(flow)) for flow in flows))
    nearest = min(choices, key=lambda amounts: abs(gap - sum(amounts)))
    return nearest if abs(gap - sum(nearest)) <= within else None


def _is_settled(book: LiveBook, known: Unproven, now: int) -> bool:
    """Whether an unproven flow need not be remembered: lists show no more what may prove it, and the fills
    that may were read since; or a month has gone."""
    age = now - known.ts
    return age > MONTH or (age > WEEK + DAY_MICROS and (known.by_sale or is_read_out(book, known)))


def _newest_unproven(book: LiveBook, asset: str) -> Unproven | None:
    found = (one for one in book.unproven if one.asset == asset and not one.by_sale)
    return max(found, key=lambda one: one.ts, default=None)


def _proved_by(book: LiveBook, flow: VenueFlow) -> Unproven | None:
    """Return the unproven flow that a listed one is by itself."""
    found = (proof_of(book, flow.asset, amount, flow.ts) for amount in _amounts(flow))
    return next((known for known in found if known is not None), None)


def _amounts(flow: VenueFlow) -> tuple[int, int]:
    """Return what a flow may have moved, e8: its amount, and that less what was charged."""
    return units(flow.amount), units(EXACT.subtract(flow.amount, flow.fee))


def _taken_in(booked: Booked, flow: VenueFlow, known: Unproven | None, marks: Marks) -> Booked:
    """Note a listed flow that was booked before, as a known one or as a part of what is proved by now."""
    cause = None if known is None else known.id
    posting = Posting(f"flow:{flow.flow_id}", Kind.PROOF, flow.ts, flow.asset, cause=cause)
    listed = {**booked.book.listed, flow.flow_id: flow.ts}
    booked = booked.post(marks, posting).changed(listed=listed)
    return booked if known is None else come_over(booked, posting, min(units(flow.amount), known.kept), marks)


def _moved(booked: Booked, flow: VenueFlow, amount: int, marks: Marks) -> Booked:
    """Book a listed flow."""
    booked = booked.changed(listed={**booked.book.listed, flow.flow_id: flow.ts})
    posting = Posting(f"flow:{flow.flow_id}", Kind.FOREIGN_IN, flow.ts, flow.asset)
    if not amount:
        return booked
    change = money if flow.asset == QUOTE else coins
    return change(booked, posting, amount, marks)


def _looked(booked: Booked, asset: str, gap: int, now: int) -> Booked:
    """Remember what a read left unexplained, and how much of it the reads before it showed, too."""
    look = booked.book.look(asset)
    if not look.reads or (look.gap > 0) != (gap > 0):
        return _remember(booked, asset, Look(gap, gap, now, 1, look.fills))
    # What fills were rounded by since is no other gap.
    is_same = abs(gap - look.part) <= spare(booked.book, asset)
    part = gap if is_same else min(gap, look.part, key=abs)
    return _remember(booked, asset, Look(gap, part, look.since, look.reads + 1, look.fills))


def _unproven(booked: Booked, asset: str, marks: Marks, now: int) -> Booked:
    """Book what three reads have shown for long enough, though nothing proves it. What only the last ones
    showed beside it begins anew."""
    look = booked.book.look(asset)
    if look.reads < _BOOKED_READS or now - look.since < BOOKED_MICROS:
        return booked
    name = f"flow:unproven:{now}:{asset}"
    # What came was there by the first read: what a person sold after that may have been it.
    ts = look.since if look.part > 0 else now
    posting = Posting(name, Kind.FOREIGN_IN, ts, asset, unproven=True)
    before, change = len(booked.postings), money if asset == QUOTE else coins
    booked = change(booked, posting, look.part, marks)
    rows = booked.postings[before:]
    taken = [one for one in rows if one.kind is Kind.TRANSFER_OUT]
    known = Unproven(
        name,
        asset,
        now,
        look.part,
        spare=spare(booked.book, asset),
        taken=-sum(one.qty for one in taken),
        value=sum(one.notional for one in taken),
        since=look.since,
        kept=max(0, sum(one.foreign for one in rows)),
    )
    booked = booked.changed(unproven=(*booked.book.unproven, known))
    rest = look.gap - look.part
    return _remember(booked, asset, Look(rest, rest, now, 1, look.fills) if rest else Look())


def _standing(book: LiveBook, asset: str, now: int) -> list[Alarm]:
    """Return the alarm of what is less than ours and stands."""
    lacking = _lacking(book, asset)
    if not lacking or not _stands(book.look(asset), now):
        return []
    symbol = None if asset == QUOTE else symbol_of(asset)
    return [Alarm(AlarmCode.BALANCE_UNEXPLAINED, asset, symbol, {"missing": format_e8(lacking)})]


def _lacking(book: LiveBook, asset: str) -> int:
    """Return how much of what is the book's the last look did not show, e8. Of coins no more can lack than it
    has by now: the fill that sold them may have been booked since."""
    gap, others = book.look(asset).gap, book.ledger.foreign.get(asset, 0)
    lacking = max(0, -gap - others)
    return lacking if asset == QUOTE else min(lacking, book.ledger.holding(symbol_of(asset)).qty)


def _stands(look: Look, now: int) -> bool:
    return look.reads >= _STANDING_READS and now - look.since >= STANDING_MICROS


def _remember(booked: Booked, asset: str, look: Look) -> Booked:
    looks = {other: one for other, one in booked.book.looks.items() if other != asset}
    return booked.changed(looks=looks if look == Look() else {**looks, asset: look})


def _read(book: LiveBook, reading: Reading) -> list[str]:
    """Return the assets of the book that a reading shows, in their order."""
    return sorted(asset for asset in assets_of(book) if asset in reading.balances)
