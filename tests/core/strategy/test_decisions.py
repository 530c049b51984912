"""What a strategy that decides may answer, and what is said of anything else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from meva_core.amounts import ABSENT
from meva_core.errors import BadInput
from meva_core.market import empty_market
from meva_core.modes import Mode
from meva_core.strategy import History, Strategy, View
from meva_core.strategy.answers import StrategyFailed, decision_of
from meva_core.strategy.bars import no_bars
from meva_core.strategy.base import identity_of
from meva_core.strategy.history import history_of

NAN, INF = float("nan"), float("inf")
SYMBOLS = ("AAATRY", "BBBTRY", "CCCTRY")


def view() -> View:
    """Return a cycle in which nothing is known of three symbols."""
    market = empty_market(1, 3)
    market.time[:] = 60
    nothing = Decimal(0)
    return View(
        datetime.fromtimestamp(60, UTC),
        "stage7",
        *(Mode.NORMAL, Mode.NORMAL),
        *(nothing, nothing, nothing, nothing, nothing),
        (),
        history_of(SYMBOLS, market, no_bars(3)),
    )


def asked(answer: Callable[[dict[str, Any]], Any], memory: str = "{}") -> tuple[list[int], str]:
    """Return what becomes of an answer, and the memory after it."""

    class Answering(Strategy):
        def decide(self, view: View, memory: dict[str, Any]) -> Any:
            return answer(memory)

    weights, after = decision_of(Answering(), view(), memory)
    return weights.tolist(), after


@pytest.mark.parametrize(
    ("answer", "weights"),
    [
        ({}, [ABSENT, ABSENT, ABSENT]),
        ({"BBBTRY": 0.5}, [ABSENT, 50_000_000, ABSENT]),
        ({"AAATRY": 1, "BBBTRY": Decimal(0), "CCCTRY": NAN}, [10**8, 0, ABSENT]),
        (
            {"AAATRY": np.float64(0.25), "BBBTRY": np.float32(0.5), "CCCTRY": np.array(0.125)},
            [25_000_000, 50_000_000, 12_500_000],
        ),
        ({"AAATRY": Decimal("0.333"), "BBBTRY": Decimal("NaN"), "CCCTRY": True - 1}, [33_300_000, ABSENT, 0]),
        ({"AAATRY": Decimal("sNaN"), "BBBTRY": 1 / 3, "CCCTRY": 0.0000005}, [ABSENT, 33_333_300, 0]),
        ({"AAATRY": -1e-18, "BBBTRY": 1 + 1e-10}, [0, 10**8, ABSENT]),
        (dict.fromkeys(SYMBOLS, 1 / 3), [33_333_300] * 3),
    ],
)
def test_numbers_of_any_kind_are_weights_and_what_is_left_out_goes_on(
    answer: Mapping[str, Any], weights: list[int]
) -> None:
    assert asked(lambda memory: answer)[0] == weights


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, r"returned None for the cycle at 1970-01-01T00:01:00Z; expected a dict"),
        ([0.5, 0.5, 0.0], r"returned \[0.5, 0.5, 0.0\] for the cycle at .*; expected a dict"),
        (
            {"AAATRI": 0.5},
            "weight 0.5 for 'AAATRI', which is none of its symbols; did you mean AAATRY",
        ),
        ({7: 0.5}, "weight 0.5 for 7, which is none of its symbols; there are AAATRY, BBBTRY, CCCTRY"),
        ({"BBBTRY": "0.5"}, r"the cycle at 1970-.*:00Z, BBBTRY: weight '0.5' is a str; expected a number"),
        ({"BBBTRY": None}, "BBBTRY: weight None is a NoneType; expected a number"),
        ({"BBBTRY": 1j}, "BBBTRY: weight 1j is a complex"),
        ({"BBBTRY": [0.5]}, r"BBBTRY: weight \[0.5\] is a list"),
        (
            {"BBBTRY": -0.25},
            r"cycle at 1970-01-01T00:01:00.*, BBBTRY: weight -0.25; expected 0 to 1",
        ),
        ({"BBBTRY": INF}, "BBBTRY: weight inf; expected 0 to 1"),
        ({"BBBTRY": Decimal("-Infinity")}, "BBBTRY: weight -inf; expected 0 to 1"),
        ({"BBBTRY": 10**400}, "BBBTRY: weight inf; expected 0 to 1"),
        ({"AAATRY": 0.75, "CCCTRY": Decimal("0.5")}, "the weights sum up to 1.25; expected at most 1"),
    ],
)
def test_what_can_be_no_weights_is_named_with_cycle_symbol_and_value(answer: Any, said: str) -> None:
    with pytest.raises(StrategyFailed, match=said):
        asked(lambda memory: answer)


def test_memory_is_a_copy_that_is_kept_as_it_stands_at_the_return() -> None:
    def count(memory: dict[str, Any]) -> Any:
        memory["n"] = memory.get("n", 0) + 1
        memory.setdefault("list", []).append(memory["n"])
        return {}

    once = asked(count)[1]
    assert once == '{"list":[1],"n":1}'
    assert asked(count, once)[1] == '{"list":[1,2],"n":2}'
    assert asked(count, once)[1] == '{"list":[1,2],"n":2}'


def test_a_memory_that_cannot_be_kept_is_named_with_its_cycle() -> None:
    def spoil(memory: dict[str, Any]) -> Any:
        memory["high"] = NAN
        return {}

    with pytest.raises(StrategyFailed, match=r"answering: the cycle at 1970.*: memory\['high'\]: nan has no"):
        asked(spoil)


def test_what_it_raises_is_named_with_its_line() -> None:
    def divide(memory: dict[str, Any]) -> Any:
        return memory["never"]

    with pytest.raises(
        StrategyFailed,
        match=r"answering raised KeyError: 'never' \(test_decisions.py:\d+\) when asked for the",
    ):
        asked(divide)


def test_a_strategy_answers_in_one_way() -> None:
    class Neither(Strategy):
        pass

    with pytest.raises(BadInput, match=r"neither says nothing: it has neither weights\(h\) nor decide"):
        identity_of(Neither(), "0" * 64)

    class Early(Strategy):
        def weights(self, h: History) -> Any:
            return h.mark

    with pytest.raises(TypeError, match=r"Late has weights\(h\) and decide\(view, memory\); expected one"):
        type("Late", (Early,), {"decide": lambda self, view, memory: {}})
    assert not Early.decides()
