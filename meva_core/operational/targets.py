"""What is to be held, as the difference to what is held and on order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from attrs import frozen

from meva_core.amounts import E8, LIMIT, div_e8, net_of_rate
from meva_core.operational.asked import Asked, Dropped
from meva_core.operational.asking import Answer
from meva_core.operational.assess import Assessed
from meva_core.operational.because import PROGRAM, Because, Cause, because
from meva_core.operational.scene import Scene
from meva_core.orders import Side
from meva_core.steps.wishes import part_of, within_amounts, worth
from meva_core.strategy.intents import Purpose, Target

STEP: Final = "strategies"
_OF_TARGET: Final = 100
"""A difference of less than one part in this many of the target makes no order."""


@frozen
class Wish:
    """A value to hold, e8 TRY, and who wishes for it."""

    strategy: str
    symbol: str
    value: int
    reason: str = ""


def investable(scene: Scene, found: Assessed) -> int:
    """Return what can be invested of equity, so that a fee is left for it, e8 TRY (as Stage 7's plan has
    it)."""
    money = min(LIMIT - 1, max(0, found.equity - scene.inputs.limits.cash_target))
    return net_of_rate(money, scene.inputs.effective_fee)


def wishes_of(answer: Answer, total: int) -> Iterator[Wish]:
    """Yield what a strategy wishes to hold, in its order; `total` is what can be invested, e8 TRY."""
    targets = [item for item in answer.items if isinstance(item, Target)]
    parts = max(E8, sum(target.weight or 0 for target in targets))
    for target in targets:
        value = target.value_try
        if value is None:
            value = part_of(total, target.weight or 0, parts)
        yield Wish(answer.strategy, target.symbol, value, target.reason)
    weights = answer.weights or {}
    parts = max(E8, sum(weights.values()))
    for symbol, weight in weights.items():
        yield Wish(answer.strategy, symbol, part_of(total, weight, parts))


def gone_on(scene: Scene, strategy: str, wanted: Mapping[str, int]) -> Iterator[Wish]:
    """Yield what goes on as decided: the quantity last wished for, at this cycle's mark. Before any wish that
    is what is held, which asks for nothing."""
    for symbol in sorted(wanted):
        seen = scene.symbol(symbol)
        if seen is not None:
            yield Wish(strategy, symbol, worth(wanted[symbol], seen.mark or 0))


def remembered(scene: Scene, wanted: Mapping[str, int], wish: Wish) -> dict[str, int]:
    """Return what is wanted after a wish by weight: the quantity that it makes at this cycle's mark."""
    seen = scene.symbol(wish.symbol)
    mark = seen.mark if seen else None
    if wish.value == 0:
        return {**wanted, wish.symbol: 0}
    if not mark:
        return dict(wanted)
    return {**wanted, wish.symbol: within_amounts(div_e8(wish.value, mark))}


def asked_by(scene: Scene, wish: Wish, n: int) -> Asked | Dropped:
    """Return the order that a wish makes, or why it makes none.

    The difference is to what is held and on order, at the mark. Below the least order, or below one percent
    of the target, there is none; but a target of nothing asks for a sale of nothing, too, where a BUY rests:
    that is what ends it.
    """
    seen = scene.symbol(wish.symbol)
    mark = seen.mark if seen else None
    if not mark:
        return _none(wish, because(Cause.NO_MARK_PRICE, STEP, wish.symbol, setting="exchange"))
    held = worth(scene.held(wish.symbol).qty, mark)
    on_order = sum(
        worth(order.left, mark) * (1 if order.side is Side.BUY else -1)
        for order in scene.orders.get(wish.symbol, ())
    )
    delta = wish.value - held - on_order
    if delta == 0 or (wish.value == 0 and delta > 0):
        there = held + on_order
        return _none(
            wish, because(Cause.ON_TARGET, STEP, wish.symbol, there, wish.value, unit="TRY", setting=PROGRAM)
        )
    least, share = scene.least(wish.symbol), wish.value // _OF_TARGET
    closes_orders = wish.value == 0 and any(
        order.side is Side.BUY and order.rests for order in scene.orders.get(wish.symbol, ())
    )
    if abs(delta) < max(least, share) and not closes_orders:
        setting = PROGRAM if share > least else scene.least_setting(wish.symbol)
        found = because(
            Cause.NEAR_TARGET, STEP, wish.symbol, abs(delta), max(least, share), unit="TRY", setting=setting
        )
        return _none(wish, found)
    side = Side.BUY if delta > 0 else Side.SELL
    return Asked(
        n=n,
        strategy=wish.strategy,
        symbol=wish.symbol,
        side=side,
        request=abs(delta),
        whole=wish.value == 0,
        purpose=Purpose.ENTRY if side is Side.BUY else Purpose.REDUCE,
        reason=wish.reason,
        by_target=True,
    )


def _none(wish: Wish, reason: Because) -> Dropped:
    return Dropped(-1, wish.strategy, wish.symbol, reason)
