"""Columns of text, all rows at a time, as Arrow keeps them: what `trace.texts.PlainTexts` does row by row."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from meva_adapters.system import arrow_arrays
from meva_adapters.system.arrow_arrays import flags


@lru_cache(maxsize=256)
def _one(text: str) -> Any:
    """Return a single text as Arrow has it: `pa.scalar` tries to import dateutil whenever it is called."""
    return arrow_arrays.texts([text])[0]


_EMPTY, _COMMA, _NULL = map(_one, ("", ",", "null"))
_END: Final = 2**31 - 1
"""A place behind the last byte of any text."""


class ArrowTexts:
    """`Texts` of Arrow arrays: one buffer of bytes a column, no object a text until it is listed."""

    def fixed(self, numbers: Any, places: int, *, none: int | None = None) -> Any:
        """Return int64 numbers [n] in units of 10^-places as plain decimal text without trailing zeros.

        Where the number is `none`, there is no text.
        """
        absent = None if none is None else numbers == none
        found = arrow_arrays.numbers(np.abs(numbers), missing=absent)
        digits = pc.ascii_lpad(pc.cast(found, pa.string()), places + 1, "0")
        pointed = pc.binary_replace_slice(digits, -places, -places, ".")
        text = pc.ascii_rtrim(pc.ascii_rtrim(pointed, "0"), ".")
        negative = numbers < 0
        if negative.any():
            text = pc.if_else(flags(negative), self.joined("-", text), text)
        return text

    def whole(self, numbers: Any) -> Any:
        """Return int64 numbers [n] as JSON."""
        return pc.cast(arrow_arrays.numbers(numbers), pa.string())

    def chosen(self, names: Any, which: Any) -> Any:
        """Return one of `names`, a sequence of str or a column, a row: by its place in them, int64 [n]."""
        column = names if isinstance(names, pa.Array) else arrow_arrays.texts(names)
        return column.take(arrow_arrays.numbers(which))

    def given(self, texts: Sequence[str]) -> Any:
        """Return the texts themselves as a column."""
        return arrow_arrays.texts(texts)

    def quoted(self, column: Any) -> Any:
        """Return each text as a JSON string, null where there is none."""
        opened = pc.binary_replace_slice(column, 0, 0, '"')
        closed = pc.binary_replace_slice(opened, _END, _END, '"')  # quicker than putting parts together
        return closed.fill_null(_NULL) if closed.null_count else closed

    def joined(self, *parts: Any) -> Any:
        """Return the texts of some columns put together row by row; a part that is a str is in every row."""
        rows = next(len(part) for part in parts if not isinstance(part, str))
        # Arrow looks at a single text anew in every row, which takes thrice as long as a column of it.
        columns = [pa.repeat(_one(part), rows) if isinstance(part, str) else part for part in parts]
        return pc.binary_join_element_wise(*columns, _EMPTY)

    def lists(self, cells: Any, counts: Any) -> Any:
        """Return cells with commas between: the first counts[0] of them, then the next counts[1], ..."""
        ends = np.concatenate(([0], np.cumsum(counts)))
        return pc.binary_join(arrow_arrays.lists(ends, cells), _COMMA)

    def replaced(self, column: Any, texts: dict[int, str]) -> Any:
        """Return a column with other texts in some rows."""
        if not texts:
            return column
        mask = np.zeros(len(column), dtype=bool)
        mask[list(texts)] = True
        others = [texts[row] for row in sorted(texts)]
        return pc.replace_with_mask(column, flags(mask), arrow_arrays.texts(others))

    def listed(self, column: Any) -> list[Any]:
        """Return the texts of a column, None where there is none."""
        found: list[Any] = column.to_pylist()
        return found
