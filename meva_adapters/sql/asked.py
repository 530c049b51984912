"""What a view of a database was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from attrs import field, frozen

from meva_adapters.sql.tables import META


@frozen
class Asked:
    """What `SqlReads.rows` was asked for."""

    table: str
    columns: tuple[str, ...]
    run_id: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    where: Mapping[str, Any] = field(factory=dict)
    newest_first: bool = False
    limit: int | None = None

    def typed(self) -> list[sa.Column[Any]]:
        """Return the columns. Raises KeyError for a table or column that the schema lacks."""
        return [META.tables[self.table].c[name] for name in self.columns]
