"""Arrow arrays by their bytes are those that Arrow makes itself, without what it imports for it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters.system import arrow_arrays

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
NUMBERS = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20)


@given(NUMBERS, st.data())
def test_numbers_and_gaps(values: list[int], data: st.DataObject) -> None:
    column = np.array(values, dtype=np.int64)
    assert arrow_arrays.numbers(column).equals(pa.array(column, pa.int64()))
    missing = np.array([data.draw(st.booleans()) for _ in values], dtype=bool)
    found = arrow_arrays.numbers(column, missing=missing)
    assert found.equals(pa.array(column, pa.int64(), mask=missing))
    assert found.null_count == missing.sum()


def test_numbers_that_lie_apart_in_memory() -> None:
    apart = np.arange(10)[::3]
    assert arrow_arrays.numbers(apart).to_pylist() == [0, 3, 6, 9]


@given(st.lists(st.booleans(), max_size=20))
def test_flags(values: list[bool]) -> None:
    assert arrow_arrays.flags(np.array(values, dtype=bool)).equals(pa.array(values, pa.bool_()))


@given(st.lists(WORDS, max_size=20))
def test_texts(values: list[str]) -> None:
    found = arrow_arrays.texts(values)
    found.validate(full=True)
    assert found.equals(pa.array(values, pa.string()))


def test_lists() -> None:
    cells = arrow_arrays.texts(["a", "b", "c"])
    assert arrow_arrays.lists(np.array([0, 2, 2, 3]), cells).to_pylist() == [["a", "b"], [], ["c"]]


TEXTS = """
import sys
import numpy as np
from meva_adapters.system.texts import ArrowTexts
made = ArrowTexts()
numbers = np.array([150000000, -5, 7])
cells = made.joined("<", made.quoted(made.fixed(numbers, 8, none=7)), made.whole(numbers), ">")
cells = made.replaced(made.joined(cells, made.chosen(("x", "y"), np.array([0, 1, 0]))), {1: "z"})
print(made.listed(made.lists(cells, np.array([1, 2]))))
print("pandas" in sys.modules, "dateutil" in sys.modules)
"""


def test_columns_of_text_are_made_without_pandas_though_it_is_installed() -> None:
    pytest.importorskip("pandas")
    told = subprocess.run([sys.executable, "-c", TEXTS], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines() == ["""['<"1.5"150000000>x', 'z,<null7>x']""", "False False"]
