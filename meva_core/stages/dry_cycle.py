"""A cycle of a book on the live market: what was measured for it, its time, and what it came to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from attrs import frozen

from meva_core.errors import Unavailable
from meva_core.ids import told_time
from meva_core.live_market import Answers
from meva_core.params import Params
from meva_core.ports import Reads, UnitOfWork
from meva_core.stages.run import Stretch
from meva_core.strategy.asking import Failure

MOST_BEHIND: Final = 5
"""A second that lies up to so many before the one after the last cycle is waited for."""


class ClockBehind(Unavailable):
    """The exchange's clock stands before the last cycle of a book: there is no second for another one."""

    code = "clock"


@frozen
class Told:
    """What a cycle came to: its run and time, its columns, what went wrong in its measure, and what that
    brought.

    `answered` is whether the exchange said anything, `began` whether it is the first of its run. `before` is
    the time of the book's cycle before it, None for its first. `failure` is why its strategy gave no weights,
    None where it did, or there is none. The columns are used again by the next cycle.
    """

    run_id: str
    time: int
    stretch: Stretch
    failures: Mapping[str, int]
    answered: bool
    began: bool
    answers: Answers
    params: Params
    before: int | None
    failure: Failure | None = None


@frozen
class Measured:
    """What the exchange answered for a cycle, and the cycle's time."""

    answers: Answers
    time: int


class Outbox(Protocol):
    """What people are told of a book, queued with its cycles."""

    def look(self, reads: Reads, before: int | None, time: int) -> None:
        """Read what the cycle at `time` is to tell of the past, before it is decided; `before` is the time of
        the cycle before it. What this raises leaves the book as it stands."""

    def of_cycle(self, told: Told) -> Callable[[UnitOfWork], None]:
        """Return what queues the alerts of a cycle that is decided, whenever it is tried to be stored."""


def cycle_time(answers: Answers, last: int | None, book: str, wait: Callable[[float], None]) -> int:
    """Return the time of a cycle in seconds: that of its answers, or the second after the `last` cycle of its
    book, if that is near.

    `wait` waits for so many seconds. Raises ClockBehind.
    """
    if last is None or answers.time > last:
        return answers.time
    behind = last + 1 - answers.time
    if behind > MOST_BEHIND:
        raise ClockBehind(
            f"the exchange's clock shows {told_time(answers.time)}, and the last cycle of book {book} is "
            f"that of {told_time(last)}",
            action="wait until the clock has passed it, or see which of clock and database is wrong",
        )
    wait(behind)
    return last + 1
