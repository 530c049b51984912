"""What a check of a strategy found, in a sentence and in numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from attrs import frozen

from meva_core.ids import told_time
from meva_core.strategy.checking.comparing import Cell, Compared
from meva_core.strategy.checking.piece import Piece

Ask = Callable[[Piece], Any]
"""Asks a strategy about a piece; returns float64 [cycles, symbols], raises StrategyFailed."""

PASSED: Final = "passed"
NEARLY_PASSED: Final = "nearly"
FAILED: Final = "failed"
NOT_CHECKED: Final = "not_checked"


@frozen
class Finding:
    """What one check found. `cycle`, seconds, `symbol`, `weight` and `otherwise` name the first weight that
    differs, where that is what was found."""

    name: str
    status: str
    said: str
    cycle: int | None = None
    symbol: str | None = None
    weight: float | None = None
    otherwise: float | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against the strategy."""
        return self.status != FAILED


def passed(name: str, said: str, close: Compared | None = None) -> Finding:
    """Return that a check passed; where answers are only nearly equal, with what that means."""
    if close is None or not close.most:
        return Finding(name, PASSED, said)
    return Finding(
        name,
        NEARLY_PASSED,
        f"{said}, but for at most {close.most:.0e}: its bits depend on machine or window; "
        f"{close.rounded} rounded weights differ by it",
    )


def failed(name: str, said: str) -> Finding:
    """Return that a check failed for another reason than a weight."""
    return Finding(name, FAILED, said)


def not_checked(name: str, why: str) -> Finding:
    """Return that there was nothing to look at."""
    return Finding(name, NOT_CHECKED, why)


def differs(name: str, time: Any, symbols: Sequence[str], cell: Cell, when: str) -> Finding:
    """Return that a weight is another `when` it must not be."""
    second, symbol = int(time[cell.row]), symbols[cell.symbol]
    said = f"{symbol} at {told_time(second)}: weight {value(cell.one)}, but {value(cell.other)} {when}"
    return Finding(name, FAILED, said, second, symbol, cell.one, cell.other)


def value(weight: float) -> str:
    """Return a weight as people read it."""
    return "NaN" if weight != weight else f"{weight:.9g}"
