"""An account that this process holds while a command runs: its desk, and what is looked at before each
write."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import define

from meva_core.errors import BadInput
from meva_core.gates import Block
from meva_core.market import MICROS
from meva_core.modes import Mode
from meva_core.operating.guards.kill import Kill
from meva_core.operating.guards.permit import BEAT_SECONDS, Permit, Plan
from meva_core.operating.records.book_file import bought

if TYPE_CHECKING:
    from sqlalchemy import URL

    from meva_adapters.sql.lease import Heartbeat
    from meva_cli.operating.gate_files import GateFiles
    from meva_cli.operating.kill_switch import KillSwitch
    from meva_core.live.desk import Desk
    from meva_core.ports import Clock, Reads
    from meva_core.settings import Settings

LIVE: Final = "live"
"""The one book of an account."""


@define
class LiveDoors:
    """What stands between a decision and the exchange, as it is at the moment."""

    files: GateFiles
    switch: KillSwitch
    heart: Heartbeat
    clock: Clock
    views: Callable[[], AbstractContextManager[Reads]]
    """Opens a view of the database as it is now."""

    def kill(self) -> Kill | None:
        """Return what wants writes to end, wherever that stands."""
        return self.switch.strictest()

    def gates(self) -> Sequence[Block]:
        """Return the gates that the settings shut, or what has changed in their files."""
        return self.files.blocks()

    def lease(self) -> str:
        """Return why the lease may not hold any more."""
        if self.heart.lost is not None:
            return str(self.heart.lost)
        age = self.heart.age()
        fresh = age < BEAT_SECONDS
        return "" if fresh else f"its heartbeat is {age:.0f} s old; expected less than {BEAT_SECONDS}"

    def now(self) -> tuple[int, int]:
        """Return the exchange's time, and this machine's that nobody sets."""
        return self.clock.micros(), int(time.monotonic() * MICROS)

    def bought(self, since: int) -> tuple[int, Decimal]:
        """Return count and notional of our own BUYs since a time, in microseconds."""
        with self.views() as view:
            return bought(view, since)


@contextmanager
def held_desk(load: Callable[[], Settings], url: URL) -> Iterator[Desk]:
    """Hold the account's book, and open a desk over it that cancels and places nothing. The settings are
    loaded once it is held: a process that has it already has settings of its own.

    Raises BadInput without a key, LeaseHeld while another process has the book, and what loading settings and
    opening a database or an exchange raises.
    """
    from meva_adapters.sql import reader, writer
    from meva_adapters.sql.lease import held
    from meva_adapters.system.clock import SystemClock
    from meva_cli.exchange import exchange
    from meva_cli.operating.gate_files import GateFiles
    from meva_cli.operating.kill_switch import KillSwitch
    from meva_core.live.desk import Desk

    ours = SystemClock()
    with writer(url) as store, reader(url) as looks, held(url, LIVE, ours) as (_, heart):
        settings = load()
        switch = KillSwitch(settings.gates, Path.cwd(), looks.read)
        files = GateFiles(settings, Path.cwd())
        doors = LiveDoors(files, switch, heart, ours, looks.read)
        plan = Plan(ours.micros(), int(time.monotonic() * MICROS), Mode.OBSERVE_ONLY)
        with exchange(settings, with_account=True, permit=Permit(doors, plan)) as opened:
            if opened.account is None or opened.venue is None:
                raise BadInput("there is no account without a key")
            doors.clock = opened.client.clock
            yield Desk(opened.venue, opened.account, store, opened.client.clock, _pause)


def _pause(milliseconds: int) -> None:
    time.sleep(milliseconds / 1000)
