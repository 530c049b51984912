"""Our own open orders, taken back by a process that holds the book: at its end, or when it is asked to."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

from meva_adapters.system import events
from meva_cli.notes import say

if TYPE_CHECKING:
    from meva_adapters.system.clock import Timepiece
    from meva_cli.operating.plan import AtWork
    from meva_core.live.desk import Desk
    from meva_core.operating.steps.cancelling import Canceled

CANCEL_SECONDS: Final = 30.0
"""Nothing is asked later than that after the first cancel."""
PAUSE_SECONDS: Final = 1.0


def is_asked_to_cancel(work: AtWork) -> bool:
    """Whether `meva kill --cancel-open` waits for this process to take back what rests."""
    from meva_core.errors import StoreError
    from meva_core.operating.guards.kill import wants_canceled
    from meva_core.operating.steps.cancelling import resting_of

    try:
        with work.desk.store.read() as view:
            return wants_canceled(view) and bool(resting_of(view))
    except StoreError:
        return False  # asked again soon, and the next cycle says what is wrong


def taken_back_in_time(
    desk: Desk,
    finds: Callable[[], None],
    stops: Callable[[], bool] = lambda: False,
    sleep: Callable[[float], None] = time.sleep,
) -> Canceled:
    """Cancel our own open orders, and what `finds` takes in beside them, as long as there is time to ask and
    nothing `stops` it. Raises StoreError where what comes of it cannot be recorded."""
    from meva_core.operating.steps.cancelling import cancel_open

    until = time.monotonic() + CANCEL_SECONDS

    def is_late() -> bool:
        return time.monotonic() >= until

    def waits() -> bool:
        if stops() or time.monotonic() + PAUSE_SECONDS >= until:
            return False
        sleep(PAUSE_SECONDS)
        return True

    return cancel_open(desk, waits, stops, finds, is_late)


def take_back(work: AtWork, clock: Timepiece, stops: Callable[[], bool] = lambda: False) -> None:
    """Cancel our own open orders, those at the exchange that an account's file lacks among them, and say what
    came of it; none any more once it `stops`."""
    from meva_core.errors import MevaError
    from meva_core.modes import Mode
    from meva_core.operating.steps.finding import find_resting

    def finds() -> None:
        if work.permits is not None:
            find_resting(work.desk, work.runner.name, work.runner.process.first_cycle)

    work.renew()
    permitted = (
        nullcontext()
        if work.permits is None
        else work.permits.planned(Mode.OBSERVE_ONLY, work.permits.moment())
    )
    try:
        with permitted:
            done = taken_back_in_time(work.desk, finds, stops, clock.sleep)
    except MevaError as error:
        say(events.ORDERS_LEFT, f"our open orders were not canceled: {error}", order="")
        return
    for name in done.ended:
        say(events.ORDERS_LEFT, f"canceled: {name}", order=name)
    for name in done.filled:
        say(events.ORDERS_LEFT, f"filled: {name}", order=name)
    for left in done.left:
        say(events.ORDERS_LEFT, f"left: {left.name}: {left.why}", order=left.name)
