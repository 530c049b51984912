"""Which run of a database a command is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import click

from meva_core.errors import BadInput, StoreUnready
from meva_core.ports import Reads

F = TypeVar("F", bound=Callable[..., Any])


def run_option(command: F) -> F:
    """Add `--run`."""
    return click.option("--run", "run_id", metavar="ID", help="The run.  [default: the last one]")(command)


def pick_run(reads: Reads, wanted: str | None) -> str:
    """Return the run that was asked for, or the last one.

    Raises BadInput for a run that is not there, StoreUnready for a database without any.
    """
    runs = [row["run_id"] for row in reads.runs()]
    if not runs:
        raise nothing_recorded(reads)
    if wanted is None:
        return str(runs[-1])
    if wanted not in runs:
        raise BadInput(f"run {wanted!r} is not in the database; it holds {', '.join(runs)}")
    return wanted


OTHERS: Final = {
    "cycle_metrics": "cycles of Stage 4",
    "cycle_audit": "audits of Stage 4's cycles",
    "pnl_snapshots": "snapshots of profit and loss",
    "account_snapshots": "snapshots of the account",
    "anomaly_events": "anomalies",
    "stage4_orders": "orders of Stage 4",
    "orders": "orders of Stage 3",
    "actions": "actions of Stage 3",
}
"""What a database of the earlier system may hold beside runs of Stage 7, by table."""
_SHOWN_BY: Final = {
    "cycle_metrics": "meva report --stage stage4",
    "cycle_audit": "meva report --stage stage4",
    "pnl_snapshots": "meva report --stage stage4",
    "account_snapshots": "meva report --stage stage4",
    "anomaly_events": "meva alerts --stage stage4",
}


def held_of_earlier_stages(reads: Reads) -> str:
    """Return what a database has of earlier stages, as the end of a sentence; empty for nothing."""
    counts = reads.count()
    held = [f"{counts[table]} {what}" for table, what in OTHERS.items() if counts.get(table)]
    return f"; it has {', '.join(held)}" if held else ""


def nothing_recorded(reads: Reads) -> StoreUnready:
    """Return the error for a database without runs: it names what is there, and what shows that."""
    counts = reads.count()
    held = {table: counts[table] for table in OTHERS if counts.get(table)}
    if not held:
        return StoreUnready(
            "the database holds no run yet",
            action="record one, for instance with `meva backtest --data DIR --db FILE`",
        )
    shown = list(dict.fromkeys(_SHOWN_BY[table] for table in held if table in _SHOWN_BY))
    commands = " and ".join(f"`{command}`" for command in shown) or "`meva count`"
    show = f"{'show' if len(shown) > 1 else 'shows'} {'them' if shown else 'how many'}"
    return StoreUnready(
        f"the database holds no run of Stage 7{held_of_earlier_stages(reads)}",
        action=f"{commands} {show}; `meva backtest` records a run",
    )


def changed_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a run that are not the defaults."""
    from meva_core.settings import Settings, in_order, settings_document, with_later

    defaults = with_later(settings_document(Settings()))
    return {
        name: value
        for name, value in settings.items()
        if name in defaults and in_order(value) != defaults[name]
    }
