"""Distances between the rows of a file: its step, and its gaps."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from meva_adapters.replay.format.faults import MAX_FAULTS, FaultList
from meva_adapters.replay.format.stamps import MICROS, iso_stamp

GAP_STEPS: Final = 10
"""A distance of more than this many steps is a gap."""
_WEEK: Final = 7 * 86400


class Spacing:
    """The distances of one file, taken block by block in bounded memory.

    They are counted in whole seconds, rounded up, those beyond a week as a week; by row only the longest are
    kept.
    """

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self._longest: list[tuple[int, int, int]] = []  # (distance in microseconds, line, stamp before)

    def add(self, lines: Any, before: Any, stamps: Any) -> None:
        """Take the distances from `before` to `stamps`; those that are not positive do not count."""
        distance = stamps - before
        seconds = np.minimum(-(-distance[distance > 0] // MICROS), _WEEK)
        found, counts = np.unique(seconds, return_counts=True)
        for second, count in zip(found.tolist(), counts.tolist(), strict=True):
            self.counts[second] = self.counts.get(second, 0) + count
        shortest = self._longest[-1][0] if len(self._longest) == MAX_FAULTS else GAP_STEPS * MICROS
        far = np.flatnonzero(distance > shortest)
        if len(far) > MAX_FAULTS:
            far = far[np.argpartition(distance[far], -MAX_FAULTS)[-MAX_FAULTS:]]
        rows = zip(distance[far].tolist(), lines[far].tolist(), before[far].tolist(), strict=True)
        self._longest = sorted([*self._longest, *rows], reverse=True)[:MAX_FAULTS]

    @property
    def step_seconds(self) -> int:
        """The most common distance; 0 if there is none."""
        return most_common(self.counts)

    @property
    def gap_count(self) -> int:
        """How many distances are longer than GAP_STEPS steps."""
        limit = GAP_STEPS * self.step_seconds
        return sum(count for second, count in self.counts.items() if second > limit)

    @property
    def longest_gap_seconds(self) -> int:
        """The longest gap in whole seconds, rounded up; 0 if there is none."""
        return -(-self._longest[0][0] // MICROS) if self.gap_count else 0

    def report(self, faults: FaultList) -> None:
        """Add a warning for every gap; of too many to list, the longest."""
        step = self.step_seconds
        listed = [gap for gap in self._longest if gap[0] > GAP_STEPS * step * MICROS][
            : faults.room(error=False)
        ]
        for distance, line, before in listed:
            faults.warning(
                "gap",
                f"seconds since {iso_stamp(before)} without a row, more than {GAP_STEPS} steps of {step} s",
                row=line,
                column="ts",
                value=f"{distance // MICROS}",
                action="record the time in between, or accept that nothing trades on data this old",
            )
        faults.skip(self.gap_count - len(listed), error=False)


def most_common(counts: dict[int, int]) -> int:
    """Return the key with the highest count, the smallest of equals; 0 for none."""
    return min(counts, key=lambda key: (-counts[key], key), default=0)
