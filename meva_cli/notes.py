"""What a command says beside its result: a sentence on stderr, or an event where stderr is for machines."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from meva_adapters.system.events import Event

_LOG: Final = logging.getLogger(__name__)


def say(event: Event, words: str, *, before: str = "", colour: str | None = None, **fields: Any) -> None:
    """Say something once: to people in words, with `before` in front of them, in a colour where it is grave,
    or as an event of the logs."""
    from meva_adapters.system.logs import writes_json

    if writes_json():
        event.log(_LOG, words, **fields)
    else:
        click.secho(f"{before}{words}", err=True, fg=colour)


def log_only(event: Event, words: str, **fields: Any) -> None:
    """Tell machines what people are told in other words, or elsewhere."""
    from meva_adapters.system.logs import writes_json

    if writes_json():
        event.log(_LOG, words, **fields)
