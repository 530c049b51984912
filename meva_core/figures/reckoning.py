"""The figures of a run or a book, reckoned from its columns as they come.

Memory grows with days and round trips alone.
"""

from __future__ import annotations

from collections.abc import Collection

from attrs import define, field

from meva_core.amounts import join_pair
from meva_core.errors import BadInput
from meva_core.figures import named
from meva_core.figures.by_symbol import BySymbol, gains_of
from meva_core.figures.curve import Curve
from meva_core.figures.cycles import Cycles, Opening
from meva_core.figures.held import Held
from meva_core.figures.motives import Motives
from meva_core.figures.ratios import DAY, quotient
from meva_core.figures.restrictions import Restrictions
from meva_core.figures.result import Figures
from meva_core.figures.trips import OrderName, RoundTrip, Trips, fills_of


@define
class Reckoning:
    """The figures of a book on their way, from its `opening` on. With `motives` round trips say why they were
    sold, too, which takes more columns to be looked at."""

    opening: Opening
    motives: Motives | None = None
    curve: Curve = field(init=False)
    trips: Trips = field(init=False)
    held: Held = field(init=False)
    symbols: BySymbol = field(factory=BySymbol, init=False)
    restrictions: Restrictions = field(factory=Restrictions, init=False)
    _last: Cycles | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.curve, self.held = Curve(self.opening.equity), Held(self.opening.equity)
        self.trips = Trips.after(self.opening)

    def take(self, part: Cycles) -> None:
        """Take the columns of the next cycles, at least one; those of the last part are looked at once more
        when the figures are made."""
        self.curve.take(part)
        self.restrictions.take(part)
        self.symbols.take(part)
        self.held.take(part)
        for fill in fills_of(part):
            self.trips.take(fill)
        if self.motives is not None:
            self.motives.take(part)
        self._last = part

    def round_trips(self, still_open: Collection[OrderName] = ()) -> list[RoundTrip]:
        """Return the round trips in the order of their last fills; `still_open` as `figures` takes it."""
        found = self.trips.done(still_open)
        for trip in found:
            trip.reason = "" if self.motives is None else self.motives.of(trip.order)
        return found

    def figures(self, *, cash_rate: float = 0, still_open: Collection[OrderName] = ()) -> Figures:
        """Return what came of it. `cash_rate` is what cash would have earned in a year, as a ratio;
        `still_open` names the orders that rest after the last cycle.

        Raises BadInput before the first cycle.
        """
        last, days = self._last, self.curve.days
        if last is None or days.first is None or days.last is None:
            raise BadInput("there is no cycle yet of which figures could be made")
        self.curve.drawdown.end()
        symbols = named.symbol_rows(self.symbols.done(gains_of(last), self.opening))
        return Figures(
            start=days.first,
            end=days.last,
            cycles=self.curve.cycles,
            days=quotient(self.curve.seconds, DAY),
            whole_days=len(days.whole()),
            **named.equity_figures(self.curve),
            **named.benchmark_figures(self.held),
            **named.drawdown_figures(self.curve.drawdown),
            **named.risk_figures(self.curve, cash_rate),
            **named.cost_figures(self.curve, *self._totals(last)),
            fills=sum(row.fills for row in symbols),
            **named.trip_figures(self.trips.done(still_open)),
            open_cost_try=self.trips.open_cost,
            **named.mode_figures(self.restrictions),
            symbols=symbols,
        )

    def _totals(self, last: Cycles) -> tuple[int, int, int]:
        """Return fees, slippage and turnover since the opening."""
        a, c, began = last.out.account, last.stop - 1, self.opening
        return (
            join_pair(int(a.fees_whole[c]), int(a.fees_rest[c])) - began.fees,
            join_pair(int(a.slippage_whole[c]), int(a.slippage_rest[c])) - began.slippage,
            join_pair(int(a.turnover_whole[c]), int(a.turnover_rest[c])) - began.turnover,
        )
