"""Recent cycles in one line each, what they add up to, and which raised a flag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from attrs import Factory, define, frozen

from meva_core.history.limits import limits_of
from meva_core.history.recorded import (
    NO_TROUBLE,
    OK,
    main_reason,
    mode_of,
    raised,
    reason_columns,
    reasons_of,
)
from meva_core.history.window import (
    LEDGER_METRICS,
    LEGACY,
    RUN_METRICS,
    TRACE,
    Decode,
    StoredRow,
    Window,
    cycles,
)
from meva_core.ports import Reads

_METRICS: Final = (
    "mode_final",
    "universe_size",
    "oms_submitted_count",
    "oms_filled_count",
    "oms_rejected_count",
    "oms_canceled_count",
    "fills_applied_count",
    "no_trades_reason",
)
_LEDGER: Final = (
    "equity_try",
    "net_pnl_try",
    "fees_try",
    "slippage_try",
    "max_drawdown_ratio",
    "max_drawdown",
)


@frozen
class Line:
    """One cycle. Money is that of the account after it, counted since the run began; `reason` says why it
    placed no order, or is `ok`. What was not recorded is None."""

    ts: Any
    cycle_id: str
    mode: str | None
    universe_size: int | None
    orders: int
    fills: int
    rejected: int
    canceled: int
    equity_try: Any
    net_pnl_try: Any
    fees_try: Any
    slippage_try: Any
    max_drawdown_ratio: Any
    reason: str


def report_lines(reads: Reads, window: Window, decode: Decode) -> Iterator[Line]:
    """Yield a line for each cycle of a window, oldest first."""
    columns = {TRACE: reason_columns(window.run_id), RUN_METRICS: _METRICS, LEDGER_METRICS: _LEDGER}
    largest = limits_of(window.run_id, reads.run(window.run_id), decode).largest_position
    for row in cycles(reads, window, columns):
        yield _line(window.run_id, row, decode, largest)


def _line(run_id: str, row: StoredRow, decode: Decode, largest: Decimal | None) -> Line:
    orders = row["oms_submitted_count"] or 0
    filled, applied = row["oms_filled_count"] or 0, row["fills_applied_count"] or 0
    reason = OK
    if not orders:
        found = main_reason(reasons_of(run_id, row, decode), largest)
        reason = (row["no_trades_reason"] if found == OK else None) or found
    return Line(
        ts=row["ts"],
        cycle_id=row["cycle_id"],
        mode=mode_of(row, "mode_final", decode) if run_id == LEGACY else row["mode_final"],
        universe_size=row["universe_size"],
        orders=orders,
        fills=max(filled, applied),  # the earlier system counted one of them only, at first
        rejected=row["oms_rejected_count"] or 0,
        canceled=row["oms_canceled_count"] or 0,
        equity_try=row["equity_try"],
        net_pnl_try=row["net_pnl_try"],
        fees_try=row["fees_try"],
        slippage_try=row["slippage_try"],
        max_drawdown_ratio=row["max_drawdown_ratio"] or row["max_drawdown"],
        reason=reason,
    )


@define
class Totals:
    """What lines add up to. Money is that of the last line: it counts since the run began."""

    cycles: int = 0
    cycles_with_orders: int = 0
    cycles_with_fills: int = 0
    orders: int = 0
    fills: int = 0
    rejected: int = 0
    canceled: int = 0
    modes: Counter[str] = Factory(Counter)
    reasons: Counter[str] = Factory(Counter)
    last: Line | None = None

    def counted(self, lines: Iterable[Line]) -> Iterator[Line]:
        """Yield the lines on, counting them."""
        for line in lines:
            self.cycles += 1
            self.cycles_with_orders += line.orders > 0
            self.cycles_with_fills += line.fills > 0
            self.orders += line.orders
            self.fills += line.fills
            self.rejected += line.rejected
            self.canceled += line.canceled
            self.modes[line.mode or ""] += 1
            if not line.orders:
                self.reasons[line.reason] += 1
            self.last = line
            yield line


# -- Alerts -----------------------------------------------------------------------------------------------


@frozen
class Raised:
    """A cycle that raised something."""

    ts: Any
    cycle_id: str
    mode: str | None
    alerts: tuple[str, ...]
    quality: tuple[str, ...]


@define
class FlagCount:
    """How many cycles raised a flag, and the first and last of them."""

    kind: str
    flag: str
    cycles: int
    first_ts: Any
    last_ts: Any


@define
class Alerts:
    """The flags of a window: how many cycles were looked at, and what was raised in which."""

    cycles: int = 0
    raised: int = 0
    unrecorded: int = 0
    """Cycles of which no flags were recorded: the earlier system had none at first."""
    flags: dict[tuple[str, str], FlagCount] = Factory(dict)

    def look(self, reads: Reads, window: Window, decode: Decode) -> Iterator[Raised]:
        """Yield the cycles of a window that raised something, oldest first, counting all of them."""
        texts = lru_cache(maxsize=4096)(lambda text: raised(decode, text))
        for row in _flag_rows(reads, window):
            alerts = texts(row["alert_flags_json"])
            quality = tuple(name for name in texts(row["quality_flags_json"]) if name not in NO_TROUBLE)
            self.cycles += 1
            self.unrecorded += row["alert_flags_json"] is None
            if alerts or quality:
                found = Raised(row["ts"], row["cycle_id"], row["mode_final"], alerts, quality)
                self._count(found)
                yield found

    def _count(self, found: Raised) -> None:
        self.raised += 1
        for kind, names in (("alert", found.alerts), ("quality", found.quality)):
            for name in names:
                count = self.flags.setdefault((kind, name), FlagCount(kind, name, 0, found.ts, found.ts))
                count.cycles += 1
                count.last_ts = found.ts

    def counts(self) -> list[FlagCount]:
        """Return the counts, alerts first, the most frequent first."""
        return sorted(self.flags.values(), key=lambda flag: (flag.kind, -flag.cycles, flag.flag))


def _flag_rows(reads: Reads, window: Window) -> Iterator[StoredRow]:
    names = ("mode_final", "quality_flags_json", "alert_flags_json")
    if window.run_id == LEGACY:
        yield from cycles(reads, window, {RUN_METRICS: names})
        return
    # Of our own runs every cycle has metrics, and the trace's long rows need not be read.
    columns = ("ts", "cycle_id", *names)
    rows = reads.rows(RUN_METRICS, columns, run_id=window.run_id, start=window.reads_from, end=window.end)
    yield from (dict(zip(columns, row, strict=True)) for row in rows)


# -- Stage 4's cycles -------------------------------------------------------------------------------------

STAGE4_COLUMNS: Final = (
    "ts_start",
    "cycle_id",
    "mode",
    "orders_submitted",
    "fills_count",
    "rejects_count",
    "orders_canceled",
    "fees_json",
    "pnl_json",
)
AUDIT_COLUMNS: Final = ("ts", "cycle_id", "counts_json", "decisions_json")
SNAPSHOT_COLUMNS: Final = (
    "ts",
    "total_equity_try",
    "realized_today_try",
    "realized_total_try",
    "drawdown_pct",
)
ACCOUNT_COLUMNS: Final = ("ts", "cycle_id", "cash_try", "total_equity_try", "holdings_json")
STAGE4_TABLES: Final = {
    "cycle_metrics": ("cycles", STAGE4_COLUMNS),
    "cycle_audit": ("audits", AUDIT_COLUMNS),
    "pnl_snapshots": ("pnl_snapshots", SNAPSHOT_COLUMNS),
    "account_snapshots": ("account_snapshots", ACCOUNT_COLUMNS),
}
"""What Stage 4 recorded of its cycles: the metrics, and what there was before and beside them."""
ANOMALY_COLUMNS: Final = ("ts", "cycle_id", "code", "severity", "details_json")
