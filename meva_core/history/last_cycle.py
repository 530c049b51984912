"""The last cycle of a run in a few words: what it came to, and what mainly kept it from trading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from attrs import frozen

from meva_core.amounts import format_e8, join_pair
from meva_core.history.limits import Limits
from meva_core.history.recorded import REASON_COLUMNS, main_reason, reasons_of, told_code
from meva_core.history.window import LEDGER_METRICS, RUN_METRICS, TRACE, Decode
from meva_core.history.words import briefly
from meva_core.ports import Reads
from meva_core.reasons import Reason
from meva_core.state import DAY_OPEN, LAST_EQUITY
from meva_core.stretches.kept_state import state_read

_METRICS: Final = ("ts", "mode_final", "oms_submitted_count", "fills_written_count")
_LEDGER: Final = ("equity_try", "net_pnl_try")


@frozen
class LastCycle:
    """The last cycle of a run; amounts in TRY. `day_result_try` is what equity gained since the UTC day
    began; `main` is the code that says most about a cycle without orders, and `reason` says it in words, both
    empty for one that placed orders."""

    run_id: str
    ts: datetime
    mode: str
    equity_try: Decimal
    net_pnl_try: Decimal
    day_result_try: Decimal
    orders: int
    fills: int
    main: str
    reason: str


def last_cycle(reads: Reads, run_id: str, limits: Limits, decode: Decode) -> LastCycle | None:
    """Return the last cycle of a run of Meva's own, whose limits are those given; None before its first."""
    kept = reads.state(run_id)
    metrics = _newest(reads, RUN_METRICS, run_id, _METRICS)
    if kept is None or metrics is None:
        return None
    ts, mode, orders, fills = metrics
    equity, net = _newest(reads, LEDGER_METRICS, run_id, _LEDGER) or (None, None)
    stored = dict(zip(REASON_COLUMNS, _newest(reads, TRACE, run_id, REASON_COLUMNS) or (None,), strict=True))
    main, reason = ("", "") if orders else _main(reasons_of(run_id, stored, decode), limits.largest_position)
    with state_read(run_id):
        day = _day_result(decode(kept["state_json"])["state"])
    return LastCycle(run_id, ts, mode, equity, net, day, orders, fills, main, reason)


def _newest(reads: Reads, table: str, run_id: str, columns: Sequence[str]) -> tuple[Any, ...] | None:
    return next(reads.rows(table, columns, run_id=run_id, newest_first=True, limit=1), None)


def _main(reasons: Sequence[Reason], largest: Decimal | None) -> tuple[str, str]:
    """Return the code that says most, and in words the first reason that is told by it."""
    code = main_reason(reasons, largest)
    told = (reason for reason in reasons if told_code(reason, largest) == code)
    return code, next((briefly(reason, largest) for reason in told), "")


def _day_result(state: Mapping[str, Any]) -> Decimal:
    now, began = (join_pair(*state["money"][place : place + 2]) for place in (LAST_EQUITY, DAY_OPEN))
    return Decimal(format_e8(now - began))
