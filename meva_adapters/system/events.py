"""The vocabulary of the logs: which events there are, of which level, with which fields.

An event is logged with a sentence for people. In text that is the line; in JSON `event` is the event's name,
`message` the sentence, and each field stands by its own name. Beside them stand `ts`, `level`, `logger`, and
what is bound (BOUND). Amounts, times and ids are texts as in all JSON of Meva.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from attrs import field, frozen

ATTRIBUTE: Final = "meva_event"
"""Under which a record of `logging` carries its event's name and fields."""
BOUND: Final[Mapping[str, str]] = {
    "book": "the book that the process goes on with",
    "run_id": "the run of its last stored cycle",
    "cycle_id": "that cycle",
}
"""What every event of a run bears, whichever thread it comes from, as soon as it is known."""
_bound: dict[str, str] = {}


@frozen
class Event:
    """One kind of thing that happens. `fields` are what may be told of it, `about` is for the reference."""

    name: str
    level: int
    about: str
    fields: tuple[str, ...] = field(default=())

    def log(self, log: logging.Logger, message: str, *, level: int | None = None, **fields: Any) -> None:
        """Log it with a sentence, at another level if one is given."""
        log.log(level or self.level, "%s", message, extra={ATTRIBUTE: (self.name, fields)}, stacklevel=2)

    def log_error(self, log: logging.Logger, message: str, **fields: Any) -> None:
        """Log it with the traceback of the error that is being handled."""
        log.log(self.level, "%s", message, extra={ATTRIBUTE: (self.name, fields)}, exc_info=True)


@contextmanager
def bound(**fields: str) -> Iterator[None]:
    """Let every event bear these while this lasts.

    It is the process that has them, not a context of it: faults come from threads that beat, send and listen.
    """
    before = dict(_bound)
    _bound.update(fields)
    try:
        yield
    finally:
        _bound.clear()
        _bound.update(before)


def bind(**fields: str) -> None:
    """Let every event bear these until what binds them for a while is over."""
    _bound.update(fields)


def what_is_bound() -> Mapping[str, str]:
    """Return what every event bears now."""
    return dict(_bound)


_INFO, _WARNING, _ERROR = logging.INFO, logging.WARNING, logging.ERROR

CYCLE: Final = Event(
    "cycle",
    _INFO,
    "a cycle is stored",
    (
        *("cycle_ts", "mode", "equity_try", "day_result_try", "net_pnl_try", "orders", "fills"),
        *("main_reason", "reason", "began_run", "failures"),
    ),
)
NO_CYCLE: Final = Event("no_cycle", _WARNING, "something kept a cycle from being run", ("code",))
CYCLE_NOT_STORED: Final = Event(
    "cycle_not_stored", _WARNING, "a cycle could not be stored, and is tried again", ("code", "seconds")
)
ENDED: Final = Event("ended", _ERROR, "what ends a run on its way", ("code", "action"))
POINTS_SKIPPED: Final = Event(
    "points_skipped", _WARNING, "points of time passed without a cycle", ("points",)
)
LIVE_BEGINS: Final = Event("live_begins", _INFO, "what a run of Stage 3 or 4 begins with", ())
LIVE_CYCLE: Final = Event(
    "live_cycle",
    _INFO,
    "a cycle of Stage 3 or 4 is done",
    ("stage", "mode", "fills", "submitted", "canceled", "unknown_orders", "equity_try"),
)
BLOCKED: Final = Event("blocked", _ERROR, "a gate keeps a live run from beginning", ("code",))
CYCLE_INTERRUPTED: Final = Event(
    "cycle_interrupted", _WARNING, "a cycle was decided by an earlier process, and not done", ()
)
ALARM: Final = Event("alarm", _ERROR, "something alarming of a book of Stages 3 and 4", ("alarm", "about"))
ALARM_OVER: Final = Event("alarm_over", _INFO, "an alarm has ended", ("alarm",))
SYMBOL_BLOCKED: Final = Event(
    "symbol_blocked", _WARNING, "nothing is submitted in a symbol", ("symbol", "why")
)
SYMBOL_FREE: Final = Event("symbol_free", _INFO, "orders may be submitted in a symbol again", ("symbol",))
KILLED: Final = Event("killed", _ERROR, "a cycle pulled the kill switch", ("reason",))
KILL_STANDS: Final = Event("kill_stands", _WARNING, "the kill switch is on, and where", ("reason",))
KILL_LIFTED: Final = Event("kill_lifted", _INFO, "the kill switch is off again", ())
GATE_SHUT: Final = Event("gate_shut", _WARNING, "a gate was shut while a run goes on", ("reason",))
GATES_OPEN: Final = Event("gates_open", _INFO, "all gates are open again", ())
ORDER_NOT_SENT: Final = Event(
    "order_not_sent", _WARNING, "an order or cancel was refused, not sent, or is not known", ("code",)
)
READ_FAILED: Final = Event("read_failed", _WARNING, "something of a cycle could not be read", ())
ORDERS_LEFT: Final = Event("orders_left", _WARNING, "orders of ours at the end of a run", ("order",))
BOOK_OPENS: Final = Event("book_opens", _INFO, "the book of an account is opened", ("account",))
BOOK_MADE: Final = Event("book_made", _INFO, "a book of simulated money is made", ("cash_try", "database"))
BOOK_TAKEN_OVER: Final = Event(
    "book_taken_over", _WARNING, "a book is taken over from a process that did not give it back", ("process",)
)
BOOK_WAITED_FOR: Final = Event(
    "book_waited_for", _WARNING, "another process holds the book; it is waited for", ()
)
CASH_IGNORED: Final = Event(
    "cash_ignored", _WARNING, "settings say another starting cash than the book's", ("own_try", "given_try")
)
LEASE_NOT_KEPT: Final = Event(
    "lease_not_kept", _WARNING, "the end of a lease could not be moved on, or not given back", ()
)
SETTING_WARNED: Final = Event(
    "setting_warned", _WARNING, "what is to be known of where settings stand, or go", ()
)
CHECK_WARNED: Final = Event(
    "check_warned", _WARNING, "a check before a run that is worth a look", ("category", "check", "action")
)
QUESTION_FAILED: Final = Event(
    "question_failed", _WARNING, "a question to the exchange has no answer", ("what", "symbol", "reason")
)
STRATEGY_FAILED: Final = Event(
    "strategy_failed",
    _ERROR,
    "a strategy gave no answer in a cycle: how often in a row, or, where several are listed, which one",
    ("times", "strategy", "action", "traceback"),
)
UNIVERSE_FULL: Final = Event(
    "universe_full",
    _WARNING,
    "a strategy wishes for more symbols than the universe holds; said once a run",
    ("wished", "universe_size"),
)
ROW_LEFT_OUT: Final = Event("row_left_out", _WARNING, "a row cannot be read, or used", ("what",))
BALANCE_UNSOUND: Final = Event("balance_unsound", _WARNING, "an asset is not traded", ("asset",))
CALL: Final = Event("call", logging.DEBUG, "a call to the exchange", ("method", "path", "status", "ms"))
CALLS_NOT_SHARED: Final = Event(
    "calls_not_shared", _WARNING, "the calls of other processes are not counted", ("address",)
)
STREAM_BROKE: Final = Event("stream_broke", _WARNING, "the stream broke off", ("pause_seconds",))
STREAM_LISTENER_FAILED: Final = Event(
    "stream_listener_failed", _ERROR, "an event of the stream was not taken", ()
)
FRAME_DROPPED: Final = Event("frame_dropped", _WARNING, "a frame of the stream is dropped", ("kind",))
STREAM_GAP: Final = Event("stream_gap", _INFO, "a change of a streamed book is missing", ("symbol",))
STREAM_DISAGREED: Final = Event(
    "stream_disagreed", _INFO, "a streamed book is not that of the tickers", ("symbol",)
)
ALERTS_QUEUE: Final = Event("alerts_queue", _WARNING, "the queue of alerts cannot be read or written", ())
ALERTS_FAILED: Final = Event("alerts_failed", _WARNING, "a receiver does not take alerts", ("receiver",))
ALERTS_TAKEN: Final = Event("alerts_taken", _INFO, "a receiver takes alerts again", ("receiver",))
ALERTS_LEFT: Final = Event("alerts_left", _WARNING, "alerts are left at the end of a process", ())
METRICS_SHOWN: Final = Event("metrics_shown", _INFO, "where the metrics of a loop are", ("page",))
METRICS_OLD: Final = Event("metrics_old", _WARNING, "metrics that the database tells are old", ())
METRICS_NOT_WRITTEN: Final = Event(
    "metrics_not_written", _WARNING, "the metrics of a single cycle are not written", ("file",)
)
RULE_STANDS_IN: Final = Event(
    "rule_stands_in", _WARNING, "a setting stands in for what the exchange does not name", ("symbol",)
)
CAPTURE_MISSED: Final = Event("capture_missed", _WARNING, "a poll of a capture has no answer", ("what",))
MANIFEST_NOT_WRITTEN: Final = Event("manifest_not_written", _ERROR, "a manifest was not written", ())
MACHINE_CODE: Final = Event("machine_code", _WARNING, "machine code is not kept, or was thrown away", ())
BESIDE: Final = Event("beside", _WARNING, "a word of the process that compiles", ())

EVENTS: Final[Mapping[str, Event]] = {
    each.name: each for each in list(globals().values()) if isinstance(each, Event)
}
