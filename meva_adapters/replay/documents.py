"""JSON documents of a dataset, read strictly: exact numbers, bounded size, no repeated keys."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

from meva_adapters.replay.files import SourceFile
from meva_core.errors import BadInput

MAX_DOCUMENT: Final = 64 * 2**20


def read_json(file: SourceFile) -> tuple[Any, bytes]:
    """Return a document and its bytes. Fractions become Decimals, whole numbers ints.

    Raises BadInput for anything that is not one JSON value in UTF-8, for NaN and infinities, for a key that
    is repeated within an object, and for documents over MAX_DOCUMENT bytes.
    """
    if file.size > MAX_DOCUMENT:
        raise BadInput(f"{file.name}: {file.size} bytes; at most {MAX_DOCUMENT} are read")
    data = file.read(0, file.size)
    try:
        tree = json.loads(
            data.decode("utf-8"),
            parse_float=Decimal,
            parse_constant=_no_constant,
            object_pairs_hook=_unique_keys,
        )
    except (ValueError, RecursionError) as e:
        raise BadInput(f"{file.name}: not a JSON document: {_brief(e)}") from e
    return tree, data


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"key {next(key for key in keys if keys.count(key) > 1)!r} is repeated")
    return tree


def _brief(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)[:120]
