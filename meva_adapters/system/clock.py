"""The machine's clock."""

from __future__ import annotations

import time


class SystemClock:
    """The port `Clock` over the machine's time of day."""

    def micros(self) -> int:
        """Return microseconds since 1970-01-01 UTC."""
        return time.time_ns() // 1000
