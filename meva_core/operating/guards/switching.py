"""The kill switch, pulled by a cycle itself: for what may not go on until a person has looked at it."""

from __future__ import annotations

from collections.abc import Iterator

from meva_core.live_book.book import LiveBook
from meva_core.operating.guards.kill import OWN_ROW, Kill, Level, Stored, own_kill, store_kill
from meva_core.operating.records.decided_rows import Cycle
from meva_core.operational.documents import document_of
from meva_core.ports import UnitOfWork


def pulled(work: UnitOfWork, cycle: Cycle, book: LiveBook, now: str) -> Kill | None:
    """Set the switch to `cancels` for the first alarm, or breached limit, that wants it, and return it as it
    is stored at a time as stored text; None where nothing wants it, where it says as much already, or where
    `ENABLE_AUTO_KILL_SWITCH` is off.

    In the unit of work of the cycle's decision.
    """
    if not cycle.inputs.limits.enable_auto_kill_switch:
        return None
    wanted = next(_causes(cycle, book), None)
    standing = own_kill(work)
    if wanted is None or (standing is not None and standing.level >= wanted.level):
        return None
    store_kill(work, wanted, now)
    return Kill(wanted.level, OWN_ROW, wanted.reason)


def _causes(cycle: Cycle, book: LiveBook) -> Iterator[Stored]:
    for alarm in book.alarms:
        if alarm.kills:
            numbers = {"about": alarm.about, **alarm.numbers}
            yield Stored(Level.CANCELS, f"{alarm.code}: {alarm.about}", str(alarm.code), numbers)
    found = cycle.decisions.kill
    if found is not None:
        reason = found.reason
        numbers = {name: str(value) for name, value in document_of(reason).items() if value is not None}
        yield Stored(Level.CANCELS, f"{found.code}: {reason.code}", found.code, numbers)
