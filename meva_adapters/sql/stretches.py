"""Rows of stage7_stretches as the core knows them.

Values are read as they stand in the file, which may be damaged: SQLite holds a value of any kind in any
column, and another way to write the same instant is a change, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa

from meva_adapters.sql.columns import parse_stamp, stamp_text
from meva_adapters.sql.tables import META
from meva_core.errors import StoreCorrupt
from meva_core.stretches.stored import ALL, FEW, LINK_BYTES, StoredStretch

_TABLE: Final = META.tables["stage7_stretches"]
_COLUMNS: Final = ("run_id", "seq", "start_ts", "end_ts", "cycles", "form", "rows", "links", "body", "sha256")
"""In the order of StoredStretch."""
_KINDS: Final = (str, int, int, int, int, str, str, bytes, bytes, bytes)
"""What a value of each is in Python; times are seconds there."""


def stretches_query(
    run_id: str, start: datetime | None, end: datetime | None, *, newest_first: bool
) -> sa.Select[Any]:
    """Return the query of a run's stretches that have a cycle in [start, end]."""
    as_stored: list[sa.ColumnElement[Any]] = [
        sa.type_coerce(_TABLE.c[name], sa.types.NULLTYPE) for name in _COLUMNS
    ]
    query = sa.select(*as_stored).where(_TABLE.c.run_id == run_id)
    if start is not None:
        query = query.where(_TABLE.c.end_ts >= start)
    if end is not None:
        query = query.where(_TABLE.c.start_ts <= end)
    return query.order_by(_TABLE.c.seq.desc() if newest_first else _TABLE.c.seq)


def stretch_of(row: Sequence[Any], database: str) -> StoredStretch:
    """Return a row of `stretches_query`. Raises StoreCorrupt for values that are not of their kinds."""
    values = [_meant(name, value) for name, value in zip(_COLUMNS, row, strict=True)]
    wrong = _wrong(dict(zip(_COLUMNS, values, strict=True)))
    if wrong is None:
        return StoredStretch(*values)
    named = dict(zip(_COLUMNS, row, strict=True))
    raise StoreCorrupt(
        f"{database}: the stretch of run {named['run_id']} from cycle {named['seq']} on, "
        f"at {named['start_ts']}, is damaged: its {wrong} is {_shown(named[wrong])}",
        action="keep the file as it is and restore a backup",
    )


def _wrong(values: Mapping[str, Any]) -> str | None:
    """Return the first column whose value cannot be one that we wrote."""
    for (name, value), kind in zip(values.items(), _KINDS, strict=True):
        if not isinstance(value, kind):
            return name
    return None if len(values["links"]) == LINK_BYTES * values["cycles"] else "links"


def _meant(name: str, stored: Any) -> Any:
    """Return a stored value as the core has it; None where it cannot be one that we wrote."""
    if name == "rows":
        return stored if stored in (FEW, ALL) else None
    return _seconds(stored) if name.endswith("_ts") else stored


def _seconds(stored: Any) -> int | None:
    """Return a time in seconds; None for none, for a fraction of one, and for one that we write otherwise."""
    try:
        moment = parse_stamp(stored) if isinstance(stored, str) else stored.astimezone(UTC)
    except (ValueError, AttributeError):
        return None
    is_ours = not isinstance(stored, str) or stored == stamp_text(moment)
    return int(moment.timestamp()) if is_ours and moment.microsecond == 0 else None


def _shown(value: Any) -> str:
    return f"{len(value)} bytes" if isinstance(value, bytes) else repr(value)[:80]
