"""The mark that lets one function run interpreted and compiled.

A kernel is a plain function over integers and columns of integers. It allocates nothing, raises nothing and
touches nothing but its arguments, so the interpreter and numba's machine code give the same bits.
`meva_core.engine` compiles all kernels together when that is asked for.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

KERNELS: Final[list[Callable[..., Any]]] = []
"""Every kernel, in the order of definition: what a kernel calls comes before it."""


def kernel(function: F) -> F:
    """Mark `function` as a kernel and return it as it is."""
    KERNELS.append(function)
    return function


def quotient(a: int, b: int) -> int:
    """Return a // b for a >= 0 and b > 0.

    Compiled, it spares the care that a sign or a zero would need: other arguments give rubbish there.
    """
    return a // b
