"""The database file as anyone may read it: by SQL, past everything that is rehearsed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import define, field


@define
class FileThere:
    """A file, and a connection to it that only reads. It is opened anew where a backup took its place."""

    path: Path
    connection: sqlite3.Connection = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Open it."""
        self.reopen()

    def reopen(self) -> None:
        """Let go of the file, if it was open, and open what is there now."""
        if hasattr(self, "connection"):
            self.connection.close()
        self.connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, isolation_level=None)
        self.connection.row_factory = sqlite3.Row

    def close(self) -> None:
        """Let go of it."""
        self.connection.close()

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """Return the first row."""
        row: sqlite3.Row | None = self.connection.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Return all rows."""
        return self.connection.execute(sql, values).fetchall()

    def order(self, name: str) -> sqlite3.Row | None:
        """Return the row of an order by our name for it."""
        return self.one("SELECT * FROM stage4_orders WHERE client_order_id = ?", name)

    def has_number(self, number: int) -> bool:
        """Whether an order of that number is on record."""
        return self.one("SELECT 1 FROM stage4_orders WHERE exchange_order_id = ?", str(number)) is not None

    def orders(self) -> Iterator[sqlite3.Row]:
        """Yield the rows of all live orders."""
        yield from self.all("SELECT * FROM stage4_orders WHERE mode = 'live'")

    def newest_cycle(self) -> tuple[str, str, str]:
        """Return the newest cycle of the live book: its id, how it stands, and its final mode."""
        row = self.one(
            "SELECT cycle_id, status FROM live_cycles WHERE book = 'live' ORDER BY ts DESC LIMIT 1"
        )
        if row is None:
            return "", "", ""
        risk = self.one("SELECT decision_json FROM risk_decisions WHERE decision_id = ?", row["cycle_id"])
        mode = "" if risk is None else json.loads(risk["decision_json"])["final_mode"]
        return row["cycle_id"], row["status"], mode

    def replacement(self, name: str) -> sqlite3.Row | None:
        """Return the replacement that an order is the new one of."""
        return self.one(
            "SELECT old_client_order_ids_json FROM stage4_replace_transactions WHERE new_client_order_id = ?",
            name,
        )
