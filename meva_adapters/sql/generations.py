"""Tell the generations of the earlier system's schema apart, for people. The upgrade does not depend on it.

It kept no version marker, so each generation is known by something that it brought.
"""

from __future__ import annotations

from typing import Final

from meva_adapters.sql.inspection import Shape

_MARKS: Final = """
2 ledger_events  3 applied_fills  4 risk_decisions  5 anomaly_events  6
degrade_state_current.warn_window_count 7 idx_risk_decisions_mode  8 stage7_cycle_trace  9
idx_stage7_cycle_trace_ts 10 stage7_cycle_trace.universe_scores_json  11
stage7_cycle_trace.portfolio_plan_json  12 stage7_order_intents 13 stage7_risk_decisions  14 stage7_orders
15 stage7_idempotency_keys  16 stage7_run_metrics 17 idx_stage7_run_metrics_run_id  18 stage7_params_active
19 stage4_orders.exchange_client_id 20 stage7_run_metrics.fills_written_count  21
stage7_run_metrics.max_drawdown_ratio  22 account_snapshots 23 allocation_plans  24
allocation_plans.deferred_json  25 universe_price_cache  26 agent_decision_audit 27
idx_agent_decision_audit_cycle_correlation  28 orders.unknown_probe_attempts  29 idempotency_keys 30
idempotency_keys.recovery_attempts  31 capital_policy_state  32 capital_policy_state.last_event_count 33
process_instances  34 stage4_replace_transactions.replace_tx_id  35 ledger_reducer_checkpoints 36
ledger_events.inserted_at  37 op_state  38 stage4_run_metrics  39 symbol_cooldowns 40
stage4_orders.last_error_code  41 dynamic_universe_symbol_state  42 process_instances.status 43
stage7_universe_state  44 stage7_universe_state.freeze_reasons_json  45 stage7_risk_decisions.metrics_json
"""


def generation_of(shape: Shape) -> int:
    """Return the newest generation that left its mark; 7 counts only where 6's own columns are there.

    A file that was upgraded in place, or left half-way, has the marks of the version that touched it last.
    """
    words = _MARKS.split()
    marks = dict(zip(map(int, words[::2]), words[1::2], strict=True))
    found = [number for number, mark in marks.items() if _has(shape, mark)]
    if 7 in found and 6 not in found:
        found.remove(7)  # generations 4 and 5 had that index, too
    return max(found, default=1)


def _has(shape: Shape, mark: str) -> bool:
    table, _, column = mark.partition(".")
    if column:
        return column in shape.columns.get(table, ())
    return table in shape.columns or table in shape.indexes
