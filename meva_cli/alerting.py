"""Alerts of a book, put together: what is told, the queue, and who sends it to whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from meva_adapters.system.events import ALERTS_LEFT
from meva_cli.notes import say
from meva_core.errors import BadInput, MevaError

if TYPE_CHECKING:
    from sqlalchemy import URL

    from meva_adapters.sql import SqlStore
    from meva_adapters.sql.lease import Lease
    from meva_cli.metering import Watch
    from meva_core.alerts.herald import Herald
    from meva_core.ports import Clock
    from meva_core.settings import Alerts
    from meva_core.stages.record import Hold


@contextmanager
def alerting(
    url: URL,
    store: SqlStore,
    lease: Lease,
    alerts: Alerts,
    clock: Clock,
    *,
    loop: bool,
    beat: Callable[[], None],
    watch: Watch | None = None,
    hold: Hold | None = None,
) -> Iterator[Herald | None]:
    """Yield whoever tells of a book that this process holds, None where the settings name nobody to be told.

    What ends a loop is told, and of a single cycle what it failed with, unless it was not to begin; times are
    those of the `clock` that cycles go by. `hold` makes sure in a unit of work that the book is still ours,
    by default as books of Stage 7 do. `watch` hears how many are sent. Sending goes on for some seconds
    at the end; `beat` is called meanwhile. What is left then is said. Raises BadInput as `receivers` does.
    """
    if not alerts.urls:
        yield None
        return
    from meva_adapters.alerts import Sender, receivers
    from meva_adapters.alerts.post import Post
    from meva_adapters.alerts.sending import shown_left
    from meva_adapters.sql import writer
    from meva_adapters.sql.lease import last_time_of
    from meva_adapters.system.clock import SystemClock
    from meva_core.alerts.herald import Herald
    from meva_core.alerts.outbox import uncounted
    from meva_core.market import MICROS

    found = receivers(alerts.urls, keeps=True)
    names = [receiver.name for receiver in found]
    queue = writer(url, durable=False)  # a note that a power cut takes is made again
    post = Post(queue, lease, names, clock, uncounted if watch is None else watch.counted)
    sender = Sender(found, post, SystemClock(), beat)
    if watch is not None:
        watch.waits(sender.waiting)
    herald = Herald(
        store, hold or lease.check, lease.book, names, sender.straight, sender.queued, alerts.summary_hour
    )
    with store.read() as reads:
        herald.begin(last_time_of(reads, lease.book))
    try:
        with sender:
            try:
                yield herald
            except Exception as error:
                _tell_of(error, herald, clock.micros() // MICROS, loop=loop)
                raise
    finally:
        for line in shown_left(sender.left()):
            say(ALERTS_LEFT, f"alerts {line}")
        if sender.is_over:  # else a thread still waits for its receiver, and ends with the process
            queue.close()


def _tell_of(error: Exception, herald: Herald, time: int, *, loop: bool) -> None:
    if isinstance(error, BadInput) and not (loop and herald.has_begun):
        return  # it may not begin: nothing is written then, and whoever began it reads why
    if loop or not isinstance(error, MevaError):
        herald.halted(error, time)
    else:
        herald.trouble(error, time)
