"""What reaches a cycle from outside the market: modes of other stages, a person's reset, rehearsed
failures."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final, NamedTuple

from meva_core.amounts import ABSENT
from meva_core.blocks import axes, names_by_axes, new_group


class SubmitFault(IntEnum):
    """How a submit to the simulated venue can be made to fail."""

    NONE = 0
    RATE_LIMIT = 1  # not accepted, may be tried again
    TIMEOUT = 2  # accepted, but the reply is lost
    UNAVAILABLE = 3  # not accepted, may be tried again
    NON_RETRYABLE = 4  # refused for good
    CONFLICT = 5  # the venue holds this id with other content


@axes("c", ci=("weight",))
class Inputs(NamedTuple):
    """One row per cycle. `base_mode` and `override_mode` are modes; `reset` is 1 where a person resets the
    drawdown; the first `fault_count` submit attempts of the cycle fail with `fault_kind`; `strategy_failed`
    is how often in a row the strategy has failed with this cycle, 0 where it has not. Per cycle and symbol:
    the weight that a strategy wishes for, e8, at most 1e8, ABSENT to go on as decided."""

    base_mode: Any
    override_mode: Any
    reset: Any
    fault_kind: Any
    fault_count: Any
    strategy_failed: Any
    weight: Any


BY_CYCLE: Final = names_by_axes(Inputs)["c"]
"""The columns with one value a cycle."""
FAILED_TOO_OFTEN: Final = 3
"""After so many failures of a strategy in a row nothing is traded until it succeeds."""


def no_inputs(cycles: int, symbols: int) -> Inputs:
    """Return inputs of a backtest: NORMAL modes, no reset, no failures, no wish."""
    inputs: Inputs = new_group(Inputs, c=cycles, i=symbols)
    inputs.weight[...] = ABSENT
    return inputs
