"""adapt: move a few parameters within bounds, keep checkpoints of versions that proved good, roll back from
bad ones.

Rollback is looked at first, in every mode, once per trigger; tuning only in NORMAL. The settings' own values
are version 0 and always good. A bound never moves a parameter past the user's own setting.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from meva_core.amounts import E8, LIMIT, pair_clamped, pair_set, pair_sum, scale_down
from meva_core.blocks import axes
from meva_core.journal import EVENTS_USED, Journal
from meva_core.kernel import kernel
from meva_core.modes import Mode
from meva_core.orders import Event
from meva_core.params import Params
from meva_core.reasons import Code
from meva_core.rules import Rules
from meva_core.state import (
    CLEAN_CYCLES,
    EQUITY,
    GOOD_VERSION,
    HEALTHY_CYCLES,
    LAST_VERSION,
    LOSING_CYCLES,
    MAX_ORDERS,
    MAX_SPREAD,
    MIN_VOLUME,
    NET,
    ORDER_OFFSET,
    PARAM_VERSION,
    PEAK,
    RESTORED,
    THROTTLED_CYCLES,
    TUNED,
    TURNOVER_CAP,
    UNIVERSE_SIZE,
    State,
)
from meva_core.steps.assess import fallen_by
from meva_core.steps.measure import NO_MARK, Measured
from meva_core.steps.plan import Planned
from meva_core.steps.scratch import Scratch
from meva_core.steps.shape import rules_code

BPS: Final = 10**8  # one basis point in 1e-12
GOOD_AFTER: Final = 5
MOST_CHANGES: Final = 3
HEALTHY_FOR: Final = 3

NO_CHANGE: Final = 0
APPLIED: Final = 1
ROLLED_BACK: Final = 2

# What triggered a rollback or matched for a change, as bits.
DRAWDOWN: Final = 1
REJECT_SPIKE: Final = 2
THROTTLING: Final = 4
LOSING: Final = 8
NEAR_DRAWDOWN: Final = 16
MISSING_MARKS: Final = 32
HEALTHY: Final = 64

_NET_BEFORE: Final = 6  # pair of the scratch


@axes("c")
class Adapted(NamedTuple):
    """Per cycle: parameter version before and after, outcome, why (bits), whether the version became good;
    and the tuned parameters in force during the cycle, by their places in `state.TUNED`."""

    version_before: Any
    version: Any
    outcome: Any
    why: Any
    became_good: Any
    universe_size: Any
    order_offset_bps: Any
    turnover_cap_try: Any
    max_orders: Any
    max_spread_bps: Any
    min_volume_try: Any


assert Adapted._fields[5:] == TUNED


@kernel
def note_tuned(c: int, s: State, o: Adapted, w: Scratch) -> None:
    """Write down, before the steps run, which parameters they will see, and the net PnL so far."""
    o.universe_size[c] = s.tuned[UNIVERSE_SIZE]
    o.order_offset_bps[c] = s.tuned[ORDER_OFFSET]
    o.turnover_cap_try[c] = s.tuned[TURNOVER_CAP]
    o.max_orders[c] = s.tuned[MAX_ORDERS]
    o.max_spread_bps[c] = s.tuned[MAX_SPREAD]
    o.min_volume_try[c] = s.tuned[MIN_VOLUME]
    pair_set(w.pairs, _NET_BEFORE, s.money, NET)


@kernel
def adapt(
    c: int,
    r: Rules,
    p: Params,
    s: State,
    measured: Measured,
    planned: Planned,
    j: Journal,
    o: Adapted,
    w: Scratch,
) -> None:
    """Look at what cycle c did and adapt the parameters for the next."""
    facts = s.facts
    o.version_before[c] = facts[PARAM_VERSION]
    o.outcome[c] = NO_CHANGE
    o.became_good[c] = 0
    o.why[c] = 0
    if p.adapt == 1:
        seen = observe(c, r, p, s, measured, planned.mode[c], j, w)
        triggers = seen & (DRAWDOWN | REJECT_SPIKE)
        if facts[THROTTLED_CYCLES] >= 3:
            triggers |= THROTTLING
        if facts[LOSING_CYCLES] >= 3:
            triggers |= LOSING
        judge_version(c, triggers, s, o)
        if facts[RESTORED] > 0:
            # What was restored runs its cycles as it is, before it is judged or tuned again.
            facts[RESTORED] -= 1
        elif triggers and facts[PARAM_VERSION] != facts[GOOD_VERSION]:
            roll_back(c, triggers, s, o)
        elif planned.mode[c] == Mode.NORMAL:
            tune(c, seen, r, p, s, o)
    o.version[c] = facts[PARAM_VERSION]


@kernel
def observe(
    c: int, r: Rules, p: Params, s: State, measured: Measured, mode: int, j: Journal, w: Scratch
) -> int:
    """Return what was seen in cycle c as bits, and keep the counts of cycles in a row."""
    seen = 0
    if fallen_by(s.money, PEAK, p.max_drawdown):
        seen |= DRAWDOWN
    if fallen_by(s.money, PEAK, p.max_drawdown * 4 // 5):
        seen |= NEAR_DRAWDOWN
    rejected = 0
    throttled = 0
    for row in range(j.plan_events_end[c], j.used[EVENTS_USED]):
        if j.events.kind[row] == Event.REJECTED:
            rejected += 1
        if j.events.kind[row] == Event.THROTTLED:
            throttled += 1
    if rejected >= p.reject_spike:
        seen |= REJECT_SPIKE
    if throttled > 0:
        seen |= THROTTLING
    for i in range(measured.flags.shape[1]):
        if r.candidate[i] == 1 and measured.book_age[c, i] >= 0 and measured.flags[c, i] & NO_MARK:
            seen |= MISSING_MARKS
    pair_sum(w.pairs, _NET_BEFORE, s.money, NET, -1)
    lost = pair_clamped(w.pairs[_NET_BEFORE], w.pairs[_NET_BEFORE + 1])
    equity = pair_clamped(s.money[EQUITY], s.money[EQUITY + 1])
    losing = lost > 0 and lost > equity // 2000
    s.facts[THROTTLED_CYCLES] = s.facts[THROTTLED_CYCLES] + 1 if throttled > 0 else 0
    s.facts[LOSING_CYCLES] = s.facts[LOSING_CYCLES] + 1 if losing else 0
    healthy = mode == Mode.NORMAL and seen == 0 and rejected == 0 and not losing
    s.facts[HEALTHY_CYCLES] = s.facts[HEALTHY_CYCLES] + 1 if healthy else 0
    if s.facts[HEALTHY_CYCLES] >= HEALTHY_FOR:
        seen |= HEALTHY
    return seen


@kernel
def judge_version(c: int, triggers: int, s: State, o: Adapted) -> None:
    """Count the cycles of this version without a trigger; after five it is a good one to come back to."""
    if triggers:
        s.facts[CLEAN_CYCLES] = 0
        return
    s.facts[CLEAN_CYCLES] += 1
    if s.facts[CLEAN_CYCLES] >= GOOD_AFTER and s.facts[GOOD_VERSION] != s.facts[PARAM_VERSION]:
        s.facts[GOOD_VERSION] = s.facts[PARAM_VERSION]
        for place in range(s.tuned.shape[0]):
            s.good_tuned[place] = s.tuned[place]
        o.became_good[c] = 1


@kernel
def roll_back(c: int, triggers: int, s: State, o: Adapted) -> None:
    """Go back to the last good version; it runs five cycles before another rollback."""
    for place in range(s.tuned.shape[0]):
        s.tuned[place] = s.good_tuned[place]
    s.facts[PARAM_VERSION] = s.facts[GOOD_VERSION]
    s.facts[CLEAN_CYCLES] = 0
    s.facts[HEALTHY_CYCLES] = 0
    s.facts[RESTORED] = GOOD_AFTER
    o.outcome[c] = ROLLED_BACK
    o.why[c] = triggers


@kernel
def tune(c: int, seen: int, r: Rules, p: Params, s: State, o: Adapted) -> None:
    """Apply the rules that match, in order, until three parameters have changed; `why` has those that changed
    one."""
    changes = 0
    why = 0
    narrower = s.tuned[ORDER_OFFSET] - 2 * BPS
    if seen & REJECT_SPIKE and move(s, ORDER_OFFSET, narrower, 0, 50 * BPS, p.own_order_offset):
        changes += 1
        why |= REJECT_SPIKE
    if seen & THROTTLING and move(s, MAX_ORDERS, s.tuned[MAX_ORDERS] - 1, 1, 20, p.own_max_orders):
        changes += 1
        why |= THROTTLING
    if seen & NEAR_DRAWDOWN and move_cap(s, scale_down(s.tuned[TURNOVER_CAP], 95 * 10**10), r, p):
        changes += 1
        why |= NEAR_DRAWDOWN
    if seen & MISSING_MARKS:
        moved = shun_thin_markets(s, p, MOST_CHANGES - changes)
        if moved > 0:
            changes += moved
            why |= MISSING_MARKS
    if seen == HEALTHY:
        changes += move(s, UNIVERSE_SIZE, s.tuned[UNIVERSE_SIZE] + 1, 5, 50, p.own_universe_size)
        more = scale_down(s.tuned[TURNOVER_CAP], 105 * 10**10)
        changes += move_cap(s, p.own_turnover_cap if more < 0 else more, r, p)
        s.facts[HEALTHY_CYCLES] = 0
        if changes > 0:
            why |= HEALTHY
    if changes > 0:
        s.facts[LAST_VERSION] += 1
        s.facts[PARAM_VERSION] = s.facts[LAST_VERSION]
        s.facts[CLEAN_CYCLES] = 0
        o.outcome[c] = APPLIED
        o.why[c] = why


@kernel
def shun_thin_markets(s: State, p: Params, most: int) -> int:
    """Ask for a narrower spread and more volume, changing `most` parameters at most; return how many
    changed."""
    changed = 0
    if most > 0:
        changed += move(s, MAX_SPREAD, s.tuned[MAX_SPREAD] - 10 * BPS, 10 * BPS, 500 * BPS, p.own_max_spread)
    if most > changed:
        changed += move(s, MIN_VOLUME, s.tuned[MIN_VOLUME] + 100 * E8, 0, LIMIT - 1, p.own_min_volume)
    return changed


@kernel
def move(s: State, place: int, wanted: int, low: int, high: int, own: int) -> int:
    """Set a parameter to `wanted`, held within bounds that are widened to the user's own value; 1 if it
    changed."""
    value = min(max(wanted, min(low, own)), max(high, own))
    changed = 1 if value != s.tuned[place] else 0
    s.tuned[place] = value
    return changed


@kernel
def move_cap(s: State, wanted: int, r: Rules, p: Params) -> int:
    """Set the turnover cap, never above the user's and never below the smallest order that can be traded."""
    least = LIMIT - 1
    for i in range(r.min_notional.shape[0]):
        if r.candidate[i] == 1 and rules_code(r, i) == Code.OK:
            least = min(least, max(p.min_order_notional, r.min_notional[i]))
    return move(
        s, TURNOVER_CAP, wanted, min(least, p.own_turnover_cap), p.own_turnover_cap, p.own_turnover_cap
    )
