"""Books that a process holds, as whoever changes the schema under them has to know."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa

from meva_adapters.sql.inspection import shape_of
from meva_adapters.sql.tables import META
from meva_core.errors import LeaseHeld

_TABLE: Final = "process_instances"
_COLUMNS: Final = (
    "book", "token", "host", "pid", "process_started", "boot_id", "pid_namespace", "acquired_at",
    "heartbeat_at", "expires_at", "status",
)  # fmt: skip


def held_now(connection: sa.Connection) -> list[str]:
    """Return who holds which book of a database, one line each; none in one that knows no leases."""
    from meva_adapters.sql.lease import Holding, Standing, named
    from meva_adapters.system.process import Process, started_at, this_process

    if not set(_COLUMNS) <= set(shape_of(connection).columns.get(_TABLE, ())):
        return []
    table, now, asker = META.tables[_TABLE], datetime.now(UTC), this_process()
    columns = table.c
    # By name: an earlier revision lacks others.
    asked = sa.select(*(columns[name] for name in _COLUMNS))
    rows = connection.execute(asked.where(columns.book.isnot(None), columns.status == "active"))
    found = []
    for row in rows.mappings():
        process = Process(
            row["host"], row["pid"], row["process_started"], row["boot_id"], row["pid_namespace"]
        )
        holding = Holding(
            row["book"], row["token"], process, row["acquired_at"], row["heartbeat_at"], row["expires_at"],
            row["status"],
        )  # fmt: skip
        if holding.standing(asker, now, started_at) is Standing.ACTIVE:
            found.append(f"book {holding.book} is held by {named(process)}")
    return found


def refuse_change(name: str, held: list[str]) -> None:
    """Refuse another revision of a database while books of it are held. Raises LeaseHeld."""
    if held:
        raise LeaseHeld(
            f"{name}: {'; '.join(held)}; nothing was changed",
            action="end those processes, then change the database",
        )
