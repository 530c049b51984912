"""Times as the exchange tells them, in milliseconds: those that can be, and none else.

A row whose time cannot be is of no span that anyone asks for: it would be passed over like one that is not
there.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from meva_core.errors import BadInput

_UNITS: Final = (("seconds", 1000, 1), ("microseconds", 1, 1000), ("nanoseconds", 1, 1_000_000))


@frozen
class Years:
    """From the first moment of one year to the first of another, UTC, in milliseconds."""

    first: int
    end: int
    said: str

    def micros(self, milliseconds: int, what: str) -> int:
        """Return a time in microseconds. Raises BadInput as `checked` does."""
        return self.checked(milliseconds, what) * 1000

    def checked(self, milliseconds: int, what: str) -> int:
        """Return a time as it is. Raises BadInput, naming `what` it is, for one outside these years."""
        if self._has(milliseconds):
            return milliseconds
        expected = f"expected milliseconds of the years {self.said}"
        for unit, times, parts in _UNITS:
            if self._has(milliseconds * times // parts):
                raise BadInput(f"{what}: {milliseconds} is a time in {unit}; {expected}")
        raise BadInput(f"{what}: {milliseconds} is no time that can be; {expected}")

    def _has(self, milliseconds: int) -> bool:
        return self.first <= milliseconds < self.end


ROWS: Final = Years(1_356_998_400_000, 4_102_444_800_000, "2013 to 2099")
"""Since the exchange began."""
NOW: Final = Years(1_577_836_800_000, 4_102_444_800_000, "2020 to 2099")
"""Since its present interface: an exchange that shows an earlier time has none to sign by."""
