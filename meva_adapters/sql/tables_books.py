"""Books of simulated money that live on beyond a run: their registry, the rows of the live market that became
known to them, and what is still to be told of them.

Who holds a book is in `process_instances`. Column kinds: `columns.py`.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Table, Text

from meva_adapters.sql.columns import META, amount, integer, key, serial, stamp, text, where

Table(
    "stage7_books",
    META,
    key("book"),
    *stamp("created_at"),
    *stamp("closed_at", null=True),  # its name stays taken
    *amount("starting_cash_try"),
    *text("run_id", null=True),  # its last run; NULL before the first
)
Table(
    "stage7_rows",  # what the exchange answered, cells as they came
    META,
    Column("book", Text(), ForeignKey("stage7_books.book"), primary_key=True),
    *stamp("known"),  # time of the cycle that first had it
    key("kind"),
    key("symbol"),
    *integer("stamp", primary_key=True, autoincrement=False),  # the exchange's, microseconds
    *text("cells"),
    # No further index: each would have a cycle write a page for every symbol. Of a symbol and kind a later
    # stamp was never known earlier, so the key finds what was known by when, too.
)
Table(
    "stage7_alerts",  # the outbox: written with its cycle, sent later, at least once
    META,
    serial(),
    *text("book"),
    *text("run_id", null=True),
    *stamp("ts"),
    *text("kind", "text", "key"),  # the key says what it is about: told once a change
    *stamp("sent_at", null=True),
    *integer("attempts", default="0"),
    *stamp("next_at", null=True),  # when to try (again)
    *integer("lost", default="0"),  # 1: tried for too long
    Index("idx_stage7_alerts_book_ts", "book", "ts"),
    Index("idx_stage7_alerts_unsent", "book", "ts", **where("sent_at IS NULL")),
    sqlite_autoincrement=True,
)
