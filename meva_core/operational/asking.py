"""Ask the strategies, each with its view and its memory; one that fails costs its own answer alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from attrs import evolve, frozen

from meva_core.amounts import ABSENT
from meva_core.errors import BadInput
from meva_core.operational.inputs import Failure, Inputs, Listed
from meva_core.strategy import Strategy
from meva_core.strategy.answers import StrategyFailed, weights_of
from meva_core.strategy.base import bars_needed
from meva_core.strategy.intents import Intent, Target, check_sum, is_missing, weight_e8
from meva_core.strategy.live_view import LiveView
from meva_core.strategy.memory import NOTHING, memorised, recalled
from meva_core.strategy.periods import interval_of

FINEST: Final = 60
"""The seconds of the exchange's shortest candles."""
Caller: TypeAlias = Callable[[Strategy, LiveView, dict[str, Any]], Any]
"""Asks a strategy and gives what it answered: what `decide` returned, or the weights that `weights_of` makes.

The memory is changed in place. Whoever asks with a time limit raises StrategyFailed where it is over."""


@frozen
class Answer:
    """What a strategy answered: intents and targets as it gave them, or weights in e8 by symbol, those left
    out not among them."""

    strategy: str
    items: tuple[Intent | Target, ...] = ()
    weights: Mapping[str, int] | None = None


@frozen
class Answers:
    """The answers in order of the strategies, who failed, and the memories as they are kept."""

    given: tuple[Answer, ...]
    failures: tuple[Failure, ...]
    memories: Mapping[str, str]
    failed: Mapping[str, int]


def plain_call(strategy: Strategy, view: LiveView, memory: dict[str, Any]) -> Any:
    """Ask a strategy here and now."""
    if strategy.decides():
        return strategy.decide(view, memory)
    return weights_of(strategy, view.history)


def in_order(listed: Iterable[Listed]) -> list[Listed]:
    """Return strategies in the order in which they count: the largest weight first, then by id."""
    return sorted(listed, key=lambda one: (-one.weight, one.id))


def ask_all(
    inputs: Inputs, strategies: Mapping[str, Strategy], view: Callable[[int | None], LiveView], call: Caller
) -> Answers:
    """Ask every listed strategy that has not failed yet. Raises BadInput for one that is not at hand."""
    given: list[Answer] = []
    failures = {failure.strategy: failure for failure in inputs.failures}
    memories = dict(inputs.memories)
    names = frozenset(symbol.name for symbol in inputs.symbols)
    for listed in in_order(inputs.strategies):
        if listed.id not in strategies:
            raise BadInput(
                f"strategy {listed.id} is listed and not at hand", action="install it, or unlist it"
            )
        if listed.id in failures:
            continue
        strategy = strategies[listed.id]
        memory = recalled(inputs.memories.get(listed.id, NOTHING))
        try:
            answered = call(strategy, view(_interval(strategy)), memory)
            answer, text = _read(listed.id, strategy, answered, names, inputs), memorised(memory)
        except StrategyFailed as error:
            failures[listed.id] = Failure(listed.id, error.code, str(error))
            continue
        except Exception as error:  # noqa: BLE001  # it is the trader's code: whatever it raises is its failure
            failures[listed.id] = Failure(
                listed.id, StrategyFailed.code, f"{type(error).__name__}: {error}"[:300]
            )
            continue
        given.append(answer)
        memories[listed.id] = text
    failed = {name: inputs.failed.get(name, 0) + 1 for name in failures}
    return Answers(tuple(given), tuple(failures.values()), memories, failed)


def completed(inputs: Inputs, answers: Answers) -> Inputs:
    """Return the inputs with the failures of this cycle in them: what is stored, and decided by again."""
    return inputs if not answers.failures else evolve(inputs, failures=answers.failures)


def bars_wanted(strategy: Strategy) -> tuple[int, int] | None:
    """Return of which seconds, and how many, the bars are that a strategy has to see; None where it looks at
    none. One that names no interval means the exchange's finest.

    Raises BadInput for an interval that is not made of that, and for what is no number of bars.
    """
    count = bars_needed(strategy)
    if strategy.bars is None and not count:
        return None
    return interval_of(strategy.bars, FINEST, strategy.name()), count


def _interval(strategy: Strategy) -> int | None:
    wanted = bars_wanted(strategy)
    return None if wanted is None else wanted[0]


def _read(name: str, strategy: Strategy, answered: Any, names: frozenset[str], inputs: Inputs) -> Answer:
    """Return an answer in its form. Raises BadInput for one that has none."""
    if not strategy.decides():
        row = {symbol.name: int(weight) for symbol, weight in zip(inputs.symbols, answered[-1], strict=True)}
        return Answer(name, weights={symbol: weight for symbol, weight in row.items() if weight != ABSENT})
    if isinstance(answered, Mapping):
        return Answer(name, weights=_weights(answered, names))
    if answered is None:
        return Answer(name)
    if isinstance(answered, str | bytes) or not isinstance(answered, Iterable):
        raise BadInput(
            f"answered {answered!r:.60}; expected intents, targets, or a dict of weights by symbol"
        )
    items = tuple(answered)
    for item in items:
        if not isinstance(item, Intent | Target):
            raise BadInput(f"answered {item!r:.60}; expected an Intent or a Target")
        _known(item.symbol, names)
    check_sum([item.weight or 0 for item in items if isinstance(item, Target)])
    return Answer(name, items)


def _weights(answered: Mapping[Any, Any], names: frozenset[str]) -> dict[str, int]:
    found = {}
    for symbol, weight in answered.items():
        _known(symbol, names)
        if not is_missing(weight):
            found[symbol] = weight_e8(weight, symbol)
    check_sum(found.values())
    return {symbol: found[symbol] for symbol in sorted(found)}


def _known(symbol: Any, names: frozenset[str]) -> None:
    if symbol not in names:
        raise BadInput(f"{symbol!r:.60} is none of its symbols")
