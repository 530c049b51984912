"""Taking over what the earlier system left: a plan of what the new book begins with, symbol by symbol.

Three sources say how much of a symbol is the book's: the old fills, each id once, with what asking the
exchange brought; the old table of positions; the balance. The smallest counts, since what is not ours is
never sold; every disagreement is a row. The newest lots stay, at the cost of the table whose quantity it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from attrs import evolve, frozen

from meva_core.amounts import format_e8
from meva_core.live.booking import Sums, entry_of, units
from meva_core.live_book.batch import in_order
from meva_core.live_book.documents import e8
from meva_core.live_book.holdings import Holding, Lot, share
from meva_core.live_book.known import differs
from meva_core.live_book.ledger import QUOTE, asset_of
from meva_core.live_book.opening import Position, units_down
from meva_core.orders import Side
from meva_core.venue import EXACT, Balance, VenueFill

FILLS: Final = "fills"
BALANCE: Final = "balance"
_SIMULATED: Final = ("s7f:", "s7o:", "s7:", "fill:s7f:")


@frozen
class OldFill:
    """A live fill of the earlier system, and the table that it stands in."""

    table: str
    fill: VenueFill


@frozen
class OldPosition:
    """A row of the earlier system's positions, amounts in its own digits; `average` is the cost of a coin."""

    table: str
    symbol: str
    qty: Decimal
    average: Decimal


@frozen
class Disagreement:
    """What the sources say of one thing, as text, and which of them was taken."""

    about: str
    said: Mapping[str, str]
    taken: str


@frozen
class Adoption:
    """What the book begins with, by symbol, and where the sources disagree."""

    positions: Mapping[str, Position]
    disagreements: tuple[Disagreement, ...]


@frozen
class _Source:
    """How much a source says there is, and what that cost; a balance has no cost."""

    name: str
    qty: int = e8()
    cost: int | None = None


def plan(
    old: Iterable[OldFill],
    asked: Iterable[VenueFill],
    stage4: Iterable[OldPosition],
    stage3: Iterable[OldPosition],
    balances: Mapping[str, Balance],
) -> Adoption:
    """Return what a book begins with.

    `asked` are the fills that asking for the old orders brought. Of Stage 4's and Stage 3's positions the
    former count where they have a row of the symbol. A table without any row at all says nothing; else a
    symbol that is not in it is not held. Fills of Stage 7, which were simulated, are left out.
    """
    fills, rows = _once([*old, *(OldFill("exchange", fill) for fill in asked)])
    by_symbol: dict[str, list[VenueFill]] = {}
    for fill in fills:
        by_symbol.setdefault(fill.symbol, []).append(fill)
    tables = [{row.symbol: row for row in table} for table in (stage4, stage3)]
    names = sorted({*by_symbol, *tables[0], *tables[1]})
    positions = {}
    for symbol in (name for name in names if name.endswith(QUOTE)):
        folded, beyond = _folded(by_symbol.get(symbol, ()))
        rows += beyond
        sources = [*_tabled(symbol, *tables), _Source(FILLS, folded.qty, max(0, folded.paid))]
        shown = balances.get(asset_of(symbol))
        sources.append(_Source(BALANCE, max(0, units_down(shown)) if shown else 0))
        taken = min(sources, key=lambda source: source.qty)  # of equals the first: the table
        if len({source.qty for source in sources}) > 1:
            said = {source.name: format_e8(source.qty) for source in sources}
            rows.append(Disagreement(symbol, said, taken.name))
        if taken.qty:
            positions[symbol] = _position(folded, taken, sources)
    return Adoption(positions, tuple(rows))


def _once(old: Iterable[OldFill]) -> tuple[list[VenueFill], list[Disagreement]]:
    """Return each fill once, the first that was named, and where tables say different things of one."""
    found: dict[str, OldFill] = {}
    rows = []
    for row in old:
        fill = row.fill
        names = (fill.fill_id, fill.order_id or "", fill.client_id or "")
        if any(name.startswith(_SIMULATED) for name in names):
            continue
        first = found.setdefault(fill.fill_id, row)
        if differs(fill, first.fill):
            said = {one.table: _said(one.fill) for one in (first, row)}
            rows.append(Disagreement(f"fill {fill.fill_id}", said, first.table))
    return [row.fill for row in found.values()], rows


def _folded(fills: Iterable[VenueFill]) -> tuple[Holding, list[Disagreement]]:
    """Return what the old fills of a symbol come to. A SELL of more than is held took what there was."""
    holding, sums, rows = Holding(), dict[str | None, Sums](), []
    for fill in in_order(fills):
        order = fill.order_id or fill.client_id
        before = sums.get(order, Sums())
        entry, sums[order] = entry_of(fill, before), before.plus(fill)
        fee = entry.fee if fill.fee_asset == QUOTE else 0
        if fill.side is Side.BUY:
            holding = holding.bought(entry.qty, entry.notional, fee, entry.notional)
            continue
        sold = min(entry.qty, holding.qty)
        if sold < entry.qty:
            said = {"sold": format_e8(entry.qty), "held": format_e8(holding.qty)}
            rows.append(Disagreement(f"fill {fill.fill_id}", said, "held"))
        holding = holding.sold(sold, entry.notional, fee, entry.notional)
    return holding, rows


def _tabled(
    symbol: str, stage4: Mapping[str, OldPosition], stage3: Mapping[str, OldPosition]
) -> list[_Source]:
    row = stage4.get(symbol) or stage3.get(symbol)
    if row is not None:
        cost = EXACT.multiply(row.average, row.qty)
        return [
            _Source(row.table, max(0, units(row.qty, "ROUND_FLOOR")), max(0, units(cost, ROUND_HALF_EVEN)))
        ]
    listed = next(iter((stage4 or stage3).values()), None)
    return [] if listed is None else [_Source(listed.table, 0, 0)]


def _position(folded: Holding, taken: _Source, sources: list[_Source]) -> Position:
    """Return the newest lots of what was taken, scaled to its cost; a balance takes the share of the first
    source that knows one."""
    cost = taken.cost
    if cost is None:
        known = next(source for source in sources if source.cost is not None)
        cost = share(known.cost or 0, taken.qty, known.qty)
    # Lots beyond what is taken have left: `sold` takes the oldest.
    kept = folded.sold(folded.qty - taken.qty, 0, 0, 0).lots
    return Position(_scaled(kept, cost), cost)


def _scaled(lots: tuple[Lot, ...], cost: int) -> tuple[Lot, ...]:
    """Return lots whose costs add up to `cost`, in proportion, by quantity where none cost anything."""
    weights = [lot.cost for lot in lots]
    if not sum(weights):
        weights = [lot.qty for lot in lots]
    total, left, scaled = sum(weights), cost, []
    for lot, weight in zip(lots, weights, strict=True):
        part = share(cost, weight, total)
        scaled.append(evolve(lot, cost=part))
        left -= part
    return (*scaled[:-1], evolve(scaled[-1], cost=scaled[-1].cost + left))


def _said(fill: VenueFill) -> str:
    return f"{fill.side.name} {fill.qty:f} {fill.symbol} at {fill.price:f} of order {fill.order_id or '?'}"
