"""`meva config`: which settings are not their defaults, and where each came from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import click

from meva_cli.environment import is_warming
from meva_cli.load import TOML, Loaded, settings_for
from meva_cli.names import ENVIRONMENT_ONLY
from meva_cli.options import json_option
from meva_cli.render import print_json, print_line, print_table
from meva_core.errors import BadInput
from meva_core.gates import check_gates
from meva_core.settings import GROUPS, variables_of
from meva_core.settings.secret import masked_place


@click.command()
@click.option("--all", "everything", is_flag=True, help="Show every setting, defaults too.")
@json_option
def config(everything: bool, as_json: bool) -> None:
    """Show every setting that is not its default, and where it came from.

    Where several places name a setting, the last column lists those that do not count. Secrets are masked.
    A value that does not parse is an error (exit 2) that names its place.
    """
    is_warming(os.environ)
    loaded = settings_for(*GROUPS)
    rows = [row for row in config_rows(loaded) if everything or row["changed"]]
    notes = list(contradictions(loaded))
    if as_json:
        print_json({"settings": rows, "contradictions": notes, "warnings": list(loaded.warnings)})
        return
    if rows:
        shown = ("name", "value", "default", "origin", "unused")
        print_table(
            ["name", "value", "default", "from", "named in vain by"],
            [[_text(row[name]) for name in shown] for row in rows],
        )
    else:
        print_line("Every setting is its default; `meva config --all` shows them.")
    for note in notes:
        print_line(f"Gates contradict: {note}")


def config_rows(loaded: Loaded) -> Iterator[dict[str, Any]]:
    """Yield every setting as JSON holds it: group, name, value, default, whether they differ, its places."""
    for name, group in GROUPS.items():
        for attribute, variable in variables_of(group).items():
            value = getattr(getattr(loaded.settings, name), attribute)
            yield {
                "group": name,
                "name": variable.name,
                "value": _shown(variable.plain(value)),
                "default": _shown(variable.plain(variable.default)),
                "changed": value != variable.default,
                "origin": loaded.origin.get(variable.name, "default"),
                "unused": list(loaded.unused.get(variable.name, ())),
            }
    for strategy, table in loaded.settings.strategy.tables.items():
        for parameter, value in table.items():
            yield {
                "group": "strategies",
                "name": f"strategies.{strategy}.{parameter}",
                "value": _shown(value),
                "default": None,
                "changed": True,
                "origin": f"{TOML} [strategies.{strategy}]",
                "unused": [],
            }
    for name in ENVIRONMENT_ONLY:
        value = os.environ.get(name) or None
        origin = "the environment" if value else "default"
        yield {
            "group": "environment",
            "name": name,
            "value": value,
            "default": None,
            "changed": value is not None,
            "origin": origin,
            "unused": [],
        }


def _shown(value: Any) -> Any:
    """Hide who logs in where a path is an address, or was meant to be one."""
    return masked_place(value) if isinstance(value, str) else value


def _text(value: Any) -> Any:
    """Return a value as a cell: nothing is said as the reference says it."""
    return "none" if value is None else value


def contradictions(loaded: Loaded) -> Iterator[str]:
    """Yield each combination of gates that contradicts itself, which `meva gates` refuses."""
    try:
        check_gates(loaded.settings)
    except BadInput as error:
        yield from map(str, error.problems)
