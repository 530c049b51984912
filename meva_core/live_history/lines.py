"""The cycles of a book in one line each, and what they add up to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from attrs import Factory, define, frozen

from meva_core.amounts import to_decimal
from meva_core.errors import StoreCorrupt
from meva_core.history.fields import Field
from meva_core.live_history.books import Standing
from meva_core.live_history.explain import NOTHING_ASKED, main_code
from meva_core.live_history.fills import SCHEMA_VERSION, units
from meva_core.operating.records.decided_rows import CYCLES
from meva_core.operating.records.done_rows import NotDone
from meva_core.ports import Reads

FIELDS: Final = (
    Field("schema_version", "integer"),
    Field("book", "text"),
    Field("run_id", "text"),
    Field("ts", "stamp"),
    Field("cycle_id", "text"),
    Field("stage", "integer"),
    Field("status", "text"),
    Field("mode", "text"),
    Field("bound_by", "text"),
    Field("orders", "integer"),
    Field("canceled", "integer"),
    Field("fills", "integer"),
    Field("rejected", "integer"),
    Field("unknown", "integer"),
    Field("blocked", "integer"),
    Field("flows", "integer"),
    Field("equity_try", "amount"),
    Field("day_result_try", "amount"),
    Field("net_pnl_try", "amount"),
    Field("realized_total_try", "amount"),
    Field("drawdown_pct", "amount"),
    Field("reason", "text"),
    Field("code_version", "text"),
)
"""A cycle. `orders` were sent, those of which nothing was heard among them. `canceled` are the cancels that
it asked for itself: what `meva kill` and `--cancel-on-exit` ask for is of no cycle. `blocked` were not sent,
by a rule of ours or for want of a permit. `net_pnl_try` counts since the book was opened, flows out;
`realized_total_try` is average cost's. `reason` says why it sent no order, or is `ok`; of a cycle that did
not end there is only its status."""
_OK: Final = "ok"


@frozen
class Line:
    """One cycle; what was not recorded is None. Where the account was not read equity is that of the last
    read at the marks of this cycle; `notes` say what could not be read."""

    ts: datetime
    cycle: str
    stage: int
    status: str
    mode: str | None
    bound: str | None
    orders: int
    canceled: int
    fills: int
    rejected: int
    unknown: int
    blocked: int
    flows: int
    equity: Decimal | None
    day: Decimal | None
    net: Decimal | None
    realized: Decimal | None
    drawdown: Decimal | None
    reason: str
    code_version: str
    account_unread: str = ""
    notes: tuple[str, ...] = ()

    def record(self, standing: Standing) -> tuple[Any, ...]:
        """Return it in the order of FIELDS."""
        return (
            SCHEMA_VERSION, standing.name, standing.book.run, self.ts, self.cycle, self.stage, self.status,
            self.mode, self.bound, self.orders, self.canceled, self.fills, self.rejected, self.unknown,
            self.blocked, self.flows, self.equity, self.day, self.net, self.realized, self.drawdown,
            self.reason, self.code_version,
        )  # fmt: skip


def lines_of(reads: Reads, standing: Standing, cycles: Iterable[tuple[datetime, str]]) -> Iterator[Line]:
    """Yield a line for each of some cycles of a book, which follow each other, oldest first."""
    chosen = list(cycles)
    if not chosen:
        return
    bounds: dict[str, Any] = {"run_id": standing.book.run, "start": chosen[0][0], "end": chosen[-1][0]}
    audits = _by_cycle(reads, "cycle_audit", ("counts_json", "decisions_json", "envelope_json"), bounds)
    snapshots = _by_cycle(
        reads, "pnl_snapshots", ("total_equity_try", "realized_total_try", "drawdown_pct"), bounds
    )
    days = {
        name: json.loads(signals).get("daily_pnl_try")
        for name, signals in reads.rows("risk_decisions", ("decision_id", "signals_json"), **bounds)
    }
    flows = _flows(reads, standing)
    opening = standing.opening.opening_cash + standing.opening.opening_cost
    columns = ("cycle_id", "ts", "stage", "status", "code_version")
    where = {"book": standing.name}
    for name, ts, stage, status, version in reads.rows(
        CYCLES, columns, start=chosen[0][0], end=chosen[-1][0], where=where
    ):
        audit, snapshot = audits.get(name), snapshots.get(name)
        head = {"ts": ts, "cycle": name, "stage": stage, "status": status, "code_version": version}
        yield Line(
            **head, **_of_audit(name, audit, status), **_of_money(name, snapshot, days, flows, opening)
        )


def _by_cycle(
    reads: Reads, table: str, columns: tuple[str, ...], bounds: Mapping[str, Any]
) -> dict[str, tuple[Any, ...]]:
    return {row[0]: row[1:] for row in reads.rows(table, ("cycle_id", *columns), **bounds)}


def _flows(reads: Reads, standing: Standing) -> list[tuple[str, int]]:
    """Return the flows of a book, e8, by the cycle that booked them, in that order."""
    rows = reads.rows("live_flows", ("cycle_id", "value_try"), where={"book": standing.name})
    return sorted((name, units(value)) for name, value in rows)


def _of_audit(name: str, audit: tuple[Any, ...] | None, status: str) -> dict[str, Any]:
    if audit is None:
        nothing = dict.fromkeys(("orders", "canceled", "fills", "rejected", "unknown", "blocked", "flows"), 0)
        return {"mode": None, "bound": None, "reason": status, **nothing}
    try:
        counts, decisions, envelope = map(json.loads, audit)
        bound = envelope["bound"]
        orders = counts["submitted"] + counts["simulated"] + counts["unknown"]
        counted = ("canceled", "fills", "rejected", "unknown", "flows")
        return {
            "mode": envelope["mode"],
            "bound": None if bound is None else bound["part"],
            "orders": orders,
            "reason": _OK
            if orders
            else _main(decisions, bound, counts, is_read="account_unread" not in envelope),
            "account_unread": envelope.get("account_unread", ""),
            "notes": tuple(decisions.get("notes", ())),
            "blocked": _blocked(counts),
            **{one: counts[one] for one in counted},
        }
    except (KeyError, TypeError, ValueError) as error:
        raise StoreCorrupt(
            f"cycle_audit, {name}: cannot be read ({error!r:.100})",
            action="keep the database, and restore a backup",
        ) from error


def _blocked(counts: Mapping[str, int]) -> int:
    """Return how many actions were not sent: a rule of ours held them back, or what must permit each one."""
    return counts["blocked"] + counts.get("blocked_by_policy", 0)


def _main(
    decisions: Mapping[str, Any],
    bound: Mapping[str, Any] | None,
    counts: Mapping[str, int],
    *,
    is_read: bool,
) -> str:
    """Return what says most about a cycle that sent no order; of an older version, which did not record what
    was not done, that there was something."""
    not_done = [NotDone(**one) for one in decisions.get("not_done", ())]
    code = None if bound is None else str(bound["reason"]["code"])
    dropped = [one["reason"]["code"] for one in decisions["dropped"]]
    found = main_code(not_done, code, dropped, account_read=is_read)
    undone = "rejected" if counts["rejected"] else "blocked" if _blocked(counts) else ""
    return undone or found if found == NOTHING_ASKED else found


def _of_money(
    name: str,
    snapshot: tuple[Any, ...] | None,
    days: Mapping[str, str | None],
    flows: list[tuple[str, int]],
    opening: int,
) -> dict[str, Any]:
    if snapshot is None:
        return dict.fromkeys(("equity", "day", "net", "realized", "drawdown"))
    equity, realized, drawdown = snapshot
    flowed = sum(value for cycle, value in flows if cycle <= name)
    day = days.get(name)
    return {
        "equity": equity,
        "day": None if day is None else Decimal(day),
        "net": to_decimal(units(equity) - opening - flowed),
        "realized": realized,
        "drawdown": drawdown,
    }


@define
class Totals:
    """What lines add up to; money is that of the last line."""

    cycles: int = 0
    cycles_with_orders: int = 0
    cycles_with_fills: int = 0
    counts: Counter[str] = Factory(Counter)
    modes: Counter[str] = Factory(Counter)
    reasons: Counter[str] = Factory(Counter)
    last: Line | None = None

    def counted(self, lines: Iterable[Line]) -> Iterator[Line]:
        """Yield lines, each counted."""
        for line in lines:
            self.cycles += 1
            self.cycles_with_orders += line.orders > 0
            self.cycles_with_fills += line.fills > 0
            for name in ("orders", "canceled", "fills", "rejected", "unknown", "blocked", "flows"):
                self.counts[name] += getattr(line, name)
            self.modes[line.mode or line.status] += 1
            if line.reason != _OK:
                self.reasons[line.reason] += 1
            self.last = line
            yield line

    def document(self) -> dict[str, Any]:
        """Return them as JSON holds them."""
        last = self.last
        return {
            "cycles": self.cycles,
            "cycles_with_orders": self.cycles_with_orders,
            "cycles_with_fills": self.cycles_with_fills,
            **self.counts,
            "modes": dict(self.modes.most_common()),
            "reasons": dict(self.reasons.most_common()),
            "equity_try": None if last is None else last.equity,
            "net_pnl_try": None if last is None else last.net,
            "drawdown_pct": None if last is None else last.drawdown,
        }
