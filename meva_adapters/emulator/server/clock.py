"""A clock that never goes back: the time of day when it was made, and what the monotonic clock says since."""

from __future__ import annotations

import time


class SteadyClock:
    """Milliseconds since 1970-01-01 UTC; `shift_ms` moves them, for rehearsals at another time."""

    def __init__(self, shift_ms: int = 0) -> None:
        self._base_ns = time.time_ns() + shift_ms * 10**6
        self._begun_ns = time.monotonic_ns()

    def __call__(self) -> int:
        """Return the time in milliseconds."""
        return (self._base_ns + time.monotonic_ns() - self._begun_ns) // 10**6
