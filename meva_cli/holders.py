"""Who holds a book at this moment: what its row in the database says, and whether that process still is."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from meva_core.ports import Reads

HOW_TO_BEGIN: Final = (
    "`meva run stage4 --observe` opens the book of an account, `meva books new main` makes one of simulated "
    "money"
)
"""What to do in a database without a book."""


def lease_document(reads: Reads, book: str, now: datetime) -> dict[str, Any] | None:
    """Return the lease of a book as JSON holds it, None where nobody has it: given back, or never taken.

    `standing` is `active`, or `dead` or `expired` for one that the next process takes over.
    """
    from meva_adapters.sql.lease import Standing, holding
    from meva_adapters.system.process import started_at, this_process

    held = holding(reads, book)
    standing = None if held is None else held.standing(this_process(), now, started_at)
    if held is None or standing is Standing.ENDED:
        return None
    return {
        "standing": str(standing),
        "process": held.process.pid,
        "host": held.process.host,
        "since": held.acquired,
        "moved_on": held.beaten,
        "expires": held.expires,
    }


def is_active(lease: dict[str, Any] | None) -> bool:
    """Whether a process holds the book of a lease, as far as can be told from here."""
    return lease is not None and lease["standing"] == "active"


def held_by(lease: dict[str, Any] | None) -> dict[str, Any]:
    """Return who holds a book and until when unless it is moved on, both None where nobody does any more."""
    if lease is None or not is_active(lease):
        return {"held_by": None, "lease_ends": None}
    return {
        "held_by": f"process {lease['process']} on {lease['host']}",
        "lease_ends": lease["expires"],
    }
