"""What the root command does for every command."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from meva_core.settings import Settings


class Invocation(NamedTuple):
    """One call of the program. `settled` is told the settings that the command runs with, each time it has
    loaded some: the root command sets up by them what is every command's, such as the logs."""

    settled: Callable[[Settings], None]
