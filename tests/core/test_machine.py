"""What numba makes of columns, tried on functions of a few lines: none of this compiles the engine."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import Any

import numpy as np
import pytest
from numba import config, njit
from numba.core.codegen import CPUCodeLibrary
from numba.core.cpu import CPUContext
from numba.core.errors import TypingError
from numba.extending import register_jitable

from meva_core.amounts import ABSENT
from meva_core.blocks import blocks_of
from meva_core.machine import once
from meva_core.machine.groups import SIZES, maker
from meva_core.machine.once import optimised_once
from meva_core.market import Market, empty_market
from meva_core.orders import Side

_market = maker(Market)


def of_market(kernel: Callable[..., Any], market: Market, *arguments: Any, sizes: Any = None) -> Any:
    """Return what a compiled kernel makes of a market, as the engine's loop hands it on."""
    inner = register_jitable(forceinline=True)(kernel)
    cycles, symbols = market.bid.shape
    axes = (cycles, symbols, 0, 0, 0) if sizes is None else sizes
    assert len(axes) == len(SIZES)

    @njit(nogil=True, _nrt=False)
    def entry(blocks: Any, sizes: Any, *rest: Any) -> Any:
        return inner(_market(blocks, sizes), *rest)

    return entry(blocks_of(market), axes, *arguments)


def read(m: Any, c: int, i: int) -> Any:
    return m.bid[c, i]


# -- Bounds -----------------------------------------------------------------------------------------------


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile as NUMBA_BOUNDSCHECK=1 does."""
    monkeypatch.setattr(config, "BOUNDSCHECK", 1)


@pytest.mark.parametrize("place", [(2, 0), (0, 2), (-1, 0), (0, -1)])
def test_an_index_out_of_bounds_is_noticed(checked: None, place: tuple[int, int]) -> None:
    market = empty_market(2, 2)
    assert of_market(read, market, 1, 1) == ABSENT
    with pytest.raises(IndexError):
        of_market(read, market, *place)


def test_bounds_are_those_of_the_array_itself_whatever_others_have(checked: None) -> None:
    with pytest.raises(IndexError):
        of_market(read, empty_market(2, 2), 2, 0, sizes=(3, 2, 0, 0, 0))


# -- Types ------------------------------------------------------------------------------------------------


def read_at_a_float(m: Any) -> Any:
    return m.bid[0, 0.5]


def read_a_row(m: Any) -> Any:
    return m.bid[0]


def read_what_is_not_there(m: Any) -> Any:
    return m.bids[0, 0]


def write_a_float(m: Any) -> Any:
    m.bid[0, 0] = 1.5
    return 0


@pytest.mark.parametrize("kernel", [read_at_a_float, read_a_row, read_what_is_not_there, write_a_float])
def test_what_python_would_refuse_is_not_compiled(kernel: Callable[..., Any]) -> None:
    with pytest.raises(TypingError):
        of_market(kernel, empty_market(1, 1))


def write(m: Any, c: int, i: int) -> Any:
    m.ask[c, i] = m.bid[c, i] + 1
    m.volume_saturated[c, i] = m.ask[c, i] > m.bid[c, i]
    m.closes[c, Side.SELL] = Side.SELL
    return m.bid.shape[0] * 100 + m.bid.shape[1]


def test_a_kernel_reads_and_writes_the_columns_it_names() -> None:
    market = empty_market(3, 2)
    market.bid[...] = np.arange(6).reshape(3, 2)
    before = market.bid.copy()
    assert of_market(write, market, 2, 1) == 302
    assert (int(market.ask[2, 1]), int(market.volume_saturated[2, 1])) == (6, 1)
    assert market.closes[2].tolist() == [0, Side.SELL]
    assert (market.ask[:2] == ABSENT).all()
    assert np.array_equal(market.bid, before)


# -- One optimisation of the whole --------------------------------------------------------------------------


def squares(n: int) -> int:
    return sum_of_squares(n) + 1


@register_jitable(forceinline=True)
def sum_of_squares(n: int) -> int:
    total = 0
    for i in range(n):
        total += i * i
    return total


def methods() -> tuple[Any, Any]:
    return CPUCodeLibrary._optimize_final_module, CPUContext.get_executable


def test_what_is_optimised_once_gives_the_same_and_leaves_numba_as_it_was() -> None:
    before = methods()
    function = njit(squares)
    with optimised_once("squares"):
        assert methods() != before
        assert function(10) == 286
    assert methods() == before
    assert function(11) == 386


def test_an_error_leaves_numba_as_it_was() -> None:
    before = methods()
    with pytest.raises(TypingError), optimised_once("read_a_row"):
        of_market(read_a_row, empty_market(1, 1))
    assert methods() == before


@pytest.mark.parametrize("lacking", ["_OPTIMISE", "_EXECUTABLE"])
def test_a_numba_without_these_methods_compiles_as_before(
    monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    monkeypatch.setattr(once, lacking, "_a_method_that_numba_lacks")
    before = methods()
    function = njit(squares)
    with optimised_once("squares"):
        assert methods() == before
        assert function(10) == 286


def test_what_another_thread_compiles_meanwhile_is_compiled_afterwards_as_ever() -> None:
    other = njit(lambda a: a + 1)
    with ThreadPoolExecutor(1) as pool:
        with optimised_once("squares"):
            waits = pool.submit(other, 1)
            assert njit(squares)(10) == 286
            with pytest.raises(NotYet):
                waits.result(timeout=0.2)
        assert waits.result(timeout=60) == 2
    assert other(2) == 3
