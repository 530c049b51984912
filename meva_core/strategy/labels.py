"""Labels of what an author answers, or hands over: rows and columns are taken by their places, so labels that
say otherwise are refused.

A frame of pandas has labels of both, one of polars or Arrow has names of columns, and so does a row that is a
Series. No library is asked for: what has such an attribute has labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

_SHOWN: Final = 4
"""So many labels are told, from the first that differs on."""


def misplaced_columns(x: Any, symbols: Sequence[str], *, of_symbols: bool = True) -> str | None:
    """Return in words that the columns of x are labelled otherwise than their places are; None where they are
    those of `symbols`, or just numbered, or have no labels.

    Without `of_symbols` columns that name no symbol may be anything.
    """
    for labels in _labels_of_columns(x):
        differs = labels != tuple(symbols) and not _are_numbered(labels)
        if differs and (of_symbols or _name_places(labels, symbols)):
            at = next((k for k, label in enumerate(labels) if label not in symbols[k : k + 1]), len(labels))
            return f"columns {_few(labels, at)}, where h.symbols are {_few(symbols, at)}"
    return None


def misplaced_rows(x: Any, seconds: Any) -> str | None:
    """Return in words that the rows of x are labelled otherwise than in the order of these times, int64,
    seconds; None where they are not, or have no labels.

    A label may be any number, or a time that is not later than that of its row: the newest bar's, say.
    """
    labels, times = _labels_of_rows(x), seconds.astype("datetime64[s]")
    if labels is None:
        return None
    if labels.dtype.kind not in "iufM":
        return f"rows labelled {_few(labels, 0)}, which are neither times nor numbers"
    if len(labels) != len(times):
        return f"{len(labels)} labelled rows where there are {len(times)}"
    back = np.flatnonzero(labels[1:] < labels[:-1])
    if len(back):
        before, after = (_told(label) for label in labels[back[0] : back[0] + 2])
        return f"rows out of order, {after} after {before}"
    late = np.flatnonzero(~(labels <= times)) if labels.dtype.kind == "M" else back
    if len(late):
        return f"a row labelled {_told(labels[late[0]])} in the place of {_told(times[late[0]])}"
    return None


def values_of(x: Any) -> Any:
    """Return the values of a frame, and of a masked array, NaN where it is masked; all else as it is."""
    if isinstance(x, np.ma.MaskedArray):
        return np.ma.filled(x.astype(np.float64), np.nan)
    return x if _names_of(x) is None else np.asarray(x, dtype=np.float64)


def with_names_of(x: Any, values: Any) -> Any:
    """Return values with the labels of x, a frame whose columns are more than numbered; of all else as they
    are. Raises ValueError for such a frame that is none of pandas."""
    names = _names_of(x)
    if names is None or _are_numbered(names):
        return values
    if _labels_of_rows(x) is None:
        raise ValueError(
            f"the names of columns go along in frames of pandas alone: a {type(x).__name__} is none"
        )
    return type(x)(values, index=x.index, columns=x.columns)


def _names_of(x: Any) -> tuple[Any, ...] | None:
    """Return the labels of the columns of a frame, None for what has none."""
    names = _labels(x, "column_names")  # Arrow's: its columns are the values
    return _labels(x, "columns") if names is None else names


def _labels_of_columns(x: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the labels of all columns, of rows that have labels each for itself."""
    if (labels := _names_of(x)) is not None:
        yield labels
    elif isinstance(x, list | tuple):
        yield from (labels for row in x if (labels := _labels(row, "index")) is not None)


def _are_numbered(labels: tuple[Any, ...]) -> bool:
    return labels == tuple(range(len(labels)))


def _name_places(labels: tuple[Any, ...], symbols: Sequence[str]) -> bool:
    """Whether labels, or parts of them, are symbols, or whether they are the numbers of all places."""
    parts = {part for label in labels for part in (label if isinstance(label, tuple) else (label,))}
    return not parts.isdisjoint(symbols) or parts == {*range(len(labels))}


def _few(labels: Sequence[Any], at: int) -> str:
    """Return some labels in words, from the first that differs on."""
    first = max(0, min(at, len(labels) - _SHOWN))
    shown = [str(label) for label in labels[first : first + _SHOWN]]
    before, after = ["..."] if first else [], ["..."] if len(labels) > first + _SHOWN else []
    return ", ".join([*before, *shown, *after]) or "none"


def _told(label: Any) -> str:
    return f"{label.astype('datetime64[s]')}Z" if label.dtype.kind == "M" else str(label)


def _labels_of_rows(x: Any) -> Any:
    """Return the labels of rows as an array, of times as datetime64[ns], UTC; None where there are none."""
    try:
        kind = x.index.dtype.kind
        return np.asarray(x.index, dtype="datetime64[ns]" if kind == "M" else None)
    except Exception:  # noqa: BLE001 - whatever the author's object does: it has no labels then
        return None


def _labels(x: Any, name: str) -> tuple[Any, ...] | None:
    """Return the labels that an attribute has; None where there is none, or a method, as of lists."""
    try:
        found = getattr(x, name, None)
        return None if found is None or callable(found) else tuple(map(_plain, found))
    except Exception:  # noqa: BLE001 - whatever the author's object does: it has no labels then
        return None


def _plain(label: Any) -> Any:
    """Return a label as a text, a number or a tuple of such: pandas's own may not even be compared."""
    if isinstance(label, tuple):
        return tuple(map(_plain, label))
    return int(label) if isinstance(label, int | np.integer) else str(label)
