"""What a strategy may be, may answer, and what is said of anything else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import getcontext
from typing import Any

import numpy as np
import pytest

from meva_core.amounts import ABSENT
from meva_core.errors import BadInput
from meva_core.market import empty_market
from meva_core.strategy import Strategy, param
from meva_core.strategy.answers import StrategyFailed, weights_of
from meva_core.strategy.bars import no_bars
from meva_core.strategy.base import bars_needed, fields_of
from meva_core.strategy.built_in import FixedWeights, InverseVolatility
from meva_core.strategy.history import History, history_of
from meva_core.strategy.raised import MOST_TEXT

NAN, INF = float("nan"), float("inf")


def asked(answer: Callable[[History], Any]) -> Any:
    """Return what becomes of an answer for two cycles of two symbols."""

    class Answering(Strategy):
        def weights(self, h: History) -> Any:
            return answer(h)

    market = empty_market(2, 2)
    market.time[:] = (0, 60)
    return weights_of(Answering(), history_of(("AAA", "BBB"), market, no_bars(2)))


def test_weights_are_rounded_to_a_millionth_half_even_and_nan_goes_on() -> None:
    found = asked(lambda h: [[1 / 3, NAN], [0.0000005, 0.0000015]])
    assert found.tolist() == [[33333300, ABSENT], [0, 200]]


def test_what_rounding_left_below_0_is_0_and_above_1_is_1() -> None:
    assert asked(lambda h: [[-1e-18, 1 + 1e-10], [1 / 3, 2 / 3]]).tolist()[0] == [0, 10**8]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([[0.0, 0.0], [0.5, -0.25]], "cycle at 1970-01-01T00:01:00Z, BBB: weight -0.25"),
        ([[INF, 0.0], [0.0, 0.0]], "cycle at 1970-01-01T00:00:00Z, AAA: weight inf"),
        ([[0.5, 0.5], [0.75, 0.5]], r"00:01:00Z: the weights sum up to 1.25"),
        ([0.5, 0.5], r"returned float64 \[2\] .* expected float64 \[2, 2\]"),
        ([["a", "b"], ["c", "d"]], r"returned <U1 \[2, 2\]"),
        (None, "returned None"),
        ([[1j, 0], [0, 0]], "returned complex128"),
    ],
)
def test_what_can_be_no_weights_is_named_with_cycle_symbol_and_value(answer: Any, said: str) -> None:
    with pytest.raises(StrategyFailed, match=said):
        asked(lambda h: answer)


def test_what_it_raises_is_named_with_its_line() -> None:
    def divide(h: History) -> Any:
        raise KeyError("BTCTRY")

    with pytest.raises(StrategyFailed, match=r"answering raised KeyError: 'BTCTRY' \(test_answers.py:\d+\)"):
        asked(divide)


class _Mute(Exception):
    def __str__(self) -> str:
        raise LookupError


class _Unusual(BaseException):
    pass


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (_Mute(), r"raised _Mute: no text: that raised LookupError \("),
        (_Unusual("odd"), r"raised _Unusual: odd \("),
        (SystemExit(3), r"raised SystemExit: 3 \("),
        (ValueError("first\n  second"), r"raised ValueError: first second \("),
        (ValueError("x" * 2_000_000), rf"raised ValueError: x{{{MOST_TEXT}}}\.\.\. \("),
    ],
)
def test_whatever_it_raises_is_told_in_a_line(error: BaseException, said: str) -> None:
    def fail(h: History) -> Any:
        raise error

    with pytest.raises(StrategyFailed, match=said):
        asked(fail)


def test_the_line_is_the_authors_not_that_of_a_library() -> None:
    class Torn(Strategy):
        def weights(self, h: History) -> Any:
            return np.asarray([1.0]).reshape(h.mid.shape, order="none")

    def needs(self: Any) -> int:
        return len(json.loads("{"))

    line = Torn.weights.__code__.co_firstlineno + 1
    market = empty_market(2, 2)
    with pytest.raises(StrategyFailed, match=rf"\(test_answers.py:{line}\)"):
        weights_of(Torn(), history_of(("AAA", "BBB"), market, no_bars(2)))
    Torn.needs = needs  # type: ignore[method-assign]
    with pytest.raises(BadInput, match=r"needs\(\) raised JSONDecodeError: .* \(test_answers.py:"):
        bars_needed(Torn())


def test_who_interrupts_it_is_obeyed() -> None:
    def interrupt(h: History) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asked(interrupt)


def test_what_it_sets_for_all_is_set_back() -> None:
    def spoil(h: History) -> Any:
        getcontext().prec = 2
        np.seterr(all="raise")
        return np.zeros((2, 2))

    before = getcontext().prec, np.geterr()
    asked(spoil)
    assert (getcontext().prec, np.geterr()) == before


def test_it_cannot_change_what_it_sees() -> None:
    def spoil(h: History) -> Any:
        h.mark[0, 0] = 1.0

    with pytest.raises(StrategyFailed, match="read-only"):
        asked(spoil)


def test_parameters_are_fields_with_kinds_and_bounds() -> None:
    class Bounded(Strategy):
        closes = param(60, least=5, most=100)
        share = param(0.5, least=0.0)
        label = param("")

    made = Bounded(closes=7, share=1)
    assert made.parameters() == {"closes": 7, "share": 1.0, "label": ""}
    assert (made.name(), list(fields_of(Bounded))) == ("bounded", ["closes", "share", "label"])
    assert repr(made) == "Bounded(closes=7, share=1.0, label='')"
    for wrong in ({"closes": 4}, {"closes": 101}, {"closes": 7.5}, {"closes": True}, {"share": NAN}):
        with pytest.raises(BadInput, match=f"strategy bounded: parameter {next(iter(wrong))}"):
            Bounded(**wrong)
    with pytest.raises(AttributeError):
        made.closes = 8


@pytest.mark.parametrize(
    ("kind", "wrong", "said"),
    [
        (FixedWeights, {"shares": "BTCTRY=nan"}, "'BTCTRY=nan'; expected SYMBOL=SHARE, a share such as 0.6"),
        (FixedWeights, {"shares": "BTCTRY=0_5"}, "'BTCTRY=0_5'; expected SYMBOL=SHARE"),
        (FixedWeights, {"shares": "BTCTRY=-0.5"}, "'BTCTRY=-0.5'; expected SYMBOL=SHARE"),
        (FixedWeights, {"shares": "BTCTRY=50%"}, "'BTCTRY=50%'; expected SYMBOL=SHARE"),
        (FixedWeights, {"shares": "BTCTRY=0.5,"}, "''; expected SYMBOL=SHARE"),
        (FixedWeights, {"shares": "BTCTRY=0.5, BTCTRY=0.4"}, "BTCTRY is named twice"),
        (FixedWeights, {"shares": "BTCTRY=0.5,ETHTRY=0.6"}, "'BTCTRY=0.5,ETHTRY=0.6' is more than 1 in all"),
        (FixedWeights, {"rebalance": "7m"}, "'7m' is no interval such as 5m, 1h or 1d"),
        (InverseVolatility, {"rebalance": "daily"}, "'daily' is no interval"),
    ],
)
def test_texts_that_cannot_be_are_refused_where_a_strategy_is_made(
    kind: type[Strategy], wrong: dict[str, str], said: str
) -> None:
    [name] = wrong
    with pytest.raises(BadInput, match=f"strategy {kind.name()}: parameter {name}: {re.escape(said)}"):
        kind(**wrong)


def test_shares_are_read_with_their_digits() -> None:
    assert FixedWeights(shares=" BTCTRY = 0.6,ETHTRY=.4 ").wanted(
        ("ETHTRY", "SOLTRY", "BTCTRY")
    ).tolist() == [
        0.4,
        0.0,
        0.6,
    ]
    with pytest.raises(ValueError, match=r"shares: NONETRY is not in this market; expected some of BTCTRY"):
        FixedWeights(shares="NONETRY=0.5").wanted(("BTCTRY",))


def test_an_id_is_the_name_in_snake_case_unless_given() -> None:
    class InverseVolatility(Strategy):
        pass

    assert InverseVolatility.name() == "inverse_volatility"
    with pytest.raises(TypeError, match=r"Odd\.id: 'Not so'"):
        type("Odd", (Strategy,), {"id": "Not so"})


@pytest.mark.parametrize("needed", [-1, 2.5, "many", True])
def test_a_need_is_a_number_of_bars(needed: Any) -> None:
    class Needy(Strategy):
        def needs(self) -> int:
            found: int = needed
            return found

    with pytest.raises(BadInput, match="needs"):
        bars_needed(Needy())
    assert bars_needed(type("Plain", (Strategy,), {})()) == 0


def test_the_count_of_windows_is_of_no_matter_to_numpy_integers() -> None:
    assert bars_needed(type("Numpy", (Strategy,), {"needs": lambda self: np.int64(3)})()) == 3
