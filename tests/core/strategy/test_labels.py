"""Frames of pandas, polars and Arrow are taken by their places: labels that say otherwise are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from meva_core.errors import MevaError
from meva_core.market import empty_market
from meva_core.strategy import (
    History,
    Strategy,
    change,
    ema,
    every,
    rank,
    rolling_mean,
    rolling_std,
    shift,
    top,
)
from meva_core.strategy.answers import StrategyFailed, weights_of
from meva_core.strategy.bars import SeenBars
from meva_core.strategy.history import history_of

SYMBOLS = ("AAA", "BBB", "CCC")
TURNED = ["CCC", "BBB", "AAA"]
TIMES = np.array([60, 120, 180]).astype("datetime64[s]")
WEIGHTS = np.array([[0.1, 0.2, 0.3], [0.0, 0.5, 0.1], [0.25, 0.25, 0.5]])


def seen() -> History:
    """Return three bars of three symbols, and a cycle at the end of each."""
    market, seconds = empty_market(3, 3), TIMES.astype(np.int64)
    market.time[:] = seconds
    closes = np.array([[1, 2, 3], [3, 2, 1], [1, 3, 2]]) * 10**8
    return history_of(SYMBOLS, market, SeenBars(seconds, seconds, *[closes] * 4, np.zeros((3, 3), np.int64)))


def asked(answer: Any) -> list[list[float]]:
    """Return what becomes of an answer, as weights."""

    class Answering(Strategy):
        def weights(self, h: History) -> Any:
            return answer(h) if callable(answer) else answer

    found: list[list[float]] = (weights_of(Answering(), seen()) / 10**8).tolist()
    return found


def frame(columns: Any = None, index: Any = None) -> Any:
    return pd.DataFrame(WEIGHTS, columns=columns, index=index)


def todo(error: pytest.ExceptionInfo[StrategyFailed]) -> str:
    assert isinstance(error.value, MevaError)
    return str(error.value.action)


# -- Columns ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", [frame(), frame(SYMBOLS), frame(SYMBOLS, TIMES), pa.table([*WEIGHTS.T], SYMBOLS)]
)
def test_a_frame_whose_labels_are_the_symbols_or_just_numbers_is_taken_as_it_stands(answer: Any) -> None:
    assert asked(answer) == WEIGHTS.tolist()


@pytest.mark.parametrize(
    ("answer", "columns"),
    [
        (frame(TURNED), "CCC, BBB, AAA"),
        (frame(SYMBOLS)[["AAA", "BBB"]], "AAA, BBB"),
        (frame(["a", "b", "c"]), "a, b, c"),
        (frame()[[2, 1, 0]], "2, 1, 0"),
        (frame(pd.MultiIndex.from_product([["weight"], TURNED])), r"\('weight', 'CCC'\), .*"),
        ([row for _, row in frame(TURNED).iterrows()], "CCC, BBB, AAA"),
        (pa.table([*WEIGHTS.T], TURNED), "CCC, BBB, AAA"),
    ],
)
def test_columns_in_other_places_are_refused_and_both_are_named(answer: Any, columns: str) -> None:
    said = rf"answering returned columns {columns}, where h.symbols are AAA, BBB, CCC, for the cycles from"
    with pytest.raises(StrategyFailed, match=said) as error:
        asked(answer)
    assert todo(error) == "return answer[list(h.symbols)]: a column for each symbol, in that order"


def test_what_is_to_be_done_about_them_is_enough() -> None:
    assert asked(lambda h: frame(TURNED)[list(h.symbols)]) == WEIGHTS[:, ::-1].tolist()


def test_of_many_columns_the_first_that_differs_is_told() -> None:
    names = tuple(f"S{k:03d}TRY" for k in range(190))
    turned = (*names[:7], names[8], names[7], *names[9:])

    class Turned(Strategy):
        def weights(self, h: History) -> Any:
            return pd.DataFrame(np.zeros((1, 190)), columns=turned)

    market = empty_market(1, 190)
    no_bars = SeenBars(*[np.zeros(0, np.int64)] * 2, *[np.zeros((0, 190), np.int64)] * 5)
    with pytest.raises(
        StrategyFailed, match=r"columns \.\.\., S008TRY, S007TRY, .*, where h.symbols are \.\.\., S007TRY"
    ):
        weights_of(Turned(), history_of(names, market, no_bars))


# -- Rows -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [TIMES - 60, pd.DatetimeIndex(TIMES, tz="UTC"), [0, 0, 1], [60, 120, 180]])
def test_rows_may_have_the_times_of_what_they_are_made_of_and_any_numbers_in_order(index: Any) -> None:
    assert asked(frame(SYMBOLS, index)) == WEIGHTS.tolist()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (frame(index=TIMES)[::-1], "rows out of order, 1970-01-01T00:02:00Z after 1970-01-01T00:03:00Z"),
        (frame().sort_values(0), "rows out of order, 0 after 1"),
        (frame(index=TIMES + 60), "a row labelled 1970-01-01T00:02:00Z in the place of 1970-01-01T00:01:00Z"),
        (
            frame(index=TIMES[[2, 2, 2]]),
            "a row labelled 1970-01-01T00:03:00Z in the place of 1970-01-01T00:01",
        ),
        (frame(index=SYMBOLS), "rows labelled AAA, BBB, CCC, which are neither times nor numbers"),
    ],
)
def test_rows_in_other_places_are_refused(answer: Any, said: str) -> None:
    with pytest.raises(StrategyFailed, match=said):
        asked(answer)


def test_a_series_is_no_answer_for_many_cycles() -> None:
    with pytest.raises(StrategyFailed, match=r"returned float64 \[3\] .* expected float64 \[3, 3\]"):
        asked(pd.Series(WEIGHTS[0], index=SYMBOLS))


def test_weights_that_are_masked_are_refused() -> None:
    with pytest.raises(StrategyFailed, match="some of its weights are masked") as error:
        asked(np.ma.masked_less(WEIGHTS, 0.2))
    assert ".filled(0) holds nothing" in todo(error)
    assert asked(np.ma.masked_less(WEIGHTS, -1)) == WEIGHTS.tolist()


# -- On the way to an answer ------------------------------------------------------------------------------


def closes(h: History, columns: Any = SYMBOLS) -> Any:
    return pd.DataFrame(h.close, columns=h.symbols, index=h.bar_time)[list(columns)]


@pytest.mark.parametrize(
    "answer",
    [
        lambda h: h.on_cycles(closes(h, TURNED) / 10),
        lambda h: h.on_cycles(top(closes(h, TURNED), 1)),
        lambda h: h.on_cycles(change(closes(h, TURNED))),
        lambda h: every("1m", closes(h, TURNED) / 10, h),
        lambda h: rank(closes(h, TURNED)) / 10,
    ],
)
def test_names_go_along_to_where_the_symbols_are_known(answer: Any) -> None:
    with pytest.raises(StrategyFailed, match=r"columns CCC, BBB, AAA, where h\.symbols are AAA, BBB, CCC"):
        asked(answer)


def test_rows_that_were_left_out_of_bars_do_not_shift_the_others() -> None:
    with pytest.raises(StrategyFailed, match="on_cycles was given 2 labelled rows where there are 3"):
        asked(lambda h: h.on_cycles(closes(h).pct_change().dropna()))


@pytest.mark.parametrize(
    "helper",
    [
        *[lambda x: shift(x, 1), lambda x: change(x, 1), lambda x: rolling_mean(x, 2), rank],
        *[lambda x: rolling_std(x, 2), lambda x: ema(x, 3, 2), lambda x: top(x, 1)],
    ],
)
def test_helpers_give_frames_for_frames_with_the_values_of_arrays(helper: Any) -> None:
    h = seen()
    there, plain = helper(closes(h)), helper(h.close)
    assert (list(there.columns), list(there.index)) == (list(SYMBOLS), list(closes(h).index))
    np.testing.assert_array_equal(there.to_numpy(), plain)
    np.testing.assert_array_equal(h.on_cycles(there), h.on_cycles(plain))
    np.testing.assert_array_equal(helper(pd.DataFrame(h.close)), plain)
    with pytest.raises(ValueError, match="a Table is none"):
        helper(pa.table([*h.close.T], SYMBOLS))


def test_columns_that_name_no_symbol_may_be_laid_on_cycles() -> None:
    h = seen()
    features = pd.DataFrame(h.close, columns=["rise", "fall", "rest"])
    np.testing.assert_array_equal(h.on_cycles(features), h.on_cycles(h.close))
    np.testing.assert_array_equal(h.on_cycles(closes(h)["BBB"]), h.on_cycles(h.close)[:, 1])


def test_what_is_masked_is_missing() -> None:
    h = seen()
    masked = np.ma.masked_greater(h.close, 2)
    found = [[1, 2, np.nan], [np.nan, 2, 1], [1, np.nan, 2]]
    np.testing.assert_array_equal(h.on_cycles(masked), found)
    np.testing.assert_array_equal(shift(masked, 0), found)
