"""Answers of all strategies as one list: one intent a symbol, the first; later ones are superseded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from attrs import frozen

from meva_core.operational.asked import Asked, Dropped
from meva_core.operational.asking import Answer
from meva_core.operational.assess import Assessed
from meva_core.operational.because import Cause, because
from meva_core.operational.documents import Amount
from meva_core.operational.scene import Scene
from meva_core.operational.targets import Wish, asked_by, gone_on, investable, remembered, wishes_of
from meva_core.steps.wishes import worth
from meva_core.strategy.intents import Intent

STEP: Final = "strategies"


@frozen
class Gathered:
    """What is asked for, in order; what was not, and why; and the quantities that are wanted from now on."""

    asked: tuple[Asked, ...]
    dropped: tuple[Dropped, ...]
    wanted: Mapping[str, Amount]


def gather(scene: Scene, found: Assessed, answers: Sequence[Answer]) -> Gathered:
    """Return what the answers ask for. They come in order of the strategies, what each asked for in its own.

    What a strategy of weights leaves out goes on as decided, unless any strategy asked for something else of
    that symbol in this cycle; where no strategy answered with weights, nothing does.
    """
    wanted = dict(scene.inputs.wanted)
    asked: list[Asked] = []
    dropped: list[Dropped] = []
    wished: dict[str, str] = {}

    def take(item: Intent | Wish, strategy: str) -> None:
        if item.symbol in wished:
            dropped.append(_superseded(scene, item.symbol, strategy, wished[item.symbol]))
            return
        made = _asked(scene, item, strategy, len(asked))
        if isinstance(made, Dropped):
            dropped.append(made)
        else:
            asked.append(made)
            wished[item.symbol] = strategy

    total = investable(scene, found)
    decided: set[str] = set()
    for answer in answers:
        for item in _items(answer, total):
            is_first = item.symbol not in wished and item.symbol not in decided
            take(item, answer.strategy)
            if answer.weights is not None and isinstance(item, Wish) and is_first:
                wanted = remembered(scene, wanted, item)
                decided.add(item.symbol)
    going_on = next((answer.strategy for answer in answers if answer.weights is not None), None)
    if going_on is not None:
        for wish in gone_on(scene, going_on, wanted):
            if wish.symbol not in wished and wish.symbol not in decided:
                take(wish, going_on)
    return Gathered(tuple(asked), tuple(dropped), wanted)


def _items(answer: Answer, total: int) -> Iterator[Intent | Wish]:
    """Yield what an answer asks for in its order; weights by symbol."""
    wishes = wishes_of(answer, total)
    for item in answer.items:
        yield item if isinstance(item, Intent) else next(wishes)
    yield from wishes


def _asked(scene: Scene, item: Intent | Wish, strategy: str, n: int) -> Asked | Dropped:
    if isinstance(item, Wish):
        return asked_by(scene, item, n)
    seen = scene.symbol(item.symbol)
    mark = seen.mark if seen else None
    request = item.notional_try if item.qty is None else worth(item.qty, mark or item.limit or 0)
    return Asked(
        n=n,
        strategy=strategy,
        symbol=item.symbol,
        side=item.side,
        request=request or 0,
        qty=item.qty,
        limit=item.limit,
        purpose=item.purpose,
        reason=item.reason,
        confidence=item.confidence,
    )


def _superseded(scene: Scene, symbol: str, strategy: str, by: str) -> Dropped:
    setting = f"STAGE{scene.inputs.stage}_STRATEGIES"
    reason = because(f"{Cause.SUPERSEDED_BY}:{by}", STEP, symbol, setting=setting)
    return Dropped(-1, strategy, symbol, reason)
