"""An alert in words: a title, what was measured, when and in which book, and an id."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from attrs import frozen

from meva_core.alerts.conditions import OVER, Kind, calm
from meva_core.alerts.due import MOST_AN_HOUR, Due
from meva_core.amounts import format_e8, join_pair
from meva_core.ids import alert_id
from meva_core.modes import Mode
from meva_core.stages.dry_cycle import Told
from meva_core.state import DAY_OPEN, LAST_EQUITY

_LONGEST: Final = 1000
"""Letters of a message's words: the message of an error may be long."""


@frozen
class Alert:
    """Something that people are told: `text` is a title, then a line or more. `time` is in seconds."""

    id: str
    kind: Kind
    about: str
    state: str
    time: int
    text: str


def alert(one: Due, book: str, time: int, standing: str = "") -> Alert:
    """Return what is due as it is told; `standing` says how the book stands."""
    condition = one.condition
    name = alert_id(book, condition.kind, condition.about, condition.state, time)
    lines = [f"Meva, book {book}: {_title(one)}", condition.text[:_LONGEST]]
    if one.is_last:
        lines.append(f"told {MOST_AN_HOUR} times within an hour: how it goes on is told when that has passed")
    lines.append(", ".join(filter(None, [f"{moment(time)} UTC", standing, f"alert {name}"])))
    return Alert(name, condition.kind, condition.about, condition.state, time, "\n".join(filter(None, lines)))


def standing_of(told: Told) -> str:
    """Return what a book is worth after a cycle, and what the UTC day gained."""
    money: Any = told.stretch.state.money
    now, began = (join_pair(*map(int, money[place : place + 2])) for place in (LAST_EQUITY, DAY_OPEN))
    return f"equity {format_e8(now)} TRY, today {signed(format_e8(now - began))} TRY"


def signed(amount: str) -> str:
    """Return an amount with its sign, also where it is not negative."""
    return amount if amount.startswith("-") else f"+{amount}"


def moment(time: int) -> str:
    """Return a time in seconds for people."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S}"


def severity(kind: str, state: str) -> str:
    """Return how much it matters: `info`, `success`, `warning` or `failure`."""
    if kind == Kind.SUMMARY:
        return "info"
    if state in (OVER, Mode.NORMAL.name):
        return "success"
    return "failure" if kind in (Kind.DATABASE, Kind.LEASE, Kind.HALT, Kind.KILL, Kind.ALARM) else "warning"


def _title(one: Due) -> str:
    condition, about = one.condition, one.condition.about.replace("_", " ")
    if condition.kind is Kind.MODE:
        changed = condition.state != one.before
        return f"mode {condition.state}, was {one.before}" if changed else f"still in mode {condition.state}"
    if condition.state == calm(condition.kind):
        return f"over: {about}"
    return about if condition.state != one.before else f"still: {about}"
