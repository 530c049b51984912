"""Settings: that they can be read, that every name is known, and that no value makes another one void."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from meva_cli.checks.check import Check, Look, World
from meva_cli.checks.void import void

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
