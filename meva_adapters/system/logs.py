"""Where logs go: stderr, one line an event, as text or as JSON; which events there are, `events.py` says."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, Literal

from meva_adapters.system.events import ATTRIBUTE, what_is_bound
from meva_adapters.system.redaction import hide, redacted

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor

    from meva_core.settings import Secret

LogFormat = Literal["text", "json"]
_OURS: Final = ("meva_core", "meva_adapters", "meva_cli")


class Lines(logging.Formatter):
    """Turns an event into its line. structlog does, which takes longer to import than a quick command runs:

    so it is imported with the first event. Our packages log by the standard library (a test looks). No line
    shows a secret of the settings, tracebacks neither.
    """

    def __init__(self, form: LogFormat) -> None:
        super().__init__()
        self._form: LogFormat = form
        self._made: logging.Formatter | None = None

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        if self._made is None:
            import structlog

            self._made = structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=[*_common(), _named], processors=_last(self._form)
            )
        return redacted(self._made.format(record))


_form: LogFormat = "text"


def writes_json() -> bool:
    """Whether stderr is for machines: each line of it is an event then."""
    return _form == "json"


def set_up_logs(form: LogFormat, level: str, secrets: Iterable[Secret] = ()) -> None:
    """Send what our packages log at or above `level` to stderr, and of libraries the warnings.

    At DEBUG all of theirs goes there, too. May be called again: the last call holds. Values that hide
    themselves, such as secrets, stay hidden, and the text of `secrets` is hidden wherever it stands. Loggers
    of structlog's own, where it is imported already, write the same lines.
    """
    global _form
    _form = form
    hide(secrets)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines(form))
    # Libraries tell of their ordinary work, too, at INFO: that is for those who look for a fault.
    logging.basicConfig(handlers=[handler], level="WARNING" if level == "INFO" else level, force=True)
    for package in _OURS:
        logging.getLogger(package).setLevel(level)
    if "structlog" in sys.modules:
        _set_up_structlog()


def _set_up_structlog() -> None:
    import structlog

    structlog.configure(
        processors=[*_common(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _common() -> list[Processor]:
    """Return what every event gets, ours and that of libraries."""
    import structlog

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
    ]


def _named(logger: object, method: str, event: EventDict) -> EventDict:
    """Give an event of the vocabulary its name and its fields, and every one what is bound."""
    event.update(what_is_bound())
    told: tuple[str, dict[str, Any]] | None = getattr(event["_record"], ATTRIBUTE, None)
    if told is not None:
        name, fields = told
        event.update(fields)
        event["meva_event"] = name
    return event


def _machine_words(logger: object, method: str, event: EventDict) -> EventDict:
    """Put the event's name first, and the sentence beside it; what is no event of ours is its own name."""
    name = event.pop("meva_event", None)
    return event if name is None else {**event, "event": name, "message": event["event"]}


def _human_words(logger: object, method: str, event: EventDict) -> EventDict:
    """Leave the sentence: what the fields tell stands in it."""
    if event.pop("meva_event", None) is not None:
        for name in event["_record"].__dict__[ATTRIBUTE][1]:
            event.pop(name, None)
    return event


def _last(form: LogFormat) -> list[Processor]:
    """Return what turns an event into its line."""
    import structlog
    from structlog.processors import ExceptionRenderer
    from structlog.tracebacks import ExceptionDictTransformer

    drop = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    # Tracebacks without the values of local variables: one of them may be a secret that has been revealed.
    if form == "json":
        frames = ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
        return [_machine_words, drop, frames, structlog.processors.JSONRenderer(default=str)]
    return [
        _human_words,
        drop,
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        ),
    ]
