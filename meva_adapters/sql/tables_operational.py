"""Cycles of Stages 3 and 4, the books that they keep, and what came and went otherwise than by trading.

Column kinds: `columns.py`. Settings, inputs and decisions are canonical JSON, packed (`text_codec.py`).
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Table, Text, UniqueConstraint

from meva_adapters.sql.columns import META, amount, digest, integer, key, packed, stamp, text, where


def _book() -> Column[str]:
    return Column("book", Text(), ForeignKey("live_books.book"), primary_key=True)


Table(
    "live_books",
    META,
    key("book"),
    *text("run_id"),
    *stamp("opened_at"),
    *text("accounts_json"),  # whose keys may trade it
    *text("opening_json"),  # the ledger that its rows are folded from
    *text("book_json"),  # as it stands, with its alarms and the strategies' memories
    *text("state_json"),  # what the next cycle begins with beside it
    *text("last_cycle_id", null=True),  # NULL before the first cycle is done
    *stamp("last_ts", null=True),
    *digest("link_sha256", null=True),
)
Table(
    "live_cycles",
    META,
    _book(),
    *stamp("ts", primary_key=True),
    *text("cycle_id", "run_id"),
    *integer("stage", "dry"),
    *text("status", "code_version", "strategies_json"),
    *packed("settings", "inputs", "decisions"),
    *digest("inputs_sha256", "decisions_sha256"),
    *text("outcomes_json", null=True),  # NULL, as the rest, until it is done
    *digest("outcome_sha256", "link_sha256", null=True),
    UniqueConstraint("cycle_id"),
    Index("idx_live_cycles_decided", "book", "ts", **where("status = 'decided'")),
)
Table(
    "live_flows",
    META,
    _book(),
    key("id"),
    *integer("seq"),  # its place in the order of booking
    *text("kind", "asset"),
    *amount("amount", "value_try"),
    *stamp("ts"),
    *text("cycle_id"),
    *integer("unproven", default="0"),
    *text("proof", null=True),  # of an unproven one what has proved it since
    Index("idx_live_flows_book_ts", "book", "ts"),
)
