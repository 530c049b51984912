"""What a cycle came to, read off its columns into meters. Here, and only here, amounts become floats."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median_low
from typing import Any, Final

from meva_adapters.metrics import vocabulary as v
from meva_adapters.metrics.meters import Meters
from meva_core.amounts import ABSENT, E8, join_pair
from meva_core.live_book.alarms import AlarmCode
from meva_core.live_market import TouchFrom
from meva_core.market import MICROS
from meva_core.modes import Mode
from meva_core.operating.guards.kill import Level
from meva_core.orders import Event, Side
from meva_core.reasons import CODES, RISK_RULES, Code, fired_codes
from meva_core.rules import RuleStatus
from meva_core.stages.dry_cycle import Told
from meva_core.stages.dry_loop import Missed
from meva_core.stages.run import Stretch
from meva_core.state import CASH, DAY_OPEN, LAST_EQUITY, OPEN_ORDERS, PEAK
from meva_core.steps.measure import ONE_SIDED, STALE

ANSWERED: Final = "answered"
UNANSWERED: Final = "unanswered"
OUTCOMES: Final = (ANSWERED, UNANSWERED)
SYMBOL_STATES: Final = ("fresh", "stale", "one_sided", "absent")
"""How a symbol's touch stands: to be used, too old, without a mid, never seen."""
ORDER_OUTCOMES: Final = {
    Event.SUBMIT_REQUESTED: "submitted",
    Event.FILLED: "filled",
    Event.CANCELED: "canceled",
    Event.REJECTED: "rejected",
}
REJECTIONS: Final = (Code.SIM_REJECT, Code.NON_RETRYABLE, Code.IDEMPOTENCY_CONFLICT)
LIQUIDITY: Final = ("taking", "resting")
"""By the journal's `resting`."""


def begin_live_gauges(meters: Meters) -> None:
    """Say that nothing is killed, alarming or blocked, as long as no cycle says otherwise: in Stage 7 for
    good."""
    for level in Level:
        if level is not Level.NONE:
            meters.set(v.KILL_SWITCH, 0, level=level.name.lower())
    for code in AlarmCode:
        meters.set(v.ALARMS, 0, code=code)
    meters.set(v.BLOCKED, 0)


class CycleMeters:
    """Tells the cycles of one book."""

    def __init__(self, meters: Meters, stage: str) -> None:
        self._meters = meters
        self._stage = stage
        self._begin()

    def _begin(self) -> None:
        """Let all that is counted begin with 0: an increase from nothing would not be seen."""
        meters = self._meters
        for outcome in OUTCOMES:
            meters.add(v.CYCLES, 0, outcome=outcome)
        for reason in Missed:
            meters.add(v.MISSED, 0, reason=reason)
        for outcome in ORDER_OUTCOMES.values():
            meters.add(v.ORDERS, 0, outcome=outcome)
        for code in REJECTIONS:
            meters.add(v.REJECTS, 0, reason=code.text)
        for side in Side:
            meters.add(v.TURNOVER, 0, side=side.name)
            for liquidity in LIQUIDITY:
                meters.add(v.FILLS, 0, side=side.name, liquidity=liquidity)
        meters.add(v.FEES, 0)
        meters.add(v.STRATEGY_FAILURES, 0)
        meters.set(v.UNKNOWN_ORDERS, 0)
        begin_live_gauges(meters)

    def missed(self, why: Missed, points: int) -> None:
        """Count points of time without a cycle."""
        self._meters.add(v.MISSED, points, reason=why)

    def tell(self, told: Told) -> None:
        """Tell a cycle that is stored."""
        self._meters.add(v.CYCLES, outcome=ANSWERED if told.answered else UNANSWERED)
        self._meters.set(v.LAST_CYCLE, told.time)
        self._meters.only(v.RUN, stage=self._stage, run_id=told.run_id)
        self._tell_measure(told)
        self._tell_risk(told.stretch)
        self._meters.add(v.STRATEGY_FAILURES, int(told.failure is not None))
        self._tell_money(told.stretch)
        self._tell_orders(told.stretch)

    # -- The parts of a cycle -----------------------------------------------------------------------------

    def _tell_measure(self, told: Told) -> None:
        meters, answers, stretch = self._meters, told.answers, told.stretch
        meters.set(v.CLOCK_OFFSET, answers.offset / MICROS)
        meters.set(v.ROUND_TRIP, answers.round_trip / MICROS)
        meters.set(v.CLOCK_LEARNT, answers.learnt / MICROS)
        for failure, count in told.failures.items():
            what, _, reason = failure.partition(":")
            meters.add(v.FAILURES, count, what=what, reason=reason)
        sources = list(answers.touch_from.values())
        for source in TouchFrom:
            meters.set(v.TOUCHES, sources.count(source), source=source.name.lower())
        watched = _watched(stretch)
        states = [_state(stretch, i) for i in watched]
        for state in SYMBOL_STATES:
            meters.set(v.SYMBOLS, states.count(state), state=state)
        c = stretch.stop - 1
        ages = [int(stretch.out.measure.book_age[c, i]) for i in watched]
        self._tell_ages(v.TOUCH_AGE, [age for age in ages if age != ABSENT])
        ends = [int(stretch.market.close_ts[c, i]) for i in watched]
        self._tell_ages(v.BAR_AGE, [told.time - end // MICROS for end in ends if end != ABSENT])
        meters.set(v.FEED_AGE, _or_nan(int(stretch.out.assess.feed_age[c])))

    def _tell_ages(self, metric: v.Metric, ages: Sequence[int]) -> None:
        """Tell the oldest and the one in the middle; without any there is none, which is no 0."""
        self._meters.set(metric, max(ages, default=_NONE), stat="max")
        self._meters.set(metric, median_low(ages) if ages else _NONE, stat="median")

    def _tell_risk(self, stretch: Stretch) -> None:
        c = stretch.stop - 1
        mode = Mode(int(stretch.out.plan.mode[c]))
        self._meters.choose(v.MODE, "mode", mode.name, (mode.name for mode in Mode))
        fired = fired_codes(int(stretch.out.assess.fired[c]))
        for code in RISK_RULES:
            self._meters.set(v.RULES_FIRED, code in fired, rule=code.text)

    def _tell_money(self, stretch: Stretch) -> None:
        meters, state, account, c = self._meters, stretch.state, stretch.out.account, stretch.stop - 1
        equity, peak = _pair(state.money, LAST_EQUITY), _pair(state.money, PEAK)
        meters.set(v.EQUITY, equity / E8)
        meters.set(v.CASH, _pair(state.money, CASH) / E8)
        meters.set(v.DAY_PNL, (equity - _pair(state.money, DAY_OPEN)) / E8)
        meters.set(v.NET_PNL, join_pair(int(account.net_whole[c]), int(account.net_rest[c])) / E8)
        unrealized = join_pair(int(account.unrealized_whole[c]), int(account.unrealized_rest[c]))
        meters.set(v.UNREALIZED_PNL, unrealized / E8)
        meters.set(v.DRAWDOWN, max(0, peak - equity) / peak if peak > 0 else 0.0)
        meters.set(v.MAX_DRAWDOWN, int(account.max_drawdown[c]) / E8)
        meters.set(v.POSITIONS, int((state.qty > 0).sum()))
        meters.set(v.OPEN_ORDERS, int(state.facts[OPEN_ORDERS]))

    def _tell_orders(self, stretch: Stretch) -> None:
        meters, journal, last = self._meters, stretch.out.journal, stretch.stop - 1
        events, fills = journal.events, journal.fills
        for n in range(int(journal.events_end[last])):
            kind = Event(int(events.kind[n]))
            if kind in ORDER_OUTCOMES:
                meters.add(v.ORDERS, outcome=ORDER_OUTCOMES[kind])
            if kind is Event.REJECTED:
                meters.add(v.REJECTS, reason=CODES[int(events.code[n])].text)
        for n in range(int(journal.fills_end[last])):
            side = Side(int(fills.side[n])).name
            meters.add(v.FILLS, side=side, liquidity=LIQUIDITY[int(fills.resting[n])])
            meters.add(v.TURNOVER, int(fills.notional[n]) / E8, side=side)
            meters.add(v.FEES, int(fills.fee[n]) / E8)


_NONE: Final = float("nan")


def _or_nan(seconds: int) -> float:
    return _NONE if seconds == ABSENT else float(seconds)


def _pair(money: Any, place: int) -> int:
    """Return an amount of the state in e8."""
    return join_pair(int(money[place]), int(money[place + 1]))


def _watched(stretch: Stretch) -> list[int]:
    """Return the places of the symbols that the exchange names and that may be traded or are configured."""
    rules = stretch.rules
    return [
        i
        for i in range(len(rules.status))
        if rules.status[i] != RuleStatus.MISSING and (rules.candidate[i] or rules.configured[i])
    ]


def _state(stretch: Stretch, i: int) -> str:
    """Return which of SYMBOL_STATES a symbol is in."""
    c = stretch.stop - 1
    flags = int(stretch.out.measure.flags[c, i])
    if int(stretch.out.measure.book_age[c, i]) == ABSENT:
        return "absent"
    if flags & STALE:
        return "stale"
    return "one_sided" if flags & ONE_SIDED else "fresh"
