"""Columns as text: the quick way says what the plain one does."""

from __future__ import annotations

import json
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meva_adapters.system.texts import ArrowTexts
from meva_core.amounts import ABSENT, LIMIT, format_e8
from meva_core.trace import PLAIN, Texts
from meva_core.trace.texts import AMOUNT_PLACES, SCORE_PLACES, score_text

QUICK = ArrowTexts()
numbers = st.one_of(
    st.integers(-(LIMIT - 1), LIMIT - 1),
    st.integers(-(10**9), 10**9),
    st.sampled_from((0, 1, -1, 10**8, -(10**8), 10**12, 99_999_999, 10**11 + 1, LIMIT - 1)),
    st.builds(lambda power, more: 10**power + more, st.integers(0, 18), st.integers(-1, 1)),
)


@given(column=st.lists(numbers, max_size=40), places=st.sampled_from((AMOUNT_PLACES, SCORE_PLACES)))
@example(column=[0, -1, 1, 10**8, -(10**8)], places=AMOUNT_PLACES)
def test_numbers_read_the_same_both_ways(column: list[int], places: int) -> None:
    values = np.array(column, dtype=np.int64)
    texts = QUICK.listed(QUICK.fixed(values, places))
    assert texts == PLAIN.fixed(values, places)
    assert [Decimal(text or "x").scaleb(places) for text in texts] == column
    assert QUICK.listed(QUICK.whole(values)) == PLAIN.whole(values) == [str(x) for x in column]


@given(
    column=st.lists(numbers | st.just(ABSENT) | st.just(-(2**63)), max_size=40),
    places=st.sampled_from((AMOUNT_PLACES, SCORE_PLACES)),
    none=st.sampled_from((ABSENT, -(2**63))),
)
def test_gaps_are_gaps_both_ways_and_null_in_json(column: list[int], places: int, none: int) -> None:
    values = np.array([x for x in column if none == -(2**63) or x != -(2**63)], dtype=np.int64)
    texts = QUICK.fixed(values, places, none=none)
    assert QUICK.listed(texts) == PLAIN.fixed(values, places, none=none)
    assert [text is None for text in QUICK.listed(texts)] == [value == none for value in values.tolist()]
    quoted = QUICK.listed(QUICK.quoted(texts))
    assert quoted == PLAIN.quoted(PLAIN.fixed(values, places, none=none))
    assert [json.loads(text) for text in quoted] == QUICK.listed(texts)


@given(column=st.lists(numbers, max_size=20))
def test_amounts_read_as_the_one_writer_of_amounts_has_them(column: list[int]) -> None:
    values = np.array(column, dtype=np.int64)
    assert QUICK.listed(QUICK.fixed(values, AMOUNT_PLACES)) == [format_e8(value) for value in column]


names = st.sampled_from(("", "a", "b" * 300, "ÇİĞ", '{"x":1}'))


@given(
    rows=st.lists(st.tuples(names, st.integers(0, 2)), max_size=20),
    counts=st.lists(st.integers(0, 4), max_size=6),
    places=st.sets(st.integers(0, 19)),
)
def test_texts_are_put_together_the_same_both_ways(
    rows: list[tuple[str, int]], counts: list[int], places: set[int]
) -> None:
    cells = ([name for name, _ in rows] * 24)[: sum(counts)]
    counts = counts if len(cells) == sum(counts) else []
    others = {place: f"new {place}" for place in sorted(places) if place < len(rows)}
    which = np.array([place for _, place in rows], dtype=np.int64)

    def made(texts: Texts) -> list[list[str]]:
        given = texts.given([name for name, _ in rows])
        chosen = texts.chosen(("x", "yy", "ğ"), which)
        joined = texts.joined("<", given, "", chosen, chosen, ">")
        lists = texts.lists(texts.given(cells if counts else []), np.array(counts, dtype=np.int64))
        return [texts.listed(each) for each in (joined, texts.replaced(joined, others), lists)]

    joined, replaced, lists = made(QUICK)
    assert made(PLAIN) == [joined, replaced, lists]
    assert joined == [f"<{name}{['x', 'yy', 'ğ'][at] * 2}>" for name, at in rows]
    assert replaced == [others.get(row, text) for row, text in enumerate(joined)]


@pytest.mark.parametrize("texts", [PLAIN, QUICK])
def test_lists_take_as_many_cells_as_each_is_to_have(texts: Texts) -> None:
    cells = texts.given(["a", "b", "c", "d"])
    assert texts.listed(texts.lists(cells, np.array([2, 0, 1, 1]))) == ["a,b", "", "c", "d"]


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
