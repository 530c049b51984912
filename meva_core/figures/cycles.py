"""What figures are made of: columns of cycles, and what a book had before the first of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from attrs import Factory, frozen

from meva_core.amounts import ABSENT, join_pair, mul_e8
from meva_core.cycle import Out
from meva_core.journal import FILLS_USED, INTENTS_USED
from meva_core.market import Market
from meva_core.params import Params
from meva_core.rules import Rules
from meva_core.state import FEES, LAST_EQUITY, SLIPPAGE, TURNOVER, State


class Cycles(NamedTuple):
    """Cycles [start, stop) of columns of one run. The journal holds the rows of these cycles alone, whose
    `cycle` counts as the columns do."""

    symbols: tuple[str, ...]
    params: Params
    market: Market
    rules: Rules
    out: Out
    start: int
    stop: int
    narrowed: Callable[[Any], Cycles] | None = None
    """Makes what `holding` returns, where columns have to be unpacked first."""

    def times(self) -> Any:
        """Return the times of the cycles, int64 seconds."""
        return self.market.time[self.start : self.stop]

    def holding(self, cycles: Any) -> Cycles:
        """Return some of the cycles, in order, among them those at these places of the columns, int64 [n],
        rising: where few matter, few need to be unpacked."""
        return self if self.narrowed is None else self.narrowed(cycles)

    def fills(self) -> int:
        """Return how many rows of the journal are fills of these cycles."""
        return int(self.out.journal.used[FILLS_USED])

    def intents(self) -> int:
        """Return how many rows of the journal are intents of these cycles."""
        return int(self.out.journal.used[INTENTS_USED])


class Lot(NamedTuple):
    """A quantity and what it cost, in e8."""

    qty: int
    cost: int


@frozen
class Opening:
    """A book before the first cycle that is reckoned, all in e8: its equity, and its totals until then; of
    each symbol that was held the lots, oldest first, and what they were worth above their cost."""

    equity: int
    fees: int = 0
    slippage: int = 0
    turnover: int = 0
    lots: Mapping[str, tuple[Lot, ...]] = Factory(dict)
    unrealized: Mapping[str, int] = Factory(dict)

    @property
    def cost(self) -> int:
        """What all lots cost."""
        return sum(lot.cost for lots in self.lots.values() for lot in lots)


def opening_of(state: State, symbols: Sequence[str]) -> Opening:
    """Return the opening of a book that stands as its state says."""
    money = state.money
    equity, fees, slippage, turnover = (
        join_pair(int(money[place]), int(money[place + 1]))
        for place in (LAST_EQUITY, FEES, SLIPPAGE, TURNOVER)
    )
    held = [i for i in range(len(symbols)) if state.lot_count[i]]
    return Opening(
        equity,
        fees,
        slippage,
        turnover,
        {symbols[i]: tuple(lots_of(state, i)) for i in held},
        {symbols[i]: value_at(state, i) - int(state.cost[i]) for i in held},
    )


def lots_of(state: State, i: int) -> Iterator[Lot]:
    """Yield the lots of symbol i, the oldest first."""
    room = state.lot_qty.shape[1]
    for place in range(int(state.lot_count[i])):
        at = (int(state.lot_first[i]) + place) % room
        yield Lot(int(state.lot_qty[i, at]), int(state.lot_cost[i, at]))


def value_at(state: State, i: int) -> int:
    """Return what is held of symbol i at its last valuation mark, e8."""
    mark = int(state.valuation[i])
    return 0 if mark == ABSENT else mul_e8(int(state.qty[i]), mark)
