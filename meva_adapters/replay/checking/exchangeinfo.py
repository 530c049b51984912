"""The exchange's own pair metadata as recorded in a dataset; what follows from it is the core's affair."""

from __future__ import annotations

from typing import Any

from meva_adapters.replay.checking.documents import read_json
from meva_adapters.replay.checking.files import SourceFile
from meva_core.errors import BadInput


def read_exchangeinfo(file: SourceFile) -> tuple[dict[str, Any], bytes]:
    """Return the document as parsed (fractions as Decimals) and its bytes.

    Both the exchange's whole answer, with `data`, and the inside of it are taken. Raises BadInput if it is
    not an object with a list `symbols` of objects that have a `name`.
    """
    tree, data = read_json(file)
    inner = tree.get("data", tree) if isinstance(tree, dict) else None
    symbols = inner.get("symbols") if isinstance(inner, dict) else None
    if not isinstance(symbols, list) or not all(
        isinstance(pair, dict) and "name" in pair for pair in symbols
    ):
        raise BadInput(
            f"{file.name}: expected an object with a list 'symbols' of pairs that each have a 'name'"
        )
    return tree, data
