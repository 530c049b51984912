"""What is worth an alert: the conditions that a cycle shows, or what kept one from being run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final

from attrs import frozen

from meva_core.errors import LeaseLost, MevaError, StoreError, VenueError, VenueReason
from meva_core.history.words import briefly
from meva_core.modes import Mode
from meva_core.reasons import RISK_RULES, Code, Reason
from meva_core.stages.dry_cycle import ClockBehind, Told
from meva_core.steps.inputs import FAILED_TOO_OFTEN
from meva_core.why import cycle_reasons


class Kind(StrEnum):
    """What an alert is about, as it is stored."""

    MODE = "mode"
    RISK = "risk"
    DATA = "data"
    STRATEGY = "strategy"
    CLOCK = "clock"
    RATE_LIMIT = "rate_limit"
    DATABASE = "database"
    LEASE = "lease"
    HALT = "halt"
    KILL = "kill"
    ALARM = "alarm"
    ORDERS = "orders"
    SUMMARY = "summary"


ON: Final = "on"
OVER: Final = "over"
_RULES: Final = tuple(code.text for code in RISK_RULES)
_STALE: Final = Code.STALE_MARKET_DATA.text
_LIMITED: Final = f":{VenueReason.RATE_LIMITED}"


@frozen
class Condition:
    """Something that is so: `about` names it, `state` is how it is, and `text` says it in words.

    Of the mode the state is its name; anything else is there (ON) or it is not (OVER).
    """

    kind: Kind
    about: str
    state: str
    text: str


def calm(kind: Kind) -> str:
    """Return the state that nobody has to be told of."""
    return Mode.NORMAL.name if kind is Kind.MODE else OVER


def conditions_of(told: Told) -> list[Condition]:
    """Return what a cycle shows, its mode first."""
    out = told.stretch.out
    found = cycle_reasons(told.stretch.start, told.stretch.market, out, told.stretch.rules, told.params)
    reasons = [reason for reason in found if reason.code != Code.OK.text]
    mode = Mode(int(out.plan.mode[told.stretch.start])).name
    return [
        Condition(Kind.MODE, "mode", mode, _words(reasons)),
        *_of_rules(reasons),
        *_of_strategy(told),
        *_of_measure(told),
    ]


def _of_rules(reasons: Sequence[Reason]) -> Iterator[Condition]:
    """Yield the rules of risk that fired; one may have two reasons."""
    for code in _RULES:
        if of_rule := [reason for reason in reasons if reason.code == code]:
            yield Condition(Kind.DATA if code == _STALE else Kind.RISK, code, ON, _words(of_rule))


def _of_strategy(told: Told) -> Iterator[Condition]:
    """Yield that the strategy failed, and from when on that stops trading; the two are told apart."""
    failed = int(told.stretch.out.plan.strategy_failed[told.stretch.start])
    if not failed or told.failure is None:
        return
    yield Condition(Kind.STRATEGY, "strategy_failed", ON, told.failure.message)
    if failed >= FAILED_TOO_OFTEN:
        text = f"it failed {failed} times in a row: nothing is traded until it answers"
        yield Condition(Kind.STRATEGY, "strategy_stopped", ON, text)


def _of_measure(told: Told) -> Iterator[Condition]:
    if not told.answered:
        text = "the exchange answered nothing: cycles go on with what was known"
        yield Condition(Kind.DATA, "no_answer", ON, text)
    if told.answers.offset_is_old:
        text = "the exchange's time could not be asked: an older difference to our clock is used"
        yield Condition(Kind.CLOCK, "exchange_time", ON, text)
    if told.failures.get("clock_skew"):
        text = "the exchange stamped rows later than they arrived: they were not used"
        yield Condition(Kind.CLOCK, "clock_skew", ON, text)
    if limited := sorted(name.removesuffix(_LIMITED) for name in told.failures if name.endswith(_LIMITED)):
        text = f"the exchange refused calls as too many (429): {', '.join(limited)}"
        yield Condition(Kind.RATE_LIMIT, "too_many_calls", ON, text)


def condition_of(error: MevaError) -> Condition:
    """Return what an error says that kept a cycle from being run, or from being stored."""
    if isinstance(error, LeaseLost):
        return Condition(Kind.LEASE, "lease_lost", ON, str(error))
    if isinstance(error, StoreError):
        return Condition(Kind.DATABASE, "database", ON, str(error))
    if isinstance(error, ClockBehind):
        return Condition(Kind.CLOCK, "clock_behind", ON, str(error))
    if isinstance(error, VenueError) and error.reason is VenueReason.CLOCK:
        return Condition(Kind.CLOCK, "exchange_time", ON, str(error))
    return Condition(Kind.DATA, "no_cycle", ON, str(error))


def _words(reasons: Sequence[Reason]) -> str:
    return "; ".join(filter(None, map(briefly, reasons)))
