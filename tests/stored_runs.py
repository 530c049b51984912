"""What a run leaves in a store, made without running one."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from attrs import asdict, evolve

from meva_adapters.sql.columns import stamp_text
from meva_core.ports import Store
from meva_core.stretches.stored import StoredStretch

START = datetime(2026, 1, 1, tzinfo=UTC)
RUN: dict[str, Any] = {
    "run_id": "abc1234",
    "kind": "backtest",
    "created_at": START,
    "settings_json": "{}",
    "settings_sha256": "00",
    "symbols_json": "[]",
    "rules_json": "{}",
    "fill_model": "touch",
    "engine": "compiled",
    "trace_level": "full",
    "seed": 7,
    "code_version": "0.1.0",
    "starting_cash_try": Decimal("1000000.00000001"),
    "cycles": 0,
    "status": "running",
}
FORM = "ab" * 32
STRETCH = ("run_id", "seq", "start_ts", "end_ts", "cycles", "form", "rows", "links", "body", "sha256")


def stretch(seq: int, cycles: int = 10, run: str = "abc1234", rows: str = "few") -> StoredStretch:
    """Return a stretch of one cycle a second, whose body is not looked at here."""
    first = int(START.timestamp()) + seq
    body = bytes(range(256)) * 40 + seq.to_bytes(4)
    links = bytes([seq % 256]) * 32 * cycles
    made = StoredStretch(run, seq, first, first + cycles - 1, cycles, FORM, rows, links, body, b"")  # type: ignore[arg-type]
    return evolve(made, sha256=made.checksum())


def record_stretches(store: Store, *stretches: StoredStretch) -> None:
    """Insert stretches with the run and the form that they refer to."""
    with store.unit() as work:
        for run in sorted({one.run_id for one in stretches}):
            cycles = sum(one.cycles for one in stretches if one.run_id == run)
            work.upsert("stage7_runs", {**RUN, "run_id": run, "cycles": cycles})
        work.upsert("stage7_forms", {"form": FORM, "document_json": "{}", "code_version": "0.1.0"})
        work.insert("stage7_stretches", STRETCH, (stored_values(one) for one in stretches))
        work.commit()


def stored_values(one: StoredStretch) -> tuple[Any, ...]:
    """Return a stretch as a row to insert, in the order of STRETCH."""
    values = asdict(one)
    for name in ("start", "end"):
        values[name] = stamp_text(datetime.fromtimestamp(values[name], UTC))
    return tuple(values.values())
