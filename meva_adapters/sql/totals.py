"""What an upgrade may not change: rows per table, and the sums of the ledger to the last digit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation, localcontext
from typing import Final

import sqlalchemy as sa
from attrs import field, frozen

from meva_adapters.sql.inspection import STREAM, quoted, shape_of

MAY_CHANGE: Final = ("alembic_version", "schema_changes")
DIGITS: Final = 200
"""Old amounts have up to some forty digits on either side of the point; sums of them stay exact."""
LARGEST: Final = 100
"""Of amounts beyond so many digits before or behind the point, and of those that are not finite, no sum can
be made."""
AT_ONCE: Final = 100
"""Tables that one statement counts: the databases allow a thousand and more columns."""
LEDGERS: Final = {
    "ledger_events": (("type", "side", "symbol"), ("qty", "fee")),
    "fills": (("side", "symbol"), ("qty", "fee")),
    "stage4_fills": (("side", "symbol"), ("qty", "fee")),
}


@frozen
class Totals:
    """Rows of every table, and `ledger_events FILL BUY BTCTRY qty` -> sum."""

    rows: Mapping[str, int] = field(factory=dict)
    ledger: Mapping[str, Decimal] = field(factory=dict)


def totals_of(connection: sa.Connection) -> Totals:
    """Count and sum. Memory does not grow with the rows."""
    shape = shape_of(connection)
    rows = _counts(connection, list(shape.columns))
    sums = [ledger_sums(connection, table) for table in LEDGERS if table in shape.columns]
    return Totals(rows, {name: amount for found in sums for name, amount in found.items()})


def _counts(connection: sa.Connection, tables: Sequence[str]) -> dict[str, int]:
    """Return how many rows each table has: of many with one statement, which takes a tenth of the time."""
    found: dict[str, int] = {}
    for start in range(0, len(tables), AT_ONCE):
        some = tables[start : start + AT_ONCE]
        counts = ", ".join(f"(SELECT count(*) FROM {quoted(name)})" for name in some)  # noqa: S608
        found |= zip(some, map(int, connection.execute(sa.text(f"SELECT {counts}")).one()), strict=True)
    return found


def ledger_sums(connection: sa.Connection, table: str, condition: str = "TRUE") -> dict[str, Decimal]:
    """Return the exact sums of one ledger's rows, or of those that satisfy an SQL condition."""
    groups, amounts = LEDGERS[table]
    query = sa.text(f"SELECT {', '.join((*groups, *amounts))} FROM {table} WHERE {condition}")  # noqa: S608
    sums: dict[str, Decimal] = defaultdict(Decimal)
    with localcontext(prec=DIGITS):
        for row in connection.execute(query, execution_options=STREAM):
            name = " ".join(str(part) for part in (table, *row[: len(groups)]) if part)
            for column, text in zip(amounts, row[len(groups) :], strict=True):
                if text is not None:
                    sums[f"{name} {column}"] += number_in(text) or Decimal(0)
    return dict(sorted(sums.items()))


def number_in(text: object) -> Decimal | None:
    """Return the amount of a text, None for one that cannot be summed: it counts as nothing, and is counted
    among the rows. The earlier system wrote what its floats came to, NaN and infinities too."""
    try:
        found = Decimal(str(text))
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found.adjusted()) <= LARGEST else None


def differences(before: Totals, after: Totals) -> list[str]:
    """Return what was there before and is less, more or gone now; an empty table may go."""
    faults = [
        f"{name} had {rows} rows and has {after.rows.get(name, 'no table')}"
        for name, rows in before.rows.items()
        if after.rows.get(name) != rows and not (name in MAY_CHANGE or (rows == 0 and name not in after.rows))
    ]
    sums = [
        f"{name} was {amount} and is {after.ledger.get(name)}"
        for name, amount in before.ledger.items()
        if after.ledger.get(name) != amount
    ]
    return faults + sums
