"""I23: peak and day open, reckoned once more from what was profit alone.

A flow moves equity and all that it is measured against alike. So equity less all flows so far is a line that
no flow moves, and the highest of its lower neighbours is the peak, less all flows so far.
"""

from __future__ import annotations

from attrs import define

from meva_adapters.rehearsal.violations import Violated
from meva_core.live_book.book import LiveBook


@define
class Peaks:
    """The line without flows: its peak, its last point, and its point at the opening of the day."""

    peak: int
    last: int
    day_open: int
    day: int
    fresh: bool = True

    def check(self, book: LiveBook) -> None:
        """Go on by one cycle, and compare."""
        figures, flows = book.figures, book.ledger.flows
        point = figures.equity - flows
        if figures.fresh and self.fresh:
            self.peak = max(self.peak, min(point, self.last))
        if figures.day > self.day:
            self.day, self.day_open = figures.day, self.last
        self.last, self.fresh = point, figures.fresh
        if figures.peak != self.peak + flows:
            raise Violated("I23", f"the peak is {figures.peak} e8, and {self.peak + flows} by profit alone")
        if figures.day_open != self.day_open + flows:
            wanted = self.day_open + flows
            raise Violated("I23", f"the day opened at {figures.day_open} e8, and {wanted} by profit alone")


def begun(book: LiveBook) -> Peaks:
    """Return the line of a book as it stands."""
    figures, flows = book.figures, book.ledger.flows
    last = figures.equity - flows
    return Peaks(figures.peak - flows, last, figures.day_open - flows, figures.day, figures.fresh)
