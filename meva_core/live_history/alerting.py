"""What of a cycle of Stages 3 and 4 is worth an alert: its mode, the kill switch, alarms, orders of unknown
fate, strategies that fail, an account that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator

from meva_core.alerts.conditions import ON, Condition, Kind
from meva_core.amounts import format_e8
from meva_core.live_history.words import alarm_words, say
from meva_core.operating.runner import Told


def conditions_of(told: Told) -> list[Condition]:
    """Return what a cycle shows, its mode first."""
    mode = told.cycle.decisions.mode
    why = "" if mode.bound is None else f"{mode.bound.part}: {say(mode.bound.reason, told.cycle.settings)}"
    return [
        Condition(Kind.MODE, "mode", mode.mode.name, why),
        *_kill(told),
        *_alarms(told),
        *_unknown(told),
        *_failures(told),
        *_unread(told),
    ]


def standing_of(told: Told) -> str:
    """Return what a book is worth after a cycle, and what the UTC day gained."""
    found = told.cycle.decisions.assessed
    gained = format_e8(found.day_pnl)
    sign = "" if gained.startswith("-") else "+"
    return f"equity {format_e8(found.equity)} TRY, today {sign}{gained} TRY"


def _kill(told: Told) -> Iterator[Condition]:
    if told.killed is not None:
        text = f"Meva set it itself, for {told.killed.reason}; `meva arm` lets it go on"
        yield Condition(Kind.KILL, "kill_switch", ON, text)
    elif told.inputs.kill:
        text = f"it is on ({told.inputs.kill}): nothing is submitted"
        yield Condition(Kind.KILL, "kill_switch", ON, text)


def _alarms(told: Told) -> Iterator[Condition]:
    for alarm in told.book.alarms:
        numbers = ", ".join(f"{name} {value}" for name, value in sorted(alarm.numbers.items()))
        text = ". ".join(filter(None, [alarm_words(alarm.code), numbers]))
        yield Condition(Kind.ALARM, alarm.pair, ON, text)


def _unknown(told: Told) -> Iterator[Condition]:
    unknown = [order.client_id for order in told.inputs.orders if not order.known]
    if unknown:
        text = f"whether they are at the exchange is not known: {', '.join(unknown)}"
        yield Condition(Kind.ORDERS, "unknown_orders", ON, text)


def _failures(told: Told) -> Iterator[Condition]:
    for failure in told.inputs.failures:
        times = told.cycle.decisions.failed.get(failure.strategy, 1)
        text = f"{failure.text}; {times} in a row"
        yield Condition(Kind.STRATEGY, f"strategy_failed:{failure.strategy}", ON, text)


def _unread(told: Told) -> Iterator[Condition]:
    if not told.read.account_read:
        yield Condition(Kind.DATA, "no_account", ON, "; ".join(told.read.notes))
