"""What a book made, by day and by symbol, in both ways of counting cost; it adds up to the last digit.

    opening + flows + gross - fees - slippage = cash + values

Gross is FIFO's: what was realized, and by how much what is held gained above its lots. Average cost says the
same in other parts: what it calls realized has fees and slippage in it. A day is that of the cycle which
booked something: it ends with the equity of its last cycle, at that one's marks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import reduce
from itertools import pairwise
from typing import Any, Final

from attrs import astuple, frozen

from meva_core.amounts import parse_e8, to_decimal
from meva_core.errors import BadInput, StoreCorrupt
from meva_core.figures.ratios import quotient
from meva_core.live_book.ledger import Ledger, Marks, posted
from meva_core.live_book.postings import FILLS, Kind, Posting
from meva_core.live_history.books import Standing
from meva_core.live_history.fills import postings_with_cycles
from meva_core.operating.records.decided_rows import CYCLES
from meva_core.ports import Reads, TextCodec

DAY: Final = "day"
SYMBOL: Final = "symbol"


@frozen
class Point:
    """A book after one of its cycles: the ledger, and the marks of that cycle. None is before the first: the
    opening counts its lots at their cost. `before` is then by how much more what was taken over was worth
    than it had cost, e8, at the marks of the first cycle: made before the book was there."""

    at: datetime
    cycle: str
    ledger: Ledger
    marks: Marks | None
    before: int = 0

    @property
    def equity(self) -> int:
        """What the book was worth, e8."""
        if self.marks is None:
            return self.ledger.cash + sum(one.cost for one in self.ledger.holdings.values())
        return self.ledger.equity(self.marks)


@frozen
class Made:
    """What a span came to, e8: of one symbol, or of all. FIFO: `realized`, and by how much `unrealized` grew,
    both before fees and slippage. Average cost: the same after them. Of all, `net` is what equity grew by
    beyond the flows, in both."""

    realized: int = 0
    unrealized: int = 0
    fees: int = 0
    slippage: int = 0
    average_realized: int = 0
    average_unrealized: int = 0

    @property
    def gross(self) -> int:
        """Profit before costs."""
        return self.realized + self.unrealized

    @property
    def net(self) -> int:
        """Profit after fees and slippage."""
        return self.gross - self.fees - self.slippage

    @property
    def average_net(self) -> int:
        """Profit as average cost has it."""
        return self.average_realized + self.average_unrealized

    def plus(self, other: Made, sign: int = 1) -> Made:
        """Return it with another added, or with a sign of -1 taken away."""
        mine, others = astuple(self), astuple(other)
        return Made(*(one + sign * more for one, more in zip(mine, others, strict=True)))

    def document(self) -> dict[str, Any]:
        """Return it as JSON holds it, amounts as Decimals."""
        names = {
            "realized_try": self.realized,
            "unrealized_try": self.unrealized,
            "gross_try": self.gross,
            "fees_try": self.fees,
            "slippage_try": self.slippage,
            "net_try": self.net,
            "average_realized_try": self.average_realized,
            "average_unrealized_try": self.average_unrealized,
            "average_net_try": self.average_net,
        }
        return {name: to_decimal(amount) for name, amount in names.items()}


@frozen
class Span:
    """From one point to another: what was made, by symbol; what flowed, by kind; and how many own fills."""

    began: Point
    ended: Point
    symbols: Mapping[str, Made]
    flows: Mapping[Kind, int]
    fills: Mapping[str, int]

    @property
    def flow(self) -> int:
        """All that came less what went, e8."""
        return sum(self.flows.values())

    @property
    def made(self) -> Made:
        """What all symbols made."""
        return reduce(Made.plus, self.symbols.values(), Made())

    @property
    def return_ratio(self) -> float | None:
        """Equity at the end to what it was at the beginning, at the marks of then, and what flowed, less one;
        None where that is nothing."""
        base = self.began.equity + self.began.before + self.flow
        return quotient(self.ended.equity - base, base) if base > 0 else None

    def document(self) -> dict[str, Any]:
        """Return the sums as JSON holds them."""
        ledger, made = self.ended.ledger, self.made
        values = self.ended.equity - ledger.cash
        return {
            "from": self.began.at,
            "to": self.ended.at,
            "opening_try": to_decimal(self.began.equity),
            "before_opening_try": to_decimal(self.began.before),
            "flows_try": to_decimal(self.flow),
            "flows": {str(kind): to_decimal(amount) for kind, amount in sorted(self.flows.items()) if amount},
            "fills": sum(self.fills.values()),
            **made.document(),
            "cash_try": to_decimal(ledger.cash),
            "values_try": to_decimal(values),
            "equity_try": to_decimal(self.ended.equity),
            "return_ratio": self.return_ratio,
        }


def spans_of(
    reads: Reads,
    standing: Standing,
    texts: TextCodec,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    last: int | None = None,
) -> list[Span]:
    """Return a span for each day of a book that had a cycle in a window, inclusive, oldest first; the newest
    `last` of them.

    Raises BadInput where the window holds no cycle, StoreCorrupt for a row that cannot be read.
    """
    cycles = list(reads.rows(CYCLES, ("ts", "cycle_id"), where={"book": standing.name}))
    if not cycles:
        return []
    inside = [(ts, name) for ts, name in cycles if (not start or ts >= start) and (not end or ts <= end)]
    if not inside:
        raise BadInput(
            f"book {standing.name} has no cycle of that time; its cycles are from "
            f"{cycles[0][0]:%Y-%m-%d %H:%M} to {cycles[-1][0]:%Y-%m-%d %H:%M} UTC",
            action="check --start and --end",
        )
    ends = list({ts.date(): (ts, name) for ts, name in inside}.values())
    ends = ends if last is None else ends[-last:]
    first = next(ts for ts, _ in inside if ts.date() == ends[0][0].date())
    began = [one for one in cycles if one[0] < first][-1:]
    postings = postings_with_cycles(reads, standing.listed)
    points = list(_points(reads, standing, texts, postings, [*began, *ends], cycles[-1]))
    points = points if began else [_opening(reads, standing, texts, cycles[0][1]), *points]
    return [_span(one, other, postings) for one, other in pairwise(points)]


def _opening(reads: Reads, standing: Standing, texts: TextCodec, first: str) -> Point:
    """Return a book as it was opened; `first` is its first cycle."""
    held = standing.opening.holdings
    marks = _marks(reads, standing.name, first, texts) if held else {}
    before = sum(one.value(marks.get(symbol)) - one.cost for symbol, one in held.items())
    return Point(standing.listed.opened, "", standing.opening, None, before)


def _points(
    reads: Reads,
    standing: Standing,
    texts: TextCodec,
    postings: Sequence[tuple[str, Posting]],
    cycles: Iterable[tuple[datetime, str]],
    newest: tuple[datetime, str],
) -> Iterator[Point]:
    """Yield the book after each of some cycles. After the newest it is as it stands: what was booked since by
    a cycle that came to no decision is in it."""
    ledger, place = standing.opening, 0
    for ts, name in cycles:
        if (ts, name) == newest:
            yield Point(ts, "~", standing.book.ledger, standing.marks)
            continue
        while place < len(postings) and postings[place][0] <= name:
            ledger = posted(ledger, postings[place][1])
            place += 1
        yield Point(ts, name, ledger, _marks(reads, standing.name, name, texts))


def _marks(reads: Reads, book: str, cycle: str, texts: TextCodec) -> Marks:
    [(packed,)] = reads.rows(CYCLES, ("inputs",), where={"book": book, "cycle_id": cycle})
    try:
        symbols = json.loads(texts.unpack(packed))["symbols"]
        return {
            one["name"]: parse_e8(one["valuation"], "valuation")
            for one in symbols
            if one["valuation"] is not None
        }
    except (StoreCorrupt, BadInput, KeyError, TypeError, ValueError) as error:
        raise StoreCorrupt(
            f"{CYCLES}, {cycle}: cannot be read ({error})", action="keep the database, and restore a backup"
        ) from error


def _span(began: Point, ended: Point, postings: Iterable[tuple[str, Posting]]) -> Span:
    before, after = _of_symbols(began), _of_symbols(ended)
    flows: dict[Kind, int] = {}
    fills: dict[str, int] = {}
    for _, posting in postings:
        if not began.ledger.seq < posting.seq <= ended.ledger.seq:
            continue
        if posting.flow:
            flows[posting.kind] = flows.get(posting.kind, 0) + posting.flow
        if posting.kind in FILLS and posting.symbol is not None:
            fills[posting.symbol] = fills.get(posting.symbol, 0) + 1
    made = {name: after[name].plus(before.get(name, Made()), -1) for name in sorted(after)}
    moved = {name: one for name, one in made.items() if one != Made() or name in fills}
    return Span(began, ended, moved, flows, fills)


def _of_symbols(point: Point) -> dict[str, Made]:
    """Return what each symbol had made by then, since the opening."""
    found = {}
    for symbol, held in point.ledger.holdings.items():
        value = held.cost if point.marks is None else held.value(point.marks.get(symbol))
        found[symbol] = Made(
            held.realized,
            value - held.cost,
            held.fees,
            held.slippage,
            held.realized_average,
            value - held.paid,
        )
    return found


def joined(spans: Sequence[Span]) -> Span:
    """Return spans that follow each other as one."""
    symbols: dict[str, Made] = {}
    flows: dict[Kind, int] = {}
    fills: dict[str, int] = {}
    for span in spans:
        for name, made in span.symbols.items():
            symbols[name] = symbols.get(name, Made()).plus(made)
        for kind, amount in span.flows.items():
            flows[kind] = flows.get(kind, 0) + amount
        for name, count in span.fills.items():
            fills[name] = fills.get(name, 0) + count
    return Span(spans[0].began, spans[-1].ended, symbols, flows, fills)


def rows_of(spans: Sequence[Span], by: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row for each day, each symbol, or each of both, as JSON holds them.

    Of a day, equity and flows stand beside what was made.
    """
    if SYMBOL not in by:
        return [_day_row(span) for span in spans]
    if DAY in by:
        return [_day(span) | row for span in spans for row in _symbol_rows(span)]
    return _symbol_rows(joined(spans)) if spans else []


def _day(span: Span) -> dict[str, Any]:
    return {"day": f"{span.ended.at.astimezone(UTC):%Y-%m-%d}"}


def _day_row(span: Span) -> dict[str, Any]:
    names = ("opening_try", "flows_try", "fills")
    document = span.document()
    head = {name: document[name] for name in names}
    end = {name: document[name] for name in ("equity_try", "return_ratio")}
    return {**_day(span), **head, **span.made.document(), **end}


def _symbol_rows(span: Span) -> list[dict[str, Any]]:
    ranked = sorted(span.symbols.items(), key=lambda one: (-one[1].net, one[0]))
    return [{"symbol": name, "fills": span.fills.get(name, 0), **made.document()} for name, made in ranked]
