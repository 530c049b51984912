"""What is odd about a cycle, detected once, before anything is sent. A setting of none switches one off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final

from attrs import evolve, frozen

from meva_core.amounts import E8
from meva_core.operational.because import Because, because, counted
from meva_core.operational.inputs import QUOTE, DegradeState
from meva_core.operational.scene import Scene
from meva_core.steps.wishes import worth

STEP: Final = "anomalies"
PNL_DIVERGENCE: Final = "PNL_DIVERGENCE"
ERROR_LOOKS: Final = 4
ERROR_SECONDS: Final = 600


class Severity(StrEnum):
    """How bad an anomaly is."""

    WARN = "WARN"
    ERROR = "ERROR"


@frozen
class Anomaly:
    """One of a cycle's."""

    severity: Severity
    reason: Because


def anomalies_of(scene: Scene, universe: Sequence[str]) -> tuple[tuple[Anomaly, ...], DegradeState]:
    """Return what is odd, in the order of the contract, and the state with the looks at shortfalls
    counted."""
    missing = shortfall(scene)
    state = _looked(scene, missing)
    reasons = [*_stale(scene, universe), *_spikes(scene)]
    found = [Anomaly(Severity.WARN, reason) for reason in reasons]
    return (*found, *_divergence(scene, missing, state)), state


def _stale(scene: Scene, universe: Sequence[str]) -> Iterator[Because]:
    watched = {*universe, *(held.symbol for held in scene.inputs.positions.positions if held.qty > 0)}
    seen = [symbol for symbol in scene.inputs.symbols if symbol.name in watched]
    stale = sum(scene.is_stale(symbol.name) for symbol in seen)
    if stale * 2 > len(seen):
        half = len(seen) * E8 // 2
        yield because(
            "STALE_MARKET_DATA", STEP, "", counted(stale), half,
            unit="symbols", setting="STALE_MARKET_DATA_SECONDS",
        )  # fmt: skip


def _spikes(scene: Scene) -> Iterator[Because]:
    signals, limits = scene.inputs.signals, scene.inputs.limits
    slowest, most = signals.slowest_call_ms, limits.latency_spike_ms
    if slowest is not None and most is not None and slowest >= most:
        yield because(
            "EXCHANGE_LATENCY_SPIKE", STEP, "", counted(slowest), counted(most),
            unit="ms", setting="LATENCY_SPIKE_MS",
        )  # fmt: skip
    if signals.refusals >= limits.reject_spike_threshold:
        yield because(
            "ORDER_REJECT_SPIKE", STEP, "", counted(signals.refusals), counted(limits.reject_spike_threshold),
            unit="refusals", setting="REJECT_SPIKE_THRESHOLD",
        )  # fmt: skip
    symbol = max(sorted(signals.stalls), key=lambda name: signals.stalls[name], default=None)
    if symbol is not None and signals.stalls[symbol] >= limits.cursor_stall_cycles:
        cycles, most_cycles = counted(signals.stalls[symbol]), counted(limits.cursor_stall_cycles)
        yield because(
            "CURSOR_STALL", STEP, symbol, cycles, most_cycles,
            unit="cycles", setting="CURSOR_STALL_CYCLES",
        )  # fmt: skip
    if abs(signals.skew_ms) > limits.clock_skew_seconds_threshold * 1000:
        skew = abs(signals.skew_ms) * E8 // 1000
        yield because(
            "CLOCK_SKEW", STEP, "", skew, counted(limits.clock_skew_seconds_threshold),
            unit="s", setting="CLOCK_SKEW_SECONDS_THRESHOLD",
        )  # fmt: skip


def shortfall(scene: Scene) -> int:
    """Return what stands as missing at the valuation marks, e8 TRY."""
    marks = {symbol.base: symbol.valuation or 0 for symbol in scene.inputs.symbols} | {QUOTE: E8}
    return sum(worth(qty, marks.get(asset, 0)) for asset, qty in scene.inputs.signals.shortfalls.items())


def _looked(scene: Scene, missing: int) -> DegradeState:
    """Count the looks at balances in which as much as an error was missing; one in which it was not ends
    them. A cycle that did not look changes nothing."""
    state = scene.inputs.degrade
    if not scene.inputs.signals.looked:
        return state
    if missing < scene.inputs.limits.pnl_divergence_try_error:
        return evolve(state, divergence_since=None, divergence_looks=0)
    since = scene.inputs.time if state.divergence_since is None else state.divergence_since
    return evolve(state, divergence_since=since, divergence_looks=state.divergence_looks + 1)


def _divergence(scene: Scene, missing: int, state: DegradeState) -> Iterator[Anomaly]:
    limits = scene.inputs.limits
    stands = (
        missing >= limits.pnl_divergence_try_error
        and state.divergence_since is not None
        and state.divergence_looks >= ERROR_LOOKS
        and scene.inputs.time - state.divergence_since >= ERROR_SECONDS
    )
    severity = Severity.ERROR if stands else Severity.WARN
    limit = limits.pnl_divergence_try_error if stands else limits.pnl_divergence_try_warn
    if missing >= limit:
        setting = f"PNL_DIVERGENCE_TRY_{severity}"
        yield Anomaly(
            severity, because(PNL_DIVERGENCE, STEP, "", missing, limit, unit="TRY", setting=setting)
        )
