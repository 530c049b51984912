"""What reaches a live cycle from outside the market: the modes of other stages and a person's word, as the
database has them when the cycle begins."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from attrs import frozen

from meva_core.modes import Mode
from meva_core.params import Params
from meva_core.ports import Reads
from meva_core.stages.resets import waiting_resets
from meva_core.steps.inputs import Inputs, no_inputs

OLDEST_DECISION: Final = 900
"""So many seconds a decision of Stage 4 counts at least; longer while the cooldown is longer."""
_ONLY: Final = ["KILL_SWITCH"]


@frozen
class Outside:
    """The inputs of one cycle, and the resets that it takes in, by their numbers."""

    base: Mode
    override: Mode
    resets: tuple[int, ...]

    def inputs(self, symbols: int) -> Inputs:
        """Return them as the engine reads them, for so many symbols."""
        inputs = no_inputs(1, symbols)
        inputs.base_mode[0], inputs.override_mode[0] = self.base, self.override
        inputs.reset[0] = bool(self.resets)
        return inputs


def outside(reads: Reads, book: str, time: int, params: Params, decode: Callable[[str], Any]) -> Outside:
    """Return what reaches the cycle of a book at a time, in seconds."""
    moment = datetime.fromtimestamp(time, UTC)
    return Outside(
        _base_mode(reads, moment, params, decode),
        _override(reads, moment),
        # Whatever our clock said when a person asked: what is there now comes before this cycle.
        tuple(reset.number for reset in waiting_resets(reads, book)),
    )


def _base_mode(reads: Reads, moment: datetime, params: Params, decode: Callable[[str], Any]) -> Mode:
    """Return the mode of the newest live decision of Stages 3 and 4 that still counts; of the kill switch
    alone none does: it blocks what goes to an exchange, and nothing here does."""
    since = moment - timedelta(seconds=max(params.cooldown, OLDEST_DECISION))
    columns = ("mode", "reasons_json")
    newest = reads.rows(
        "risk_decisions", columns, start=since, end=moment, where={"book": None}, newest_first=True, limit=1
    )
    for mode, reasons in newest:
        return Mode.NORMAL if decode(reasons) == _ONLY else _mode_of(mode)
    return Mode.NORMAL


def _override(reads: Reads, moment: datetime) -> Mode:
    """Return the mode that degrades the stages, while it lasts."""
    columns = ("current_override_mode", "cooldown_until")
    for mode, until in reads.rows("degrade_state_current", columns, limit=1):
        if mode and isinstance(until, datetime) and moment < until:
            return _mode_of(mode)
    return Mode.NORMAL


def _mode_of(text: str) -> Mode:
    """Return a recorded mode; one that is unknown restricts as far as any."""
    return Mode.__members__.get(str(text).strip().upper(), Mode.OBSERVE_ONLY)
