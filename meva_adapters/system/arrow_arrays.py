"""Arrow arrays out of what NumPy and Python hold, by their bytes.

`pyarrow.array` looks at each thing that it is given for whether it is one of pandas's, and imports pandas for
that where it is installed: half a second, which no command needs that only writes text.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa


def numbers(values: Any, *, missing: Any = None) -> Any:
    """Return int64 [n] as an array, nulls where `missing`, bool [n], says so. The memory is shared."""
    values = np.ascontiguousarray(values, dtype=np.int64)
    absent = None if missing is None or not missing.any() else _bits(~missing)
    return pa.Array.from_buffers(pa.int64(), len(values), [absent, pa.py_buffer(values)])


def flags(values: Any) -> Any:
    """Return bool [n] as an array."""
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, _bits(values)])


def texts(values: Sequence[str]) -> Any:
    """Return texts as an array of strings; together they take less than 2 GB."""
    parts = [value.encode() for value in values]
    ends = np.fromiter(accumulate(map(len, parts), initial=0), dtype=np.int32, count=len(parts) + 1)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(parts))]
    return pa.Array.from_buffers(pa.string(), len(parts), buffers)


def lists(ends: Any, cells: Any) -> Any:
    """Return the cells of an array as lists: the first goes from ends[0] to ends[1], and so on."""
    ends = np.ascontiguousarray(ends, dtype=np.int32)
    offsets = pa.Array.from_buffers(pa.int32(), len(ends), [None, pa.py_buffer(ends)])
    return pa.ListArray.from_arrays(offsets, cells)


def _bits(values: Any) -> Any:
    return pa.py_buffer(np.packbits(values, bitorder="little"))
