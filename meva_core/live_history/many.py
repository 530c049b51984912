"""Why many cycles of a book did, or did not, trade: how often each reason held, and what it said last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from attrs import define, field

from meva_core.live_history.explain import NOTHING_ASKED, Explained, reasons_of
from meva_core.live_history.words import explain
from meva_core.operating.records.done_rows import NotDone
from meva_core.operational.because import Because


@define
class Held:
    """A reason over many cycles: in how many, and the last one, with the settings of its cycle."""

    cycles: int
    last: Because
    settings: Mapping[str, Any]

    @property
    def text(self) -> str:
        """What it said the last time."""
        return explain(self.last, self.settings)


@define
class Undone:
    """What kept orders and cancels of a symbol from being sent, or taken: in how many cycles, and the last
    one."""

    cycles: int
    last: NotDone

    @property
    def code(self) -> str:
        """Why it was not done."""
        return self.last.code or self.last.verdict


@define
class Many:
    """What many cycles say. `bound` counts the parts that bound the mode, `main` what says most about cycles
    without an order, `sent` the orders that were decided on, by symbol, `not_done` why those and cancels were
    not sent or not taken, by code, `undone` the same by symbol and code."""

    cycles: int = 0
    ordered: int = 0
    modes: Counter[str] = field(factory=Counter)
    bound: Counter[str] = field(factory=Counter)
    main: Counter[str] = field(factory=Counter)
    sent: Counter[str] = field(factory=Counter)
    not_done: Counter[str] = field(factory=Counter)
    undone: dict[tuple[str, str], Undone] = field(factory=dict)
    reasons: dict[tuple[str, str, str], Held] = field(factory=dict)

    def add(self, found: Explained) -> None:
        """Count a cycle."""
        mode = found.cycle.decisions.mode
        self.cycles += 1
        self.modes[mode.mode.name] += 1
        if mode.bound is not None:
            self.bound[mode.bound.part] += 1
        if found.ordered:
            self.ordered += 1
        else:
            self.main[found.main] += 1
        for fate in found.fates:
            if fate.action is not None:
                self.sent[fate.symbol] += 1
        self.not_done.update(one.code or one.verdict for one in found.cycle.not_done.values())
        for pair, last in {(one.symbol, one.code): one for one in found.cycle.not_done.values()}.items():
            so_far = self.undone.get(pair)
            self.undone[pair] = Undone((so_far.cycles if so_far else 0) + 1, last)
        for key, reason in {(one.scope, one.code, one.step): one for one in reasons_of(found)}.items():
            before = self.reasons.get(key)
            count = (before.cycles if before else 0) + 1
            self.reasons[key] = Held(count, reason, found.cycle.settings)

    def held(self) -> list[Held]:
        """Return the reasons, the most frequent first."""
        return sorted(self.reasons.values(), key=lambda one: (-one.cycles, one.last.scope, one.last.code))

    def left_undone(self) -> list[Undone]:
        """Return what was decided and not done, the most frequent first."""
        return sorted(self.undone.values(), key=lambda one: (-one.cycles, one.last.symbol, one.code))

    def rows(self) -> list[list[object]]:
        """Return a row for what was decided and not done, and for each reason: symbol, code, step, in how
        many cycles, what it said last."""
        sent = [[one.last.symbol, one.code, SENDING, one.cycles, one.last.text] for one in self.left_undone()]
        held = [[one.last.scope, one.last.code, one.last.step, one.cycles, one.text] for one in self.held()]
        return [*sent, *held]

    def lines(self) -> list[str]:
        """Return what they came to, in words."""
        found = [f"{self.ordered} decided on orders, {self.cycles - self.ordered} did not"]
        for code, count in self.main.most_common():
            what = "asked for nothing" if code == NOTHING_ASKED else f"were stopped mainly by {code}"
            found.append(f"  {count} of {self.cycles} {what}")
        if self.not_done:
            codes = ", ".join(f"{count} by {code}" for code, count in self.not_done.most_common())
            found.append(f"Decided and not done: {codes}")
        if self.bound:
            parts = ", ".join(f"{part} in {count}" for part, count in self.bound.most_common())
            found.append(f"Bound by {parts}")
        return found


SENDING: Final = "send"
"""The step in which what was decided is sent; the others are of the decision."""
COLUMNS = ("symbol", "reason", "step", "cycles", "the last time")
"""What `Many.rows` are called."""


def many_of(cycles: Iterable[Explained]) -> Many:
    """Return what cycles say together."""
    found = Many()
    for one in cycles:
        found.add(one)
    return found
