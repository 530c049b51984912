"""What a strategy wishes for, and what of it is selected."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from meva_core.reasons import Code
from oracle.account import Account
from oracle.market import Score
from oracle.world import E8, LIMIT, CycleInput


def amount(number: Fraction | int) -> int:
    """Return an amount, the largest one for more."""
    return min(int(number), LIMIT - 1)


class Wishes:
    """The wishes of one cycle in TRY; `wanted` remembers the quantities of the last ones."""

    def __init__(
        self,
        wanted: list[int | None],
        given: CycleInput,
        scores: Mapping[int, Score],
        investable: int,
        account: Account,
    ) -> None:
        self.wanted, self.weights, self.account = wanted, given.weights, account
        self.codes = {i: score.code for i, score in scores.items()}
        total = max(E8, sum(weight or 0 for weight in given.weights))
        self.amounts = [self._wish(i, investable, total) for i in range(len(wanted))]

    def _wish(self, i: int, investable: int, total: int) -> int:
        weight, mark = self.weights[i], self.account.valuation[i]
        if weight is None:
            kept = self.wanted[i]
            qty = self.account.qty(i) if kept is None else kept
            return 0 if mark is None else amount(round(Fraction(qty * mark, E8)))
        wish = investable * weight // total
        if wish == 0:
            self.wanted[i] = 0
        elif mark is not None:
            self.wanted[i] = amount(wish * E8 // mark)
        return wish

    def select(self, order: list[int], most: int) -> list[int]:
        """Return what is selected, in the order of the ranks: of too many the largest wishes."""
        able = [i for i in order if self.codes[i] is Code.OK and self.amounts[i] > 0]
        kept = sorted(able, key=lambda i: -self.amounts[i])[:most]
        for i in set(able) - set(kept):
            self.codes[i] = Code.UNIVERSE_FULL
        return [i for i in order if i in kept]

    def code(self, i: int) -> Code:
        return self.codes.get(i, Code.NOT_A_CANDIDATE)

    def is_refused(self, i: int) -> bool:
        return self.code(i) in (Code.ABOVE_MAX_SPREAD, Code.BELOW_MIN_VOLUME)

    def nothing_said(self, i: int) -> bool:
        return self.weights[i] is None and self.wanted[i] is None
