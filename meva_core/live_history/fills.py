"""What was booked of a book, as records: own fills, and what came and went otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from attrs import frozen

from meva_core.amounts import to_decimal
from meva_core.history.fields import Field
from meva_core.live.live_orders import moment
from meva_core.live_book.postings import FILLS, Kind, Posting
from meva_core.live_history.books import Listed
from meva_core.operating.records.ledger_rows import ADJUSTMENT, FILL, LEDGER
from meva_core.operating.records.stored import fill_in, posting_in
from meva_core.ports import Reads
from meva_core.venue import VenueFill

SCHEMA_VERSION: Final = 1
"""Of all records of this room; grows as that of `history.record_export` does."""
_COLUMNS: Final = ("event_id", "cycle_id", "meta_json", "cost_try")

FIELDS: Final = (
    Field("schema_version", "integer"),
    Field("book", "text"),
    Field("run_id", "text"),
    Field("ts", "stamp"),
    Field("seq", "integer"),
    Field("symbol", "text"),
    Field("side", "text"),
    Field("price_try", "amount"),
    Field("qty", "amount"),
    Field("notional_try", "amount"),
    Field("fee_try", "amount"),
    Field("fee", "amount"),
    Field("fee_asset", "text"),
    Field("reference_try", "amount"),
    Field("slippage_try", "amount"),
    Field("cost_try", "amount"),
    Field("result_try", "amount"),
    Field("cycle_id", "text"),
    Field("order_id", "text"),
    Field("client_order_id", "text"),
    Field("fill_id", "text"),
)
"""A fill of ours. `seq` is its place in the order of booking; `reference_try` what it would have come to at
the mark of the decision; of a SELL, `cost_try` is what the lots that it took cost by that, first in, first
out, and `result_try` what it made of them, after its own fee and slippage and before those of its
buys. `fee` is what was charged, in its asset."""

FLOW_FIELDS: Final = (
    Field("schema_version", "integer"),
    Field("book", "text"),
    Field("run_id", "text"),
    Field("ts", "stamp"),
    Field("seq", "integer"),
    Field("kind", "text"),
    Field("asset", "text"),
    Field("amount", "amount"),
    Field("value_try", "amount"),
    Field("proven", "flag"),
    Field("proof", "text"),
    Field("cycle_id", "text"),
    Field("flow_id", "text"),
)
"""What came or, below 0, went otherwise than by a trade of ours. `value_try` is what equity moves by with it,
which is neither profit nor loss: 0 for coins that are not the book's."""


@frozen
class Booked:
    """An own fill as it is booked, amounts in e8, and as it came."""

    posting: Posting
    fill: VenueFill
    cycle: str
    cost: int | None

    @property
    def is_trade(self) -> bool:
        """Whether it moved the books: one stamped before the opening does not."""
        return self.posting.kind in FILLS

    @property
    def order_id(self) -> str | None:
        """The exchange's number of its order."""
        return self.posting.order_id

    @property
    def qty(self) -> int:
        """How many coins it moved."""
        return abs(self.posting.qty) if self.is_trade else 0

    @property
    def notional(self) -> int:
        """What they were traded for."""
        return self.posting.notional if self.is_trade else 0

    @property
    def fee(self) -> int:
        """What was charged in TRY."""
        return self.posting.fee if self.is_trade else 0

    @property
    def slippage(self) -> int:
        """What it cost against the mark of its decision."""
        if not self.is_trade:
            return 0
        apart = self.posting.notional - self.posting.reference
        return apart if self.posting.kind is Kind.BUY else -apart

    @property
    def result(self) -> int | None:
        """What a SELL made of the lots that it took, after its fee and slippage."""
        return None if self.cost is None else self.posting.notional - self.posting.fee - self.cost

    def record(self, listed: Listed) -> tuple[Any, ...]:
        """Return it in the order of FIELDS."""
        posting, fill = self.posting, self.fill
        cost, result = (None if one is None else to_decimal(one) for one in (self.cost, self.result))
        amounts = map(to_decimal, (self.qty, self.notional, self.fee))
        return (
            SCHEMA_VERSION, listed.name, listed.run, moment(fill.ts), posting.seq, fill.symbol,
            fill.side.name, fill.price, *amounts, trimmed(fill.fee), fill.fee_asset,
            to_decimal(posting.reference),
            to_decimal(self.slippage), cost, result, self.cycle, posting.order_id, posting.client_id,
            fill.fill_id,
        )  # fmt: skip


def booked_fills(
    reads: Reads,
    listed: Listed,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    symbol: str | None = None,
    newest_first: bool = False,
) -> Iterator[Booked]:
    """Yield the own fills of a book that were stamped in a window, inclusive, in the order of time.

    Raises StoreCorrupt for a row that cannot be read.
    """
    where = {"type": FILL} | ({} if symbol is None else {"symbol": symbol})
    rows = reads.rows(
        LEDGER, _COLUMNS, run_id=listed.run, start=start, end=end, where=where, newest_first=newest_first
    )
    for event, cycle, meta, cost in rows:
        taken = None if cost is None else units(cost)
        yield Booked(posting_in(event, meta), fill_in(event, meta), cycle or "", taken)


def symbols_filled(reads: Reads, listed: Listed) -> Iterator[str]:
    """Yield the symbol of each own fill of a book."""
    for (symbol,) in reads.rows(LEDGER, ("symbol",), run_id=listed.run, where={"type": FILL}):
        yield symbol


def postings_with_cycles(reads: Reads, listed: Listed) -> list[tuple[str, Posting]]:
    """Return all that was booked in a book with the cycle that booked it, in the order of booking."""
    found = []
    for kind in (FILL, ADJUSTMENT):
        rows = reads.rows(
            LEDGER, ("event_id", "cycle_id", "meta_json"), run_id=listed.run, where={"type": kind}
        )
        found += [(cycle or "", posting_in(event, meta)) for event, cycle, meta in rows]
    return sorted(found, key=lambda one: one[1].seq)


def flows_of(
    reads: Reads, listed: Listed, *, start: datetime | None = None, end: datetime | None = None
) -> Iterator[tuple[Any, ...]]:
    """Yield the flows of a book that were stamped in a window, inclusive, in the order of time, as
    FLOW_FIELDS; roundings are among them."""
    columns = ("ts", "seq", "kind", "asset", "amount", "value_try", "unproven", "proof", "cycle_id", "id")
    where = {"book": listed.name}
    for row in reads.rows("live_flows", columns, start=start, end=end, where=where):
        ts, seq, kind, asset, amount, value, unproven, proof, cycle, name = row
        proven = not unproven or proof is not None
        head = (SCHEMA_VERSION, listed.name, listed.run, ts, seq, kind, asset, amount, value)
        yield (*head, proven, proof, cycle, name)


def trimmed(amount: Decimal) -> Decimal:
    """Return an amount without the zeros that it ends with."""
    text = f"{amount:f}"
    return Decimal(text.rstrip("0").rstrip(".") if "." in text else text)


def units(amount: Decimal) -> int:
    """Return a stored amount in e8, however large."""
    return int(amount.scaleb(8))
