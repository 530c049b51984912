"""The rules of a stretch as rows: what holds at its start, and what changes after; and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from attrs import define

from meva_core.blocks import new_group
from meva_core.rules import LETTERS, Rules, RuleStatus
from meva_core.stretches.groups import RULES, RuleRows

RuleSpan = tuple[int, int, Rules]
"""Cycles [start, stop) in which the same rules held, and these."""


def rule_rows(parts: Sequence[tuple[int, Rules]]) -> RuleRows:
    """Return the rows of the rules that held from these cycles on, the first of which is the start."""
    found: list[Any] = []
    before: Any = None
    for cycle, rules in parts:
        numbers = np.column_stack([getattr(rules, name) for name in RULES])
        changed = np.arange(len(numbers))
        if before is not None:
            changed = np.flatnonzero((numbers != before).any(axis=1))
        found.append(np.column_stack([np.full(len(changed), cycle), changed, numbers[changed]]))
        before = numbers
    table = np.concatenate(found).astype(np.int64)
    return RuleRows(*(np.ascontiguousarray(column) for column in table.T))


def spans(rows: RuleRows, cycles: int, letters: Any) -> Iterator[RuleSpan]:
    """Yield the cycles [start, stop) in which the same rules held, and these, for symbols of these letters.

    The rules yielded are a group of their own each.
    """
    # They are in order; `np.unique` would import NumPy's masked arrays.
    starts = rows.cycle[np.flatnonzero(np.diff(rows.cycle, prepend=-1))].tolist()
    now = np.zeros((len(letters), len(RULES)), dtype=np.int64)
    for start, stop in zip(starts, [*starts[1:], cycles], strict=True):
        changed = rows.cycle == start
        now[rows.symbol[changed]] = np.column_stack([getattr(rows, name)[changed] for name in RULES])
        yield start, stop, _rules(now, letters)


def wrong_rules(rows: RuleRows, symbols: int) -> str | None:
    """Return what is wrong with the rows of rules of so many symbols; None where nothing is."""
    if sorted(rows.symbol[rows.cycle == 0].tolist()) != list(range(symbols)):
        return "the stretch does not begin with those of each symbol"
    usable = (rows.status == RuleStatus.OK) | (rows.status == RuleStatus.FALLBACK)
    if (usable & ((rows.tick <= 0) | (rows.lot <= 0))).any():
        return "a tick or a lot is not above zero"
    return None


@define
class KnownSpans:
    """The spans of the stretch that was opened last: most of the time the next one has the same rules."""

    _of: tuple[bytes, int] = (b"", 0)
    _found: tuple[RuleSpan, ...] = ()

    def of(self, packed: bytes, cycles: int, make: Callable[[], Iterable[RuleSpan]]) -> tuple[RuleSpan, ...]:
        """Return the spans of so many cycles whose rows of rules are packed like that: those of the last
        stretch, if its were, too, else what `make` makes."""
        if self._of != (packed, cycles):
            self._found, self._of = tuple(make()), (packed, cycles)
        return self._found


def _rules(numbers: Any, letters: Any) -> Rules:
    rules: Rules = new_group(Rules, i=len(numbers), L=LETTERS)
    for name, column in zip(RULES, numbers.T, strict=True):
        getattr(rules, name)[:] = column
    rules.letters[:] = letters
    return rules
