"""What a strategy says to Stages 3 and 4: asked, read in its form, and as a document of plain values and
back, so that it may be asked in another process."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from fractions import Fraction
from typing import Any, Final

import attrs
from attrs import frozen

from meva_core.amounts import ABSENT, E8
from meva_core.errors import BadInput
from meva_core.strategy.answers import StrategyFailed, asking, number_of, span_of, weights_of
from meva_core.strategy.base import Strategy
from meva_core.strategy.intents import Intent, Target, check_sum, is_missing, weight_e8
from meva_core.strategy.live_view import LiveView
from meva_core.strategy.memory import memorised
from meva_core.strategy.raised import told

_KINDS: Final[Mapping[str, type[Intent] | type[Target]]] = {"intent": Intent, "target": Target}
_AMOUNTS: Final = ("notional_try", "qty", "limit", "value_try", "weight")
_LARGEST: Final = 2**63


@frozen
class Said:
    """Intents and targets as the strategy gave them, or weights in e8 by symbol, those left out not among
    them."""

    items: tuple[Intent | Target, ...] = ()
    weights: Mapping[str, int] | None = None


def said_by(strategy: Strategy, view: LiveView, memory: dict[str, Any]) -> Said:
    """Ask a strategy here and now; one that decides may change the memory.

    Raises StrategyFailed for whatever it raises, and for what is no answer.
    """
    symbols = view.history.symbols
    if not strategy.decides():
        [row] = weights_of(strategy, view.history)
        found = {name: int(weight) for name, weight in zip(symbols, row, strict=True)}
        return Said(weights={name: weight for name, weight in found.items() if weight != ABSENT})
    with asking(strategy, type(strategy).decide, span_of(view.history)):
        answer = strategy.decide(view, memory)
        if isinstance(answer, Iterable) and not isinstance(answer, Mapping | str | bytes):
            answer = tuple(answer)  # what is made only now is the strategy's code, too
    try:
        return _read(answer, symbols)
    except BadInput as error:
        raise StrategyFailed(f"strategy {strategy.name()}: {error}", action=error.action) from None
    except Exception as error:  # whatever the author's objects do when they are looked at
        raise StrategyFailed(f"strategy {strategy.name()}: what it answered {_raised(error)}") from error


def kept_of(strategy: Strategy, memory: dict[str, Any]) -> str:
    """Return the text of what a strategy has in mind. Raises StrategyFailed for what can be no memory."""
    try:
        return memorised(memory)
    except ValueError as error:
        raise StrategyFailed(f"strategy {strategy.name()}: {error}") from None
    except Exception as error:  # as above
        raise StrategyFailed(f"strategy {strategy.name()}: its memory {_raised(error)}") from error


def said_document(said: Said) -> dict[str, Any]:
    """Return it JSON-able."""
    return {
        "items": [_item_document(item) for item in said.items],
        "weights": None if said.weights is None else dict(said.weights),
    }


def said_from(document: Mapping[str, Any], symbols: Collection[str]) -> Said:
    """Return what `said_document` told of, looked at as an answer is. Raises BadInput for anything else."""
    try:
        if document["weights"] is None:
            return _read(tuple(map(_item_from, document["items"])), symbols)
        return _read({name: _ratio(weight) for name, weight in document["weights"].items()}, symbols)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(f"no answer of a strategy: {error!r:.200}") from error


# -- Reading ------------------------------------------------------------------------------------------


def _read(answer: Any, symbols: Collection[str]) -> Said:
    """Return an answer in its form. Raises BadInput for one that has none."""
    if isinstance(answer, Mapping):
        return Said(weights=_weights(answer, symbols))
    if answer is None:
        return Said()
    if not isinstance(answer, tuple):
        raise BadInput(
            f"it answered {answer!r:.60}; expected intents, targets, or a dict of weights by symbol"
        )
    for item in answer:
        if not isinstance(item, Intent | Target):
            raise BadInput(f"it answered {item!r:.60}; expected an Intent or a Target")
        _known(item.symbol, symbols)
    check_sum([item.weight or 0 for item in answer if isinstance(item, Target)])
    return Said(answer)


def _weights(answer: Mapping[Any, Any], symbols: Collection[str]) -> dict[str, int]:
    found = {}
    for symbol, weight in answer.items():
        _known(symbol, symbols)
        number = number_of(weight)  # as Stage 7 takes it
        if not is_missing(weight if number is None else number):
            found[symbol] = weight_e8(weight if number is None else number, symbol)
    check_sum(found.values())
    return {symbol: found[symbol] for symbol in sorted(found)}


def _known(symbol: Any, symbols: Collection[str]) -> None:
    if symbol not in symbols:
        raise BadInput(f"{symbol!r:.60} is none of its symbols")


def _raised(error: Exception) -> str:
    return f"raised {told(error)} when it was looked at"


# -- Documents ----------------------------------------------------------------------------------------


def _item_document(item: Intent | Target) -> dict[str, Any]:
    kind = "intent" if isinstance(item, Intent) else "target"
    given = {field.name: getattr(item, field.name) for field in attrs.fields(_KINDS[kind])}
    if isinstance(item, Intent):
        given |= {"side": item.side.name, "purpose": str(item.purpose)}
    return {"kind": kind, **given}


def _item_from(document: Mapping[str, Any]) -> Intent | Target:
    given = dict(document)
    kind = _KINDS[given.pop("kind")]
    for name in _AMOUNTS:
        if given.get(name) is not None:
            given[name] = _ratio(given[name])
    return kind(**given)


def _ratio(amount: Any) -> Fraction:
    """Return an amount in e8 as what it was before, so that it is looked at as the strategy's own was."""
    if type(amount) is not int or abs(amount) > _LARGEST:
        raise TypeError(f"{amount!r:.40} is no amount in e8")
    return Fraction(amount, E8)
