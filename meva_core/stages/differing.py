"""Where cycles that were decided again differ from what is stored of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from attrs import frozen

from meva_core.amounts import ABSENT, format_e8, join_pair
from meva_core.cycle import Out
from meva_core.fingerprint import STEPS
from meva_core.journal import EXECUTE, PLAN, SETTLE
from meva_core.stages.run import Stretch
from meva_core.stretches.layout import ENDS, TABLES

ORDER: Final = (*STEPS, "adapt", "link", "state")
"""The steps in the order in which a difference of one cycle is told, and what follows from them."""
_BY_NUMBER: Final = {SETTLE: "settle", PLAN: "plan", EXECUTE: "execute"}
_WRITES: Final[Mapping[str, str]] = {
    "intents_end": "build",
    "settle_events_end": "settle",
    "plan_events_end": "plan",
    "events_end": "execute",
    "settle_fills_end": "settle",
    "fills_end": "execute",
}
"""Which step's rows of the journal each of its ends counts last."""


_AMOUNTS: Final = frozenset(
    (
        *("mark", "valuation", "investable", "cap_left", "target", "value", "open_value", "delta", "amount"),
        *("qty", "cost", "max_drawdown", "turnover_cap_try", "min_volume_try"),
        *("order_offset_bps", "max_spread_bps"),
        *("price", "notional", "reserved", "filled", "fee", "reference"),
    )
)
"""Columns in e8, of steps and of the journal: they are told as people write them."""
_NOTHING: Final = "nothing"


@frozen
class Difference:
    """One value that is stored otherwise than it is decided: of which cycle (seconds), which step, which
    field; `by` is how far apart two numbers are, as text, where that is told."""

    time: int
    step: str
    field: str
    stored: Any
    decided: Any
    by: str | None = None


def first_of(found: Iterator[Difference]) -> Difference | None:
    """Return the first of some differences: by cycle, then by step."""
    return min(found, key=lambda one: (one.time, ORDER.index(one.step)), default=None)


def first_of_documents(time: int, stored: Mapping[str, Any], decided: Mapping[str, Any]) -> Difference | None:
    """Return where two documents about how a run stands after a cycle differ first, by name and place."""
    return next(_of_documents(time, "", stored, decided), None)


def _of_documents(time: int, name: str, stored: Any, decided: Any) -> Iterator[Difference]:
    if isinstance(stored, Mapping) and isinstance(decided, Mapping):
        for key in sorted(stored.keys() | decided.keys()):
            yield from _of_documents(
                time, f"{name}.{key}".lstrip("."), stored.get(key, _NOTHING), decided.get(key, _NOTHING)
            )
    elif isinstance(stored, list) and isinstance(decided, list) and len(stored) == len(decided):
        for place, (then, now) in enumerate(zip(stored, decided, strict=True)):
            yield from _of_documents(time, f"{name}[{place}]", then, now)
    elif type(stored) is not type(decided) or stored != decided:
        yield Difference(time, "state", name, stored, decided)


def differences(
    stored: Out, stretch: Stretch, symbols: Sequence[str], off: Collection[str]
) -> Iterator[Difference]:
    """Yield the first difference of every column of a stretch from what is stored of the part that it is of,
    if there is one. Columns that are switched off (`off`, each as `group.column`) are not stored.

    The rows of the stretch's journal are its own; those of `stored` are of all cycles of the part.
    """
    _, _, _, out, start, stop, _ = stretch
    times = stretch.market.time
    for step in Out._fields[:-1]:
        for name in getattr(out, step)._fields:
            if f"{step}.{name}" in off:
                continue
            then = getattr(getattr(stored, step), name)[start:stop]
            now = getattr(getattr(out, step), name)[start:stop]
            if np.array_equal(then, now):
                continue
            place = tuple(int(axis[0]) for axis in np.nonzero(then != now))
            of = f"[{symbols[place[1]]}]" if len(place) > 1 else ""
            at = (start + place[0], *place[1:])
            shown, *values = _as_people_write(name, at, getattr(stored, step), getattr(out, step))
            yield Difference(int(times[at[0]]), step, f"{step}.{shown}{of}", *values)
    yield from _of_journal(stored.journal, stretch, off)


def _as_people_write(name: str, at: tuple[int, ...], *groups: Any) -> tuple[Any, ...]:
    """Return what a column is called and its value at a place in each of some groups; an amount in two
    columns is one, and written as text."""
    amount, _, half = name.rpartition("_")
    if half not in ("whole", "rest"):
        return name, *(_written(name, int(getattr(group, name)[at])) for group in groups)
    whole, rest = f"{amount}_whole", f"{amount}_rest"
    pairs = ((int(getattr(group, whole)[at]), int(getattr(group, rest)[at])) for group in groups)
    return amount, *(format_e8(join_pair(*pair)) for pair in pairs)


def _written(name: str, value: int) -> Any:
    return format_e8(value) if name in _AMOUNTS and value != ABSENT else value


def _of_journal(stored: Any, stretch: Stretch, off: Collection[str]) -> Iterator[Difference]:
    """Yield the first difference of every column of the journal: how many rows there are, and of the rows."""
    _, _, _, out, start, stop, _ = stretch
    times, decided = stretch.market.time, out.journal
    for name, step in _WRITES.items():
        then = getattr(stored, name)[start:stop] - _rows_before(stored, ENDS[name], start)
        now = getattr(decided, name)[start:stop]
        if not np.array_equal(then, now):
            at = int(np.flatnonzero(then != now)[0])
            yield Difference(
                int(times[start + at]), step, f"{ENDS[name]} so far", int(then[at]), int(now[at])
            )
    for table in TABLES:
        before, rows = _rows_before(stored, table, start), getattr(decided, table)
        used = int(getattr(decided, f"{table}_end")[stop - 1])
        for name in rows._fields:
            if f"{table}.{name}" in off:
                continue
            then = getattr(getattr(stored, table), name)[before : before + used]
            now = getattr(rows, name)[: len(then)]
            if np.array_equal(then, now):
                continue
            at = int(np.flatnonzero(then != now)[0])
            step = "build" if table == "intents" else _BY_NUMBER[int(rows.step[at])]
            time = int(times[int(rows.cycle[at])])
            values = (_written(name, int(column[at])) for column in (then, now))
            yield Difference(time, step, f"{table}.{name}", *values)


def _rows_before(journal: Any, table: str, cycle: int) -> int:
    """Return how many rows of a table are of cycles before this one."""
    return int(getattr(journal, f"{table}_end")[cycle - 1]) if cycle else 0


assert set(_WRITES) == set(ENDS)
