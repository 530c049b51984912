"""Columns side by side: those of a group with the same axes lie in one block, row by row.

A group is a NamedTuple of int64 columns. A row of a block holds the values of all its columns for one cycle,
one symbol, one order or one row of the journal: what a step reads and writes of one symbol lies together, and
compiled code reaches it by one pointer and constants. The columns themselves are views of the block, so
nothing that reads or writes a column knows of it.

Axes are letters: c cycle, i symbol, k open order, l lot, n row of the journal; capitals are lengths
that never change, each of one column's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import prod
from typing import Any, Final, TypeVar

import numpy as np
from numpy.lib.stride_tricks import as_strided

G = TypeVar("G")

_AXES: Final[dict[Any, dict[str, str]]] = {}
_NAMES: Final[dict[Any, dict[str, tuple[str, ...]]]] = {}
_CELL: Final = 8


def axes(default: str, **others: Iterable[str]) -> Callable[[G], G]:
    """Say which axes the columns of a group have: `others` maps axes to columns, the rest has `default`."""

    def note(kind: G) -> G:
        named = {name: letters for letters, names in others.items() for name in names}
        fields: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]  # a NamedTuple
        assert named.keys() <= set(fields), (kind, named)
        _AXES[kind] = {name: named.get(name, default) for name in fields}
        names = _NAMES[kind] = {}
        for name, letters in _AXES[kind].items():
            names[letters] = (*names.get(letters, ()), name)
        return kind

    return note


def axes_of(kind: Any) -> Mapping[str, str]:
    """Return the axes of a group's columns by their names."""
    return _AXES[kind]


def names_by_axes(kind: Any) -> Mapping[str, tuple[str, ...]]:
    """Return the names of a group's columns by their axes: a block each, in this order."""
    return _NAMES[kind]


def new_group(kind: Any, **sizes: int) -> Any:
    """Return a group of zeroed columns in blocks, `sizes` by the letters of its axes."""
    columns: dict[str, Any] = {}
    for letters, names in names_by_axes(kind).items():
        block = np.zeros((*(sizes[letter] for letter in letters), len(names)), dtype=np.int64)
        columns |= {name: block[..., place] for place, name in enumerate(names)}
    return kind(**columns)


def block_of(columns: tuple[Any, ...]) -> Any:
    """Return the block that columns lie in, these and no others, in this order; None if they do not."""
    first, width = columns[0], len(columns)
    if not first.size:
        return np.zeros((*first.shape, width), dtype=np.int64)
    strides = tuple(_CELL * width * prod(first.shape[axis + 1 :], start=1) for axis in range(first.ndim))
    if first.strides != strides or not all(column.flags.writeable for column in columns):
        return None
    return side_by_side(columns)


def side_by_side(columns: tuple[Any, ...]) -> Any:
    """Return columns as one array, the last axis over them, without a copy; None if they do not lie side by
    side in this order, in rows that may hold others, too.
    """
    first = columns[0]
    at = first.__array_interface__["data"][0]
    for place, column in enumerate(columns):
        if (
            column.shape != first.shape
            or column.strides != first.strides
            or column.dtype != np.int64
            or column.__array_interface__["data"][0] != at + _CELL * place
        ):
            return None
    return as_strided(first, (*first.shape, len(columns)), (*first.strides, _CELL))


def blocks_of(group: Any) -> tuple[Any, ...] | None:
    """Return the blocks of a group, in the order of `names_by_axes`; None if its columns lie otherwise."""
    blocks = []
    for names in names_by_axes(type(group)).values():
        block = block_of(tuple(getattr(group, name) for name in names))
        if block is None:
            return None
        blocks.append(block)
    return tuple(blocks)


def in_blocks(group: Any) -> Any:
    """Return the group itself if its columns lie in blocks, else a copy whose columns do."""
    return group if blocks_of(group) is not None else copied(group)


def copied(group: Any) -> Any:
    """Return a copy of a group whose columns lie in blocks."""
    columns: dict[str, Any] = {}
    for names in names_by_axes(type(group)).values():
        first = getattr(group, names[0])
        # Not np.stack: it would lie as the columns do, and those may lie the other way round.
        block = np.empty((*first.shape, len(names)), dtype=np.int64)
        for place, name in enumerate(names):
            block[..., place] = getattr(group, name)
        columns |= {name: block[..., place] for place, name in enumerate(names)}
    return type(group)(**columns)
