"""What settings say of a book's starting cash after it was made: it counts for nothing, which is said once.

The amount that was said last is kept in `op_state`, so that the next process does not say it again.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from meva_core.amounts import format_e8, parse_e8
from meva_core.ports import Reads, UnitOfWork

_TABLE: Final = "op_state"


def is_news(reads: Reads, book: str, own: Decimal, given: Decimal) -> bool:
    """Whether settings give an amount that is another one than last time; at first, than a book's own."""
    stored = reads.rows(_TABLE, ("text_value",), where={"key": _key(book)})
    last: str = next(stored, (_text(own),))[0]
    return _text(given) != last


def note_given(work: UnitOfWork, book: str, given: Decimal, now: datetime) -> None:
    """Keep what settings give, so that it is no news any more."""
    work.upsert(_TABLE, {"key": _key(book), "text_value": _text(given), "updated_at": now})


def _key(book: str) -> str:
    return f"dry_run_try_balance:{book}"


def _text(amount: Decimal) -> str:
    return format_e8(parse_e8(amount))
