"""The lines of what lies beside the market of a run: its cycles with their inputs, its rules as they changed.

Both ways: what is written is read as the same numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import IntEnum
from typing import Final

from meva_adapters.replay.format.stamps import MICROS, iso_stamp, parse_stamp
from meva_core.amounts import LIMIT, format_e8, parse_e8
from meva_core.errors import BadInput
from meva_core.modes import Mode
from meva_core.rules import RuleStatus
from meva_core.steps.inputs import BY_CYCLE, SubmitFault
from meva_core.stretches.groups import RULES

_FAILED: Final = "strategy_failed"
CYCLE_COLUMNS: Final = ("ts", *(name for name in BY_CYCLE if name != _FAILED), "offset", "round_trip")
"""Modes and failures by their names; what the clock was off by, and the round trip, in microseconds."""
STRATEGY_COLUMNS: Final = (*CYCLE_COLUMNS, _FAILED)
"""Those of a run with a strategy: how often in a row it had failed, too."""
RULE_COLUMNS: Final = ("ts", "symbol", *RULES)
"""Amounts as decimal numbers, empty for a bound that does not exist."""
_NAMED: Final[dict[str, type[IntEnum]]] = {
    "base_mode": Mode,
    "override_mode": Mode,
    "fault_kind": SubmitFault,
    "status": RuleStatus,
}
_FLAGS: Final = frozenset({"reset", "candidate", "configured"})
_BOUNDS: Final = {"min_price": 0, "max_price": LIMIT - 1, "min_qty": 0, "max_qty": LIMIT - 1}
"""Bounds, with the number that stands for none."""
_STEPS: Final = frozenset({"tick", "lot"})
_WHOLE: Final = re.compile(r"-?[0-9]{1,18}", re.ASCII)


def cycle_line(numbers: Sequence[int]) -> str:
    """Return the line of a cycle, numbers in the order of CYCLE_COLUMNS or STRATEGY_COLUMNS, its time in
    seconds."""
    return _line(_of_cycle(numbers), numbers)


def rule_line(time: int, symbol: str, numbers: Sequence[int]) -> str:
    """Return the line of a symbol's rules from a time on, in seconds; numbers in the order of RULES."""
    return f"{iso_stamp(time * MICROS)},{symbol},{_line(RULES, numbers)}"


def read_cycle(cells: Sequence[str]) -> list[int]:
    """Return the numbers of a cycle's line, of either kind. Raises BadInput that names the column."""
    return [_number(name, cell) for name, cell in zip(_of_cycle(cells), cells, strict=True)]


def _of_cycle(values: Sequence[object]) -> tuple[str, ...]:
    return STRATEGY_COLUMNS if len(values) == len(STRATEGY_COLUMNS) else CYCLE_COLUMNS


def read_rule(cells: Sequence[str]) -> tuple[int, str, list[int]]:
    """Return time, symbol and numbers of a line of rules. Raises BadInput that names the column."""
    stamp, symbol, *rest = cells
    numbers = [_number(name, cell) for name, cell in zip(RULES, rest, strict=True)]
    return _number("ts", stamp), symbol, numbers


def _line(columns: Sequence[str], numbers: Sequence[int]) -> str:
    return ",".join(_cell(name, number) for name, number in zip(columns, numbers, strict=True))


def _cell(name: str, number: int) -> str:
    if name == "ts":
        return iso_stamp(number * MICROS)
    if name in _NAMED:
        return _NAMED[name](number).name.lower()
    if _is_amount(name):
        return "" if _BOUNDS.get(name) == number else format_e8(number)
    return str(number)


def _number(name: str, cell: str) -> int:
    if name == "ts":
        stamp = parse_stamp(cell.encode())
        if stamp < 0 or stamp % MICROS:
            raise BadInput(f"ts: {cell[:60]!r} is no whole second from 1970 on")
        return stamp // MICROS
    if name in _NAMED:
        kind = _NAMED[name]
        if cell != cell.lower() or cell.upper() not in kind.__members__:
            expected = ", ".join(member.name.lower() for member in kind)
            raise BadInput(f"{name}: {cell[:60]!r} is none of {expected}")
        return kind[cell.upper()]
    if _is_amount(name):
        return _amount(name, cell)
    if not _WHOLE.fullmatch(cell):
        raise BadInput(f"{name}: {cell[:60]!r} is no whole number")
    number = int(cell)
    if (name in _FLAGS and number not in (0, 1)) or (
        name in ("fault_count", "round_trip", _FAILED) and number < 0
    ):
        raise BadInput(f"{name}: {number} is out of its range")
    return number


def _is_amount(name: str) -> bool:
    return name in RULES and name not in _NAMED and name not in _FLAGS


def _amount(name: str, cell: str) -> int:
    if not cell and name in _BOUNDS:
        return _BOUNDS[name]
    amount = parse_e8(cell, name)
    if amount < (name in _STEPS):
        raise BadInput(f"{name}: {cell[:60]!r} is too small")
    return amount
