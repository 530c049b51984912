"""What reaches a cycle from outside the market: modes of other stages, a person's reset, rehearsed
failures."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

from meva_core.blocks import axes, new_group


class SubmitFault(IntEnum):
    """How a submit to the simulated venue can be made to fail."""

    NONE = 0
    RATE_LIMIT = 1  # not accepted, may be tried again
    TIMEOUT = 2  # accepted, but the reply is lost
    UNAVAILABLE = 3  # not accepted, may be tried again
    NON_RETRYABLE = 4  # refused for good
    CONFLICT = 5  # the venue holds this id with other content


@axes("c")
class Inputs(NamedTuple):
    """One row per cycle. `base_mode` and `override_mode` are modes; `reset` is 1 where a person resets the
    drawdown; the first `fault_count` submit attempts of the cycle fail with `fault_kind`."""

    base_mode: Any
    override_mode: Any
    reset: Any
    fault_kind: Any
    fault_count: Any


def no_inputs(cycles: int) -> Inputs:
    """Return inputs of a backtest: NORMAL modes, no reset, no failures."""
    inputs: Inputs = new_group(Inputs, c=cycles)
    return inputs
