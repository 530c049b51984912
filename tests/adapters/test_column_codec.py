"""Columns to bytes and back: nothing is lost, and bytes of nobody take neither memory nor anybody in."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from meva_adapters.column_codec import ZstdColumns
from meva_core.errors import StoreCorrupt

CODEC = ZstdColumns()
MATRICES = arrays.arrays(
    np.int64,
    st.tuples(st.integers(0, 6), st.integers(0, 40)),
    elements=st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-3, 3), st.sampled_from([10**16])),
)


def unpacked(packed: bytes | bytearray, columns: int, rows: int) -> Any:
    """Return all columns."""
    return CODEC.columns([CODEC.unpack(memoryview(packed), columns, rows)], 0, columns)[0]


@given(MATRICES)
def test_every_matrix_comes_back(matrix: np.ndarray) -> None:
    back = unpacked(CODEC.pack(matrix), *matrix.shape)
    assert back.dtype == np.int64
    assert back.flags.writeable
    assert np.array_equal(back, matrix)


@given(MATRICES, st.data())
def test_some_columns_are_those_of_the_whole(matrix: np.ndarray, data: st.DataObject) -> None:
    columns = len(matrix)
    first, last = sorted(data.draw(st.tuples(st.integers(0, columns), st.integers(0, columns))))
    some = CODEC.unpack(memoryview(CODEC.pack(matrix)), *matrix.shape)
    assert np.array_equal(CODEC.columns([some], first, last)[0], matrix[first:last])
    assert np.array_equal(CODEC.columns([some], 0, columns)[0], matrix)


@given(st.lists(MATRICES, min_size=1, max_size=4), st.data())
def test_several_matrices_are_unpacked_as_each_alone(found: list[np.ndarray], data: st.DataObject) -> None:
    columns, rows = min(len(one) for one in found), min(one.shape[1] for one in found)
    alike = [np.ascontiguousarray(one[:columns, :rows]) for one in found]
    first, last = sorted(data.draw(st.tuples(st.integers(0, columns), st.integers(0, columns))))
    opened = [CODEC.unpack(memoryview(CODEC.pack(one)), columns, rows) for one in alike]
    back = CODEC.columns(opened, first, last)
    assert np.array_equal(back, np.stack(alike)[:, first:last])
    back += 1  # they are nobody else's
    assert np.array_equal(CODEC.columns(opened, first, last) + 1, back)


def test_what_hardly_changes_is_small() -> None:
    times = np.arange(1_767_225_600, 1_767_225_600 + 60 * 1024, 60, dtype=np.int64)
    quiet = np.full(1024, 10**17, dtype=np.int64)
    assert len(CODEC.pack(np.stack([times, quiet] * 10))) < 500


@given(MATRICES, st.data())
def test_other_bytes_are_another_matrix_or_refused(matrix: np.ndarray, data: st.DataObject) -> None:
    packed = bytearray(CODEC.pack(matrix))
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = unpacked(packed, *matrix.shape)
    except StoreCorrupt:
        return
    assert found.shape == matrix.shape  # what tells them apart is the SHA-256 of the stretch


@pytest.mark.parametrize("shape", [(2, 3), (3, 3), (2, 2**40), (0, 0)])
def test_a_matrix_of_another_shape_is_refused(shape: tuple[int, int]) -> None:
    packed = CODEC.pack(np.ones((2, 4), dtype=np.int64))
    with pytest.raises(StoreCorrupt, match="bytes where"):
        unpacked(packed, *shape)


def test_a_frame_that_does_not_say_its_size_is_refused() -> None:
    raw = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(64))
    with pytest.raises(StoreCorrupt):
        unpacked(raw, 2, 4)


def test_wide_matrices_come_back_and_take_little_more_memory_than_their_own() -> None:
    steps = np.random.default_rng(5).integers(-50, 50, (3001, 256))
    matrix = np.cumsum(steps, axis=1)
    tracemalloc.start()
    try:
        packed = CODEC.pack(matrix)
        held, packing = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        back = unpacked(packed, *matrix.shape)
        unpacking = tracemalloc.get_traced_memory()[1] - held
    finally:
        tracemalloc.stop()
    assert np.array_equal(back, matrix)
    assert max(packing, unpacking) < 2.5 * matrix.nbytes  # one for the bytes, one for what is made of them
