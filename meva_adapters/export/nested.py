"""Documents as nested columns: structs and lists instead of JSON text, where all of a column agree.

What type a column has is known when all of it was seen. Until then it lies in a file of its own as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import orjson
import pyarrow as pa
from attrs import define, field

_UNLIKE: Final = (ValueError, OverflowError, pa.ArrowTypeError, pa.ArrowNotImplementedError)
"""What reading texts and putting their values into one column may raise: JSON that is none, values of kinds
that do not go together, numbers beyond 64 bits. `ArrowInvalid` is a ValueError."""


@define
class Nesting:
    """The types of columns of documents, found out a part at a time; a column that holds what has no common
    type stays text, None here."""

    _types: dict[str, pa.DataType | None] = field(factory=dict)

    def look(self, name: str, texts: Iterable[str | None]) -> None:
        """Look at the next documents of a column."""
        before = self._types.get(name, pa.null())
        if before is None:
            return
        try:
            self._types[name] = _together(before, pa.array(list(_values(texts))).type)
        except _UNLIKE:
            self._types[name] = None

    def type_of(self, name: str) -> pa.DataType:
        """Return the type that holds all of a column that was looked at."""
        found = self._types.get(name)
        return pa.string() if found is None else _settled(found) or pa.string()

    def column(self, name: str, texts: Sequence[str | None]) -> pa.Array:
        """Return documents of a column that was looked at, in its type."""
        kind = self.type_of(name)
        return pa.array(texts if pa.types.is_string(kind) else list(_values(texts)), kind)


def _values(texts: Iterable[str | None]) -> Iterator[Any]:
    return (None if text is None else orjson.loads(text) for text in texts)


def _together(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Return the type that holds values of both. Raises ArrowTypeError if there is none."""
    schemas = (pa.schema([("column", kind)]) for kind in (one, other))
    return pa.unify_schemas(list(schemas), promote_options="permissive").field("column").type


def _settled(kind: pa.DataType) -> pa.DataType | None:
    """Return a type that a file can hold: text for what was always null; None where a struct has no field,
    which a file cannot hold, and for numbers with a point, which a float may not hold exactly."""
    if pa.types.is_null(kind):
        return pa.string()
    if pa.types.is_floating(kind):
        return None
    if pa.types.is_list(kind):
        inner = _settled(kind.value_type)
        return None if inner is None else pa.list_(inner)
    if pa.types.is_struct(kind):
        inside = [(part.name, _settled(part.type)) for part in kind]
        return pa.struct(inside) if inside and all(found is not None for _, found in inside) else None
    return kind
