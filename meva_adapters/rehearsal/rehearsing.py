"""Many worlds one after the other, and what they came to together."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

from attrs import define, field

from meva_adapters.rehearsal.ending import Ended, run_world
from meva_adapters.rehearsal.process_there import Trader
from meva_adapters.rehearsal.worlds import Shape, draw
from meva_adapters.sql import ensure
from meva_core.settings import Settings
from meva_core.settings.variables import variables_of

_QUICK: Final = Path("/dev/shm")  # noqa: S108  # a folder in memory, where there is one
_GROUPS: Final = ("live", "risk", "degrade", "universe")
_OF_TRADER: Final = frozenset({"STAGE3_STRATEGIES", "STAGE4_STRATEGIES"})


@define
class Report:
    """What worlds came to: how many there were, their cycles, the seconds that they took, what happened in
    them, and the first in which something did not hold."""

    worlds: int = 0
    seconds: float = 0.0
    faults: Counter[str] = field(factory=Counter)
    seen: Counter[str] = field(factory=Counter)
    broken: Ended | None = None

    @property
    def cycles(self) -> int:
        """How many cycles were run."""
        return self.seen["cycles"]

    def add(self, ended: Ended) -> None:
        """Count one more world."""
        self.worlds += 1
        self.faults.update(ended.faults)
        longest = max(self.seen["longest_spell"], ended.seen.get("longest_spell", 0))
        self.seen.update(ended.seen)
        self.seen["longest_spell"] = longest
        if ended.broken and self.broken is None:
            self.broken = ended


def rehearse(
    shape: Shape,
    trader: Trader,
    seeds: Iterable[int],
    steps: int,
    told: Callable[[Ended], None] = lambda _: None,
    goes_on: Callable[[], bool] = lambda: True,
) -> Report:
    """Run the worlds of seeds until one breaks, or until `goes_on` says no; `told` is told of each.

    The databases are in a folder of their own, which is gone at the end.
    """
    report, began = Report(), time.monotonic()
    folder = Path(mkdtemp(prefix="meva-rehearsal-", dir=_QUICK if _QUICK.is_dir() else None))
    try:
        template, there = folder / "template.db", folder / "there"
        ensure(template)
        there.mkdir()
        for seed in seeds:
            if not goes_on():
                break
            ended = run_world(draw(seed, shape), steps, template, there, trader)
            report.add(ended)
            told(ended)
            if ended.broken:
                break
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        report.seconds = time.monotonic() - began
    return report


def texts_of(settings: Settings) -> dict[str, str]:
    """Return what a user has set of what cycles decide by, as texts by the names of the variables."""
    found = {}
    for name in _GROUPS:
        group = getattr(settings, name)
        for attribute, variable in variables_of(type(group)).items():
            value = getattr(group, attribute)
            if value != variable.default and variable.name not in _OF_TRADER:
                found[variable.name] = _text(variable.recorded(value))
    return found


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def named(counts: Mapping[str, int]) -> dict[str, int]:
    """Return counts by name, sorted, without those that are nothing."""
    return {name: count for name, count in sorted(counts.items()) if count}
