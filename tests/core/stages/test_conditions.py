"""What the cycles of a recorded run went by, at its own times and at others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from meva_core.market import Market, empty_market
from meva_core.modes import Mode
from meva_core.rules import Rules, SymbolRules, rules_columns
from meva_core.stages.conditions import described, inputs_at, under
from meva_core.steps.inputs import Inputs, no_inputs

SYMBOLS = ("BTCTRY", "ETHTRY")
TIMES = st.lists(st.integers(0, 40), min_size=1, max_size=12, unique=True).map(sorted)


def seconds(*times: int) -> Any:
    return np.array(times, dtype=np.int64)


def inputs(**columns: list[int]) -> Inputs:
    made = no_inputs(len(next(iter(columns.values()))), 1)
    for name, values in columns.items():
        getattr(made, name)[:] = values
    return made


def rules(tick: int) -> Rules:
    made = rules_columns([SymbolRules(symbol, "ok") for symbol in SYMBOLS])
    made.tick[:] = tick
    return made


@attrs.frozen
class Changing:
    """Rules whose tick is the second from which on they hold."""

    since: list[int]

    def inputs(self, times: Any) -> Inputs:
        return inputs(fault_count=list(times))

    def rules(self) -> Iterator[tuple[int, Rules]]:
        for second in self.since:
            yield second, rules(second)


def markets(times: list[int], window: int) -> Iterator[Market]:
    for first in range(0, len(times), window):
        part = times[first : first + window]
        market = empty_market(len(part), len(SYMBOLS))
        market.time[:] = part
        yield market


def test_at_its_own_times_the_inputs_are_those_that_were_recorded() -> None:
    seen = inputs(base_mode=[0, 1, 2], override_mode=[2, 0, 1], reset=[0, 1, 1], fault_count=[3, 0, 1])
    found = inputs_at(seconds(5, 9, 12), seen, seconds(5, 9, 12))
    assert [column.tolist() for column in found] == [column.tolist() for column in seen]


def test_between_them_modes_hold_and_a_reset_is_taken_in_by_the_cycle_after_it() -> None:
    modes = [Mode.OBSERVE_ONLY, Mode.NORMAL, Mode.REDUCE_RISK_ONLY]
    seen = inputs(base_mode=[*modes], reset=[0, 1, 1], fault_count=[1, 1, 1])
    found = inputs_at(seconds(10, 20, 30), seen, seconds(4, 10, 19, 25, 40, 41))
    assert found.base_mode.tolist() == [0, 2, 2, 0, 1, 1]
    assert found.reset.tolist() == [0, 0, 0, 1, 1, 0]
    assert found.fault_count.tolist() == [0, 1, 0, 0, 0, 0]


@given(TIMES, TIMES, st.data())
def test_no_reset_is_lost_or_taken_in_twice(seen: list[int], times: list[int], data: st.DataObject) -> None:
    flags = data.draw(st.lists(st.integers(0, 1), min_size=len(seen), max_size=len(seen)))
    found = inputs_at(seconds(*seen), inputs(reset=flags), seconds(*times)).reset.tolist()
    for at, time in enumerate(times):
        since = times[at - 1] if at else -1
        due = any(flag and since < one <= time for one, flag in zip(seen, flags, strict=True))
        assert found[at] == due


@given(TIMES, TIMES, st.integers(1, 5), st.integers(0, 3))
def test_every_cycle_has_the_rules_that_hold_then(
    times: list[int], since: list[int], window: int, skip: int
) -> None:
    some = times[min(skip, len(times) - 1) :]  # as when a run is resumed
    parts = list(under(Changing(since), seconds(*times), markets(some, window)))
    found = [
        (time, int(held.tick[0]), int(given.fault_count[at]))
        for market, given, held in parts
        for at, time in enumerate(market.time.tolist())
    ]
    held = [max([one for one in since if one <= time], default=since[0]) for time in some]
    assert found == [*zip(some, held, some, strict=True)]
    assert all(len(market.bid) == len(market.time) <= window for market, _, _ in parts)


def test_columns_of_rules_are_described_as_what_they_were_made_of() -> None:
    fine = rules(10**6)
    fine.max_price[:], fine.min_qty[:], fine.candidate[:] = 5 * 10**8, 10**4, [1, 0]
    again = rules_columns(described(fine, SYMBOLS))
    assert [column.tolist() for column in again] == [column.tolist() for column in fine]
    missing = rules_columns([SymbolRules(symbol, "missing", tradable=False) for symbol in SYMBOLS])
    again = rules_columns(described(missing, SYMBOLS))
    assert [column.tolist() for column in again] == [column.tolist() for column in missing]
