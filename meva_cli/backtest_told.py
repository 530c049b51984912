"""What is told of a backtest: what a user may not expect of it, and what it came to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from meva_cli.render import print_line, print_pairs
from meva_core.counting import counted, were

if TYPE_CHECKING:
    from meva_adapters.replay import Dataset, Fault
    from meva_cli.load import Loaded
    from meva_core.stages.plan import RunPlan

WARNINGS_SHOWN: Final = 4
PAGE_LATER: Final = "meva.page_later"
"""Where a command's context keeps that somebody shows the page of figures at their own end."""
LABELS: Final = {"cycles_traded": "cycles_with_fills"}
"""What figures are called for people, where the name in JSON leaves open what it counts."""


def _to_do(fault: Fault) -> str:
    return f"{fault}; {fault.action}"


def all_notes(dataset: Dataset, plan: RunPlan, loaded: Loaded, recorded: int) -> list[str]:
    """Return what is to be said of a run, of which so many cycles are recorded, and of its data, the gravest
    first."""
    from meva_adapters.replay.plans import look_ahead, window_notes
    from meva_adapters.replay.run_plans import settings_notes
    from meva_core.provenance import books_note
    from meva_core.stages.plan_notes import plan_notes

    grave = look_ahead(dataset)
    model = books_note(plan.manifest)
    rest = [fault for fault in dataset.warnings if fault not in grave]
    other = [] if dataset.run is None else settings_notes(dataset.run, plan)
    asked = len(plan.times)
    ours = "SYMBOLS" in loaded.origin and plan.settings == loaded.settings
    named = loaded.settings.exchange.symbols if ours else None
    more = f"{counted(asked, 'cycle')} {were(asked)} asked for; the figures are of all that are recorded"
    return [
        *([more] if recorded > asked else []),
        *map(_to_do, grave),
        *([model] if model else []),
        *other,
        *window_notes(dataset, plan),
        *plan_notes(plan, named),
        *map(str, rest),
    ]


def print_backtest(result: dict[str, Any], *, with_page: bool = True) -> None:
    """Print what was recorded and, unless it is shown later, the page of figures, for people."""
    from meva_cli.reports.figures import print_page
    from meva_core.strategy.base import identity_text

    warnings, page, why_none = (result.pop(name) for name in ("warnings", "figures", "figures_reason"))
    for warning in warnings[:WARNINGS_SHOWN]:
        click.echo(f"warning: {warning}", err=True)
    if len(warnings) > WARNINGS_SHOWN:
        rest = len(warnings) - WARNINGS_SHOWN
        click.echo(f"warning: {rest} more; `meva replay validate {result['dataset']}` lists them", err=True)
    result.pop("strategy_doubt", None)  # said before the first cycle
    if result.pop("already_recorded"):
        print_line("already recorded")
    modes, quote = result.pop("modes"), result["quote"]
    shown = {
        name: value
        for name, value in result.items()
        if name not in ("cycles_run", "cycles_filled", "engine_reason", "trace_reason")
    }
    for name in ("engine", "trace"):
        shown[name] = f"{result[name]} ({result[f'{name}_reason']})"
    if "strategy" in shown:
        shown["strategy"] = identity_text(shown["strategy"])
    shown = {_label(name, quote): value for name, value in shown.items()}
    shown["modes"] = ", ".join(f"{mode} {count}" for mode, count in modes.items() if count)
    for name in ("books", "dataset_sha256", "fingerprint"):
        shown[name] = shown.pop(name)
    print_pairs(shown)
    if not with_page:
        return
    print_line()
    if page is None:
        print_line(f"No page of figures: {why_none}")
    else:
        print_page(page)


def _label(name: str, quote: str) -> str:
    """Return what a figure is called for people: an amount by the currency that it is in."""
    bare = name.removesuffix("_try")
    return LABELS.get(name, name) if bare == name else f"{bare}_{quote.lower()}"
