"""Parquet, Feather, Arrow and JSON files as tables; numbers of JSON stay the text that they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import feather, ipc, parquet

from meva_adapters.importing.table import Table
from meva_adapters.importing.text_tables import NOTHING
from meva_core.errors import BadInput


def read_parquet(data: bytes, name: str) -> Table:
    """Return a Parquet file as a table."""
    return _of_arrow(lambda: parquet.read_table(pa.BufferReader(data)), name, "Parquet")


def read_feather(data: bytes, name: str) -> Table:
    """Return a Feather or Arrow file as a table, of either form of Arrow's files."""

    def read() -> Any:
        try:
            return feather.read_table(pa.BufferReader(data))
        except pa.ArrowInvalid:
            with ipc.open_stream(pa.BufferReader(data)) as stream:
                return stream.read_all()

    return _of_arrow(read, name, "Feather")


def _of_arrow(read: Callable[[], Any], name: str, what: str) -> Table:
    try:
        return of_arrow(read(), name, what)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"{name}: is no {what} file that can be read: {error}", action="write it anew"
        ) from error


def of_arrow(table: Any, name: str, what: str) -> Table:
    """Return an Arrow table as one to import; the file's own numbering of rows is left out."""
    columns: dict[str, Any] = {}
    for field, chunked in zip(table.schema, table.columns, strict=True):
        column = chunked.combine_chunks() if isinstance(chunked, pa.ChunkedArray) else chunked
        if isinstance(column, pa.ChunkedArray):  # nothing in it
            column = pa.array([], type=chunked.type)
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
            column = column.cast(pa.string())
        columns[field.name] = column
    names = ", ".join(f"{field.name} {field.type}" for field in table.schema if field.name in columns)
    row = np.arange(1, table.num_rows + 1, dtype=np.int64)
    return Table(name, columns, row, header=True, told=f"{what}: {names}", format=what.lower())


# -- JSON ---------------------------------------------------------------------------------------------


def read_json(data: bytes, name: str) -> Table:
    """Return a list of lists or of objects, or an object of lists, as a table of text."""
    return _of_tree(_parsed(data, name), name)


def read_json_lines(data: bytes, name: str) -> Table:
    """Return lines that are a list or an object each as a table of text."""
    lines = enumerate(data.splitlines(), 1)
    return _of_tree([_parsed(line, f"{name}, line {at}") for at, line in lines if line.strip()], name)


def _parsed(data: bytes, name: str) -> Any:
    try:
        return json.loads(data, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{name}: is no JSON: {error}", action="fetch it again") from error


def _of_tree(tree: Any, name: str) -> Table:
    for key in ("data", "result", "candles"):
        if isinstance(tree, Mapping) and isinstance(tree.get(key), list | dict):
            tree = tree[key]
    if isinstance(tree, list) and tree and all(isinstance(row, list) for row in tree):
        return _of_lists(tree, name)
    if isinstance(tree, list) and tree and all(isinstance(row, Mapping) for row in tree):
        names = list(tree[0])
        return _of_texts(
            {key: [row.get(key) for row in tree] for key in names}, name, "JSON, a list of objects"
        )
    if isinstance(tree, Mapping):
        lists = {key: value for key, value in tree.items() if isinstance(value, list)}
        if lists and len({len(value) for value in lists.values()}) == 1:
            return _of_texts(lists, name, "JSON, an object of lists")
    raise BadInput(
        f"{name}: is no list of candles",
        action="write it as [[time, open, high, low, close, volume], ...], or as columns by name",
    )


def _of_lists(tree: Sequence[Sequence[Any]], name: str) -> Table:
    width = len(tree[0])
    for place, row in enumerate(tree, 1):
        if len(row) != width:
            raise BadInput(
                f"{name}, row {place}: {len(row)} values where row 1 has {width}", action="mend that row"
            )
    names = [str(place) for place in range(1, width + 1)]
    columns = dict(zip(names, zip(*tree, strict=True), strict=True))
    return _of_texts(columns, name, f"JSON, a list of lists of {width} values", header=False)


def _of_texts(columns: Mapping[str, Sequence[Any]], name: str, told: str, *, header: bool = True) -> Table:
    texts = {key: pa.array(list(map(_text, values)), pa.string()) for key, values in columns.items()}
    length = len(next(iter(texts.values())))
    row = np.arange(1, length + 1, dtype=np.int64)
    return Table(name, texts, row, header=header, told=told, format="json")


def _text(value: Any) -> str | None:
    return None if value is None or value in NOTHING else str(value)
