"""Anomalies, and the override that they make: degrade."""

from __future__ import annotations

from attrs import evolve

from meva_core.modes import Mode
from meva_core.operational.inputs import DegradeState
from oracle.operational.funds import Funds
from oracle.operational.sums import worth

WARN, ERROR = "WARN", "ERROR"
MINUTE = 60


def anomalies(funds: Funds, names: list[str]) -> tuple[list[tuple[str, str]], DegradeState]:
    """Return what is odd as (code, severity), and the state with the looks at shortfalls counted."""
    given, limits, signals = funds.given, funds.given.limits, funds.given.signals
    found: list[tuple[str, str]] = []
    watched = set(names) | {p.symbol for p in given.positions.positions if p.qty}
    old = [name for name in watched if funds.is_stale(name)]
    if len(old) * 2 > len(watched):
        found.append(("STALE_MARKET_DATA", WARN))
    slowest, most = signals.slowest_call_ms, limits.latency_spike_ms
    if slowest is not None and most is not None and slowest >= most:
        found.append(("EXCHANGE_LATENCY_SPIKE", WARN))
    if signals.refusals >= limits.reject_spike_threshold:
        found.append(("ORDER_REJECT_SPIKE", WARN))
    if any(cycles >= limits.cursor_stall_cycles for cycles in signals.stalls.values()):
        found.append(("CURSOR_STALL", WARN))
    if abs(signals.skew_ms) > limits.clock_skew_seconds_threshold * 1000:
        found.append(("CLOCK_SKEW", WARN))

    lacks, state = shortfall(funds), _looked(funds)
    since, looks = state.divergence_since, state.divergence_looks
    stands = lacks >= limits.pnl_divergence_try_error
    if stands and looks >= 4 and since is not None and given.time - since >= 10 * MINUTE:
        found.append(("PNL_DIVERGENCE", ERROR))
    elif lacks >= limits.pnl_divergence_try_warn:
        found.append(("PNL_DIVERGENCE", WARN))
    return found, state


def _looked(funds: Funds) -> DegradeState:
    """Count the looks at balances in which so much was missing as an error is; without a look nothing
    changes."""
    given, state = funds.given, funds.given.degrade
    if not given.signals.looked:
        return state
    if shortfall(funds) < given.limits.pnl_divergence_try_error:
        return evolve(state, divergence_since=None, divergence_looks=0)
    since = given.time if state.divergence_since is None else state.divergence_since
    return evolve(state, divergence_since=since, divergence_looks=state.divergence_looks + 1)


def shortfall(funds: Funds) -> int:
    """Return what stands as missing in all, TRY at the last marks."""
    total = 0
    for asset, amount in funds.given.signals.shortfalls.items():
        if asset == "TRY":
            total += amount
            continue
        marks = [seen.valuation for seen in funds.given.symbols if seen.base == asset]
        total += worth(amount, marks[0]) if marks and marks[0] is not None else 0
    return total


def degrade(funds: Funds, state: DegradeState, found: list[tuple[str, str]]) -> tuple[Mode, DegradeState]:
    """Return the override after this cycle's anomalies, and the state of the next cycle."""
    given, limits = funds.given, funds.given.limits
    override, until = state.override, state.until
    if override is not Mode.NORMAL and given.time >= until:
        override, until = Mode.NORMAL, 0
    counted = False
    for code, severity in found:
        if severity != WARN or code not in limits.degrade_warn_codes_csv:
            continue
        if code == "PNL_DIVERGENCE" and state.diverged:
            continue  # one shortfall is one warning, however long it stands
        counted = True
    warned = (*state.warned, counted)[-limits.degrade_warn_window_cycles :]
    candidate, span = Mode.NORMAL, 0
    if any(severity == ERROR for _, severity in found):
        candidate, span = Mode.OBSERVE_ONLY, 30 * MINUTE
    elif sum(warned) >= limits.degrade_warn_threshold:
        candidate, span = Mode.REDUCE_RISK_ONLY, 15 * MINUTE
    if candidate > override:
        override, until, warned = candidate, given.time + span, ()
    diverged = shortfall(funds) >= limits.pnl_divergence_try_warn
    return override, evolve(state, override=override, until=until, warned=warned, diverged=diverged)
