"""All metrics of Meva: names, kinds, labels and what they say. Nothing else is ever told, and all of it is.

Names follow Prometheus' conventions: base units, `_total` for what only grows, `_timestamp_seconds` for
moments. Amounts are in TRY. What is counted is counted since the process began, or since its file did
(`textfile`). Every metric of Meva's own has the label `book`; other labels take few values, all of them known
beforehand: no symbol, no order and no message is ever one.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from attrs import frozen


class Kind(StrEnum):
    """What a metric is, in Prometheus' words."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@frozen
class Metric:
    """One metric. `name` is that of its samples, a histogram's without `_bucket`, `_sum` and `_count`; `more`
    are its labels beside `book`; `buckets` are the upper bounds of a histogram's."""

    name: str
    kind: Kind
    help: str
    more: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """All of its labels."""
        return ("book", *self.more)


def _counter(name: str, text: str, *more: str) -> Metric:
    return Metric(name, Kind.COUNTER, text, more)


def _gauge(name: str, text: str, *more: str) -> Metric:
    return Metric(name, Kind.GAUGE, text, more)


def _seconds(name: str, text: str, *more: str, buckets: tuple[float, ...]) -> Metric:
    return Metric(name, Kind.HISTOGRAM, text, more, buckets)


# -- What runs --------------------------------------------------------------------------------------------

BUILD: Final = _gauge(
    "meva_build_info",
    "1; Meva's version, Python's, and the engine that decides",
    "version",
    "python",
    "engine",
)
RUN: Final = _gauge(
    "meva_run_info", "1; the stage and the run that the last cycle belongs to", "stage", "run_id"
)

# -- Cycles -----------------------------------------------------------------------------------------------

CYCLES: Final = _counter(
    "meva_cycles_total", "Cycles that were stored, by whether the exchange answered anything", "outcome"
)
MISSED: Final = _counter(
    "meva_cycles_missed_total", "Points of time that a cycle was due at and none was stored, by why", "reason"
)
LAST_CYCLE: Final = _gauge(
    "meva_last_cycle_timestamp_seconds", "Time of the last stored cycle, the exchange's"
)
INTERVAL: Final = _gauge("meva_interval_seconds", "Seconds from one cycle of a loop to the next")
CYCLE_SECONDS: Final = _seconds(
    "meva_cycle_duration_seconds",
    "How long the parts of a cycle took: measure, decide, store; of Stages 3 and 4 also those between",
    "part",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0),
)

# -- What was measured ------------------------------------------------------------------------------------

SYMBOLS: Final = _gauge(
    "meva_symbols", "Symbols that are watched, by how their touch stands in the last cycle", "state"
)
TOUCHES: Final = _gauge(
    "meva_touch_symbols", "Symbols by where the touch of the last cycle came from", "source"
)
TOUCH_AGE: Final = _gauge(
    "meva_touch_age_seconds",
    "Age of the touches in the last cycle, of all watched symbols that have one",
    "stat",
)
BAR_AGE: Final = _gauge(
    "meva_bar_age_seconds",
    "Age of each symbol's newest bar in the last cycle; a minute without a trade has none",
    "stat",
)
FEED_AGE: Final = _gauge(
    "meva_feed_age_seconds", "Age of the configured symbols' market, as the rule stale_market_data counts it"
)
FAILURES: Final = _counter(
    "meva_measure_failures_total",
    "Answers and rows that a measure could not use, by what and why",
    "what",
    "reason",
)

# -- Calls to the exchange --------------------------------------------------------------------------------

REQUESTS: Final = _counter(
    "meva_exchange_requests_total", "Requests that were sent, by what they came to", "endpoint", "outcome"
)
REQUEST_SECONDS: Final = _seconds(
    "meva_exchange_request_duration_seconds",
    "How long answers took, whole or failed",
    "endpoint",
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0),
)
RETRIES: Final = _counter(
    "meva_exchange_retries_total", "Requests that tried a failed read again", "endpoint"
)
WITHHELD: Final = _counter(
    "meva_exchange_withheld_total",
    "Requests that were not sent: the budgets left no call in time, or the key had been refused",
    "endpoint",
)
BUDGET: Final = _gauge(
    "meva_exchange_budget_left", "Calls that the budgets of this address left after the last one", "endpoint"
)
CLOCK_OFFSET: Final = _gauge("meva_clock_offset_seconds", "How far the exchange's clock is ahead of ours")
ROUND_TRIP: Final = _gauge("meva_clock_round_trip_seconds", "Round trip that the offset was learnt with")
CLOCK_LEARNT: Final = _gauge(
    "meva_clock_learnt_timestamp_seconds", "When the offset was learnt, by our clock"
)

# -- Risk and money ---------------------------------------------------------------------------------------

MODE: Final = _gauge("meva_mode", "1 for the mode that the last cycle ended with, 0 for the others", "mode")
RULES_FIRED: Final = _gauge(
    "meva_risk_rule_fired", "1 for a rule of risk that fired in the last cycle", "rule"
)
STRATEGY_FAILURES: Final = _counter(
    "meva_strategy_failures_total", "Cycles in which the strategy gave no weights: it failed, or was too slow"
)
EQUITY: Final = _gauge("meva_equity_try", "Cash and holdings at their marks, TRY")
CASH: Final = _gauge("meva_cash_try", "Cash, TRY")
DAY_PNL: Final = _gauge("meva_day_pnl_try", "What equity gained since the UTC day began, TRY")
NET_PNL: Final = _gauge(
    "meva_net_pnl_try", "What the book gained since it began, after fees and slippage, TRY"
)
UNREALIZED_PNL: Final = _gauge(
    "meva_unrealized_pnl_try", "What holdings are worth above their cost, before fees and slippage, TRY"
)
DRAWDOWN: Final = _gauge(
    "meva_drawdown_ratio", "How far equity is below its peak since the last reset, of that"
)
MAX_DRAWDOWN: Final = _gauge(
    "meva_max_drawdown_ratio", "The deepest fall from a peak of the whole book, of that"
)
KILL_SWITCH: Final = _gauge(
    "meva_kill_switch", "1 for the level that the kill switch is at; never in Stage 7 or a dry run", "level"
)
ALARMS: Final = _gauge("meva_alarms", "Alarms that are open, by code (docs/live.md); none in Stage 7", "code")
BLOCKED: Final = _gauge(
    "meva_blocked_symbols", "Symbols that nothing may be submitted in, whatever is asked for; 0 in Stage 7"
)
POSITIONS: Final = _gauge("meva_positions", "Symbols of which something is held")
OPEN_ORDERS: Final = _gauge("meva_open_orders", "Orders that rest")

# -- Orders -----------------------------------------------------------------------------------------------

ORDERS: Final = _counter(
    "meva_orders_total",
    "Orders by what became of them; in Stage 7 each is submitted, and ends as one of the others",
    "outcome",
)
REJECTS: Final = _counter("meva_order_rejects_total", "Orders that were rejected, by why", "reason")
FILLS: Final = _counter(
    "meva_fills_total", "Fills, by side and by whether they rested or took", "side", "liquidity"
)
TURNOVER: Final = _counter("meva_turnover_try_total", "What was bought and sold, TRY", "side")
FEES: Final = _counter("meva_fees_try_total", "Fees that were paid, TRY")
UNKNOWN_ORDERS: Final = _gauge(
    "meva_unknown_orders", "Orders that may rest at the exchange, and it is not known whether; 0 in Stage 7"
)

# -- What it hangs on -------------------------------------------------------------------------------------

ALERTS_WAITING: Final = _gauge("meva_alerts_waiting", "Alerts that are not sent yet")
ALERTS_SENT: Final = _counter("meva_alerts_sent_total", "Alerts that were sent")
ALERTS_LOST: Final = _counter(
    "meva_alerts_lost_total", "Alerts that could not be sent for a day, and are given up"
)
LEASE_HELD: Final = _gauge("meva_lease_held", "1 while this process holds the book")
LEASE_EXPIRES: Final = _gauge(
    "meva_lease_expires_timestamp_seconds", "When the lease ends unless it is moved on"
)
DATABASE: Final = _gauge(
    "meva_database_size_bytes", "Size of the database and of the log beside it, after the last cycle", "part"
)

SECTIONS: Final[Mapping[str, tuple[Metric, ...]]] = {
    "What runs": (BUILD, RUN),
    "Cycles": (CYCLES, MISSED, LAST_CYCLE, INTERVAL, CYCLE_SECONDS),
    "What was measured": (SYMBOLS, TOUCHES, TOUCH_AGE, BAR_AGE, FEED_AGE, FAILURES),
    "Calls to the exchange": (
        *(REQUESTS, REQUEST_SECONDS, RETRIES, WITHHELD, BUDGET),
        *(CLOCK_OFFSET, ROUND_TRIP, CLOCK_LEARNT),
    ),
    "Risk and money": (
        *(MODE, RULES_FIRED, STRATEGY_FAILURES, EQUITY, CASH, DAY_PNL, NET_PNL, UNREALIZED_PNL),
        *(DRAWDOWN, MAX_DRAWDOWN, KILL_SWITCH, ALARMS, BLOCKED, POSITIONS, OPEN_ORDERS),
    ),
    "Orders": (ORDERS, REJECTS, FILLS, TURNOVER, FEES, UNKNOWN_ORDERS),
    "What it hangs on": (ALERTS_WAITING, ALERTS_SENT, ALERTS_LOST, LEASE_HELD, LEASE_EXPIRES, DATABASE),
}
VOCABULARY: Final = tuple(metric for section in SECTIONS.values() for metric in section)
"""All metrics of Meva's own."""

PROCESS: Final = (
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_virtual_memory_bytes",
)
"""What prometheus-client tells of the process itself, where the system is Linux: of a loop only, since
node_exporter has metrics of these names of its own. Without labels."""


def sample_names(metric: Metric) -> tuple[str, ...]:
    """Return what the samples of a metric are called."""
    if metric.kind is Kind.HISTOGRAM:
        return tuple(f"{metric.name}{end}" for end in ("_bucket", "_sum", "_count"))
    return (metric.name,)
