"""What it would have come to, to buy once and hold: the benchmarks, over the same data with the same fees."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from attrs import define, field, frozen

from meva_core.amounts import ABSENT, E8, E12
from meva_core.figures.cycles import Cycles
from meva_core.figures.exact import mean_of
from meva_core.rules import RuleStatus, floor_to

_USABLE: Final = (RuleStatus.OK, RuleStatus.FALLBACK)


@frozen
class Buy:
    """What a part of the money bought: a quantity, and what was paid for it with its fee, in e8."""

    qty: int = 0
    paid: int = 0


def bought(part: int, mark: int, fee: int, lot: int, least: int, least_qty: int) -> Buy:
    """Return what an amount buys at a mark: as much as fits with its fee, down to the lot; nothing where that
    is below a minimum. All in e8, the fee's rate in 1e-12."""
    qty = floor_to(lot, part * E8 * E12 // ((E12 + fee) * mark))
    notional = mean_of(qty * mark, E8)
    if qty == 0 or qty < least_qty or notional < least:
        return Buy()
    return Buy(qty, notional + mean_of(notional * fee, E12))


@frozen
class HeldPair:
    """All of the money in one pair: its equity at the last valuation mark, e8; None for one that never had a
    mark."""

    symbol: str
    equity: int | None


@define
class Held:
    """The candidates at the first cycle, each bought at its first cycle with a mark and never sold: once with
    an equal part of `cash`, e8, and once with all of it."""

    cash: int
    candidates: tuple[str, ...] | None = None
    _parts: dict[str, Buy] = field(factory=dict, init=False)
    _wholes: dict[str, Buy] = field(factory=dict, init=False)
    _marks: dict[str, int] = field(factory=dict, init=False)
    _last: Cycles | None = field(default=None, init=False)

    def take(self, part: Cycles) -> None:
        """Look for first marks in the next cycles."""
        if self.candidates is None:
            chosen = np.flatnonzero(part.rules.candidate).tolist()
            self.candidates = tuple(part.symbols[i] for i in chosen)
        if self._last is not None and self._last.symbols != part.symbols:
            self._remember(self._last)
        self._last = part
        if len(self._parts) == len(self.candidates):
            return
        for i, symbol in enumerate(part.symbols):
            if symbol in self.candidates and symbol not in self._parts:
                self._look(part, i, symbol)

    def _look(self, part: Cycles, i: int, symbol: str) -> None:
        marks = part.out.measure.mark[part.start : part.stop, i]
        seen = np.flatnonzero(marks != ABSENT)
        if not len(seen) or self.candidates is None:
            return
        rules, mark = part.rules, int(marks[seen[0]])
        self._parts[symbol] = self._wholes[symbol] = Buy()
        if int(rules.status[i]) in _USABLE:
            terms = (
                mark,
                part.params.fee,
                int(rules.lot[i]),
                int(rules.min_notional[i]),
                int(rules.min_qty[i]),
            )
            self._parts[symbol] = bought(self.cash // len(self.candidates), *terms)
            self._wholes[symbol] = bought(self.cash, *terms)

    def _remember(self, part: Cycles) -> None:
        """Keep the valuation marks of the last of some cycles."""
        marks: Any = part.out.measure.valuation[part.stop - 1].tolist()
        self._marks.update({s: mark for s, mark in zip(part.symbols, marks, strict=True) if mark != ABSENT})

    def equal_parts(self) -> int:
        """Return the equity of all parts together at the last valuation marks."""
        self._look_back()
        return self.cash + sum(self._gain(symbol, buy) for symbol, buy in self._parts.items())

    def pairs(self) -> list[HeldPair]:
        """Return each candidate held alone, in order of their names."""
        self._look_back()
        return [
            HeldPair(
                symbol,
                self.cash + self._gain(symbol, self._wholes[symbol]) if symbol in self._wholes else None,
            )
            for symbol in self.candidates or ()
        ]

    def _look_back(self) -> None:
        if self._last is not None:
            self._remember(self._last)

    def _gain(self, symbol: str, buy: Buy) -> int:
        return (mean_of(buy.qty * self._marks[symbol], E8) if buy.qty else 0) - buy.paid
