"""Which run of a database a command is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from meva_core.stages.picking import held_of_earlier_stages as held_of_earlier_stages
from meva_core.stages.picking import nothing_recorded as nothing_recorded
from meva_core.stages.picking import pick_run as pick_run

F = TypeVar("F", bound=Callable[..., Any])


def run_option(command: F) -> F:
    """Add `--run`."""
    return click.option("--run", "run_id", metavar="ID", help="The run.  [default: the last one]")(command)


def changed_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a run that are not the defaults."""
    from meva_core.settings import Settings, in_order, settings_document, with_later

    defaults = with_later(settings_document(Settings()))
    return {
        name: value
        for name, value in settings.items()
        if name in defaults and in_order(value) != defaults[name]
    }
