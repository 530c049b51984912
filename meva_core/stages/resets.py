"""A person's word after a drawdown breach: stored beside a book until the next cycle takes it in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Final

from attrs import frozen

from meva_core.amounts import format_e8, join_pair
from meva_core.errors import BadInput
from meva_core.ids import stamp_text
from meva_core.ports import Reads, UnitOfWork
from meva_core.stages.book_runs import book_as_left, pick_book, require_open
from meva_core.stages.codec import Codec
from meva_core.state import LAST_EQUITY, LATCHED

LONGEST_REASON: Final = 500
_TABLE: Final = "stage7_risk_resets"


@frozen
class Reset:
    """A reset on record; `equity_try` is what the book was worth when it was asked for."""

    number: int
    ts: datetime
    reason: str
    equity_try: Decimal


def waiting_resets(reads: Reads, book: str) -> list[Reset]:
    """Return a book's resets that no cycle has taken in, the oldest first."""
    columns = ("id", "ts", "reason", "equity_try")
    return [Reset(*row) for row in reads.rows(_TABLE, columns, where={"book": book, "run_id": None})]


def use_up(work: UnitOfWork, resets: Iterable[int], run_id: str) -> None:
    """Say of resets, by their numbers, that a cycle of a run took them in."""
    used = [(number, run_id) for number in resets]
    if used:
        work.update(_TABLE, "id", ("run_id",), used)


def check_reason(reason: str) -> str:
    """Return why a person resets, without blanks around it; raise BadInput for nothing, or a novel."""
    found = " ".join(reason.split())
    if not found or len(found) > LONGEST_REASON:
        raise BadInput(
            f"the reason of a reset has {len(found)} letters, expected 1 to {LONGEST_REASON}",
            action="say with --reason what was looked into, and why trading may go on: it stays on record",
        )
    return found


def ask_for_reset(work: UnitOfWork, codec: Codec, name: str, reason: str, now: datetime) -> Reset | None:
    """Store a reset, which the book's next cycle uses up; return it, or the one that waits already. None, and
    nothing is stored, where no drawdown breach is latched.

    Raises BadInput for a book that is not there or closed, and for a reason that says nothing.
    """
    reason = check_reason(reason)
    left = book_as_left(work, codec, require_open(pick_book(work, name)))
    if left is None or not left.state.facts[LATCHED]:
        return None
    if waiting := waiting_resets(work, name):
        return waiting[0]
    whole, rest = left.state.money[LAST_EQUITY : LAST_EQUITY + 2].tolist()
    equity = format_e8(join_pair(whole, rest))
    columns = ("ts", "book", "reason", "equity_try")
    work.insert(_TABLE, columns, [(stamp_text(int(now.timestamp())), name, reason, equity)])
    return waiting_resets(work, name)[0]
