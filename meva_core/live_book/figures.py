"""What equity is measured against: peaks, the day's opening, and the equity of the cycle before.

A flow moves all of it alike, so it is neither profit nor drawdown. The rule that reckons in percent has a
peak of its own, which a flow moves in proportion: what had been lost of each lira stays what it was.
"""

from __future__ import annotations

from attrs import evolve, frozen

from meva_core.live_book.documents import e8


@frozen
class Figures:
    """Amounts are e8; `day` counts UTC days from 1970. `equity` is that of the last cycle, `fresh` whether
    all that was held had fresh marks then.

    `peak` is the highest of the lower equity of two fresh cycles running, since the book was opened or a
    person reset it; `peak_ever` is never reset.
    """

    day: int
    peak: int = e8()
    peak_ever: int = e8()
    peak_percent: int = e8()
    day_open: int = e8()
    equity: int = e8()
    fresh: bool = True

    @property
    def drawdown(self) -> int:
        """How far the last cycle's equity lies below the peak, never below zero."""
        return max(0, self.peak - self.equity)

    @property
    def day_pnl(self) -> int:
        """What the last cycle's day had brought by then, flows out."""
        return self.equity - self.day_open


def begun(equity: int, day: int) -> Figures:
    """Return the figures of a book that opens with this equity."""
    return Figures(day, equity, equity, equity, equity, equity)


def assessed(figures: Figures, equity: int, day: int, *, fresh: bool) -> Figures:
    """Return the figures after a cycle. A new day opens with the equity after the last cycle before it.

    One high mark makes no peak: what counts is the lower of two fresh cycles running.
    """
    lower = min(equity, figures.equity) if fresh and figures.fresh else None
    peaks = (figures.peak, figures.peak_ever, figures.peak_percent)
    peak, ever, percent = peaks if lower is None else (max(one, lower) for one in peaks)
    return Figures(
        peak=peak,
        peak_ever=ever,
        peak_percent=percent,
        day=max(day, figures.day),
        day_open=figures.equity if day > figures.day else figures.day_open,
        equity=equity,
        fresh=fresh,
    )


def moved(figures: Figures, flow: int, equity: int) -> Figures:
    """Return the figures after a flow into a book that was worth `equity`, or out of it.

    A peak may lie below zero meanwhile: of a withdrawal and a deposit that are booked together, either may be
    the first, and the drawdown is the same.
    """
    after = equity + flow
    percent = _scaled(figures.peak_percent, after, equity) if equity > 0 and after > 0 else after
    return evolve(
        figures,
        peak=figures.peak + flow,
        peak_ever=figures.peak_ever + flow,
        peak_percent=max(0, percent),
        day_open=figures.day_open + flow,
        equity=figures.equity + flow,
    )


def reset(figures: Figures) -> Figures:
    """Return the figures after a person has reset the peak: both rules count from the last equity on."""
    return evolve(figures, peak=figures.equity, peak_percent=figures.equity)


def _scaled(amount: int, part: int, whole: int) -> int:
    """Return HALF_EVEN(amount x part / whole), for whole > 0."""
    quotient, rest = divmod(amount * part, whole)
    return quotient + (2 * rest + (quotient & 1) > whole)
