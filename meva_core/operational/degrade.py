"""What anomalies make of the mode, for how long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import evolve, frozen

from meva_core.modes import Mode
from meva_core.operational.anomalies import PNL_DIVERGENCE, Anomaly, Severity
from meva_core.operational.because import Because, Cause, because, counted
from meva_core.operational.inputs import DegradeState, Inputs

STEP: Final = "degrade"
ERROR_SECONDS: Final = 30 * 60
WARN_SECONDS: Final = 15 * 60


@frozen
class Degraded:
    """The mode that the override holds, why if it is not NORMAL, and the state of the next cycle."""

    mode: Mode
    reason: Because | None
    state: DegradeState


def degrade(inputs: Inputs, state: DegradeState, found: Sequence[Anomaly]) -> Degraded:
    """Return the override after this cycle's anomalies.

    An override whose time is up falls first. A new one takes effect only if it is more restrictive than the
    one that runs: then it lasts for its span from now and the window of warnings is emptied. An equal or
    milder one changes and extends nothing.
    """
    limits, time = inputs.limits, inputs.time
    if state.override > Mode.NORMAL and time >= state.until:
        state = evolve(state, override=Mode.NORMAL, until=0)
    codes = [anomaly.reason.code for anomaly in found if anomaly.severity is Severity.WARN]
    # A shortfall that stands is one warning, however many cycles it stands for: its alarm has its own mode.
    known = {PNL_DIVERGENCE} if state.diverged else set[str]()
    counts = any(code in limits.degrade_warn_codes_csv and code not in known for code in codes)
    warned = (*state.warned, counts)[-limits.degrade_warn_window_cycles :]
    state = evolve(state, warned=warned, diverged=any(one.reason.code == PNL_DIVERGENCE for one in found))
    candidate, span = Mode.NORMAL, 0
    if any(anomaly.severity is Severity.ERROR for anomaly in found):
        candidate, span = Mode.OBSERVE_ONLY, ERROR_SECONDS
    elif sum(warned) >= limits.degrade_warn_threshold:
        candidate, span = Mode.REDUCE_RISK_ONLY, WARN_SECONDS
    if candidate > state.override:
        state = evolve(state, override=candidate, until=time + span, warned=())
    return Degraded(state.override, _reason(inputs, state), state)


def _reason(inputs: Inputs, state: DegradeState) -> Because | None:
    if state.override is Mode.NORMAL:
        return None
    # What lets it fall away is time: the value is now, the limit its end, in seconds since 1970.
    now, until = counted(inputs.time), counted(state.until)
    by_error = state.override is Mode.OBSERVE_ONLY
    setting = "PNL_DIVERGENCE_TRY_ERROR" if by_error else "DEGRADE_WARN_THRESHOLD"
    return because(Cause.DEGRADE_OVERRIDE, STEP, "", now, until, unit="s", setting=setting)
