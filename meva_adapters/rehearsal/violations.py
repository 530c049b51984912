"""What must never be so, and was."""

from __future__ import annotations


class Violated(BaseException):
    """An invariant does not hold. No `except Exception` of what is rehearsed keeps it from being seen."""

    def __init__(self, invariant: str, text: str) -> None:
        super().__init__(f"{invariant}: {text}")
        self.invariant = invariant
        self.text = text
