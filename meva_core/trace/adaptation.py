"""Rows and documents of adaptation: changes of the tuned parameters, and versions that proved good."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from meva_core.amounts import format_e8
from meva_core.cycle import Out
from meva_core.ids import content_hash
from meva_core.state import TUNED
from meva_core.steps.adapt import ROLLED_BACK
from meva_core.trace.columns import Names, Row

WHY: Final = {
    1: "drawdown_breach",
    2: "reject_spike",
    4: "throttled",
    8: "losing_cycles",
    16: "near_drawdown_limit",
    32: "missing_mark_price",
    64: "healthy",
}
"""What the bits of `Adapted.why` mean."""


def tuned(out: Out, c: int) -> dict[str, Any]:
    """Return the tuned parameters in force during cycle c, amounts as text."""
    counts = ("universe_size", "max_orders")
    values = {name: int(getattr(out.adapt, name)[c]) for name in TUNED}
    return {name: value if name in counts else format_e8(value) for name, value in values.items()}


def change_document(out: Out, c: int) -> dict[str, Any]:
    """Return the change that cycle c made."""
    a = out.adapt
    return {
        "from_version": int(a.version_before[c]),
        "to_version": int(a.version[c]),
        "why": [name for bit, name in WHY.items() if a.why[c] & bit],
        "params_before": tuned(out, c),
    }


def checkpoint_row(out: Out, c: int, ts: str, names: Names, encode: Callable[[Any], str]) -> Row:
    """Return the row of stage7_checkpoints of a version that proved good in cycle c."""
    return names.run_id, int(out.adapt.version_before[c]), ts, encode(tuned(out, c)), 1


def change_row(out: Out, c: int, cycle: str, ts: str, names: Names, encode: Callable[[Any], str]) -> Row:
    """Return the row of stage7_param_changes of cycle c."""
    change = change_document(out, c)
    digest = content_hash([names.run_id, change])[:12]
    versions = f"{change['from_version']}->{change['to_version']}"
    return (
        f"s7chg:{cycle.partition('-')[2]}:{versions}:{digest}",
        ts,
        names.run_id,
        change["from_version"],
        change["to_version"],
        encode(change),
        "ROLLED_BACK" if out.adapt.outcome[c] == ROLLED_BACK else "APPLIED",
        ", ".join(change["why"]),
    )
