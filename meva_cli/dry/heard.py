"""Whoever hears of a book while it runs: its meters, and the receivers of its alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from meva_cli.metering import Watch
    from meva_core.alerts.herald import Herald
    from meva_core.errors import MevaError, Unavailable
    from meva_core.stages.dry_cycle import Told


@attrs.frozen
class Heard:
    """All of them; nobody has alerts where `herald` is None."""

    watch: Watch
    herald: Herald | None

    def stored(self, told: Told) -> None:
        """Hear of a cycle that is stored."""
        self.watch.tell(told)
        if self.herald is not None:
            self.herald.stored(told.time)

    def trouble(self, error: MevaError, now: int) -> None:
        """Hear of what keeps a cycle from being run or stored, at a time in seconds."""
        if self.herald is not None:
            self.herald.trouble(error, now)

    def lacks(self, error: Unavailable, now: int) -> None:
        """Hear that a single cycle was none."""
        from meva_core.stages.dry_loop import why_missed

        self.watch.missed(why_missed(error), 1)
        self.trouble(error, now)
