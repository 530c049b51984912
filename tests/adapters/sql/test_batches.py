"""Rows a part at a time: so many of them, and where a row may be large, so many bytes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters.sql import batches as module
from meva_adapters.sql.batches import batches, is_packed
from meva_adapters.sql.tables import META

SIZES = st.lists(st.integers(0, 40), max_size=30)


@given(SIZES, st.integers(1, 7))
def test_every_row_comes_once_in_order_and_no_part_is_larger_than_it_may_be(
    sizes: list[int], most: int
) -> None:
    rows = [(number, bytes(size), "x" * (size // 2)) for number, size in enumerate(sizes)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_BYTES", 50)
        parts = list(batches(rows, most=most, by_size=True))
    assert [row for part in parts for row in part] == rows
    for part in parts:
        assert 1 <= len(part) <= most
        assert len(part) == 1 or sum(len(row[1]) + len(row[2]) for row in part) <= 50
    for part, following in pairwise(parts):  # none ends before it is full
        row = following[0]
        assert len(part) == most or sum(len(r[1]) + len(r[2]) for r in (*part, row)) > 50


def test_without_sizes_only_rows_are_counted() -> None:
    rows = [(number, bytes(1 << 20)) for number in range(20)]
    assert [len(part) for part in batches(rows, most=8, by_size=False)] == [8, 8, 4]
    assert [len(part) for part in batches(rows, most=100, by_size=True)] == [8, 8, 4]  # of 8 MiB
    assert [len(part) for part in batches(rows, most=100, by_size=False)] == [20]


def test_no_more_is_taken_than_the_part_that_was_asked_for() -> None:
    taken = []

    def source() -> Iterator[tuple[bytes]]:
        for number in range(9):
            taken.append(number)
            yield (bytes(1 << 20),)

    parts = batches(source(), most=3, by_size=True)
    assert len(next(parts)) == 3
    assert taken == [0, 1, 2, 3]


def test_only_tables_with_packed_columns_have_rows_of_any_size() -> None:
    packed = {name for name, table in META.tables.items() if is_packed(table.columns)}
    assert packed == {"live_cycles", "stage7_stretches"}
