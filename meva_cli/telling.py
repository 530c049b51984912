"""What is known around the reasons of a run: its limits, and where their settings were set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from meva_cli.render import as_text
from meva_core.errors import BadInput

if TYPE_CHECKING:
    from meva_core.history.limits import Limits
    from meva_core.history.words import Telling


def telling_of(kind: str, limits: Limits) -> Telling:
    """Return what is known around the reasons of a run. Where its settings were set is told by today's."""
    from meva_core.history.words import Telling

    return Telling(kind, limits, places() if limits.settings else Telling().place)


def places() -> Callable[[str, Any], str]:
    """Return what says where a setting with a run's value was set, by the settings of today."""
    from meva_cli.load import settings_for
    from meva_core.settings import VARIABLES, in_order, settings_texts

    today: Mapping[str, Any] = {}
    origin: Mapping[str, str] = {}
    try:
        loaded = settings_for("gates", "exchange", "live", "stage7")
        today, origin = settings_texts(loaded.settings), loaded.origin
    except BadInput as error:  # they do not matter to what was recorded
        click.echo(f"warning: today's settings cannot be read: {error}", err=True)

    def place(name: str, value: Any) -> str:
        variable = VARIABLES[name]
        value, default = in_order(value), variable.recorded(variable.default)
        source = f"from {origin[name]}" if name in origin else "the default"
        now = in_order(today.get(name, value))
        if now == value and name in today:
            return source
        said = "the default" if value == default else "set for this run"
        return said + (f"; today {as_text(now) or 'empty'}, {source}" if now != value else "")

    return place
