"""What people were told of books, and whether they can be told: the other sides of `meva alerts`."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs

from meva_core.errors import BadInput

if TYPE_CHECKING:
    from meva_adapters.alerts import Receiver
    from meva_core.ports import Reads
    from meva_core.settings import Alerts

LONGEST_TRY: Final = 30.0
"""Seconds that a receiver has to take the message that tries it."""
_COLUMNS: Final = ("ts", "book", "kind", "key", "text", "sent_at", "attempts", "next_at", "lost")


def outbox(reads: Reads, last: int) -> list[dict[str, Any]]:
    """Return the newest alerts of all books as JSON holds them, an entry for each receiver, oldest first."""
    from meva_core.alerts.outbox import TABLE, receiver_of

    rows = list(reads.rows(TABLE, _COLUMNS, newest_first=True, limit=last))
    return [
        {
            "ts": ts,
            "book": book,
            "kind": kind,
            "receiver": receiver_of(key),
            "state": "sent" if sent_at else "lost" if lost else "waiting",
            "failed_tries": attempts,
            "sent_at": sent_at,
            "next_try": next_at,
            "text": text,
        }
        for ts, book, kind, key, text, sent_at, attempts, next_at, lost in reversed(rows)
    ]


@attrs.define
class Trial:
    """What came of a message to one receiver: `why` says why it did not arrive."""

    receiver: str
    arrived: bool = False
    seconds: float = LONGEST_TRY
    why: str = f"no answer within {LONGEST_TRY:.0f} s"


def try_receivers(alerts: Alerts) -> list[Trial]:
    """Send a message to all receivers at once, and return what came of it.

    Raises BadInput where there are none, and as `receivers` does.
    """
    from meva_adapters.alerts import receivers

    found = receivers(alerts.urls)
    if not found:
        action = "set MEVA_ALERT_URLS to an address such as ntfys://host/topic; docs/operations.md has more"
        raise BadInput("MEVA_ALERT_URLS names nobody to be told", action=action)
    trials = [Trial(receiver.name) for receiver in found]
    threads = [
        threading.Thread(target=_try, args=(receiver, trial), daemon=True)
        for receiver, trial in zip(found, trials, strict=True)
    ]
    ends = time.monotonic() + LONGEST_TRY
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, ends - time.monotonic()))
    return [attrs.evolve(trial) for trial in trials]  # as they are now: one that is late changes its own


def _try(receiver: Receiver, trial: Trial) -> None:
    began = time.monotonic()
    why = receiver.send("Meva: a test\nThis message tries whether alerts arrive.", "info")
    seconds = round(time.monotonic() - began, 3)
    trial.seconds, trial.why, trial.arrived = seconds, why or "", why is None


def trial_rows(trials: Sequence[Trial]) -> list[list[Any]]:
    """Return trials as rows for people."""
    return [
        [trial.receiver, "arrived" if trial.arrived else "not", f"{trial.seconds:.1f} s", trial.why]
        for trial in trials
    ]
