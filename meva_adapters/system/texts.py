"""Columns of fixed-point numbers as text, many at a time: what `trace.texts` does one by one."""

from __future__ import annotations

from typing import Any

from meva_core.amounts import ABSENT


def fixed_texts(column: Any, places: int, *, signed: bool) -> list[str | None]:
    """Return an int64 column [n] of units of 10^-places as plain decimal text without trailing zeros.

    Unless `signed`, -1 stands for no value and gives None.
    """
    # Imported here: reading commands come with the same codec, and render nothing.
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    absent = None if signed else column == ABSENT
    digits = pc.ascii_lpad(pc.cast(pa.array(np.abs(column), mask=absent), pa.string()), places + 1, "0")
    pointed = pc.binary_replace_slice(digits, -places, -places, ".")
    text = pc.ascii_rtrim(pc.ascii_rtrim(pointed, "0"), ".")
    if signed and (column < 0).any():
        text = pc.if_else(pa.array(column < 0), pc.binary_join_element_wise("-", text, ""), text)
    found: list[str | None] = text.to_numpy(zero_copy_only=False).tolist()
    return found
