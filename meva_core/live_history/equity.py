"""What a book was worth after each cycle, as records."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from meva_core.amounts import to_decimal
from meva_core.history.fields import Field
from meva_core.live_history.books import Standing
from meva_core.live_history.fills import SCHEMA_VERSION
from meva_core.live_history.summary import chain, points_of
from meva_core.ports import Reads

FIELDS: Final = (
    Field("schema_version", "integer"),
    Field("book", "text"),
    Field("run_id", "text"),
    Field("ts", "stamp"),
    Field("cycle_id", "text"),
    Field("mode", "text"),
    Field("equity_try", "amount"),
    Field("cash_try", "amount"),
    Field("flow_try", "amount"),
    Field("chained_try", "amount"),
)
"""`flow_try` is what came less what went in the cycle, `chained_try` the equity as if nothing ever had: what
return and the worst fall are reckoned from (docs/reference/figures.md)."""


def equity_records(
    reads: Reads, standing: Standing, *, start: datetime | None = None, end: datetime | None = None
) -> Iterator[tuple[Any, ...]]:
    """Yield the equity after each cycle of a window, inclusive, in the order of FIELDS."""
    points = points_of(reads, standing)
    began = points[0].equity - points[0].flow if points else 0
    for point, level in zip(points, chain(began, points), strict=True):
        if (start is None or point.ts >= start) and (end is None or point.ts <= end):
            amounts = map(to_decimal, (point.equity, point.cash, point.flow, level))
            head = (SCHEMA_VERSION, standing.name, standing.book.run)
            yield (*head, point.ts, point.cycle, point.mode, *amounts)
