"""Ask the strategies, each with its view and its memory; one that fails costs its own answer alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from attrs import evolve, frozen

from meva_core.errors import BadInput
from meva_core.operational.inputs import Failure, Inputs, Listed
from meva_core.strategy import Strategy
from meva_core.strategy.answers import StrategyFailed
from meva_core.strategy.base import bars_needed
from meva_core.strategy.intents import Intent, Target
from meva_core.strategy.live_view import LiveView
from meva_core.strategy.memory import NOTHING, recalled
from meva_core.strategy.periods import EXCHANGE_BARS, interval_of
from meva_core.strategy.said import Said, kept_of, said_by

MOST_TEXT: Final = 1_000
"""Characters of what is recorded of a failure, at most."""
Caller: TypeAlias = Callable[[Strategy, LiveView, dict[str, Any]], Said]
"""Asks a strategy and returns what it said; the memory is changed in place.

Raises StrategyFailed where it raises or answers what is none, and whoever asks with a time limit, where that
is over."""


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


plain_call: Final[Caller] = said_by
"""Asks a strategy here and now."""


def in_order(listed: Iterable[Listed]) -> list[Listed]:
    """Return strategies in the order in which they count: the largest weight first, then by id."""
    return sorted(listed, key=lambda one: (-one.weight, one.id))


def ask_all(
    inputs: Inputs,
    strategies: Mapping[str, Strategy],
    view: Callable[[tuple[int, int] | None], LiveView],
    call: Caller,
) -> Answers:
    """Ask every listed strategy that has not failed yet. Raises BadInput for one that is not at hand."""
    given: list[Answer] = []
    failures = {failure.strategy: failure for failure in inputs.failures}
    memories = dict(inputs.memories)
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
            said = call(strategy, view(bars_wanted(strategy)), memory)
            text = kept_of(strategy, memory)
        except StrategyFailed as error:
            failures[listed.id] = Failure(listed.id, error.code, str(error)[:MOST_TEXT])
            continue
        except Exception as error:  # noqa: BLE001  # whoever asks: a failure of theirs costs one strategy alone
            text = f"strategy {listed.id}: asking it raised {type(error).__name__}: {error}"
            failures[listed.id] = Failure(listed.id, StrategyFailed.code, text[:MOST_TEXT])
            continue
        given.append(Answer(listed.id, said.items, said.weights))
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
    return interval_of(strategy.bars, EXCHANGE_BARS[0], strategy.name()), count
