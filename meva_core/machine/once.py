"""One optimisation of the whole loop instead of one of every kernel before it is inlined.

Compiling takes half the time so. It replaces two private methods of numba while it compiles, and holds
numba's lock on compiling, so that no other thread meets them; a numba that lacks them compiles as it always
does, to the same results.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core.codegen import CPUCodeLibrary
from numba.core.compiler_lock import global_compiler_lock
from numba.core.cpu import CPUContext

_OPTIMISE = "_optimize_final_module"
_EXECUTABLE = "get_executable"


@contextmanager
def optimised_once(entry: str) -> Iterator[None]:
    """Within, only the function named `entry` is optimised and can be called: the rest is inlined there."""
    optimise = getattr(CPUCodeLibrary, _OPTIMISE, None)
    executable = getattr(CPUContext, _EXECUTABLE, None)
    if optimise is None or executable is None:
        yield
        return
    unnamed = itertools.count()

    def is_entry(library: Any) -> bool:
        return entry in library.name

    def optimise_entry(library: Any) -> None:
        if is_entry(library):
            optimise(library)

    def executable_entry(self: Any, library: Any, descriptor: Any, environment: Any) -> Any:
        if is_entry(library):
            return executable(self, library, descriptor, environment)
        # Nothing calls a kernel by itself; numba files it under something callable that is like no other.
        return [next(unnamed)].append

    with global_compiler_lock:
        setattr(CPUCodeLibrary, _OPTIMISE, optimise_entry)
        setattr(CPUContext, _EXECUTABLE, executable_entry)
        try:
            yield
        finally:
            setattr(CPUCodeLibrary, _OPTIMISE, optimise)
            setattr(CPUContext, _EXECUTABLE, executable)
