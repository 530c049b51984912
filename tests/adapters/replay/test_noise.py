"""Prices that went through binary: put back where one step alone can have been meant, and left alone else."""

from __future__ import annotations

import struct
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters.replay.recording.noise import without_noise


def single(price: Decimal) -> Decimal:
    """Return a price as it comes out of single precision."""
    return Decimal(repr(struct.unpack("f", struct.pack("f", float(price)))[0]))


SCALES = st.integers(0, 6)


@given(units=st.integers(1, 2**23), scale=SCALES)
def test_a_step_comes_back_from_single_precision(units: int, scale: int) -> None:
    grid = Decimal(1).scaleb(-scale)
    assert without_noise(single(units * grid), grid) == units * grid


@given(units=st.integers(1, 10**11), scale=SCALES, factor=st.sampled_from([1, 3, 7, 10]))
def test_a_step_comes_back_from_sums_of_doubles(units: int, scale: int, factor: int) -> None:
    grid = Decimal(1).scaleb(-scale)
    price = float(units * grid)
    noisy = Decimal(repr((price / factor) * factor))
    assert without_noise(noisy, grid) == units * grid


@given(units=st.integers(1, 10**15), scale=st.integers(0, 8), finer=st.integers(0, 4))
def test_a_price_of_a_finer_grid_that_is_no_binary_is_left_alone(units: int, scale: int, finer: int) -> None:
    price = units * Decimal(1).scaleb(-min(8, scale + finer))
    grid = Decimal(1).scaleb(-scale)
    got = without_noise(price, grid)
    assert got == price or abs(got - price) <= price * Decimal(2) ** -24


@pytest.mark.parametrize(
    ("price", "grid", "meant"),
    [
        ("6.0229997634888", "0.001", "6.023"),
        ("98765.4296875", "0.01", "98765.43"),
        ("6.022999999999999", "0.001", "6.023"),
        ("6.0229997634888", "1", "6.0229997634888"),  # nothing near on this grid
        ("1000000.01", "1", "1000000.01"),  # a price of an older, finer grid
        ("10000.0001", "1", "10000.0001"),
        ("6.0235", "0.001", "6.0235"),
        ("6.02345678", "0.001", "6.02345678"),
        ("16777216.75", "0.01", "16777216.75"),
        ("6.5", "0", "6.5"),
        ("NaN", "0.01", "NaN"),
    ],
)
def test_examples(price: str, grid: str, meant: str) -> None:
    assert str(without_noise(Decimal(price), Decimal(grid))) == meant


def test_without_a_grid_a_price_is_what_it_is() -> None:
    assert without_noise(Decimal("6.0229997634888"), None) == Decimal("6.0229997634888")
