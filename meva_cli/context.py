"""What the root command hands to every command."""

from __future__ import annotations

from typing import NamedTuple


class Invocation(NamedTuple):
    """The options that stand before the command's name."""

    log_format: str
    debug: bool
