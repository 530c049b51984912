"""Round trips as an Arrow table: exact amounts, times in UTC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from meva_adapters.arrow_tables import AMOUNT, STAMP
from meva_core.figures.trades import FIELDS, Kind, trade_record
from meva_core.figures.trips import RoundTrip

_TYPES: dict[Kind, Any] = {
    "text": pa.string(),
    "amount": AMOUNT,
    "stamp": STAMP,
    "ratio": pa.float64(),
    "flag": pa.bool_(),
}


def trades_table(trips: Sequence[RoundTrip]) -> pa.Table:
    """Return round trips as a table, the oldest first."""
    columns = zip(*map(trade_record, trips), strict=True) if trips else ((),) * len(FIELDS)
    schema = pa.schema([(name, _TYPES[kind]) for name, kind in FIELDS.items()])
    return pa.table(
        [pa.array(column, kind) for column, kind in zip(columns, schema.types, strict=True)], schema
    )
