"""What strategies answered, as wishes of one form: at most one a symbol, the first."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import floor, isnan
from typing import Any

from attrs import define, field, frozen

from meva_core.orders import Side
from meva_core.strategy import Intent, Target
from oracle.operational.funds import Funds
from oracle.operational.sums import Why, coins, ratio, without_fee, worth
from oracle.world import LIMIT

E6 = 10**6


@frozen
class Drop:
    """What is not traded, and why; `n` is -1 for what never had a place."""

    n: int
    strategy: str
    symbol: str
    why: Why


@frozen(kw_only=True)
class Wish:
    """One thing that is asked for, in 1e-8. `whole`: all that may be sold; `target`: it is the difference to
    one."""

    n: int
    strategy: str
    symbol: str
    side: Side
    request: int
    qty: int | None = None
    whole: bool = False
    limit: int | None = None
    purpose: str
    reason: str = ""
    target: bool = False

    def drop(self, why: Why) -> Drop:
        """Return that it is not traded."""
        return Drop(self.n, self.strategy, self.symbol, why)


@define
class Wishes:
    """What all strategies of a cycle want, in the order in which they are heard."""

    funds: Funds
    equity: int
    wanted: dict[str, int]
    found: list[Wish] = field(factory=list)
    dropped: list[Drop] = field(factory=list)
    first: dict[str, str] = field(factory=dict)
    weighed: set[str] = field(factory=set)

    def hear(self, answers: Mapping[str, Any]) -> None:
        """Take in what strategies answered; those that failed are left out."""
        weighing = ""
        for one in sorted(self.funds.given.strategies, key=lambda one: (-one.weight, one.id)):
            answer = answers.get(one.id)
            if isinstance(answer, Mapping):
                weighing = weighing or one.id
                self._weights(one.id, answer)
            else:
                self._all_asked(one.id, [*(answer or ())])
        for name in sorted(self.wanted):
            if weighing and name not in self.first and name not in self.weighed:
                self._go_on(weighing, name)

    @property
    def investable(self) -> int:
        """What of equity can be invested, so that fees fit in too."""
        return without_fee(self.equity - self.funds.cash_target, self.funds.given.effective_fee)

    # -- One of each kind --------------------------------------------------------------------------------

    def _weights(self, strategy: str, answer: Mapping[str, Any]) -> None:
        """Shares to 1e-6, together at most 1; what is NaN or left out goes on as decided."""
        shares = {
            name: Fraction(round(Fraction(weight) * E6), E6)
            for name, weight in answer.items()
            if weight is not None and not isnan(weight)
        }
        total = max(Fraction(1), sum(shares.values(), Fraction(0)))
        for name in sorted(shares):
            value = floor(self.investable * shares[name] / total)
            if self._is_late(strategy, name):
                continue
            if name not in self.weighed:
                self._remember(name, value)
            self._target(strategy, name, value)

    def _remember(self, name: str, value: int) -> None:
        self.weighed.add(name)
        mark = self.funds.market[name].mark
        if value == 0:
            self.wanted[name] = 0
        elif mark:
            self.wanted[name] = min(coins(value, mark), LIMIT - 1)

    def _go_on(self, strategy: str, name: str) -> None:
        if name in self.funds.market:
            mark = self.funds.market[name].mark
            self._target(strategy, name, worth(self.wanted[name], mark) if mark else 0)

    def _all_asked(self, strategy: str, answer: list[Intent | Target]) -> None:
        weights = [ratio(asked.weight or 0) for asked in answer if isinstance(asked, Target)]
        total = max(Fraction(1), sum(weights, Fraction(0)))
        for asked in answer:
            if self._is_late(strategy, asked.symbol):
                continue
            if isinstance(asked, Intent):
                self._intent(strategy, asked)
            else:
                value = asked.value_try
                if value is None:
                    value = floor(self.investable * ratio(asked.weight or 0) / total)
                self._target(strategy, asked.symbol, value, asked.reason)

    def _intent(self, strategy: str, asked: Intent) -> None:
        request = asked.notional_try
        if request is None:  # without a mark it makes no order, whatever it is worth
            request = worth(asked.qty or 0, self.funds.market[asked.symbol].mark or asked.limit or 0)
        self._wish(
            strategy,
            asked.symbol,
            asked.side,
            request,
            qty=asked.qty,
            limit=asked.limit,
            purpose=str(asked.purpose),
            reason=asked.reason,
        )

    def _target(self, strategy: str, name: str, target: int, reason: str = "") -> None:
        """Ask for the difference to what is held and on order, at the mark. A target of nothing asks for a
        sale of nothing, too, where a BUY rests."""
        funds, mark = self.funds, self.funds.market[name].mark
        if not mark:
            self._drop(strategy, name, Why("no_mark_price"))
            return
        buys, sells = funds.orders(name, Side.BUY), funds.orders(name, Side.SELL)
        there = worth(funds.held(name).qty, mark)
        there += sum(worth(order.left, mark) for order in buys)
        there -= sum(worth(order.left, mark) for order in sells)
        delta, least = target - there, max(funds.least(name), target // 100)
        if delta == 0 or (target == 0 and delta > 0):
            self._drop(strategy, name, Why("on_target", there, target))
        elif abs(delta) < least and not (target == 0 and any(order.rests for order in buys)):
            self._drop(strategy, name, Why("near_target", abs(delta), least))
        else:
            self._wish(
                strategy,
                name,
                Side.BUY if delta > 0 else Side.SELL,
                abs(delta),
                whole=target == 0,
                purpose="entry" if delta > 0 else "reduce",
                reason=reason,
                target=True,
            )

    # -- Places ------------------------------------------------------------------------------------------

    def _is_late(self, strategy: str, name: str) -> bool:
        """Whether something was asked for of a symbol already; a target that asks for nothing is nothing."""
        if name in self.first:
            self._drop(strategy, name, Why(f"superseded_by:{self.first[name]}"))
        return name in self.first

    def _drop(self, strategy: str, name: str, why: Why) -> None:
        self.dropped.append(Drop(-1, strategy, name, why))

    def _wish(self, strategy: str, name: str, side: Side, request: int, **more: Any) -> None:
        n = len(self.found)
        self.found.append(Wish(n=n, strategy=strategy, symbol=name, side=side, request=request, **more))
        self.first[name] = strategy
