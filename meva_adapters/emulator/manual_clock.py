"""A clock on command: its time stands still until it is told to move."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import define, field

STEP_MS: Final = 250
"""So often markets move while time passes."""


@define(eq=False)
class ManualClock:
    """Milliseconds since 1970-01-01 UTC, from when it began on. `now` never goes back."""

    now: int
    began: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.began = self.now

    def __call__(self) -> int:
        """Return the time in milliseconds."""
        return self.now

    def pass_until(self, time: int) -> Iterator[None]:
        """Let the time pass, and yield at each step of the markets; nothing where `time` has passed.

        The steps lie at fixed moments since it began: how a while is divided into moves changes none.
        """
        first = (self.now - self.began) // STEP_MS + 1
        for moment in range(self.began + first * STEP_MS, time + 1, STEP_MS):
            self.now = moment
            yield
        self.now = max(self.now, time)
