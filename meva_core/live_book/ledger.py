"""Cash, holdings and totals of a live book, changed by postings and by nothing else.

    opening cash + cost of opening lots + flows + gross - fees - slippage = cash + sum(values)

holds exactly after every posting and at any marks, gross being realized and unrealized. Folding the postings
from the opening on gives the ledger that is stored (`fold`): what is on disk can be proved from its rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Final

from attrs import evolve, field, frozen

from meva_core.amounts import E8
from meva_core.errors import BrokenBooks
from meva_core.live_book.documents import e8
from meva_core.live_book.holdings import Holding
from meva_core.live_book.postings import FILLS, Kind, Posting

QUOTE: Final = "TRY"
Marks = Mapping[str, int]
"""Valuation marks by symbol, e8; a symbol that never had one is absent."""

DAY_MICROS: Final = 86_400 * 10**6
_DAYS: Final = 3
_NOTED: Final = 20
_NOTEWORTHY: Final = 100 * E8


@frozen
class Day:
    """What own fills stamped on one UTC day, counted from 1970, came to: fees, and what average cost says
    was realized."""

    day: int
    fees: int = e8(0)
    realized: int = e8(0)


@frozen
class Charged:
    """What an own fill cost, for the effective fee."""

    notional: int = e8()
    fee: int = e8()


@frozen
class Ledger:
    """The books after `seq` postings. Holdings by symbol, foreign coins by asset, neither below zero.

    `days` are the newest three on which own fills were stamped, `charged` the newest 20 own fills of 100 TRY
    or more.
    """

    opening_cash: int = e8()
    opening_cost: int = e8()
    cash: int = e8()
    flows: int = e8(0)
    turnover: int = e8(0)
    holdings: Mapping[str, Holding] = field(factory=dict)
    foreign: Mapping[str, int] = e8(factory=dict)
    days: tuple[Day, ...] = ()
    charged: tuple[Charged, ...] = ()
    seq: int = 0

    def holding(self, symbol: str) -> Holding:
        """Return what is held of a symbol, nothing at first."""
        return self.holdings.get(symbol, Holding())

    def day(self, number: int) -> Day:
        """Return what own fills of a day came to."""
        return next((day for day in self.days if day.day == number), Day(number))

    @property
    def fees(self) -> int:
        """What own fills were charged."""
        return sum(holding.fees for holding in self.holdings.values())

    @property
    def slippage(self) -> int:
        """What own fills cost against the marks that they were decided at."""
        return sum(holding.slippage for holding in self.holdings.values())

    @property
    def realized(self) -> int:
        """What FIFO says was realized, before fees and slippage."""
        return sum(holding.realized for holding in self.holdings.values())

    @property
    def realized_average(self) -> int:
        """What average cost says was realized, after fees."""
        return sum(holding.realized_average for holding in self.holdings.values())

    def values(self, marks: Marks) -> int:
        """Return what the holdings are worth."""
        return sum(holding.value(marks.get(symbol)) for symbol, holding in self.holdings.items())

    def equity(self, marks: Marks) -> int:
        """Return cash and values."""
        return self.cash + self.values(marks)

    def net(self, marks: Marks) -> int:
        """Return profit: realized and unrealized, less fees and slippage."""
        unrealized = self.values(marks) - sum(holding.cost for holding in self.holdings.values())
        return self.realized + unrealized - self.fees - self.slippage


def symbol_of(asset: str) -> str:
    """Return the pair in which an asset is valued."""
    return asset + QUOTE


def asset_of(symbol: str) -> str:
    """Return the asset that a TRY pair trades."""
    return symbol.removesuffix(QUOTE)


def posted(ledger: Ledger, posting: Posting) -> Ledger:
    """Return the ledger after one posting; one that it has already changes nothing.

    Raises BrokenBooks for one that does not follow, or after which less than nothing would be held.
    """
    if posting.seq <= ledger.seq:
        return ledger
    if posting.seq != ledger.seq + 1:
        raise BrokenBooks(f"posting {ledger.seq + 1} is missing before {posting.seq}")
    is_fill = posting.kind in FILLS
    after = evolve(
        ledger,
        seq=posting.seq,
        cash=ledger.cash + posting.cash,
        flows=ledger.flows + posting.flow,
        turnover=ledger.turnover + (posting.notional if is_fill else 0),
        foreign=_foreign(ledger, posting),
        charged=_noted(ledger, posting) if is_fill else ledger.charged,
    )
    if posting.symbol is None or not (posting.qty or is_fill):
        return after
    before = ledger.holding(posting.symbol)
    held = _held(before, posting)
    realized = held.realized_average - before.realized_average if is_fill else 0
    return evolve(
        after,
        holdings={**ledger.holdings, posting.symbol: held},
        days=_days(ledger, posting, realized) if is_fill else ledger.days,
    )


def fold(opening: Ledger, postings: Iterable[Posting]) -> Ledger:
    """Return what postings, in the order of booking, make of an opening."""
    return reduce(posted, postings, opening)


def faults(ledger: Ledger, marks: Marks) -> list[str]:
    """Return which identities of the ledger do not hold, as sentences; none is how it has to be."""
    there = ledger.opening_cash + ledger.opening_cost + ledger.flows + ledger.net(marks)
    found = []
    if there != (worth := ledger.equity(marks)):
        found.append(f"opening, flows and net are {there}, cash and values {worth}, in 10^-8 TRY")
    for symbol, holding in sorted(ledger.holdings.items()):
        lots = sum(lot.qty for lot in holding.lots)
        if lots != holding.qty or min(lots, holding.paid, holding.cost) < 0:
            found.append(f"{symbol}: {holding.qty} are held, {lots} are in lots, in 10^-8")
        realized = holding.realized - holding.fees - holding.slippage
        if not holding.qty and (holding.cost, holding.paid, realized) != (0, 0, holding.realized_average):
            found.append(f"{symbol}: FIFO realized {realized}, average cost {holding.realized_average}")
    found += [f"{asset}: {qty} of others" for asset, qty in sorted(ledger.foreign.items()) if qty < 0]
    return found


def _held(before: Holding, posting: Posting) -> Holding:
    """Return a holding after its part of a posting: a trade, or coins that come or leave at their value."""
    reference = posting.reference if posting.kind in FILLS else posting.notional
    come = posting.kind is Kind.BUY or (posting.kind not in FILLS and posting.qty > 0)
    change = Holding.bought if come else Holding.sold
    try:
        return change(before, abs(posting.qty), posting.notional, posting.fee, reference)
    except ValueError as error:
        raise BrokenBooks(f"{posting.symbol}, posting {posting.id}: {error}") from None


def _foreign(ledger: Ledger, posting: Posting) -> Mapping[str, int]:
    if not posting.foreign:
        return ledger.foreign
    there = ledger.foreign.get(posting.asset, 0) + posting.foreign
    if there < 0:
        raise BrokenBooks(f"{posting.asset}, posting {posting.id}: {there} of others would be left")
    others = {asset: qty for asset, qty in ledger.foreign.items() if asset != posting.asset}
    return {**others, posting.asset: there} if there else others


def _noted(ledger: Ledger, posting: Posting) -> tuple[Charged, ...]:
    if posting.notional < _NOTEWORTHY:
        return ledger.charged
    return (*ledger.charged, Charged(posting.notional, posting.fee))[-_NOTED:]


def _days(ledger: Ledger, posting: Posting, realized: int) -> tuple[Day, ...]:
    number = posting.ts // DAY_MICROS
    day = ledger.day(number)
    changed = Day(number, day.fees + posting.fee, day.realized + realized)
    others = [other for other in ledger.days if other.day != number]
    return tuple(sorted((*others, changed), key=lambda one: one.day)[-_DAYS:])
