"""Step 7 of a cycle: a plan, carried out action by action; each outcome is stored before the next is sent.

Cancels come first, since they free what SELLs and BUYs need. The exchange's first word that there are too
many requests ends the cycle's submits; what the database cannot store ends all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from attrs import evolve, frozen

from meva_core.errors import BadInput, StoreError, VenueError, VenueReason
from meva_core.operating.records.carried import Carried
from meva_core.operating.records.outcomes import Executed, Outcome, Verdict
from meva_core.operating.steps.replacing import Replacer
from meva_core.operating.steps.sending import is_rate_limited
from meva_core.operational.actions import Action, Kind
from meva_core.ports import RulesSource

INTERRUPTED: Final = "interrupted"
RESTS_CYCLES: Final = 10
"""For so many cycles nothing is submitted in a symbol whose minimum we had wrong."""


@frozen
class Executor:
    """Carries out plans. `stops` is asked before each action, once the outcome of the one before is stored,
    and before the submit of a replacement: whether the process is to end, and no further submit is sent."""

    replacer: Replacer
    rules: RulesSource
    stops: Callable[[], bool] = lambda: False

    def execute(self, actions: Iterable[Action]) -> Executed:
        """Carry out actions in their order, and return what became of each."""
        outcomes: list[Outcome] = []
        broken, ends, last_write = None, "", None
        clock = self.replacer.sender.desk.clock
        for action in actions:
            why = INTERRUPTED if self.stops() else ends
            if why and action.kind is not Kind.CANCEL:
                outcomes.append(Outcome(action, Verdict.BLOCKED, why, f"no submit is sent any more: {why}"))
                continue
            try:
                done = self._one(action)
            except StoreError as error:
                broken, last_write = error, clock.micros()
                break
            outcomes += done
            if any(one.record is not None for one in done):
                last_write = clock.micros()
            if any(is_rate_limited(one) for one in done):
                ends = str(VenueReason.RATE_LIMITED)
        rests = {one.action.symbol for one in outcomes if one.code == VenueReason.BELOW_MINIMUM}
        notes = self._read_rules() if rests else ()
        return Executed(tuple(outcomes), tuple(sorted(rests)), last_write, broken, notes)

    def _one(self, action: Action) -> tuple[Outcome, ...]:
        if action.kind is Kind.REPLACE:
            return self.replacer.replace(action, lambda: INTERRUPTED if self.stops() else "")
        sender = self.replacer.sender
        return (sender.cancel(action) if action.kind is Kind.CANCEL else sender.submit(action),)

    def _read_rules(self) -> tuple[str, ...]:
        """Read the exchange's rules anew: those that we had were wrong. Returns why that failed, if it did:
        the next cycle goes by the old ones then, and leaves the symbol alone all the same."""
        try:
            self.rules.metadata()
        except (VenueError, BadInput) as error:
            return (f"the rules cannot be read anew: {error}",)
        return ()


def carried_on(carried: Carried, executed: Executed) -> Carried:
    """Return what the next cycle begins with after a plan was carried out."""
    resting = {**carried.resting, **dict.fromkeys(executed.rests, RESTS_CYCLES)}
    return evolve(carried, refusals=executed.refusals, resting=resting)
