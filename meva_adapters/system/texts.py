"""Columns of fixed-point numbers as text, many at a time: what `trace.texts` does one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from meva_core.amounts import ABSENT


def fixed_texts(column: Any, places: int, *, signed: bool) -> list[str | None]:
    """Return an int64 column [n] of units of 10^-places as plain decimal text without trailing zeros.

    Unless `signed`, -1 stands for no value and gives None.
    """
    absent = None if signed else column == ABSENT
    digits = pc.utf8_lpad(pc.cast(pa.array(np.abs(column), mask=absent), pa.string()), places + 1, "0")
    whole = pc.utf8_slice_codeunits(digits, 0, -places)
    rest = pc.utf8_rtrim(pc.utf8_slice_codeunits(digits, -places), "0")
    text = pc.utf8_rtrim(pc.binary_join_element_wise(whole, rest, "."), ".")
    if signed:
        text = pc.if_else(pa.array(column < 0), pc.binary_join_element_wise("-", text, ""), text)
    found: list[str | None] = text.to_pylist()
    return found
