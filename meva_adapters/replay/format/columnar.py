"""Tables of Arrow's as rows: the columns of a Parquet file as int64, and what is wrong with its cells.

What a text file is held to holds here as well, fault for fault. Prices are decimals of at most eight places,
or integers that say of themselves that they are 1e-8 (`meva.unit` = `e8`): a plain 3500000 might be lira or
0.035. Doubles are no exact numbers, and times without a zone are no times.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from meva_adapters.replay.format.columns import whole_and_rest
from meva_adapters.replay.format.faults import FaultList
from meva_adapters.replay.format.layout import KNOWN, VOLUME, Kind, empty_columns
from meva_adapters.replay.format.rows import BAD_CELL, Rows
from meva_adapters.replay.format.stamps import BAD_STAMP
from meva_core.amounts import ABSENT, E8, LIMIT

PLACES: Final = 8
UNIT: Final = b"meva.unit"
UNIT_E8: Final = b"e8"
AMOUNT: Final = pa.decimal128(20, PLACES)
WIDE: Final = pa.decimal128(38, PLACES)
STAMP: Final = pa.timestamp("us", tz="UTC")
_LAST: Final = 2**62
_MOST: Final = Decimal(10) ** 29
_UTC: Final = ("UTC", "Etc/UTC", "+00:00", "Z")


def is_time(column: str) -> bool:
    """Whether a column holds times."""
    return column in ("ts", KNOWN)


def wrong_type(column: str, field: Any) -> str:
    """Return what is wrong with the type of a column, empty for nothing."""
    kind = field.type
    if is_time(column):
        if pa.types.is_timestamp(kind) and kind.tz in _UTC:
            return ""
        return f"{kind}; expected timestamp[s, ms, us or ns, UTC]"
    if pa.types.is_decimal(kind):
        return "" if 0 <= kind.scale <= PLACES else f"{kind}; expected at most {PLACES} decimal places"
    if pa.types.is_int64(kind):
        if (field.metadata or {}).get(UNIT) == UNIT_E8:
            return ""
        return "int64 without a unit; expected the metadata meva.unit = e8 for integers of 1e-8"
    if pa.types.is_floating(kind):
        return f"{kind}, which is not exact; expected decimal128(p, s) with s <= 8: import it instead"
    return f"{kind}; expected decimal128(p, s) with s <= 8, or int64 with the metadata meva.unit = e8"


class GroupReader:
    """Reads groups of rows of one file. A faulty cell reads as -1, and is named."""

    def __init__(self, columns: tuple[str, ...], kind: Kind, faults: FaultList) -> None:
        self._prices = kind.prices
        self._faults = faults
        self._may_be_empty = empty_columns(columns)

    def read(self, batch: Any, first_row: int) -> Rows:
        """Return the rows of a batch whose first row has the number `first_row`, from 1."""
        count = batch.num_rows
        values: dict[str, Any] = {}
        stamps = np.zeros(0, dtype=np.int64)
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            missing = pc.is_null(column).to_numpy(zero_copy_only=False)
            if is_time(name):
                times = self._times(name, column, missing, first_row)
                if name == "ts":
                    stamps = times
                else:
                    values[name] = times
            elif name == VOLUME:
                whole, rest = self._parts(name, column, missing, first_row)
                values[f"{VOLUME}_whole"], values[f"{VOLUME}_rest"] = whole, rest
            else:
                values[name] = self._amounts(name, column, missing, first_row)
        return Rows(np.arange(first_row, first_row + count, dtype=np.int64), stamps, values)

    def _times(self, name: str, column: Any, missing: Any, first_row: int) -> Any:
        self._name_missing(name, missing, first_row)
        raw = pc.fill_null(pc.cast(column, pa.int64()), 0).to_numpy().copy()
        unit = column.type.unit
        bad = raw < 0
        if unit == "ns":
            bad |= raw % 1000 != 0
            micros = raw // 1000
        else:
            scale = {"s": 10**6, "ms": 10**3, "us": 1}[unit]
            bad |= raw > _LAST // scale
            micros = np.where(bad, 0, raw) * scale
        message = "not a time of whole microseconds from 1970 on"
        self._name("timestamp", name, bad & ~missing, column, first_row, message)
        return np.where(bad | missing, BAD_STAMP, micros)

    def _amounts(self, name: str, column: Any, missing: Any, first_row: int) -> Any:
        whole, rest = self._parts(name, column, missing, first_row)
        bad = whole == BAD_CELL
        large = ~bad & (whole >= LIMIT // E8)
        self._name(
            "too_large", name, large, column, first_row, "too large; amounts stay below 92 000 000 000"
        )
        amounts = np.where(bad | large, BAD_CELL, np.where(bad | large, 0, whole) * E8 + rest)
        return np.where(missing, ABSENT, amounts) if name in self._may_be_empty else amounts

    def _parts(self, name: str, column: Any, missing: Any, first_row: int) -> tuple[Any, Any]:
        """Return whole units, held at LIMIT, and the rest in 1e-8; -1 for what is none."""
        if name not in self._may_be_empty:
            self._name_missing(name, missing, first_row)
        if pa.types.is_int64(column.type):
            raw = pc.fill_null(column, 0).to_numpy()
            negative = raw < 0
            whole, rest = np.maximum(raw, 0) // E8, np.maximum(raw, 0) % E8
        else:
            words = _words(pc.fill_null(_widened(column), pa.scalar(0, WIDE)))
            negative = words[:, 1] < 0
            whole, rest = whole_and_rest(np.where(negative[:, None], 0, words))
        price = name in self._prices
        message = "a price must be above 0" if price else "a quantity must not have a sign"
        self._name("non_positive_price" if price else "negative", name, negative, column, first_row, message)
        bad = negative | (missing if name not in self._may_be_empty else False)
        return np.where(bad, BAD_CELL, whole), np.where(bad, BAD_CELL, rest)

    def _name_missing(self, name: str, missing: Any, first_row: int) -> None:
        message = "the cell is empty; a price or quantity must be there"
        self._name("empty_cell", name, missing, None, first_row, message)

    def _name(self, code: str, column: str, wrong: Any, cells: Any, first_row: int, message: str) -> None:
        found = np.flatnonzero(wrong)
        room = self._faults.room(error=True)
        for place in found[:room].tolist():
            value = "" if cells is None else pc.cast(cells.slice(place, 1), pa.string())[0].as_py()
            self._faults.error(
                code,
                message,
                row=first_row + place,
                column=column,
                value=value,
                action="correct or remove the row",
            )
        self._faults.skip(len(found) - len(found[:room]), error=True)


def _widened(column: Any) -> Any:
    """Return decimals with eight places. One that has no room for them is held at what is far beyond any
    amount."""
    try:
        return pc.cast(column, WIDE)
    except pa.ArrowInvalid:
        held = [None if value is None else max(-_MOST, min(value, _MOST)) for value in column.to_pylist()]
        return pa.array(held, WIDE)


def _words(decimals: Any) -> Any:
    """Return decimal128 as int64 [n, 2], the low word first."""
    words = np.frombuffer(decimals.buffers()[1], dtype=np.int64).reshape(-1, 2)
    return words[decimals.offset : decimals.offset + len(decimals)]


# -- Rows as a table ----------------------------------------------------------------------------------


def batch_of(rows: Rows, columns: tuple[str, ...]) -> Any:
    """Return rows as a record batch: times in microseconds, amounts as decimals, absent ones as nulls."""
    arrays = []
    for name in columns:
        if is_time(name):
            stamps = rows.ts if name == "ts" else rows.values[name]
            arrays.append(pa.array(stamps, pa.int64()).cast(STAMP))
        elif name == VOLUME:
            arrays.append(_decimals(rows.values[f"{VOLUME}_whole"], rows.values[f"{VOLUME}_rest"], WIDE))
        else:
            amounts = rows.values[name]
            whole = amounts // E8
            arrays.append(_decimals(whole, amounts - whole * E8, AMOUNT, amounts == ABSENT))
    return pa.record_batch(arrays, schema=schema_of(columns))


def schema_of(columns: tuple[str, ...]) -> Any:
    """Return the types that columns are written in."""
    types = [STAMP if is_time(name) else WIDE if name == VOLUME else AMOUNT for name in columns]
    return pa.schema(list(zip(columns, types, strict=True)))


def _decimals(whole: Any, rest: Any, kind: Any, missing: Any = None) -> Any:
    """Return whole * 1e8 + rest as decimals: products of halves, carried into two words."""
    half, mask = np.uint64(32), np.uint64(2**32 - 1)
    unit = np.uint64(E8)
    units = np.where(whole < 0, 0, whole).astype(np.uint64)
    low = (units & mask) * unit + np.where(whole < 0, 0, rest).astype(np.uint64)
    high = (units >> half) * unit + (low >> half)
    words = np.empty((len(whole), 2), dtype=np.uint64)
    words[:, 0] = ((high & mask) << half) | (low & mask)
    words[:, 1] = high >> half
    array = pa.Array.from_buffers(WIDE, len(whole), [None, pa.py_buffer(words.tobytes())])
    if missing is not None and missing.any():
        array = pc.if_else(pa.array(missing), pa.scalar(None, WIDE), array)
    return array if kind == WIDE else pc.cast(array, kind)
