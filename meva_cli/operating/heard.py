"""Whoever is told of the cycles of Stages 3 and 4: by alerts, queued with each cycle and sent beside, and by
meters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import define

from meva_core.errors import MevaError

if TYPE_CHECKING:
    from meva_cli.metering import Watch
    from meva_core.alerts.herald import Herald
    from meva_core.live_book.alarms import Alarm
    from meva_core.operating.runner import Told
    from meva_core.ports import UnitOfWork


@define
class Heard:
    """The receivers of alerts, nobody where `herald` is None, and the meters. `newest` is the time of the
    book's last cycle, in seconds, 0 before the first."""

    herald: Herald | None
    watch: Watch
    newest: int = 0

    def tells(self, work: UnitOfWork, told: Told) -> None:
        """Queue what a cycle shows, in the unit of work that records it."""
        if self.herald is None:
            return
        from meva_core.live_history.alerting import conditions_of, standing_of

        time = told.inputs.time
        self.herald.look(work, self.newest or None, time)
        self.herald.of_conditions(conditions_of(told), standing_of(told), time, told.book.run)(work)

    def stored(self, told: Told) -> None:
        """Hear that a cycle is stored."""
        self.newest = told.inputs.time
        self.watch.tell(told)
        if self.herald is not None:
            self.herald.stored(self.newest)

    def trouble(self, error: MevaError, now: int) -> None:
        """Hear of what kept a cycle from being run, at a time in seconds."""
        if self.herald is not None:
            self.herald.trouble(error, now)

    def ended(self, alarms: Sequence[Alarm], now: int) -> None:
        """Hear that the process ends after these alarms."""
        if self.herald is not None and alarms:
            pairs = ", ".join(alarm.pair for alarm in alarms)
            self.herald.halted(MevaError(f"it ends until a person has looked at {pairs}"), now)
