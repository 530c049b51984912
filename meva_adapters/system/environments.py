"""The environment of a process that this one begins."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Final

from meva_core.settings import VARIABLES

_SECRET: Final = frozenset(
    name for variable in VARIABLES.values() if variable.secret for name in (variable.name, variable.old_name)
)


def child_environment(more: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """Return the environment for a process beside this one: it imports what this one would, and is not given
    the secrets of the settings, which no code but ours has to see. `more` is set in it, None takes away."""
    own = {name: text for name, text in os.environ.items() if name not in _SECRET}
    given: dict[str, str | None] = {**own, "PYTHONPATH": os.pathsep.join(sys.path), **(more or {})}
    return {name: text for name, text in given.items() if text is not None}
