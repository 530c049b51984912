"""Small Stage 7 runs: datasets that trade, settings that let them, and the database they end in."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from meva_adapters.replay import write_synthetic

START = 1_767_225_600  # 2026-01-01T00:00:00Z
SYMBOLS = ("BTCTRY", "ETHTRY", "SOLTRY", "XRPTRY")
BUSY: Mapping[str, str] = {
    "DRY_RUN_TRY_BALANCE": "1000000",
    "NOTIONAL_CAP_TRY_PER_CYCLE": "300000",
    "MAX_ORDERS_PER_CYCLE": "4",
    "MAX_POSITION_NOTIONAL_TRY": "240000.5",
    "TRY_CASH_TARGET": "10000",
    "TRY_CASH_MAX": "20000",
    "MIN_ORDER_NOTIONAL_TRY": "100",
    "TTL_SECONDS": "150",
    "STAGE7_MAX_DATA_AGE_SEC": "120",
    "STAGE7_MAX_DAILY_LOSS_TRY": "60000",
    "STAGE7_UNIVERSE_SIZE": "3",
    "STAGE7_SLIPPAGE_BPS": "7.5",
    "STAGE7_FEES_BPS": "12.25",
    "STAGE7_RISK_COOLDOWN_SEC": "600",
}
"""Amounts that suit the prices, and a universe smaller than the market, so that holdings change."""


def make_dataset(
    root: Path, *, minutes: int = 120, seed: int = 5, symbols: tuple[str, ...] = SYMBOLS, **shape: bool
) -> Path:
    """Write a market in which the settings above trade, and return its folder."""
    write_synthetic(root, symbols=symbols, minutes=minutes, seed=seed, start=START, **shape)
    return root


def edit_cell(file: Path, row: int, column: str, value: str) -> None:
    """Change one cell of a CSV file; the header is row 1. A manifest beside it goes: its sum is wrong now."""
    lines = file.read_text().splitlines()
    cells = lines[row - 1].split(",")
    cells[lines[0].split(",").index(column)] = value
    lines[row - 1] = ",".join(cells)
    file.write_text("\n".join(lines) + "\n")
    (file.parent.parent / "manifest.json").unlink(missing_ok=True)


def rows_of(db: Path | str, query: str, *values: Any) -> list[dict[str, Any]]:
    """Return the rows of a query as dicts, read by the driver alone; `*_json` columns as documents."""
    if isinstance(db, str) and "://" in db:
        with psycopg.connect(db, row_factory=dict_row) as server:
            found = server.execute(query.replace("?", "%s").encode(), values).fetchall()
            return [dict(_decoded(row)) for row in found]
    with closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(_decoded(row)) for row in connection.execute(query, values)]


def contents(db: Path) -> dict[str, list[dict[str, Any]]]:
    """Return all rows of all tables; of stretches, which end where commits do, what they are together."""
    names = [row["name"] for row in rows_of(db, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {name: sorted(rows_of(db, f"SELECT * FROM {name}"), key=repr) for name in names}
    stretches = rows_of(db, "SELECT * FROM stage7_stretches ORDER BY run_id, seq")
    together: dict[str, dict[str, Any]] = {}
    for row in stretches:
        begun = {"seq": row["seq"], "cycles": 0, "links": b"", "start_ts": row["start_ts"]}
        run = together.setdefault(row["run_id"], begun)
        assert row["seq"] == run["seq"] + run["cycles"]
        run["cycles"] += row["cycles"]
        run["links"] += row["links"]
        run["end_ts"], run["form"], run["rows"] = row["end_ts"], row["form"], row["rows"]
    found["stage7_stretches"] = [{"run_id": run, **row} for run, row in together.items()]
    return found


def _decoded(row: sqlite3.Row | dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in row.keys():  # noqa: SIM118 - a row iterates over its values
        value = row[name]
        yield name, json.loads(value) if name.endswith("_json") and isinstance(value, str) else value
