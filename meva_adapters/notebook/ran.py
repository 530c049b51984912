"""A backtest that was run here, with everything of it in memory."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from meva_adapters.notebook.memory import Memory
from meva_adapters.notebook.views import Story, Views
from meva_core.amounts import parse_e8, to_decimal
from meva_core.modes import Mode
from meva_core.ports import Reads
from meva_core.provenance import books_of
from meva_core.stages.figures import TOTALS
from meva_core.stages.plan import RunPlan


class Backtest(Views):
    """What a backtest did. `plan` is what was asked for, `engine` what it ran with."""

    def __init__(
        self, plan: RunPlan, engine: str, story: Story, tables: Mapping[str, pa.Table], memory: Memory
    ) -> None:
        self.plan, self.engine = plan, engine
        self._came, self._kept, self._memory = story, dict(tables), memory

    def _story(self) -> Story:
        return self._came

    def _tables(self) -> dict[str, pa.Table]:
        return self._kept

    def _look(self) -> AbstractContextManager[Reads]:
        return self._memory.look()

    @property
    def summary(self) -> dict[str, Any]:
        """The figures that `meva backtest` prints, under their names; amounts are Decimals, times aware."""
        plan, cycles, fills = self.plan, self.cycles, self.fills
        last = cycles.slice(cycles.num_rows - 1).to_pylist()[0]
        counted = pc.value_counts(cycles["mode"].combine_chunks().dictionary_decode()).to_pylist()
        modes = {row["values"]: row["counts"] for row in counted}
        resting = pc.sum(pc.equal(fills["liquidity"].cast(pa.string()), "resting")).as_py() or 0
        return {
            "run_id": plan.run_id,
            "dataset": plan.source,
            "engine": self.engine,
            "fill_model": plan.settings.stage7.fill_model.value,
            "start": cycles["ts"][0].as_py(),
            "end": last["ts"],
            "step_seconds": plan.step_seconds,
            "symbols": list(plan.pairs.symbols),
            "cycles": cycles.num_rows,
            "cycles_traded": pc.sum(pc.greater(cycles["fills"], 0)).as_py(),
            "orders": pc.sum(cycles["orders"]).as_py(),
            "fills": fills.num_rows,
            "starting_cash_try": to_decimal(plan.starting_cash()),
            "final_equity_try": _plain(last["equity_try"]),
            **{name: _plain(last[name]) for name in TOTALS},
            "fills_resting": resting,
            "fills_taking": fills.num_rows - resting,
            "modes": {mode.name: modes.get(mode.name, 0) for mode in Mode},
            "books": books_of(plan.manifest),
            "dataset_sha256": plan.source_sha256,
            "fingerprint": self.fingerprint,
        }


def _plain(amount: Decimal) -> Decimal:
    """Return an amount without trailing zeros."""
    return to_decimal(parse_e8(amount))
