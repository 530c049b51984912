"""A schema in a few lines of text, as the revisions freeze it.

    stage7_runs run_id:text* kind:text created_at:stamp step_seconds:integer? mode:text=dry_run
    +stage7_orders submitted_at run_id:text?
    stage7_run_state run_id:text*>stage7_runs state_json:text

One table a paragraph, further lines indented. A column is `name:kind`, then `*` for the primary key, `?`
for nullable, `!` for unique, `>table` for a reference to the column of that name there, `=value` for a
constant default (`=now`: the time of the insert). A leading `+` says that the table is an earlier
revision's and gets these columns; a name without a kind is a column that it has already. Kinds are those of
`columns.py`; `serial` is an integer key that the database counts up. Indexes are lines of their own:

    idx_orders_client_order_id_unique UNIQUE orders(client_order_id) WHERE client_order_id IS NOT NULL
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from meva_adapters.sql.columns import BIG, META, NOW, REAL, Amount, Packed, Stamp

KINDS: Final[dict[str, Any]] = {
    "text": sa.Text(),
    "integer": BIG,
    "serial": BIG,
    "real": REAL,
    "amount": Amount(),
    "stamp": Stamp(),
    "digest": sa.LargeBinary(),
    "packed": Packed(),
}
_COLUMN: Final = re.compile(
    r"(?P<name>\w+):(?P<kind>\w+)(?P<key>\*)?(?P<null>\?)?(?P<unique>!)?(?:>(?P<parent>\w+))?(?:=(?P<default>.*))?"
)


_INDEX: Final = re.compile(
    r"(?P<name>\w+) (?P<unique>UNIQUE )?(?P<table>\w+)\((?P<columns>[^)]*)\)(?: WHERE (?P<where>.*))?"
)


def parse_schema(
    schema: str, indexes: str = "", checks: Mapping[str, tuple[str, str]] | None = None
) -> sa.MetaData:
    """Return the tables that a text describes; `checks` maps a table to the name and text of a CHECK.

    `info["added"]` is true for tables marked with `+`, `info["given"]` for columns named without a kind.
    Who asks for the same gets the same, and must not change it. Raises ValueError for what it cannot read.
    """
    return _parsed(schema, indexes, tuple((checks or {}).items()))


@cache
def _parsed(schema: str, indexes: str, checks: tuple[tuple[str, tuple[str, str]], ...]) -> sa.MetaData:
    meta = sa.MetaData(naming_convention=META.naming_convention)
    for paragraph in _paragraphs(schema):
        head, *notes = paragraph.split()
        table = sa.Table(
            head.removeprefix("+"),
            meta,
            *(_column(note) for note in notes),
            sqlite_autoincrement=any(":serial" in note for note in notes),
        )
        table.info["added"] = head.startswith("+")
        for note in notes:
            if "!" in note:
                table.append_constraint(sa.UniqueConstraint(table.c[note.partition(":")[0]]))
    for name, (check, condition) in checks:
        meta.tables[name].append_constraint(sa.CheckConstraint(condition, name=check))
    for paragraph in _paragraphs(indexes):
        _index(meta, paragraph)
    return meta


def _paragraphs(text: str) -> list[str]:
    return [" ".join(found.split()) for found in re.split(r"\n(?=\S)", text.strip()) if found]


def _index(meta: sa.MetaData, note: str) -> None:
    found = _INDEX.fullmatch(note)
    if not found:
        raise ValueError(f"{note!r} is not an index; expected name [UNIQUE] table(columns) [WHERE condition]")
    table = meta.tables[found["table"]]
    columns = [table.c[name] for name in found["columns"].split(", ")]
    partial: dict[str, Any] = {}
    if found["where"]:
        partial = dict.fromkeys(("sqlite_where", "postgresql_where"), sa.text(found["where"]))
    sa.Index(found["name"], *columns, unique=bool(found["unique"]), **partial)


def _column(note: str) -> sa.Column[Any]:
    if note.isidentifier():
        return sa.Column(note, sa.Text(), info={"given": True})
    found = _COLUMN.fullmatch(note)
    if not found or found["kind"] not in KINDS:
        raise ValueError(f"{note!r} is not a column; expected name:kind with * ? ! >table =default")
    default: Any = found["default"]
    if default == "now":
        default = NOW
    elif default is not None and found["kind"] == "integer":
        default = sa.text(default)
    parent = [sa.ForeignKey(f"{found['parent']}.{found['name']}")] if found["parent"] else []
    return sa.Column(
        found["name"],
        KINDS[found["kind"]],
        *parent,
        primary_key=bool(found["key"]),
        nullable=bool(found["null"]),
        server_default=default,
        autoincrement=found["kind"] == "serial",
    )
