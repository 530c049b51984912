"""What runs came to, side by side, and the settings that tell them apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from meva_adapters.texts.summary_document import summary_document
from meva_adapters.texts.words import as_text
from meva_core.settings import in_order, with_later
from meva_core.stages.summary import Summary

COMPARED: Final = (
    *("start", "end", "cycles", "opening_equity_try", "final_equity_try", "net_pnl_try", "return_ratio"),
    *("annual_return_ratio", "equal_parts_return_ratio", "max_drawdown_ratio", "volatility_ratio"),
    *("sharpe_ratio", "sortino_ratio", "calmar_ratio", "exposure_ratio", "costs_try", "fees_try"),
    *("slippage_try", "turnover_try", "costs_bps", "fills", "round_trips", "won_ratio"),
    *("profit_factor_ratio", "expectancy_try", "held_median_seconds"),
)
"""The figures that stand side by side, by their names in docs/reference/figures.md."""


def comparison(summaries: Sequence[Summary], records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the figures of runs, and the settings that are not the same in all of them, as JSON holds them.

    `records` are the settings that each was recorded with.
    """
    known = [with_later(record) for record in records]
    names = sorted({name for record in known for name in record})
    settings = {name: [record.get(name) for record in known] for name in names}
    apart = {
        name: values
        for name, values in settings.items()
        if any(in_order(value) != in_order(values[0]) for value in values)
    }
    return {"runs": list(map(summary_document, summaries)), "settings_apart": apart}


def figure_rows(document: Mapping[str, Any]) -> Iterator[list[str]]:
    """Yield a row for each figure: its name, and its value in every run; order books that nobody recorded
    stand before all of them."""
    runs = document["runs"]
    yield ["data", *(_cell(run, "data") for run in runs)]
    if any(run["assumed"] for run in runs):
        yield ["books", *(run["assumed"] or "recorded" for run in runs)]
    for name in COMPARED:
        yield [name, *(_cell(run, name) for run in runs)]


def setting_rows(document: Mapping[str, Any]) -> Iterator[list[str]]:
    """Yield a row for each setting that differs: its name, and its value in every run."""
    for name, values in document["settings_apart"].items():
        yield [name, *map(as_text, values)]


def _cell(run: Mapping[str, Any], name: str) -> str:
    """Return a figure as a table has it; one that is not defined says why."""
    value = run[name]
    if value is None:
        return f"- ({str(run['undefined'].get(name, '')).replace('_', ' ')})"
    return f"{value:.6g}" if isinstance(value, float) else as_text(value)
