"""How a book went over a day, as it is told once a day."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from meva_core.alerts.conditions import Kind
from meva_core.alerts.message import Alert, moment, signed
from meva_core.amounts import digits_of, parse_e8
from meva_core.counting import counted
from meva_core.history.window import RUN_METRICS
from meva_core.ids import DAY, alert_id, stamp_text
from meva_core.ports import Reads
from meva_core.stages.book_runs import pick_book, runs_of

HOUR: Final = 3600
_COLUMNS: Final = (
    "ts", "mode_final", "oms_submitted_count", "fills_written_count", "equity_try", "fees_try",
)  # fmt: skip


def summary_due(hour: int | None, before: int | None, time: int) -> int | None:
    """Return the end of the day, in seconds, that the cycle at `time` is the first to lie at or after.

    `before` is the time of the cycle before it, `hour` the one of the day, in UTC, at which days end here.
    None where there is no such end between both, or no hour.
    """
    if hour is None or before is None:
        return None
    end = (time - hour * HOUR) // DAY * DAY + hour * HOUR
    return end if before < end else None


def summary(reads: Reads, book: str, end: int) -> Alert | None:
    """Return what the day that ended at `end`, seconds, was like; None where no cycle lies in it.

    With the hour 0 it is the UTC day, and what equity gained is the day's result.
    """
    rows = _rows(reads, book, end - DAY, end)
    if not rows:
        return None
    began, fees_began = _stood(reads, book, end - DAY)
    *_, equity, fees = rows[-1]
    gained = equity - began
    modes = Counter(row[1] for row in rows)
    fell = max(_falls([began, *(row[4] for row in rows)]))
    state = stamp_text(end)[:13]
    name = alert_id(book, Kind.SUMMARY, "day", state, end)
    in_modes = ", ".join(f"{mode} {count}" for mode, count in sorted(modes.items()))
    lines = [
        f"Meva, book {book}: {signed(digits_of(gained))} TRY{_share(gained, began)} in a day",
        f"the 24 hours to {moment(end)} UTC",
        f"equity {digits_of(equity)} TRY, largest fall {digits_of(fell)} TRY",
        f"{counted(sum(row[2] for row in rows), 'order')}, {counted(sum(row[3] for row in rows), 'fill')}, "
        f"fees {digits_of(fees - fees_began)} TRY",
        f"{counted(len(rows), 'cycle')}: {in_modes}",
        f"alert {name}",
    ]
    return Alert(name, Kind.SUMMARY, "day", state, end, "\n".join(lines))


def _rows(reads: Reads, book: str, start: int, end: int) -> list[tuple[Any, ...]]:
    """Return what is recorded of the cycles of a book from `start` on and before `end`, in time order."""
    first, last = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end - 1, UTC)
    found: list[tuple[Any, ...]] = []
    for run in runs_of(reads, pick_book(reads, book)):
        rows = reads.rows(RUN_METRICS, _COLUMNS, run_id=run["run_id"], start=first, end=last)
        found = [*rows, *found]
        if run["start_ts"] <= first:
            break
    return found


def _stood(reads: Reads, book: str, time: int) -> tuple[Decimal, Decimal]:
    """Return what a book was worth before a time, and its fees until then, in TRY."""
    row = pick_book(reads, book)
    for run in runs_of(reads, row):
        last = datetime.fromtimestamp(time - 1, UTC)
        columns = ("equity_try", "fees_try")
        rows = reads.rows(RUN_METRICS, columns, run_id=run["run_id"], end=last, newest_first=True, limit=1)
        for equity, fees in rows:
            return equity, fees
    return row.starting_cash, Decimal(0)


def _share(gained: Decimal, began: Decimal) -> str:
    """Return a gain in percent of what there was, in brackets, down to two places; nothing of nothing."""
    gain, base = parse_e8(gained), parse_e8(began)
    if base <= 0:
        return ""
    whole, rest = divmod(abs(gain) * 10_000 // base, 100)
    return f" ({'-' if gain < 0 else '+'}{whole}.{rest:02d} %)"


def _falls(equity: list[Decimal]) -> list[Decimal]:
    """Return by how much each lies below the highest before it."""
    highest, found = equity[0], []
    for value in equity:
        highest = max(highest, value)
        found.append(highest - value)
    return found
