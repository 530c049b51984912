"""What a cycle of Stages 3 and 4 leaves in the database, transaction by transaction.

    opened(work, book, carried)                            once, before the first cycle
    booked(work, before, booked, fills, cycle, marks, now)  T2: fills of a symbol, or flows
    noted(work, client_id, ...), filled, seen               what rows of orders keep beside where they stand
    decided(work, book, cycle, carried)                     T3: before anything is sent
    done(work, book, cycle, marks, ran, carried)            T4: after it, with the link
    measured(work, book, cycle, marks, ran)                 T5: how it ran
    interrupted(work, name)                                 at the next start, what was left at `decided`

Each writes into a unit of work of the caller's, who commits: an order's T1 is the desk's. What only the live
book has (positions, cursors, one-row tables) the others do not touch.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from attrs import evolve, frozen

from meva_core.amounts import E6, format_e8
from meva_core.errors import BrokenBooks, StoreCorrupt
from meva_core.ids import canonical_json
from meva_core.live.live_orders import Record, plain, records, stamp
from meva_core.live_book.book import Booked, LiveBook
from meva_core.live_book.book import text_of as book_text
from meva_core.live_book.documents import document_of
from meva_core.live_book.ledger import Marks
from meva_core.live_book.opening import LIVE
from meva_core.live_book.own_orders import OwnOrder
from meva_core.live_book.postings import FILLS
from meva_core.operating.records import decided_rows, done_rows, ledger_rows, position_rows
from meva_core.operating.records.carried import Carried
from meva_core.operating.records.carried import text_of as carried_text
from meva_core.operating.records.decided_rows import CYCLES, DECIDED, DONE, INTERRUPTED, Cycle
from meva_core.operating.records.done_rows import Ran
from meva_core.operating.records.sealing import sealed
from meva_core.operating.records.stored import BOOKS, last_link, stored_state
from meva_core.operating.records.whose import whose
from meva_core.operational.recheck import link, outcome_digest
from meva_core.ports import TextCodec, UnitOfWork
from meva_core.venue import VenueFill

_STAGE3: Final = "s3:"
"""How the names of Stage 3's orders begin."""


def opened(work: UnitOfWork, book: LiveBook, carried: Carried) -> None:
    """Store a book that has no posting yet: its ledger is what all its rows are folded from.

    Raises IdTaken for a book that is there already.
    """
    if book.ledger.seq:
        raise BrokenBooks(f"book {book.name} has {book.ledger.seq} postings and is to be opened")
    values = {
        "book": book.name,
        "run_id": book.run,
        "opened_at": stamp(book.opened),
        "accounts_json": canonical_json(list(book.accounts)),
        "opening_json": canonical_json(document_of(book.ledger)),
        **_stood(book, carried_text(carried)),
    }
    work.insert(BOOKS, tuple(values), [tuple(values.values())])
    if whose(book).is_live:
        position_rows.write(work, book, book.ledger.holdings, {}, book.opened)
        position_rows.write_cursors(work, book, {}, book.opened)


def saved(work: UnitOfWork, book: LiveBook, carried: Carried | None = None) -> None:
    """Store a book as it stands: alarms that a person accepted, another account, a peak that was reset.

    Without `carried` that stays as it is stored. Raises StoreError for a book that was never opened,
    StoreCorrupt where what stays is not what was stored.
    """
    state = stored_state(work, book.name) if carried is None else carried_text(carried)
    values = {"accounts_json": canonical_json(list(book.accounts)), **_stood(book, state or "")}
    work.update(BOOKS, "book", tuple(values), [(book.name, *values.values())])


def _stood(book: LiveBook, state: str) -> dict[str, str]:
    """Return the columns of how a book stands, with their seal: no other place makes them."""
    return {"book_json": sealed(book.name, book_text(book), state), "state_json": state}


def booked(
    work: UnitOfWork,
    before: LiveBook,
    after: Booked,
    fills: Iterable[VenueFill],
    cycle: str,
    marks: Marks,
    now: int,
) -> None:
    """T2: store what was booked since `before` was stored, and the book after it.

    `fills` are those that the postings are of, own and foreign. Raises BrokenBooks if the postings do not
    lead from the one book to the other: then nothing of it may be stored.
    """
    of, made = whose(after.book), ledger_rows.changes(before.ledger, after.postings, fills)
    folded = made[-1].after if made else before.ledger
    if folded != after.book.ledger:
        raise BrokenBooks(f"book {before.name}: its postings fold to another ledger than the one to store")
    ledger_rows.write(work, of, made, cycle, now)
    saved(work, after.book)
    if of.is_live:
        touched = [one.posting.symbol for one in made if one.posting.qty or one.posting.kind in FILLS]
        position_rows.write(work, after.book, filter(None, touched), marks, now)
        position_rows.write_cursors(work, after.book, before.cursors, now)


def noted(
    work: UnitOfWork,
    client_id: str,
    *,
    book: LiveBook,
    decision_mark: int | None,
    strategy: str,
    purpose: str,
) -> None:
    """Store by what an order was decided, and whose it is, in the unit that records it as SENDING.

    Raises StoreError for a name that no order has.
    """
    mark = None if decision_mark is None else format_e8(decision_mark)
    columns = ("decision_mark_try", "strategy", "purpose", "book", "run_id")
    row = (client_id, mark, strategy, purpose, *whose(book).columns)
    work.update("stage4_orders", "client_order_id", columns, [row])


def filled(work: UnitOfWork, row: int, qty: Decimal | None, *, complete: bool) -> None:
    """Store how much of an order was filled by the exchange's word, and whether the ledger has all of it:
    in the text that the desk writes, so that a row in which nothing is new stays as it is. Raises StoreError
    for a row that is not there."""
    text = None if qty is None else plain(qty)
    work.update("stage4_orders", "id", ("filled_qty", "fill_complete"), [(row, text, int(complete))])


def seen(work: UnitOfWork, book: LiveBook, order: Record) -> None:
    """Store an order of Stage 3 in `orders`, too, where that stage has always had its own: once the exchange
    has given it a number. Raises ValueError before that."""
    if order.order_id is None:
        raise ValueError(f"{order.label} has no number of the exchange's yet")
    of = whose(book)
    work.upsert(
        "orders",
        {
            "order_id": of.key(order.order_id),
            "symbol": order.symbol,
            "side": order.side.name,
            "price": order.price,
            "qty": order.qty,
            "status": str(order.standing),
            "created_at": stamp(order.created),
            "updated_at": stamp(order.updated),
            "client_order_id": order.name,
            "last_seen_at": order.updated // E6,
            "book": of.column,
            "run_id": of.run,
        },
    )


def seen_of_cycle(work: UnitOfWork, book: LiveBook, cycle: Cycle, orders: Iterable[OwnOrder]) -> None:
    """Store where Stage 3's orders stand in `orders`, too: those that a cycle sent, and those that it read;
    each once it has a number."""
    names = {action.client_id for action in cycle.decisions.actions} | {one.client_id for one in orders}
    for name in sorted(name for name in names if name and name.startswith(_STAGE3)):
        for order in records(work, whose(book).owner, client_order_id=name):
            if order.order_id is not None:
                seen(work, book, order)


def decided(
    work: UnitOfWork, book: LiveBook, cycle: Cycle, carried: Carried, texts: TextCodec
) -> tuple[LiveBook, Carried]:
    """T3: store a cycle that is decided, and return what its decisions make of the book and of what the next
    cycle begins with, which is stored as well: the first one of a book that was taken over is behind it."""
    found = cycle.decisions
    after = evolve(book, memories=found.memories, wanted=found.wanted, cycles=book.cycles + 1)
    risk, degrade = found.risk, found.degraded.state
    asked = carried.asked(cycle.inputs.strategies, cycle.inputs.time)
    state = evolve(asked, risk=risk, degrade=degrade, failed=found.failed, adopted=False)
    decided_rows.write(work, whose(book), cycle, texts)
    saved(work, after, state)
    return after, state


@frozen
class Recorded:
    """The link of a cycle that is done, the digest of what became of its orders, both in hex, and what the
    next cycle begins with."""

    link: str
    outcome: str
    carried: Carried


def done(
    work: UnitOfWork, book: LiveBook, cycle: Cycle, marks: Marks, ran: Ran, carried: Carried
) -> Recorded:
    """T4: store what became of a cycle, and chain it to the one before.

    Raises StoreCorrupt for a cycle that does not stand as decided.
    """
    where = {"book": book.name, "cycle_id": cycle.inputs.cycle}
    columns = ("status", "inputs_sha256", "decisions_sha256")
    row = next(iter(work.rows(CYCLES, columns, where=where)), None)
    if row is None or row[0] != DECIDED:
        stands = f"stands as {row[0]}" if row else "is absent"
        raise StoreCorrupt(
            f"cycle {cycle.inputs.cycle} {stands}, and is to be recorded as done",
            action="look at it with `meva db check`; another process may have recorded it",
        )
    outcomes = sorted((one.client_id, one.standing, one.filled) for one in ran.outcomes)
    outcome = outcome_digest(outcomes)
    now = link(last_link(work, book.name), row[1].hex(), row[2].hex(), outcome)
    values = (canonical_json(outcomes), bytes.fromhex(outcome), bytes.fromhex(now), DONE)
    names = ("outcomes_json", "outcome_sha256", "link_sha256", "status")
    work.update(CYCLES, "cycle_id", names, [(cycle.inputs.cycle, *values)])
    done_rows.write(work, whose(book), cycle, book, marks, ran)
    after = evolve(carried, refusals=ran.refusals)
    saved(work, book, after)
    head = (cycle.inputs.cycle, cycle.stamp, bytes.fromhex(now))
    work.update(BOOKS, "book", ("last_cycle_id", "last_ts", "link_sha256"), [(book.name, *head)])
    return Recorded(now, outcome, after)


def measured(work: UnitOfWork, book: LiveBook, cycle: Cycle, marks: Marks, ran: Ran) -> None:
    """T5: store how a cycle ran."""
    done_rows.write_metrics(work, whose(book), cycle, book, marks, ran)


def blocked_by_policy(work: UnitOfWork, stage: int, codes: Iterable[str], now: int) -> None:
    """Leave a row of a live run that might not begin, at a time in microseconds: which gates were shut."""
    envelope = {"book": LIVE, "stage": stage, "dry": False}
    values = {
        "cycle_id": f"blocked-stage{stage}-{now}",
        "ts": stamp(now),
        "counts_json": canonical_json({"blocked_by_policy": 1}),
        "decisions_json": canonical_json({"blocks": list(codes)}),
        "envelope_json": canonical_json(envelope),
    }
    work.insert("cycle_audit", tuple(values), [tuple(values.values())])


def interrupted(work: UnitOfWork, book: str) -> list[str]:
    """Say of the cycles that a book left at `decided` that they were interrupted, and return their ids. They
    are no part of its chain: what became of their orders is found later."""
    left = [name for (name,) in work.rows(CYCLES, ("cycle_id",), where={"book": book, "status": DECIDED})]
    work.update(CYCLES, "cycle_id", ("status",), [(name, INTERRUPTED) for name in left])
    return left
