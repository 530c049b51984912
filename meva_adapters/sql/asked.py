"""What a view of a database was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from attrs import evolve, field, frozen

from meva_adapters.sql.tables import META
from meva_core.ids import run_and_time


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

    def narrowed(self) -> Asked | None:
        """Return it with the run and the time of the cycle that `where` names, if it names one: nothing else
        can be a row of our own cycles. None where that is no cycle of ours, or not in what was asked for."""
        if "cycle_id" not in self.where or isinstance(self.where["cycle_id"], frozenset):
            return self
        ours = run_and_time(self.where["cycle_id"])
        if ours is None or self.run_id not in (None, ours[0]):
            return None
        moment = datetime.fromtimestamp(ours[1], UTC)
        if (self.start is not None and moment < self.start) or (self.end is not None and moment > self.end):
            return None
        return evolve(self, run_id=ours[0], start=moment, end=moment)
