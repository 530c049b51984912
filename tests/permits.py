"""Permits for tests of what is sent: one that allows everything and keeps what it was asked."""

from __future__ import annotations

from attrs import define, field

from meva_core.venue import NewOrder


@define
class Gate:
    """A permit that is open while `shut` is None, and raises that otherwise."""

    shut: Exception | None = None
    submits: list[NewOrder] = field(factory=list)
    cancels: list[str] = field(factory=list)

    def submit(self, order: NewOrder) -> None:
        self.submits.append(order)
        self._answer()

    def cancel(self, order_id: str) -> None:
        self.cancels.append(order_id)
        self._answer()

    def _answer(self) -> None:
        if self.shut is not None:
            raise self.shut
