"""Columns as text: the quick way says what the plain one does."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meva_adapters.system.texts import fixed_texts
from meva_core.amounts import ABSENT, LIMIT, format_e8
from meva_core.trace import plain_texts
from meva_core.trace.texts import AMOUNT_PLACES, SCORE_PLACES, score_text

numbers = st.one_of(
    st.integers(-(LIMIT - 1), LIMIT - 1),
    st.integers(-(10**9), 10**9),
    st.sampled_from((0, 1, -1, 10**8, -(10**8), 10**12, 99_999_999, 10**11 + 1, LIMIT - 1)),
    st.builds(lambda power, more: 10**power + more, st.integers(0, 18), st.integers(-1, 1)),
)


@given(column=st.lists(numbers, max_size=40), places=st.sampled_from((AMOUNT_PLACES, SCORE_PLACES)))
@example(column=[0, -1, 1, 10**8, -(10**8)], places=AMOUNT_PLACES)
def test_signed_columns_read_the_same_both_ways(column: list[int], places: int) -> None:
    values = np.array(column, dtype=np.int64)
    texts = fixed_texts(values, places, signed=True)
    assert texts == plain_texts(values, places, signed=True)
    assert [Decimal(text or "x").scaleb(places) for text in texts] == column


@given(column=st.lists(numbers.map(abs) | st.just(ABSENT), max_size=40), places=st.sampled_from((8, 12)))
def test_columns_with_gaps_read_the_same_both_ways(column: list[int], places: int) -> None:
    values = np.array(column, dtype=np.int64)
    texts = fixed_texts(values, places, signed=False)
    assert texts == plain_texts(values, places, signed=False)
    assert [text is None for text in texts] == [value == ABSENT for value in column]


@given(column=st.lists(numbers, max_size=20))
def test_amounts_read_as_the_one_writer_of_amounts_has_them(column: list[int]) -> None:
    values = np.array(column, dtype=np.int64)
    assert fixed_texts(values, AMOUNT_PLACES, signed=True) == [format_e8(value) for value in column]


@pytest.mark.parametrize(
    ("score", "text"),
    [
        (0, "0"),
        (1, "0.000000000001"),
        (-1, "-0.000000000001"),
        (10**12, "1"),
        (-15 * 10**11, "-1.5"),
        (10**13, "10"),
    ],
)
def test_scores_are_plain_digits(score: int, text: str) -> None:
    assert score_text(score) == text
