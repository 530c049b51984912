"""What the numbers of stored columns may be, where they are places, moments, counts or names of something.

A checksum proves that a stretch is as it was written; whoever wrote it may have been another program, or one
that went wrong. What is looked up by such a number must find it, or the damage must be said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any, Final, NamedTuple

import numpy as np

from meva_core.journal import EXECUTE, SETTLE
from meva_core.live_market import TouchFrom
from meva_core.modes import Mode
from meva_core.orders import Event, Side, Status
from meva_core.reasons import CODES, RISK_RULES
from meva_core.rules import RuleStatus
from meva_core.state import LATEST
from meva_core.steps.adapt import HEALTHY, ROLLED_BACK
from meva_core.steps.inputs import SubmitFault
from meva_core.steps.measure import CLOCK_SKEW
from meva_core.stretches.layout import ENDS, TABLES

_MOST: Final = 2**63 - 1


class Sizes(NamedTuple):
    """What a stretch says of itself: how many cycles and symbols it has, from when to when, in seconds, and
    how many rows a table of its journal."""

    cycles: int
    symbols: int
    start: int
    end: int
    rows: Callable[[str], int]


Span = tuple[int, int]
"""The least number that may be there, which is 0 of all of them, and the largest."""


def _one_of(kind: type[IntEnum]) -> Span:
    assert [int(one) for one in kind] == list(range(len(kind))), "or it needs a table, as codes do"
    return 0, len(kind) - 1


_BIT: Final = (0, 1)
_MODE: Final = _one_of(Mode)
_STEP: Final = (SETTLE, EXECUTE)
_COUNT: Final = (0, _MOST)
_SPANS: Final[Mapping[str, Span]] = {
    "market.volume_saturated": _BIT,
    "inputs.base_mode": _MODE,
    "inputs.override_mode": _MODE,
    "inputs.reset": _BIT,
    "inputs.fault_kind": _one_of(SubmitFault),
    "inputs.fault_count": _COUNT,
    "measure.flags": (0, 2 * CLOCK_SKEW - 1),
    "assess.latched": _BIT,
    "assess.fired": (0, 2 ** (max(RISK_RULES) + 1) - 1),
    "assess.floor": _MODE,
    "assess.until": (0, LATEST),
    "assess.verdict": _MODE,
    "select.selected": _BIT,
    "plan.mode": _MODE,
    "plan.base_mode": _MODE,
    "plan.override_mode": _MODE,
    "plan.rules_mode": _MODE,
    "adapt.outcome": (0, ROLLED_BACK),
    "adapt.why": (0, 2 * HEALTHY - 1),
    "adapt.became_good": _BIT,
    "intents.side": _one_of(Side),
    "intents.status": _one_of(Status),
    "events.side": _one_of(Side),
    "events.step": _STEP,
    "events.kind": _one_of(Event),
    "events.status": _one_of(Status),
    "events.n": _COUNT,
    "events.seq": _COUNT,
    "fills.side": _one_of(Side),
    "fills.step": _STEP,
    "fills.n": _COUNT,
    "fills.seq": _COUNT,
    "fills.resting": _BIT,
    "rules.status": _one_of(RuleStatus),
    "rules.candidate": _BIT,
    "rules.configured": _BIT,
    "aside.touch_from": _one_of(TouchFrom),
}
_CODES: Final = frozenset({"select.code", "plan.code", "plan.cycle_code", "intents.code", "events.code"})
_KNOWN: Final = np.isin(np.arange(max(CODES) + 1), list(CODES))
"""Which numbers are codes."""
_OF_SYMBOLS: Final = frozenset({"select.rank", *(f"{table}.symbol" for table in (*TABLES, "rules"))})
_OF_CYCLES: Final = frozenset(f"{table}.cycle" for table in (*TABLES, "rules", "bars"))
_MOMENTS: Final = frozenset({"events.time", "fills.time", "bars.time"})


def impossible(group: str, name: str, found: Any, sizes: Sizes) -> str | None:
    """Return what a column of a group, int64 [rows] or [rows, symbols], holds and cannot hold; None where
    nothing is wrong with it."""
    if group == "ends":
        return _wrong_ends(found, ENDS[name], sizes, last=name == f"{ENDS[name]}_end")
    column = f"{group}.{name}"
    if not found.size:
        return None
    if column == "market.time":
        return _wrong_times(found, sizes)
    if column in _CODES:
        return _wrong_codes(found)
    if column in _OF_CYCLES and (found[1:] < found[:-1]).any():
        return "its rows are not in the order of the cycles"
    span = _span_of(column, sizes)
    return None if span is None else _outside(found, span)


def _span_of(column: str, sizes: Sizes) -> Span | None:
    if column in _OF_SYMBOLS:
        return 0, sizes.symbols - 1
    if column in _OF_CYCLES:
        return 0, sizes.cycles - 1
    return (0, sizes.end) if column in _MOMENTS else _SPANS.get(column)


def _outside(found: Any, span: Span) -> str | None:
    if int(found.view(np.uint64).max()) <= span[1]:  # one below 0 is a very large one there
        return None
    least, most = int(found.min()), int(found.max())
    return f"it holds {least if least < span[0] else most}, which is not {span[0]} to {span[1]}"


def _wrong_codes(found: Any) -> str | None:
    wrong = _outside(found, (0, len(_KNOWN) - 1))
    if wrong is None and not _KNOWN[found].all():
        wrong = f"it holds {int(found[~_KNOWN[found]][0])}, which is no code of a reason"
    return wrong


def _wrong_times(found: Any, sizes: Sizes) -> str | None:
    if int(found[0]) != sizes.start or int(found[-1]) != sizes.end:
        return "its first and last cycle are not those of the stretch"
    return "the times of its cycles do not rise" if (found[1:] <= found[:-1]).any() else None


def _wrong_ends(found: Any, table: str, sizes: Sizes, *, last: bool) -> str | None:
    rows, end = sizes.rows(table), int(found[-1])
    if int(found[0]) < 0 or (found[1:] < found[:-1]).any() or not (end == rows if last else end <= rows):
        return f"it does not count the {rows} rows of {table}"
    return None
