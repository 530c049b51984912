"""What a recorded run went by besides its market: what it began with, and its cycles' rules and inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Protocol

import numpy as np
from attrs import frozen

from meva_core.amounts import LIMIT, to_decimal
from meva_core.market import Market
from meva_core.rules import Rules, RuleStatus, SymbolRules
from meva_core.stages.remembered import memory_in
from meva_core.stages.run import Part
from meva_core.state import TIME, State, restore_state
from meva_core.steps.inputs import Inputs, no_inputs
from meva_core.strategy.memory import Kept

_LAST: Final = LIMIT - 1


@frozen(eq=False)
class Beginning:
    """What a run begins with that goes on from another one: the state, as `state_document` describes it, with
    what a strategy has in mind, and what stands before its first link, 32 bytes."""

    document: Mapping[str, Any]
    link: bytes

    @property
    def last_time(self) -> int:
        """The time of the last cycle before, seconds."""
        return int(self.document["facts"][TIME])

    def state(self, symbols: Sequence[str]) -> State:
        """Return the state. Raises BadInput if it is for other symbols."""
        return restore_state(self.document, symbols)

    @property
    def memory(self) -> Kept | None:
        """What a strategy has in mind with it."""
        return memory_in(self.document)


class Conditions(Protocol):
    """The rules and inputs of the cycles of a run."""

    def inputs(self, times: Any) -> Inputs:
        """Return the inputs at all times of a run, int64 seconds, increasing."""

    def rules(self) -> Iterator[tuple[int, Rules]]:
        """Yield, in order, the rules of all symbols, each a group of its own, and the second from which on
        they hold; before the first of these seconds the first hold."""


def under(conditions: Conditions, times: Any, markets: Iterable[Market]) -> Iterator[Part]:
    """Yield markets with their rules and inputs, cut where the rules change.

    `times` are all of the run, `markets` those of some of them, in order.
    """
    inputs, changes = conditions.inputs(times), conditions.rules()
    _, held = next(changes)
    following = next(changes, None)
    for market in markets:
        first, cycles = int(np.searchsorted(times, market.time[0])), len(market.time)
        start = 0
        while start < cycles:
            while following is not None and following[0] <= market.time[start]:
                held, following = following[1], next(changes, None)
            stop = cycles if following is None else int(np.searchsorted(market.time, following[0]))
            part = slice(start, stop)
            whole = stop - start == cycles
            yield (
                market if whole else Market(*(column[part] for column in market)),
                Inputs(*(column[first + start : first + stop].copy() for column in inputs)),
                held,
            )
            start = stop


def inputs_at(seen: Any, inputs: Inputs, times: Any) -> Inputs:
    """Return the inputs of cycles at `times` of a run whose own cycles, at `seen`, had `inputs`.

    Modes hold until the next cycle that was seen. A reset is taken in once: by the first cycle at or after
    the one that took it in. Failures, rehearsed ones and a strategy's, are those of the very same second.
    Both times are int64 seconds, increasing.
    """
    made = no_inputs(len(times), inputs.weight.shape[1])
    at = np.searchsorted(seen, times, side="right") - 1
    after = at >= 0
    for name in ("base_mode", "override_mode"):
        getattr(made, name)[after] = getattr(inputs, name)[at[after]]
    resets = np.concatenate(([0], np.cumsum(inputs.reset != 0)))[at + 1]
    made.reset[:] = np.diff(resets, prepend=0) > 0
    same = after & (seen[np.maximum(at, 0)] == times) if len(seen) else after
    for name in ("fault_kind", "fault_count", "strategy_failed"):
        getattr(made, name)[same] = getattr(inputs, name)[at[same]]
    return made


def described(rules: Rules, symbols: Sequence[str]) -> tuple[SymbolRules, ...]:
    """Return rules in columns as those of each symbol: what `rules_columns` made them of, but for words."""
    return tuple(_of_symbol(rules, i, symbol) for i, symbol in enumerate(symbols))


def _of_symbol(rules: Rules, i: int, symbol: str) -> SymbolRules:
    status = RuleStatus(int(rules.status[i]))
    tradable = bool(rules.candidate[i])
    if status not in (RuleStatus.OK, RuleStatus.FALLBACK):
        return SymbolRules(symbol, status, tradable=tradable, reason="as recorded")

    def amount(column: Any, absent: int | None = None) -> Decimal | None:
        value = int(column[i])
        return None if value == absent else to_decimal(value)

    return SymbolRules(
        symbol,
        status,
        tick_size=amount(rules.tick),
        lot_size=amount(rules.lot),
        min_notional_try=amount(rules.min_notional),
        min_price=amount(rules.min_price, 0),
        max_price=amount(rules.max_price, _LAST),
        min_qty=amount(rules.min_qty, 0),
        max_qty=amount(rules.max_qty, _LAST),
        reason="" if status is RuleStatus.OK else "as recorded",
        tradable=tradable,
    )
