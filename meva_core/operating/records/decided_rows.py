"""The rows of a cycle that is decided and not yet carried out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from attrs import frozen

from meva_core.amounts import format_e8
from meva_core.choices import recorded_text
from meva_core.ids import DAY, canonical_json, content_hash
from meva_core.live.live_orders import stamp
from meva_core.modes import Mode
from meva_core.operating.records.whose import Whose
from meva_core.operational.allocation import Allocated, Status, cash_left
from meva_core.operational.decide import Decided
from meva_core.operational.decisions import Decisions
from meva_core.operational.documents import document_of
from meva_core.operational.inputs import MICROS, Inputs
from meva_core.operational.scene import scene_of
from meva_core.orders import Side
from meva_core.ports import TextCodec, UnitOfWork

CYCLES: Final = "live_cycles"
DECIDED: Final = "decided"
DONE: Final = "done"
INTERRUPTED: Final = "interrupted"
_CYCLE: Final = (
    "book", "ts", "cycle_id", "run_id", "stage", "dry", "status", "code_version", "strategies_json",
    "settings", "inputs", "decisions", "inputs_sha256", "decisions_sha256",
)  # fmt: skip
_ACTION: Final = (
    "cycle_id", "action_type", "payload_hash", "dedupe_key", "created_at_epoch", "client_order_id",
    "order_id", "metadata_json", "book", "run_id",
)  # fmt: skip
_LIMITS: Final = (
    "risk_max_daily_drawdown_try", "risk_max_drawdown_try", "risk_max_fee_try_per_day",
    "risk_max_gross_exposure_try", "risk_max_order_notional_try", "risk_max_position_pct",
    "risk_min_cash_try",
)  # fmt: skip


@frozen(kw_only=True)
class Cycle:
    """A cycle as it was decided, the settings that it ran with, and the version of the program."""

    decided: Decided
    settings: Mapping[str, Any]
    code_version: str

    @property
    def inputs(self) -> Inputs:
        """What it was decided by."""
        return self.decided.inputs

    @property
    def decisions(self) -> Decisions:
        """What was decided."""
        return self.decided.decisions

    @property
    def stamp(self) -> str:
        """Its time, as stored."""
        return stamp(self.inputs.time * MICROS)


def write(work: UnitOfWork, whose: Whose, cycle: Cycle, texts: TextCodec) -> None:
    """Store a decided cycle. Raises IdTaken for one that is there already."""
    inputs = document_of(cycle.inputs)
    decisions = document_of(cycle.decisions)
    work.insert(CYCLES, _CYCLE, [_cycle_row(whose, cycle, texts, inputs, decisions)])
    _decision(work, whose, cycle, inputs)
    work.insert("actions", _ACTION, list(_action_rows(whose, cycle)))
    columns = ("id", "ts", "cycle_id", "code", "severity", "details_json", "book", "run_id")
    work.insert("anomaly_events", columns, list(_anomaly_rows(whose, cycle)))
    if cycle.inputs.stage == 4:
        _plan(work, whose, cycle)
    if whose.is_live:
        _risk_state(work, cycle)
        _degrade_state(work, cycle)


def _cycle_row(
    whose: Whose, cycle: Cycle, texts: TextCodec, inputs: Mapping[str, Any], decisions: Mapping[str, Any]
) -> tuple[Any, ...]:
    given = cycle.inputs
    packed = [texts.pack(canonical_json(one)) for one in (cycle.settings, inputs, decisions)]
    digests = [bytes.fromhex(content_hash(one)) for one in (inputs, decisions)]
    return (
        whose.book, cycle.stamp, given.cycle, whose.run, given.stage, int(given.dry), DECIDED,
        cycle.code_version, canonical_json(inputs["strategies"]), *packed, *digests,
    )  # fmt: skip


# -- Risk and degrade ---------------------------------------------------------------------------------


def _decision(work: UnitOfWork, whose: Whose, cycle: Cycle, inputs: Mapping[str, Any]) -> None:
    found = cycle.decisions
    newest = work.rows("risk_decisions", ("mode",), run_id=whose.run, newest_first=True, limit=1)
    before = next(newest, (None,))[0]
    mode = document_of(found.mode)
    decision = {
        "book": whose.book,
        "stage": cycle.inputs.stage,
        "final_mode": mode["mode"],
        "bound": mode["bound"],
        "parts": mode["parts"],
        "reason": document_of(found.budget.reason),
        "kill": None if found.kill is None else document_of(found.kill),
    }
    limits = {name.removeprefix("risk_"): inputs["limits"][name] for name in _LIMITS}
    texts = ([found.budget.reason.code], _signals(cycle, inputs), limits, decision)
    names = ("reasons_json", "signals_json", "limits_json", "decision_json")
    work.insert(
        "risk_decisions",
        ("decision_id", "ts", "mode", *names, "prev_mode", "book", "run_id"),
        [
            (
                cycle.inputs.cycle, cycle.stamp, found.budget.mode.name, *map(canonical_json, texts), before,
                *whose.columns,
            )
        ],
    )  # fmt: skip


def _signals(cycle: Cycle, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the verdict was measured by; amounts are text."""
    risk, found = cycle.inputs.risk, cycle.decisions.assessed
    return {
        "equity_try": format_e8(found.equity),
        "peak_equity_try": format_e8(risk.peak),
        "drawdown_try": format_e8(found.drawdown),
        "daily_pnl_try": format_e8(found.day_pnl),
        "realized_today_try": format_e8(risk.realized_today),
        "fees_try_today": format_e8(risk.fees_today),
        "gross_exposure_try": format_e8(found.exposure),
        "largest_position_try": format_e8(found.largest),
        "largest_position": found.largest_symbol,
        **inputs["signals"],
    }


def _risk_state(work: UnitOfWork, cycle: Cycle) -> None:
    risk = cycle.decisions.risk
    [before] = list(
        work.rows("risk_state_current", ("peak_equity_try", "peak_equity_date"), where={"state_id": 1})
    ) or [(None, None)]
    peak, day = format_e8(risk.peak), date_text(cycle.inputs.time // DAY)
    # The date is that of the peak: it stays with it.
    same = isinstance(before[0], Decimal) and before[0] == Decimal(peak) and before[1] is not None
    work.upsert(
        "risk_state_current",
        {
            "state_id": 1,
            "current_mode": cycle.decisions.budget.mode.name,
            "peak_equity_try": peak,
            "peak_equity_date": before[1] if same else day,
            "fees_try_today": format_e8(risk.fees_today),
            "fees_day": date_text(risk.day),
            "updated_at": cycle.stamp,
        },
    )


def _degrade_state(work: UnitOfWork, cycle: Cycle) -> None:
    state, found, signals = cycle.decisions.degraded.state, cycle.decisions.anomalies, cycle.inputs.signals
    runs = state.override > Mode.NORMAL
    work.upsert(
        "degrade_state_current",
        {
            "state_id": 1,
            "cooldown_until": stamp(state.until * MICROS) if runs else None,
            "current_override_mode": state.override.name if runs else None,
            "last_reasons_json": canonical_json([anomaly.reason.code for anomaly in found]),
            "warn_window_count": sum(state.warned),
            "last_warn_codes_json": canonical_json(
                [anomaly.reason.code for anomaly in found if recorded_text(anomaly.severity) == "WARN"]
            ),
            "cursor_stall_cycles_json": canonical_json(dict(signals.stalls)),
            "last_reject_count": signals.refusals,
            "updated_at": cycle.stamp,
        },
    )


def _anomaly_rows(whose: Whose, cycle: Cycle) -> Iterator[tuple[Any, ...]]:
    for anomaly in cycle.decisions.anomalies:
        code, name = anomaly.reason.code, cycle.inputs.cycle
        details = canonical_json(document_of(anomaly.reason))
        severity = recorded_text(anomaly.severity)
        yield f"{name}:{code}", cycle.stamp, name, code, severity, details, *whose.columns


# -- What is to be done -------------------------------------------------------------------------------


def _action_rows(whose: Whose, cycle: Cycle) -> Iterator[tuple[Any, ...]]:
    """Yield a row for each action, in the order of sending, and for each order of a sweep's plan."""
    name = cycle.inputs.cycle
    listed = [(str(one.kind), document_of(one)) for one in cycle.decisions.actions]
    listed += [("sweep_plan", document_of(one)) for one in cycle.decisions.sweep]
    for n, (kind, document) in enumerate(listed):
        yield (
            name, kind, content_hash(document), f"{name}:{n}", cycle.inputs.time, document.get("client_id"),
            document.get("exchange_id"), canonical_json(document), *whose.columns,
        )  # fmt: skip


def _plan(work: UnitOfWork, whose: Whose, cycle: Cycle) -> None:
    """Store what BUYs could have come to, what they come to, and what each request got."""
    given, found = cycle.inputs, cycle.decisions.allocation
    investable = cash_left(scene_of(given))
    planned = sum(one.allocated for one in found if one.side is Side.BUY)
    budget = min(investable, given.limits.notional_cap_try_per_cycle)
    listed = [(one.status, document_of(one)) for one in found]
    values = {
        "cycle_id": given.cycle,
        "ts": cycle.stamp,
        "cash_try": format_e8(given.positions.cash),
        "try_cash_target": format_e8(given.limits.cash_target),
        "investable_total_try": format_e8(investable),
        "investable_this_cycle_try": format_e8(budget),
        "deploy_budget_try": format_e8(budget),
        "planned_total_try": format_e8(planned),
        "unused_budget_try": format_e8(max(0, investable - planned)),
        "usage_reason": _usage(found),
        "plan_json": canonical_json([one for status, one in listed if status is not Status.REJECTED]),
        "deferred_json": canonical_json([one for status, one in listed if status is Status.REJECTED]),
        "decisions_json": canonical_json([one for _, one in listed]),
        "book": whose.column,
        "run_id": whose.run,
    }
    work.insert("allocation_plans", tuple(values), [tuple(values.values())])


def _usage(found: tuple[Allocated, ...]) -> str:
    """Return in one word why no more is used: the first reason that is no `ok`, or that nothing was asked."""
    if not found:
        return "no_intents"
    codes = [one.reason.code for one in found if one.status is not Status.ACCEPTED]
    return codes[0] if codes else "ok"


def date_text(day: int) -> str:
    """Return the date of a day counted from 1970."""
    return datetime.fromtimestamp(day * DAY, UTC).date().isoformat()
