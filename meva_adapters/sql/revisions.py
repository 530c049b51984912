"""Which revision a database is at, told without Alembic, whose import takes longer than a quick command.

`require_head` is the gate at run time: every store passes it before its first query.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final, Literal

import sqlalchemy as sa
from attrs import frozen

from meva_adapters.sql.generations import generation_of
from meva_adapters.sql.inspection import Shape, shape_of
from meva_adapters.sql.tables import META
from meva_core.errors import StoreCorrupt, StoreUnready

HEAD: Final = "0006"
KNOWN: Final = ("0001", "0002", "0003", "0004", "0005", "0006")
OWN_TABLES: Final = frozenset(
    {
        "stage7_runs",
        "stage7_run_state",
        "stage7_cycle_digests",
        "stage7_checkpoints",
        "stage7_risk_resets",
        "stage7_stretches",
        "stage7_states",
        "stage7_forms",
        "stage7_books",
        "stage7_rows",
        "stage7_alerts",
        "live_books",
        "live_cycles",
        "live_flows",
        "schema_changes",
    }
)
"""Tables that the earlier system never had."""
_BRANCH_KEYS: Final = {"stage4_replace_transactions": "old_client_order_id"}
"""A branch of the earlier system made this table with other columns, this one among them."""


@frozen
class Found:
    """What a database is: empty, at a revision of ours or a newer one, the earlier system's, or another's."""

    state: Literal["empty", "ours", "newer", "earlier", "foreign"]
    revision: str | None = None
    generation: int | None = None
    reason: str = ""

    def __str__(self) -> str:
        if self.state == "earlier":
            return f"generation {self.generation} of the earlier system"
        return f"revision {self.revision}" if self.revision else self.state


def migrations_folder() -> Path:
    """Return where the revisions are: inside the installed package, or at the top of the source tree."""
    inside = Path(__file__).parent / "migrations"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "migrations"


def identify(connection: sa.Connection, shape: Shape | None = None) -> Found:
    """Look at a database, whose shape may be known already, and say what it is. Reads only."""
    shape = shape or shape_of(connection)
    if "alembic_version" in shape.columns:
        revision = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        if revision in KNOWN:
            return Found("ours", revision)
        if revision is not None:
            return _unknown_revision(revision, shape)
    if not shape.columns or set(shape.columns) == {"alembic_version"}:
        return Found("empty") if _has_nothing(connection) else Found("foreign", reason="it has views only")
    stranger = _stranger(shape)
    return (
        Found("foreign", reason=stranger) if stranger else Found("earlier", generation=generation_of(shape))
    )


def require_head(connection: sa.Connection, name: str) -> None:
    """Raise StoreUnready, with the command to type, unless the database is at the program's revision.

    Raises StoreCorrupt for one that says so and lacks a table or column of it.
    """
    shape = shape_of(connection)
    found = identify(connection, shape)
    if found.state == "ours" and found.revision == HEAD:
        if lacks := lacking(shape):
            more = f" and {len(lacks) - 1} more" if len(lacks) > 1 else ""
            raise StoreCorrupt(
                f"{name} is at revision {HEAD} and lacks {lacks[0]}{more}",
                action=f"keep the file as it is and restore a backup; `meva db check --db {name}` says more",
            )
        return
    if found.state == "empty":
        raise StoreUnready(f"{name} is empty", action=f"meva db upgrade --db {name}")
    if found.state in ("newer", "foreign"):
        raise refusal(found, name)
    raise StoreUnready(
        f"{name} is at {found}; this program needs revision {HEAD}", action=f"meva db upgrade --db {name}"
    )


def lacking(shape: Shape) -> list[str]:
    """Return the tables and columns of the program's revision that a database lacks."""
    return [what for table, columns in _needed() for what in _lacking(table, columns, shape)]


def _lacking(table: str, columns: tuple[str, ...], shape: Shape) -> list[str]:
    there = shape.columns.get(table)
    if there is None:
        return [f"table {table}"]
    if there == columns:
        return []
    return [f"column {table}.{column}" for column in columns if column not in there]


@cache
def _needed() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the tables of the program's revision with their columns."""
    return tuple(
        (name, tuple(column.name for column in table.columns)) for name, table in META.tables.items()
    )


def refusal(found: Found, name: str) -> StoreUnready:
    """Return the error for a database that no upgrade of this program may touch."""
    if found.state == "newer":
        return StoreUnready(
            f"{name} is at revision {found.revision}, which is newer than this program's {HEAD}",
            action="install the version of meva that wrote it, or a later one",
        )
    return StoreUnready(
        f"{name} is neither Meva's nor the earlier system's: {found.reason}",
        action="name another file with --db",
    )


def _unknown_revision(revision: str, shape: Shape) -> Found:
    if "stage7_runs" in shape.columns:
        return Found("newer", revision)
    return Found("foreign", reason=f"Alembic left it at revision {revision!r}, which is not one of Meva's")


def _has_nothing(connection: sa.Connection) -> bool:
    if connection.dialect.name != "sqlite":
        return True
    others = "SELECT 1 FROM sqlite_master WHERE name NOT LIKE 'sqlite%' AND tbl_name <> 'alembic_version'"
    return connection.execute(sa.text(others)).first() is None


def _stranger(shape: Shape) -> str:
    """Return why these tables are not the earlier system's, or nothing.

    A table with one of its names has all columns that its first version could not do without; and unless
    there are no other tables at all, one of them has at least four such columns, since others call a table
    `meta` or `orders`, too.
    """
    convincing = False
    for name, columns in shape.columns.items():
        if name not in META.tables or name in OWN_TABLES:
            continue
        if _BRANCH_KEYS.get(name) in columns:
            convincing = True
            continue
        needed = [c.name for c in META.tables[name].columns if not c.nullable and c.server_default is None]
        missing = [column for column in needed if column not in columns]
        if missing:
            return f"its table {name} has no column {missing[0]}"
        convincing = convincing or len(needed) >= 4
    alone = all(name in META.tables for name in shape.columns)
    return "" if convincing or alone else "it has none of their tables"
