"""Why a strategy gave no answer, with as much of a traceback as a log can bear."""

from __future__ import annotations

import traceback
from typing import Any, Final

from meva_core.errors import MevaError
from meva_core.strategy.answers import StrategyFailed
from meva_core.strategy.asking import Failure

_TRACEBACK: Final = 8_000
"""Characters of a traceback that are told of its beginning, and of its end."""
MEND: Final = "mend the strategy and start again: the book goes on"


def failure_of(error: MevaError) -> Failure:
    """Return what an error says, with the traceback of what the strategy raised."""
    raised = error.__cause__
    lines = [] if raised is None else traceback.format_exception(raised)
    text = "".join(lines).rstrip()
    if len(text) > 2 * _TRACEBACK:
        text = f"{text[:_TRACEBACK]}\n...\n{text[-_TRACEBACK:]}"
    return Failure(str(error), MEND if isinstance(error, StrategyFailed) else error.action, text)


def failure_document(failure: Failure) -> dict[str, Any]:
    """Return it JSON-able."""
    return {"failed": failure.message, "action": failure.action, "traceback": failure.traceback}


def failure_from(document: dict[str, Any]) -> Failure | None:
    """Return the failure that a document tells of; None where it tells of none."""
    if "failed" not in document:
        return None
    return Failure(*(str(document.get(name, "")) for name in ("failed", "action", "traceback")))
