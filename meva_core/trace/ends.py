"""Which rows of a journal are those of some cycles of its stretch."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from meva_core.journal import Journal


class Span:
    """The rows of one table of the journal that belong to some cycles, one cycle's after the other's."""

    def __init__(self, ends: Any, start: int, cycles: Any) -> None:
        """`ends` says where the rows of each cycle end, those of `start` begin at 0; `cycles` int64 [n]."""
        last = ends[cycles]
        first = np.where(cycles > start, ends[cycles - 1], 0)
        self.counts = last - first
        """How many each cycle has, int64 [n]."""
        bounds = np.concatenate(([0], np.cumsum(self.counts)))
        self._bounds: list[int] = bounds.tolist()
        together = bool((first[1:] == last[:-1]).all())
        self.at: Any = slice(int(first[0]), int(last[-1])) if together else self._picked(first, bounds)
        """Where they lie in the journal: a slice, or int64 [rows]."""

    def _picked(self, first: Any, bounds: Any) -> Any:
        return np.arange(bounds[-1]) + np.repeat(first - bounds[:-1], self.counts)

    @cached_property
    def owner(self) -> Any:
        """The cycle of each row, by its place among the cycles, int64 [rows]."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def of(self, k: int) -> range:
        """Return the places, among all these rows, of those of the k-th cycle."""
        return range(self._bounds[k], self._bounds[k + 1])


class Ends:
    """The rows of some cycles in every table of the journal, each looked up when it is asked for.

    The journal's first rows are those of cycle `start`; `cycles` are at least one, int64 [n].
    """

    def __init__(self, journal: Journal, start: int, cycles: Any) -> None:
        self._journal, self._start, self._cycles = journal, start, cycles
        self.cycles = len(cycles)

    @cached_property
    def intents(self) -> Span:
        """The rows of intents."""
        return Span(self._journal.intents_end, self._start, self._cycles)

    @cached_property
    def events(self) -> Span:
        """The rows of order events."""
        return Span(self._journal.events_end, self._start, self._cycles)

    @cached_property
    def fills(self) -> Span:
        """The rows of fills."""
        return Span(self._journal.fills_end, self._start, self._cycles)

    @property
    def intended(self) -> Any:
        """The cycles that have intents, bool [n]."""
        return self.intents.counts > 0

    @property
    def happened(self) -> Any:
        """The cycles in which something happened to orders, bool [n]."""
        return (self.events.counts > 0) | (self.fills.counts > 0)
