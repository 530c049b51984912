"""`meva report --compare`: what runs came to, side by side, and the settings that tell them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from meva_cli.render import as_text, print_line, print_table
from meva_core.errors import BadInput

if TYPE_CHECKING:
    from meva_core.ports import Reads

COMPARED: Final = (
    *("start", "end", "cycles", "opening_equity_try", "final_equity_try", "net_pnl_try", "return_ratio"),
    *("annual_return_ratio", "equal_parts_return_ratio", "max_drawdown_ratio", "volatility_ratio"),
    *("sharpe_ratio", "sortino_ratio", "calmar_ratio", "exposure_ratio", "costs_try", "fees_try"),
    *("slippage_try", "turnover_try", "costs_bps", "fills", "round_trips", "won_ratio"),
    *("profit_factor_ratio", "expectancy_try", "held_median_seconds"),
)
"""The figures that stand side by side, by their names in docs/reference/figures.md."""


def compared(reads: Reads, run_ids: Sequence[str], cash_rate: float) -> dict[str, Any]:
    """Return the figures of runs, and the settings that are not the same in all of them, as JSON holds them.

    Raises BadInput for fewer than two runs or one that is named twice or is not there, StoreUnready for one
    without figures.
    """
    from meva_adapters.codec import CODEC
    from meva_cli.summary import summary_document
    from meva_core.settings import in_order, with_later
    from meva_core.stages.accounts import account_of_run
    from meva_core.stages.summary import summary_of

    if len(run_ids) < 2 or len(set(run_ids)) < len(run_ids):
        raise BadInput(
            f"--compare needs at least two different runs, and got {', '.join(run_ids) or 'none'}",
            action="name them: meva report --compare RUN RUN; `meva runs` lists them",
        )
    accounts = [account_of_run(reads, run_id) for run_id in run_ids]
    found = [summary_of(reads, account, CODEC, cash_rate=cash_rate) for account in accounts]
    records = [with_later(CODEC.decode(account.runs[-1]["settings_json"])) for account in accounts]
    names = sorted({name for record in records for name in record})
    settings = {name: [record.get(name) for record in records] for name in names}
    apart = {
        name: values
        for name, values in settings.items()
        if any(in_order(value) != in_order(values[0]) for value in values)
    }
    return {"runs": [summary_document(summary) for summary in found], "settings_apart": apart}


def print_compared(document: Mapping[str, Any]) -> None:
    """Print runs side by side for people."""
    runs = document["runs"]
    heads = [run["run_id"] for run in runs]
    shown = ("data", *COMPARED)
    print_table(["figure", *heads], [[name, *(_cell(run, name) for run in runs)] for name in shown])
    print_line()
    apart = document["settings_apart"]
    if not apart:
        print_line("No setting differs.")
        return
    print_table(["setting", *heads], [[name, *map(as_text, values)] for name, values in apart.items()])


def _cell(run: Mapping[str, Any], name: str) -> str:
    """Return a figure as a table has it; one that is not defined says why."""
    value = run[name]
    if value is None:
        return f"- ({str(run['undefined'].get(name, '')).replace('_', ' ')})"
    return f"{value:.6g}" if isinstance(value, float) else as_text(value)
