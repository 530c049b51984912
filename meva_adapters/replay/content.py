"""What a dataset says, whatever its files' form: one SHA-256 over the columns.

Equal prices written otherwise (`5.3300`, `5.33`), CSV and Parquet, other row groups, another compression or
folder: the same value. The values over the files' bytes are another thing: they vouch for files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final

import numpy as np

from meva_adapters.replay.checking.reading import BLOCK, FileFacts, all_blocks
from meva_adapters.replay.format.layout import CANDLES
from meva_adapters.replay.format.lines import stored_columns
from meva_adapters.replay.format.rows import Rows
from meva_adapters.replay.format.stamps import MICROS

HEAD: Final = b"meva-content-1\n"


def content_sha256(
    files: Iterable[tuple[FileFacts, int]], exchangeinfo: Any, rest: Iterable[tuple[str, str]] = ()
) -> str:
    """Return the SHA-256 of tables, each with the seconds by which its stamps are shifted, of the exchange's
    metadata (None for none), and of what else says what is read of them, as pairs of a name and a text.

    A table is a line of its name, its number of rows and its columns, and then column by column the
    little-endian int64 of its values: stamps in microseconds when rows were complete, amounts in 1e-8, absent
    ones -1, the base volume as whole coins and a rest. Raises BadInput if a file is not what it was.
    """
    digest = hashlib.sha256(HEAD)
    for facts, shift in sorted(files, key=lambda one: f"{one[0].kind}/{one[0].symbol}"):
        digest.update(f"{facts.kind}/{facts.symbol} {facts.rows} {','.join(facts.columns)}\n".encode())
        for column in _columns(facts, shift):
            digest.update(np.ascontiguousarray(column, dtype="<i8").data)
    if exchangeinfo is not None:
        digest.update(f"exchangeinfo {hashlib.sha256(canonical(exchangeinfo)).hexdigest()}\n".encode())
    for name, text in rest:
        digest.update(f"{name} {text}\n".encode())
    return digest.hexdigest()


def canonical(tree: Any) -> bytes:
    """Return a document as JSON with sorted keys and no spaces; numbers by their value."""
    return json.dumps(
        tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_number
    ).encode()


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    raise TypeError(f"{type(value).__name__} has no place in a document")


def _columns(facts: FileFacts, shift: int) -> Iterator[Any]:
    """Yield the stored columns of a table, one after the other."""
    blocks = list(all_blocks(facts, facts.columns, BLOCK))
    for name in facts.columns:
        for stored in stored_columns(name):
            column = np.concatenate([_stored(rows, stored) for rows in blocks])
            yield column + shift * MICROS if name == "ts" and facts.kind == CANDLES else column


def _stored(rows: Rows, name: str) -> Any:
    return rows.ts if name == "ts" else rows.values[name]
