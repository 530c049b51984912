"""Lots of a book for a tax declaration: an estimate. Which fill took which lot, what it made, and what a rate
would make of that.

Lots are taken first in, first out, **by the time of each fill**: the ledger takes them in the order in which
fills were booked, which differs where the exchange told one late. Rates are the user's, zero without any.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from attrs import define, frozen

from meva_core.amounts import E6, E8, to_decimal
from meva_core.history.fields import Field
from meva_core.live.live_orders import moment
from meva_core.live_book.ledger import Ledger
from meva_core.live_book.postings import Kind, Posting, lasting
from meva_core.live_history.books import Listed
from meva_core.live_history.fills import SCHEMA_VERSION
from meva_core.operating.records.rounding import divided

BASIS: Final = "estimate: lots first in, first out, by the time of each fill; rates as given; no tax advice"
SALE: Final = "sale"
LEFT: Final = "left"
_PERCENT: Final = 100 * E8
_DAY: Final = 86_400 * E6

FIELDS: Final = (
    Field("schema_version", "integer"),
    Field("book", "text"),
    Field("run_id", "text"),
    Field("kind", "text"),
    Field("sold", "stamp"),
    Field("symbol", "text"),
    Field("qty", "amount"),
    Field("proceeds_try", "amount"),
    Field("sale_fee_try", "amount"),
    Field("bought", "stamp"),
    Field("bought_by", "text"),
    Field("cost_try", "amount"),
    Field("bought_fee_try", "amount"),
    Field("gain_try", "amount"),
    Field("held_days", "integer"),
    Field("gain_pct", "amount"),
    Field("sale_pct", "amount"),
    Field("tax_estimate_try", "amount"),
    Field("fill_id", "text"),
    Field("basis", "text"),
)
"""A lot, or a part of one, and what took it. `kind` is `sale`, or `left` for coins that went otherwise than
by a sale of ours, which gain nothing here. `bought_by` is `fill`, `opening` (held when the book was opened:
its time is not known), `came` (coins that came back or in, at their value of then), or `nothing` (no lot was
there by that time). `tax_estimate_try` is `gain_pct` of a gain and `sale_pct` of the proceeds."""


@frozen
class Rate:
    """What holds from a day on: percent of a gain, and percent of what a sale brought, both e8."""

    since: date
    gain: int = 0
    sale: int = 0


NO_RATE: Final = Rate(date.min)


@define
class _Lot:
    """What is left of a lot, e8; times in microseconds."""

    ts: int | None
    by: str
    qty: int
    cost: int
    fee: int

    def taken(self, qty: int) -> _Lot:
        """Take out a part, and return it; the last piece takes the rest."""
        part = _Lot(self.ts, self.by, qty, self.cost * qty // self.qty, self.fee * qty // self.qty)
        self.qty -= qty
        self.cost -= part.cost
        self.fee -= part.fee
        return part


@frozen
class Taken:
    """A part of a lot and what took it, amounts in e8, times in microseconds."""

    kind: str
    ts: int
    symbol: str
    qty: int
    proceeds: int
    sale_fee: int
    bought: int | None
    bought_by: str
    cost: int
    bought_fee: int
    fill_id: str

    @property
    def gain(self) -> int:
        """What it made after the fees of both, nothing of coins that left."""
        if self.kind == LEFT:
            return 0
        return self.proceeds - self.sale_fee - self.cost - self.bought_fee

    def tax(self, rate: Rate) -> int:
        """Return what a rate makes of it: a loss takes nothing off, whoever may set it off."""
        if self.kind == LEFT:
            return 0
        return divided(max(0, self.gain) * rate.gain, _PERCENT) + divided(self.proceeds * rate.sale, _PERCENT)

    def record(self, listed: Listed, rates: Sequence[Rate]) -> tuple[Any, ...]:
        """Return it in the order of FIELDS."""
        rate = rate_at(rates, moment(self.ts))
        amounts = map(to_decimal, (self.qty, self.proceeds, self.sale_fee))
        gain, tax = to_decimal(self.gain), to_decimal(self.tax(rate))
        held = None if self.bought is None else (self.ts - self.bought) // _DAY
        return (
            SCHEMA_VERSION, listed.name, listed.run, self.kind, moment(self.ts), self.symbol, *amounts,
            None if self.bought is None else moment(self.bought), self.bought_by, to_decimal(self.cost),
            to_decimal(self.bought_fee), gain, held, to_decimal(rate.gain), to_decimal(rate.sale), tax,
            self.fill_id, BASIS,
        )  # fmt: skip


def rate_at(rates: Sequence[Rate], when: datetime) -> Rate:
    """Return the rate of a time's UTC day: the newest that began by then, none before the first."""
    day = when.astimezone(UTC).date()
    return max((rate for rate in rates if rate.since <= day), key=lambda rate: rate.since, default=NO_RATE)


def taken_lots(opening: Ledger, postings: Iterable[Posting]) -> Iterator[Taken]:
    """Yield what took which lots of a book, by the time of each fill, a BUY before a SELL."""
    lots: dict[str, deque[_Lot]] = {
        symbol: deque(_Lot(None, "opening", lot.qty, lot.cost, 0) for lot in held.lots)
        for symbol, held in opening.holdings.items()
    }
    moves = [one for one in lasting(postings) if one.symbol is not None and one.qty]
    for one in sorted(moves, key=lambda one: (one.ts, one.qty < 0, one.id)):
        assert one.symbol is not None, "only these were chosen"
        held = lots.setdefault(one.symbol, deque())
        if one.qty > 0:
            by = "fill" if one.kind is Kind.BUY else "came"
            held.append(_Lot(one.ts, by, one.qty, one.notional, one.fee))
        else:
            yield from _sold(one, one.symbol, held)


def _sold(posting: Posting, symbol: str, lots: deque[_Lot]) -> Iterator[Taken]:
    left = whole = -posting.qty
    proceeds = posting.notional if posting.kind is Kind.SELL else 0
    fee, done, paid = (posting.fee if posting.kind is Kind.SELL else 0), 0, 0
    while left:
        if not lots:
            part = _Lot(None, "nothing", left, 0, 0)
        else:
            part = lots.popleft() if lots[0].qty <= left else lots[0].taken(left)
        left -= part.qty
        # Of what the sale brought each lot has its share; the last one has the rest.
        share = proceeds - done if not left else proceeds * part.qty // whole
        charged = fee - paid if not left else fee * part.qty // whole
        done, paid = done + share, paid + charged
        kind = SALE if posting.kind is Kind.SELL else LEFT
        yield Taken(
            kind, posting.ts, symbol, part.qty, share, charged, part.ts, part.by, part.cost, part.fee,
            posting.id.removeprefix("fill:"),
        )  # fmt: skip
