"""Settings: that they can be read, that every name is known, and that no value makes another one void."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from meva_cli.checks.check import STAGE7, Check, Look, World
from meva_cli.checks.void import void
from meva_core.errors import BadInput
from meva_core.settings import Settings

LOOK: Final = Look("settings")
SAID_WHEN_LOADED: Final = "names"
"""The check of which loading warns, too."""


def settings_checks(world: World) -> Iterator[Check]:
    """Look at the settings."""
    if world.loaded is None:
        if world.unread is not None:
            yield from LOOK.refused("read", world.unread)
        return
    loaded = world.loaded
    yield LOOK.passed("read", f"{len(loaded.origin)} are set, all others are at their defaults")
    for warning in loaded.warnings:
        if warning not in loaded.exposed:
            yield LOOK.warned(SAID_WHEN_LOADED, warning, "mend the name, or take it out of the environment")
    for name, message, action in void(world.purpose, loaded.settings, world.interval):
        yield LOOK.warned(name, message, action)
    if world.purpose == STAGE7:
        yield from _receivers(loaded.settings)


def _receivers(settings: Settings) -> Iterator[Check]:
    """Look whether the receivers of alerts are known, and what sends to them is there."""
    if not settings.alerts.urls:
        yield LOOK.passed("alerts", "MEVA_ALERT_URLS names nobody: no alert is sent")
        return
    from meva_adapters.alerts import receivers

    try:
        names = [receiver.name for receiver in receivers(settings.alerts.urls)]
    except BadInput as error:
        yield from LOOK.refused("alerts", error)
    else:
        yield LOOK.passed("alerts", f"alerts go to {', '.join(names)}; `meva alerts --test` tries it")
