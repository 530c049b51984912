"""What a book of Stages 3 and 4 is doing: its last cycle, what is alarming, what is not settled."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from attrs import frozen

from meva_core.amounts import to_decimal
from meva_core.live.live_orders import moment
from meva_core.live_book.alarms import Alarm
from meva_core.live_book.opening import LIVE
from meva_core.live_history.block_words import ALARMS
from meva_core.live_history.books import Standing
from meva_core.live_history.lines import Line, lines_of
from meva_core.live_history.orders import Order, open_orders, unbooked_orders
from meva_core.operating.guards.kill import Kill
from meva_core.operating.records.decided_rows import CYCLES
from meva_core.ports import Reads

_LOOKED_AT: Final = 10
"""So many cycles tell how far apart they are, of at least _TOLD_BY."""
_TOLD_BY: Final = 3


@frozen
class Status:
    """A book at one moment. `apart` is how far its newest cycles are apart, None where too few tell;
    `unbooked` counts the orders that filled beyond what the ledger has; `kills` are the places of the kill
    switch that keep writes from being sent: of the live book alone."""

    standing: Standing
    line: Line | None
    apart: timedelta | None
    orders: tuple[Order, ...]
    unbooked: int
    kills: tuple[Kill, ...]
    alerts_waiting: int
    alerts_lost: int

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """What is alarming about it."""
        return self.standing.book.alarms

    @property
    def unsettled(self) -> int:
        """Of how many orders it is not known where they stand."""
        return sum(not one.settled for one in self.orders)

    def next_about(self) -> datetime | None:
        """Return when the next cycle is to be expected, if cycles go on as the newest ones did."""
        return self.line.ts + self.apart if self.line and self.apart else None

    def document(self) -> dict[str, Any]:
        """Return it as JSON holds it; the keys that Stage 7's has as well mean the same."""
        line, book = self.line, self.standing.book
        equity = to_decimal(book.ledger.equity(self.standing.marks))
        return {
            "book": self.standing.name,
            "run_id": book.run,
            "cycle_ts": None if line is None else line.ts,
            "stage": None if line is None else line.stage,
            "mode": None if line is None else line.mode,
            "equity_try": equity,
            "day_result_try": None if line is None else line.day,
            "net_pnl_try": None if line is None else line.net,
            "orders": 0 if line is None else line.orders,
            "fills": 0 if line is None else line.fills,
            "main_reason": None if line is None else line.reason,
            "bound_by": None if line is None else line.bound,
            "account_read": None if line is None else not line.account_unread,
            "account_unread": (line.account_unread or None) if line is not None else None,
            "notes": [] if line is None else list(line.notes),
            "open_orders": sum(one.rests for one in self.orders),
            "unsettled_orders": self.unsettled,
            "unbooked_orders": self.unbooked,
            "alarms": [alarm_document(one) for one in self.alarms],
            "kill_switch": [str(one) for one in self.kills],
        }


def status_of(reads: Reads, standing: Standing, kills: Iterable[Kill]) -> Status:
    """Return what a book is doing. `kills` are the places where the kill switch is thrown."""
    where, name = {"book": standing.name}, standing.name
    rows = reads.rows(CYCLES, ("ts", "cycle_id"), where=where, newest_first=True, limit=_LOOKED_AT)
    cycles = [(ts, cycle) for ts, cycle in rows]
    line = next(iter(lines_of(reads, standing, cycles[:1])), None)
    return Status(
        standing=standing,
        line=line,
        apart=_apart([ts for ts, _ in cycles]),
        orders=tuple(open_orders(reads, standing.listed)),
        unbooked=len(unbooked_orders(reads, standing.listed)),
        kills=tuple(kills) if name == LIVE else (),
        alerts_waiting=_unsent(reads, name, 0),
        alerts_lost=_unsent(reads, name, 1),
    )


def alarm_document(alarm: Alarm) -> dict[str, Any]:
    """Return an alarm as JSON holds it: what it is about, since when, what it means and what ends it."""
    told = ALARMS[alarm.code]
    return {
        "alarm": alarm.pair,
        "code": str(alarm.code),
        "about": alarm.about,
        "symbol": alarm.symbol,
        "since": moment(alarm.since),
        "mode": alarm.mode.name,
        "numbers": dict(alarm.numbers),
        "means": told.why,
        "ends": told.end,
    }


def _apart(newest_first: list[datetime]) -> timedelta | None:
    if len(newest_first) < _TOLD_BY:
        return None
    gaps = sorted(later - earlier for later, earlier in pairwise(newest_first))
    return gaps[(len(gaps) - 1) // 2]


def _unsent(reads: Reads, book: str, lost: int) -> int:
    where = {"book": book, "sent_at": None, "lost": lost}
    return sum(1 for _ in reads.rows("stage7_alerts", ("id",), where=where))
