"""The tables that have a row for every cycle, column by column: how each column is made, and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

import numpy as np

from meva_core.errors import BadInput
from meva_core.fingerprint import STEPS
from meva_core.modes import Mode
from meva_core.trace.adaptation import change_document
from meva_core.trace.chosen import Chosen
from meva_core.trace.columns import Row
from meva_core.trace.documents import MODES, decisions, intents_summary, modes, restricted_until, risk_reasons
from meva_core.trace.flags import ALERTS, QUALITY, alert_flags, quality_flags, raised
from meva_core.trace.happenings import STATUSES

Column = Callable[[Chosen], Sequence[Any]]
"""Gives the values of a column for some cycles, as they are stored."""

_SUMMARY: Final = ("planned", "skipped", "filled", "rejected", "canceled")
_OBSERVE_ONLY: Final = int(Mode.OBSERVE_ONLY)


def rows(table: str, columns: Sequence[str], part: Chosen) -> Iterator[Row]:
    """Yield the rows of some cycles in one of TABLES, with exactly these columns, of which there is at least
    one; nothing else is made. Amounts and times are stored text.

    Raises BadInput for a table or a column that is not among them.
    """
    made = _named(table, TABLES, "table that has a row for every cycle")
    found = [_named(column, made, f"column of {table}")(part) for column in columns]
    return zip(*found, strict=True)


def _named(name: str, known: Mapping[str, Any], what: str) -> Any:
    if name not in known:
        raise BadInput(f"{name!r} is no {what}; expected one of {', '.join(known)}")
    return known[name]


def always(value: Any) -> Column:
    """Return a column in which every cycle has the same."""
    return lambda part: part.repeated(value)


def _money(name: str) -> Column:
    return lambda part: part.money[name]


def _count(name: str) -> Column:
    def made(part: Chosen) -> list[int]:
        numbers: list[int] = part.counts[name].tolist()
        return numbers

    return made


def _document(kind: str) -> Column:
    return lambda part: part.texts.listed(getattr(part.documents, kind)())


def _mode(step: str, name: str) -> Column:
    """Return the column with the names of a step's modes."""
    return lambda part: [MODES[mode] for mode in getattr(getattr(part.out, step), name)[part.at].tolist()]


def _few(column: Any, made: Callable[[int], str]) -> list[str]:
    """Return what `made` gives for each number of a column that has few different ones."""
    numbers = column.tolist()
    texts = {each: made(each) for each in set(numbers)}
    return [texts[each] for each in numbers]


def _digest(place: int) -> Column:
    """Return the column with the digests of a step."""
    return lambda part: part.step_digests[place]


# -- stage7_cycle_trace ---------------------------------------------------------------------------------


def _summaries(part: Chosen) -> list[str]:
    """Return how many intents became what; few combinations make up nearly all cycles."""
    counts = list(zip(*(part.counts[name].tolist() for name in _SUMMARY), strict=True))
    texts = {
        each: part.encode(intents_summary(dict(zip(_SUMMARY, each, strict=True)))) for each in set(counts)
    }
    return [texts[each] for each in counts]


def _modes(part: Chosen) -> list[str]:
    plan, assess = part.out.plan, part.out.assess
    columns = (plan.base_mode, plan.override_mode, plan.rules_mode, plan.strategy_failed, plan.mode)
    decided = (assess.verdict, assess.fired, assess.floor, assess.until)
    wished = part.terms.params.strategy != 0
    return part.by_turns((*columns, *decided), lambda c: part.encode(modes(part.out, c, wished=wished)))


def _order_decisions(part: Chosen) -> list[str]:
    found = part.repeated("[]")
    for k, intents in part.intents.items():
        e, time = part.event_rows, part.times[k]
        # The status at the end of the cycle of the orders that it submitted, by n.
        ends = {e.n[row]: STATUSES[e.status[row]] for row in part.ends.events.of(k) if e.time[row] == time}
        found[k] = part.encode(decisions(intents, ends))
    return found


def _order_intents(part: Chosen) -> list[str]:
    found = part.repeated("[]")
    for k, intents in part.intents.items():
        found[k] = f"[{','.join(intent.text for intent in intents)}]"
    return found


def _changes(part: Chosen) -> list[str]:
    found = part.repeated("{}")
    for k in np.flatnonzero(part.changed).tolist():
        found[k] = part.encode(change_document(part.out, int(part.cycles[k])))
    return found


# -- stage7_run_metrics ---------------------------------------------------------------------------------


def _fills(part: Chosen) -> list[int]:
    found: list[int] = part.ends.fills.counts.tolist()
    return found


def _quality(part: Chosen) -> list[str]:
    flags = quality_flags(part.market, part.out, part.at, part.counts)
    return _few(flags, lambda bits: part.encode(raised(bits, QUALITY)))


def _alerts(part: Chosen) -> list[str]:
    p = part.terms.params
    flags = alert_flags(part.out, part.at, part.counts, p.reject_spike, p.retry_alert)
    return _few(flags, lambda bits: part.encode(raised(bits, ALERTS)))


def _no_trades(part: Chosen) -> list[str | None]:
    planned = part.counts["planned"].tolist()
    return [None if some else code for some, code in zip(planned, part.common, strict=True)]


# -- stage7_risk_decisions ------------------------------------------------------------------------------


def _fired(part: Chosen) -> list[str]:
    return _few(part.out.assess.fired[part.at], lambda fired: part.encode(risk_reasons(fired)))


def _until(part: Chosen) -> list[str | None]:
    assess = part.out.assess
    return part.by_turns((assess.floor, assess.until), lambda c: restricted_until(part.out, c))


def _inputs_hash(part: Chosen) -> list[str]:
    """Return the hash of all that was decided on."""
    assessed = np.column_stack([column[part.at] for column in part.out.assess])
    return [hashlib.sha256(row).hexdigest() for row in assessed]


# -- The tables -----------------------------------------------------------------------------------------

_CYCLE: Final[Mapping[str, Column]] = {
    "cycle_id": attrgetter("ids"),
    "run_id": lambda part: part.repeated(part.names.run_id),
}
_TS: Final[Column] = attrgetter("stamps")
_DRAWDOWN: Final = _money("drawdown")

TABLES: Final[Mapping[str, Mapping[str, Column]]] = {
    "stage7_cycle_trace": {
        **_CYCLE,
        "ts": _TS,
        "selected_universe_json": _document("universe"),
        "universe_scores_json": _document("ranking"),
        "intents_summary_json": _summaries,
        "mode_json": _modes,
        "order_decisions_json": _order_decisions,
        "portfolio_plan_json": _document("portfolio"),
        "order_intents_json": _order_intents,
        "active_param_version": lambda part: part.out.adapt.version_before[part.at].tolist(),
        "param_change_json": _changes,
        "market_json": _document("measure"),
        "account_json": _document("account"),
        "reasons_json": attrgetter("reasons"),
    },
    "stage7_ledger_metrics": {
        **_CYCLE,
        "ts": _TS,
        "gross_pnl_try": _money("gross"),
        "realized_pnl_try": _money("realized"),
        "unrealized_pnl_try": _money("unrealized"),
        "net_pnl_try": _money("net"),
        "fees_try": _money("fees"),
        "slippage_try": _money("slippage"),
        "turnover_try": _money("turnover"),
        "equity_try": _money("equity"),
        "max_drawdown": _DRAWDOWN,
        "max_drawdown_ratio": _DRAWDOWN,
        "cash_try": _money("cash"),
        "starting_cash_try": lambda part: part.repeated(part.terms.starting_cash),
    },
    "stage7_run_metrics": {
        **_CYCLE,
        "ts": _TS,
        "mode_base": _mode("plan", "base_mode"),
        "mode_final": _mode("plan", "mode"),
        "universe_size": lambda part: part.out.select.selected[part.at].sum(axis=1).tolist(),
        "intents_planned_count": _count("planned"),
        "intents_skipped_count": _count("skipped"),
        "oms_submitted_count": _count("planned"),
        "oms_filled_count": _count("filled"),
        "oms_rejected_count": _count("rejected"),
        "oms_canceled_count": _count("canceled"),
        "fills_written_count": _fills,
        "fills_applied_count": _fills,
        "ledger_events_inserted": _fills,
        "positions_updated_count": _count("positions"),
        "events_appended": lambda part: part.ends.events.counts.tolist(),
        "events_ignored": _count("ignored"),
        "equity_try": _money("equity"),
        "gross_pnl_try": _money("gross"),
        "net_pnl_try": _money("net"),
        "fees_try": _money("fees"),
        "slippage_try": _money("slippage"),
        "max_drawdown_pct": _DRAWDOWN,
        "max_drawdown_ratio": _DRAWDOWN,
        "turnover_try": _money("turnover"),
        # Wall-clock times: cycles are run by the thousand.
        "latency_ms_total": always(0),
        "selection_ms": always(0),
        "planning_ms": always(0),
        "intents_ms": always(0),
        "oms_ms": always(0),
        "ledger_ms": always(0),
        "persist_ms": always(0),
        "quality_flags_json": _quality,
        "alert_flags_json": _alerts,
        "no_trades_reason": _no_trades,
        "no_metrics_reason": always(None),  # the earlier system's
    },
    "stage7_cycle_digests": {
        **_CYCLE,
        "ts": _TS,
        "seq": attrgetter("seqs"),
        **{f"{step}_sha256": _digest(place) for place, step in enumerate(STEPS)},
        "adapt_sha256": lambda part: [digest.adapt for digest in part.digests],
        "link_sha256": lambda part: [digest.link for digest in part.digests],
    },
    "stage7_risk_decisions": {
        **_CYCLE,
        "id": always(None),  # the database numbers its rows
        "decided_at": _TS,
        "mode": _mode("assess", "verdict"),
        "reasons_json": _fired,
        "cooldown_until": _until,
        "inputs_hash": _inputs_hash,
        "allow_submit": lambda part: [int(mode < _OBSERVE_ONLY) for mode in part.final],
        "allow_cancel": always(1),
        # The earlier system's, as a row has them that leaves them out.
        "caps_json": always("{}"),
        "metrics_json": always("{}"),
    },
}
"""How each column of these tables is made: those that Meva fills, and those left at their default."""
