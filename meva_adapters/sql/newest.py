"""The newest rows of each of many, in one query: with one for each, most of the work is to ask."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from meva_adapters.sql.tables import META

_BEFORE_ALL: Final = -(2**63)


def newest_query(
    table: str,
    columns: Sequence[str],
    *,
    where: Mapping[str, Any],
    of: str,
    each: Collection[str],
    moment: str,
    most: int,
    dialect: str,
) -> sa.Select[Any]:
    """Return the query of the `most` rows with the largest `moment`, an integer column, for each value of the
    column `of` that is one of `each`, among the rows whose columns have the values of `where`.

    The rows come in no order, and a value that has none as a row of NULLs. There has to be an index over the
    columns of `where`, `of` and `moment`, in this order. Raises KeyError for what the schema lacks.
    """
    rows = META.tables[table]
    others = rows.alias("others")
    wanted = _listed(each, dialect)

    def are_of(some: sa.FromClause) -> list[sa.ColumnElement[bool]]:
        return [*(some.c[name] == value for name, value in where.items()), some.c[of] == wanted.c.value]

    last = sa.select(others.c[moment]).where(*are_of(others)).order_by(others.c[moment].desc())
    since = last.limit(1).offset(most - 1).correlate(wanted).scalar_subquery()
    from_then_on = rows.c[moment] >= sa.func.coalesce(since, sa.literal(_BEFORE_ALL, sa.BigInteger()))
    # An outer join, so that SQLite, which knows nothing of sizes, begins with what is wanted.
    joined = wanted.outerjoin(rows, sa.and_(*are_of(rows), from_then_on))
    return sa.select(*(rows.c[name] for name in columns)).select_from(joined)


def _listed(texts: Collection[str], dialect: str) -> sa.TableValuedAlias:
    """Return a table with a column `value` of these texts, which are one parameter."""
    document = sa.literal(json.dumps(list(texts)), sa.Text())
    if dialect == "sqlite":
        return sa.func.json_each(document).table_valued("value", name="wanted")
    made = sa.func.json_array_elements_text(sa.cast(document, sa.JSON()))
    return made.table_valued("value", name="wanted")
