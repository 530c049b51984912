"""Where logs go: stderr, one line an event, as text or as JSON."""

from __future__ import annotations

import logging
import sys
from typing import Final, Literal

import structlog
from structlog.processors import ExceptionRenderer
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import Processor

LogFormat = Literal["text", "json"]
_OURS: Final = ("meva_core", "meva_adapters", "meva_cli")


def set_up_logs(form: LogFormat, level: str) -> None:
    """Send what our packages log at or above `level` to stderr, and of libraries the warnings.

    At DEBUG all of theirs goes there, too. May be called again: the last call holds. Values that hide
    themselves, such as secrets, stay hidden.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_common(), processors=_last(form))
    )
    # Libraries tell of their ordinary work, too, at INFO: that is for those who look for a fault.
    logging.basicConfig(handlers=[handler], level="WARNING" if level == "INFO" else level, force=True)
    for package in _OURS:
        logging.getLogger(package).setLevel(level)
    structlog.configure(
        processors=[*_common(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _common() -> list[Processor]:
    """Return what every event gets, ours and that of libraries."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
    ]


def _last(form: LogFormat) -> list[Processor]:
    """Return what turns an event into its line."""
    drop = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    # Tracebacks without the values of local variables: one of them may be a secret that has been revealed.
    if form == "json":
        frames = ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
        return [drop, frames, structlog.processors.JSONRenderer(default=str)]
    return [
        drop,
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        ),
    ]
