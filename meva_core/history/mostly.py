"""Which setting is behind what mostly restricted the cycles of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meva_core.figures.result import Figures
from meva_core.history.limits import Bound, limits_of
from meva_core.history.window import Decode
from meva_core.reasons import Reason


def bound_behind(figures: Figures, row: Mapping[str, Any], decode: Decode) -> Bound | None:
    """Return what is behind the reason that mostly restricted cycles, as the run of this row was set; None
    where nothing did, or no setting is."""
    if not isinstance(figures.mostly, str):
        return None
    reason = Reason(figures.mostly, "assess", unit=figures.mostly_unit)
    return limits_of(row["run_id"], row, decode).behind(reason)
