"""The rows of what was booked: the ledger's, own fills in every table that has them, flows.

A posting is a row of `ledger_events`: FILL with the exact digits of its fill, and a FEE beside it, or
ADJUSTMENT. `meta_json` has the posting itself, and the fill as it came, so both are read back as they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from attrs import frozen

from meva_core.amounts import format_e8
from meva_core.errors import BrokenBooks
from meva_core.ids import canonical_json
from meva_core.live.live_orders import stamp
from meva_core.live_book.documents import document_of
from meva_core.live_book.fills import FOREIGN
from meva_core.live_book.ledger import QUOTE, Ledger, posted
from meva_core.live_book.postings import FILLS, Kind, Posting
from meva_core.operating.records.whose import Whose
from meva_core.orders import Side
from meva_core.ports import UnitOfWork
from meva_core.venue import VenueFill

LEDGER: Final = "ledger_events"
FILL: Final = "FILL"
FEE: Final = "FEE"
ADJUSTMENT: Final = "ADJUSTMENT"
OWN: Final = "fill:"
"""How the id of a posting begins that is of an own fill; what begins otherwise is a flow."""
"""How the id of the posting of a foreign fill begins."""
_COLUMNS: Final = (
    "event_id", "ts", "symbol", "type", "side", "qty", "price", "fee", "fee_currency", "exchange_trade_id",
    "exchange_order_id", "client_order_id", "meta_json", "inserted_at", "book", "run_id", "cycle_id",
    "notional_try", "reference_try", "slippage_try", "cost_try",
)  # fmt: skip
_FILL_TABLES: Final = (("stage4_fills", "fee_asset"), ("fills", "fee_currency"))
_FLOW: Final = (
    "book", "id", "seq", "kind", "asset", "amount", "value_try", "ts", "cycle_id", "unproven",
)  # fmt: skip


@frozen
class Change:
    """A posting, the fill that it is of, and the ledger before and after it."""

    posting: Posting
    fill: VenueFill | None
    before: Ledger
    after: Ledger

    @property
    def is_own(self) -> bool:
        """Whether it is of an own fill, also of one stamped before the opening."""
        return self.posting.id.startswith(OWN)


def changes(before: Ledger, postings: Iterable[Posting], fills: Iterable[VenueFill]) -> list[Change]:
    """Return postings with what they do to the books, one after the other.

    Raises BrokenBooks for an own fill that is not among `fills`: its digits would be lost.
    """
    known = {f"{start}{fill.fill_id}": fill for fill in fills for start in (OWN, FOREIGN)}
    found = []
    for posting in postings:
        after = posted(before, posting)
        fill = known.get(posting.id)
        if fill is None and posting.id.startswith((OWN, FOREIGN)):
            raise BrokenBooks(f"posting {posting.id}: the fill that it is of was not given")
        found.append(Change(posting, fill, before, after))
        before = after
    return found


def write(work: UnitOfWork, whose: Whose, made: Iterable[Change], cycle: str, now: int) -> None:
    """Store what was booked in a cycle; `now` is the time in microseconds.

    Raises IdTaken for a posting that is there already.
    """
    listed = list(made)
    rows = [row for change in listed for row in _rows(whose, change, cycle, now)]
    work.insert(LEDGER, _COLUMNS, rows)
    fills = [change.fill for change in listed if change.is_own and change.fill is not None]
    for table, fee_asset in _FILL_TABLES:
        columns = ("fill_id", "order_id", "symbol", "side", "price", "qty", "fee", fee_asset, "ts")
        new = [_fill_row(whose, fill) for fill in fills if _is_new(work, table, whose.key(fill.fill_id))]
        work.insert(table, (*columns, "book", "run_id"), new)
    applied = [whose.key(fill.fill_id) for fill in fills]
    applied = [key for key in applied if _is_new(work, "applied_fills", key)]
    work.insert(
        "applied_fills",
        ("fill_id", "applied_at", "book", "run_id"),
        [(key, stamp(now), *whose.columns) for key in applied],
    )
    flows = [change.posting for change in listed if not change.is_own and change.posting.kind != Kind.BEFORE]
    work.insert("live_flows", _FLOW, [_flow_row(whose, posting, cycle) for posting in flows])
    proofs = [
        (whose.book, *row) for one in flows if one.kind is Kind.PROOF for row in _proved(work, whose, one)
    ]
    work.update("live_flows", ("book", "id"), ("proof",), proofs)


def moved(posting: Posting) -> int:
    """Return how much of its asset a flow brought, e8, below zero what it took; whose the coins are is
    another matter."""
    return posting.money if posting.asset == QUOTE else posting.qty + posting.foreign


def _rows(whose: Whose, change: Change, cycle: str, now: int) -> Iterator[tuple[Any, ...]]:
    posting, fill = change.posting, change.fill
    meta: dict[str, Any] = {"posting": document_of(posting)}
    if fill is not None:
        meta["fill"] = fill_document(fill)
    side, price, qty, trade = None, None, format_e8(moved(posting)), None
    if fill is not None:
        side, price = fill.side.name, _plain(fill.price)
    if change.is_own and fill is not None:
        qty, trade = _plain(fill.qty), whose.key(fill.fill_id)
    end = (canonical_json(meta), stamp(now), *whose.columns, cycle)
    names = (posting.order_id, posting.client_id)
    head = (stamp(posting.ts), posting.symbol or posting.asset)
    kind = FILL if change.is_own else ADJUSTMENT
    yield (
        whose.key(posting.id),
        *head,
        kind,
        side,
        qty,
        price,
        None,
        None,
        trade,
        *names,
        *end,
        *_money(change),
    )
    if posting.kind in FILLS and fill is not None and fill.fee:
        fee = whose.key(f"fee:{fill.fill_id}")
        linked = canonical_json({"linked_fill_id": fill.fill_id})
        yield (
            fee, *head, FEE, None, "0", None, _plain(fill.fee), fill.fee_asset, fee, *names,
            linked, *end[1:], None, None, None, None,
        )  # fmt: skip


def _money(change: Change) -> tuple[str | None, ...]:
    """Return notional, reference, slippage, and the FIFO cost of what left, as text."""
    posting = change.posting
    if posting.kind not in FILLS:
        return (format_e8(posting.flow), None, None, None)
    apart = posting.notional - posting.reference
    slippage = apart if posting.kind is Kind.BUY else -apart
    cost = None
    if posting.kind is Kind.SELL and posting.symbol is not None:
        held = change.before.holding(posting.symbol).cost - change.after.holding(posting.symbol).cost
        cost = format_e8(held)
    return (format_e8(posting.notional), format_e8(posting.reference), format_e8(slippage), cost)


def _fill_row(whose: Whose, fill: VenueFill) -> tuple[Any, ...]:
    order = fill.order_id or fill.client_id or ""
    amounts = map(_plain, (fill.price, fill.qty, fill.fee))
    head = (whose.key(fill.fill_id), order, fill.symbol, fill.side.name)
    return (*head, *amounts, fill.fee_asset, stamp(fill.ts), *whose.columns)


def _flow_row(whose: Whose, posting: Posting, cycle: str) -> tuple[Any, ...]:
    return (
        whose.book, posting.id, posting.seq, str(posting.kind), posting.asset, format_e8(moved(posting)),
        format_e8(posting.flow), stamp(posting.ts), cycle, int(posting.unproven),
    )  # fmt: skip


def _proved(work: UnitOfWork, whose: Whose, proof: Posting) -> Iterator[tuple[str, str]]:
    """Yield the flows that a posting proves, with what proves them. One that was booked in parts has rows
    whose ids go on from its own."""
    where = {"book": whose.book, "asset": proof.asset, "unproven": 1, "proof": None}
    for (name,) in list(work.rows("live_flows", ("id",), where=where)):
        if name == proof.cause or name.startswith(f"{proof.cause}:"):
            yield name, proof.id


def _is_new(work: UnitOfWork, table: str, key: str) -> bool:
    """Whether a fill is in no row yet: one of an adopted order may be there from the earlier system."""
    return not any(work.rows(table, ("fill_id",), where={"fill_id": key}, limit=1))


def fill_document(fill: VenueFill) -> dict[str, Any]:
    """Return a fill as a document, with every digit."""
    return {
        "fill_id": fill.fill_id,
        "order_id": fill.order_id,
        "client_id": fill.client_id,
        "symbol": fill.symbol,
        "side": fill.side.name,
        "price": _digits(fill.price),
        "qty": _digits(fill.qty),
        "fee": _digits(fill.fee),
        "fee_asset": fill.fee_asset,
        "ts": fill.ts,
        "exact": fill.exact,
    }


def fill_of(document: Mapping[str, Any]) -> VenueFill:
    """Return the fill of a document. Raises KeyError, TypeError, ValueError or ArithmeticError for none."""
    amounts = {name: Decimal(document[name]) for name in ("price", "qty", "fee")}
    return VenueFill(**{**document, "side": Side[document["side"]], **amounts})


def _digits(amount: Decimal) -> str:
    """Return an amount with the zeros that it ends with: they say how fine it was given."""
    return f"{amount:f}"


def _plain(amount: Decimal) -> str:
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
