"""The figures of a run: counted over its columns as it goes, and read back out of the store."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from attrs import define, field

from meva_core.cycle import Out
from meva_core.errors import BadInput
from meva_core.modes import Mode
from meva_core.orders import Status
from meva_core.ports import Reads
from meva_core.stages.codec import Codec
from meva_core.steps.adapt import NO_CHANGE
from meva_core.stretches.kept_state import standing_of

COUNTS: Final = (
    "cycles",
    "cycles_traded",
    "orders",
    "fills",
    "fills_resting",
    "fills_taking",
    "param_changes",
)
TOTALS: Final = (
    "gross_pnl_try",
    "realized_pnl_try",
    "unrealized_pnl_try",
    "net_pnl_try",
    "fees_try",
    "slippage_try",
    "turnover_try",
    "max_drawdown_ratio",
)
"""What a run's figures show of its last cycle beside the equity."""


@define
class Tally:
    """Counts over a run so far, and its cycles by final mode."""

    counts: dict[str, int] = field(factory=lambda: dict.fromkeys(COUNTS, 0))
    modes: dict[str, int] = field(factory=lambda: {mode.name: 0 for mode in Mode})

    def add(self, out: Out, start: int, stop: int) -> None:
        """Count a stretch."""
        j, part = out.journal, slice(start, stop)
        intents, fills = int(j.intents_end[stop - 1]), int(j.fills_end[stop - 1])
        resting = int(j.fills.resting[:fills].sum())
        added = {
            "cycles": stop - start,
            "cycles_traded": len(np.unique(j.fills.cycle[:fills])),
            "orders": int((j.intents.status[:intents] == Status.PLANNED).sum()),
            "fills": fills,
            "fills_resting": resting,
            "fills_taking": fills - resting,
            "param_changes": int((out.adapt.outcome[part] != NO_CHANGE).sum()),
        }
        for name, count in added.items():
            self.counts[name] += count
        for mode in Mode:
            self.modes[mode.name] += int((out.plan.mode[part] == mode).sum())


def summary(reads: Reads, run_id: str, codec: Codec) -> dict[str, Any]:
    """Return the figures of a recorded run, amounts as Decimals, times aware."""
    row, stored = reads.run(run_id), reads.state(run_id)
    if row is None or stored is None:
        raise BadInput(f"there is no run {run_id} in the database", action="`meva runs` lists them")
    document = standing_of(stored, run_id, codec.decode)
    table = "stage7_ledger_metrics"
    columns = ("equity_try", *TOTALS)
    ledger = next(reads.rows(table, columns, run_id=run_id, newest_first=True, limit=1))
    figures = dict(zip(columns, ledger, strict=True))
    counts = document["counts"]
    return {
        "run_id": run_id,
        "dataset": row["dataset"],
        "engine": row["engine"],
        "fill_model": row["fill_model"],
        "start": row["start_ts"],
        "end": row["last_ts"],
        "step_seconds": row["step_seconds"],
        "symbols": codec.decode(row["symbols_json"]),
        "cycles": counts["cycles"],
        "cycles_traded": counts["cycles_traded"],
        "orders": counts["orders"],
        "fills": counts["fills"],
        "starting_cash_try": row["starting_cash_try"],
        "final_equity_try": figures.pop("equity_try"),
        **figures,
        "fills_resting": counts["fills_resting"],
        "fills_taking": counts["fills_taking"],
        "modes": document["modes"],
        "param_changes": counts["param_changes"],
        "dataset_sha256": row["dataset_sha256"],
        "fingerprint": row["fingerprint"],
        "code_version": row["code_version"],
        "trace": row["trace_level"],
    }
