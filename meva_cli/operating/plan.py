"""What is to be run of Stages 3 and 4, and a run that is put together."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from meva_adapters.btcturk import Observer
    from meva_adapters.sql import SqlStore
    from meva_adapters.sql.lease import Heartbeat, Lease
    from meva_adapters.strategies.listed import AtHand
    from meva_core.live.desk import Desk
    from meva_core.operating.guards.permit import Canary, Permits
    from meva_core.operating.runner import Runner
    from meva_core.operating.starting import TakenUp


class Way(Enum):
    """How a run is meant."""

    DRY = "dry run"
    LIVE = "live"
    OBSERVE = "observe"


@attrs.frozen(kw_only=True)
class Plan:
    """What is to be run: the stage, how it is meant, and what BUYs of 24 hours a canary may send."""

    stage: int
    way: Way
    canary: Canary | None = None
    waits: Callable[[], None] | None = None
    """Called while the run is under way, as long as it is: again and again while another holder's lease is
    given its time, and a strategy its own, and after each call to the exchange. None gives no lease time."""
    observer: Observer | None = None
    """Hears of calls to the exchange."""
    interval: int | None = None
    """Seconds between the cycles of a loop: in one of them budgets are not waited for longer."""

    @property
    def book(self) -> str:
        """The book of the run."""
        return f"stage{self.stage}-dry" if self.way is Way.DRY else "live"


@attrs.define(kw_only=True)
class AtWork:
    """A run that is put together: who runs its cycles, the desk, and how the book was taken up. `renew` lets
    what is asked outside of cycles wait for the budgets as if nothing had waited before."""

    runner: Runner
    desk: Desk
    lease: Lease
    heart: Heartbeat
    store: SqlStore
    taken: TakenUp
    strategies: AtHand
    renew: Callable[[], None]
    permits: Permits | None = None
    account: str = ""
