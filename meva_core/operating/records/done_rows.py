"""The rows of a cycle that was carried out: what became of its orders, and what the book is worth then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from attrs import Factory, asdict, frozen

from meva_core.amounts import E6, format_e8
from meva_core.figures.ratios import quotient
from meva_core.ids import DAY, canonical_json
from meva_core.live.booking import sum_of
from meva_core.live.live_orders import stamp
from meva_core.live_book.book import LiveBook
from meva_core.live_book.ledger import Marks, asset_of
from meva_core.live_book.postings import FILLS, Kind
from meva_core.operating.records.decided_rows import Cycle
from meva_core.operating.records.filled import Filled
from meva_core.operating.records.whose import Whose
from meva_core.operational.documents import document_of
from meva_core.operational.filters_stage4 import fallen_percent
from meva_core.ports import UnitOfWork

_BPS: Final = 10**4


@frozen
class Outcome:
    """What became of an order: where it stands, and how much of it the exchange says was filled."""

    client_id: str
    standing: str
    filled: str


@frozen
class NotDone:
    """An action that did not come to what was decided: what it was, to which verdict it came, by which code,
    and a sentence for people. `order` is the name of the order, of a cancel that of the one to be ended."""

    kind: str
    symbol: str
    order: str
    verdict: str
    code: str
    text: str


@frozen(kw_only=True)
class Ran:
    """What was carried out of a cycle, and what it read before.

    Counts are of actions; `rejects` are by the code that the exchange, or a rule before it, gave. `foreign`
    counts the orders of others that were seen open, `flows` those that were booked; `notes` say what could
    not be read, `account_unread` why the balances could not. `step_ms` are the
    milliseconds of each step, by name; `start` and `end` microseconds.
    """

    outcomes: tuple[Outcome, ...] = ()
    submitted: int = 0
    canceled: int = 0
    simulated: int = 0
    unknown: int = 0
    blocked: int = 0
    blocked_by_policy: int = 0
    rejects: Mapping[str, int] = Factory(dict)
    not_done: tuple[NotDone, ...] = ()
    refusals: int = 0
    foreign: int = 0
    flows: int = 0
    fills: tuple[Filled, ...] = ()
    notes: tuple[str, ...] = ()
    account_unread: str = ""
    step_ms: Mapping[str, int] = Factory(dict)
    start: int = 0
    end: int = 0

    @property
    def executed(self) -> int:
        """How many actions were carried out."""
        return self.submitted + self.canceled + self.simulated

    @property
    def rejected(self) -> int:
        """How many were refused."""
        return sum(self.rejects.values())


def write(work: UnitOfWork, whose: Whose, cycle: Cycle, book: LiveBook, marks: Marks, ran: Ran) -> None:
    """Store the audit of a cycle, what the book is worth, and what became of what was asked for."""
    _audit(work, whose, cycle, ran)
    _snapshots(work, whose, cycle, book, marks)
    _run_metrics(work, whose, cycle, ran)


def write_metrics(
    work: UnitOfWork, whose: Whose, cycle: Cycle, book: LiveBook, marks: Marks, ran: Ran
) -> None:
    """Store how a cycle ran: a row that nothing is decided by, in a unit of its own."""
    submitted = ran.submitted + ran.simulated
    waited = sum(one.fill.ts - one.created for one in ran.fills)
    values = {
        "cycle_id": cycle.inputs.cycle,
        "ts_start": stamp(ran.start),
        "ts_end": stamp(ran.end),
        "mode": cycle.decisions.mode.mode.name,
        "fills_count": len(ran.fills),
        "orders_submitted": submitted,
        "orders_canceled": ran.canceled,
        "rejects_count": ran.refusals,
        "fill_rate": quotient(len(ran.fills), submitted) if submitted else 0,
        "avg_time_to_fill": quotient(waited, len(ran.fills) * E6) if ran.fills else None,
        "slippage_bps_avg": _slippage_bps(ran.fills),
        "fees_json": canonical_json(_fees(ran.fills)),
        "pnl_json": canonical_json(worth(book, marks, cycle.inputs.time)),
        "meta_json": canonical_json({"step_ms": dict(ran.step_ms), "stage": cycle.inputs.stage}),
    }
    _insert(work, "cycle_metrics", whose, values)


def worth(book: LiveBook, marks: Marks, time: int) -> dict[str, str]:
    """Return what a snapshot says of a book: equity, realized today and in all by average cost, and the
    drawdown in percent of the percent rule's own peak; amounts as text."""
    ledger, equity, peak = book.ledger, book.ledger.equity(marks), book.figures.peak_percent
    return {
        "total_equity_try": format_e8(equity),
        "realized_today_try": format_e8(ledger.day(time // DAY).realized),
        "realized_total_try": format_e8(ledger.realized_average),
        "drawdown_pct": format_e8(fallen_percent(peak, equity)),
    }


def _audit(work: UnitOfWork, whose: Whose, cycle: Cycle, ran: Ran) -> None:
    found = cycle.decisions
    counts = {
        "planned": len(found.actions),
        "executed": ran.executed,
        "submitted": ran.submitted,
        "canceled": ran.canceled,
        "simulated": ran.simulated,
        "rejected": ran.rejected,
        "unknown": ran.unknown,
        "blocked": ran.blocked,
        "blocked_by_policy": ran.blocked_by_policy,
        "fills": len(ran.fills),
        "flows": ran.flows,
        "foreign": ran.foreign,
    }
    reasons = {
        "dropped": [document_of(one) for one in found.dropped],
        "cancels": [
            {"client_id": one.order.client_id, "reason": document_of(one.reason)} for one in found.cancels
        ],
        "universe": [document_of(one) for one in found.universe.dropped],
        "not_done": [asdict(one) for one in ran.not_done],
        **({"notes": list(ran.notes)} if ran.notes else {}),
    }
    mode = document_of(found.mode)
    envelope = {
        "book": whose.book,
        "stage": cycle.inputs.stage,
        "dry": cycle.inputs.dry,
        "code_version": cycle.code_version,
        "mode": mode["mode"],
        "bound": mode["bound"],
        "parts": mode["parts"],
        **({"account_unread": ran.account_unread} if ran.account_unread else {}),
    }
    values = {
        "cycle_id": cycle.inputs.cycle,
        "ts": cycle.stamp,
        "counts_json": canonical_json(counts),
        "decisions_json": canonical_json(reasons),
        "envelope_json": canonical_json(envelope),
    }
    _insert(work, "cycle_audit", whose, values)


def _snapshots(work: UnitOfWork, whose: Whose, cycle: Cycle, book: LiveBook, marks: Marks) -> None:
    snapshot = worth(book, marks, cycle.inputs.time)
    _insert(work, "pnl_snapshots", whose, {**snapshot, "ts": cycle.stamp, "cycle_id": cycle.inputs.cycle})
    held = {
        asset_of(symbol): format_e8(holding.qty)
        for symbol, holding in sorted(book.ledger.holdings.items())
        if holding.qty
    }
    values = {
        "cycle_id": cycle.inputs.cycle,
        "ts": cycle.stamp,
        "exchange": "simulated" if cycle.inputs.dry else "btcturk",
        "cash_try": format_e8(book.ledger.cash),
        "total_equity_try": snapshot["total_equity_try"],
        "holdings_json": canonical_json(held),
        "source_endpoints_json": "[]",
        "flags_json": canonical_json([alarm.pair for alarm in book.alarms]),
    }
    _insert(work, "account_snapshots", whose, values)


def _run_metrics(work: UnitOfWork, whose: Whose, cycle: Cycle, ran: Ran) -> None:
    found = cycle.decisions
    stopped = Counter(one.reason.code for one in found.dropped)
    submits = sum(one.client_id is not None for one in found.actions)
    values = {
        "cycle_id": cycle.inputs.cycle,
        "ts": cycle.stamp,
        "reasons_no_action_json": canonical_json(dict(stopped)),
        "intents_created": len(found.asked),
        "intents_after_risk": submits,
        "intents_executed": ran.submitted + ran.simulated,
        "orders_submitted": ran.submitted + ran.simulated,
        "rejects_by_code_json": canonical_json(dict(ran.rejects)),
        "breaker_state": found.mode.mode.name,
        "degraded_mode": int(found.degraded.mode > 0),
    }
    _insert(work, "stage4_run_metrics", whose, values)


def _insert(work: UnitOfWork, table: str, whose: Whose, values: Mapping[str, Any]) -> None:
    work.insert(table, (*values, "book", "run_id"), [(*values.values(), *whose.columns)])


def _fees(fills: Iterable[Filled]) -> dict[str, str]:
    """Return what own fills were charged, by asset, exactly."""
    by_asset: dict[str, list[Decimal]] = {}
    for one in fills:
        by_asset.setdefault(one.fill.fee_asset, []).append(one.fill.fee)
    return {asset: _plain(sum_of(fees)) for asset, fees in sorted(by_asset.items())}


def _slippage_bps(fills: Sequence[Filled]) -> float | None:
    """Return slippage over reference, in bps; None where nothing was traded."""
    traded = [one.posting for one in fills if one.posting.kind in FILLS]
    reference = sum(posting.reference for posting in traded)
    apart = sum(
        (posting.notional - posting.reference) * (1 if posting.kind is Kind.BUY else -1) for posting in traded
    )
    return quotient(apart * _BPS, reference) if reference else None


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
