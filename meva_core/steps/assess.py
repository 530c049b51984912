"""assess: equity, drawdown, losses, age and liquidity of the market, against the limits of risk.

Every rule is looked at; each that fires is a bit of `fired` (reasons.RISK_RULES), and the most restrictive
wins.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from meva_core.amounts import (
    ABSENT,
    E6,
    E8,
    E12,
    fraction_parts,
    pair_carry,
    pair_clamped,
    pair_set,
    pair_sum,
)
from meva_core.blocks import axes
from meva_core.kernel import kernel, quotient
from meva_core.market import Market
from meva_core.modes import Mode
from meva_core.params import Params
from meva_core.reasons import Code
from meva_core.rules import Rules
from meva_core.state import (
    CASH,
    DAY,
    DAY_OPEN,
    EQUITY,
    FLOOR,
    LAST_EQUITY,
    LATCHED,
    LOSS_IN_COOLDOWN,
    PEAK,
    STREAK,
    UNTIL,
    State,
)
from meva_core.steps.inputs import Inputs
from meva_core.steps.measure import ONE_SIDED, STALE, Measured, age_of, value_of
from meva_core.steps.scratch import Scratch

DAY_SECONDS: Final = 86_400


@axes("c")
class Assessed(NamedTuple):
    """Per cycle. Money in pairs (whole TRY, rest in e8); `feed_age` in seconds, ABSENT if there is no feed;
    `fresh` counts the configured symbols with fresh data, `wide` those of them whose spread is above the
    limit."""

    equity_whole: Any
    equity_rest: Any
    peak_whole: Any
    peak_rest: Any
    day_pnl_whole: Any
    day_pnl_rest: Any
    streak: Any
    feed_age: Any
    fresh: Any
    wide: Any
    volume_whole: Any
    volume_rest: Any
    latched: Any
    fired: Any
    floor: Any
    until: Any
    verdict: Any


_VOLUME = 0  # pairs of the scratch
_DAY_PNL = 2


@kernel
def assess(
    c: int, m: Market, x: Inputs, r: Rules, p: Params, s: State, measured: Measured, o: Assessed, w: Scratch
) -> None:
    """Look at all rules of risk at cycle c and give the verdict."""
    now = m.time[c]
    take_stock(now, x.reset[c], s, w)
    end_cooldown(now, s)
    look_at_market(c, m, r, p, measured, o, w)
    fired = 0
    if fallen_by(s.money, PEAK, p.max_drawdown):
        s.facts[LATCHED] = 1
    if s.facts[LATCHED] == 1:
        fired |= 1 << Code.MAX_DRAWDOWN_BREACH
    if w.pairs[_DAY_PNL] < 0 and -pair_clamped(w.pairs[_DAY_PNL], w.pairs[_DAY_PNL + 1]) >= p.max_daily_loss:
        fired |= 1 << Code.DAILY_LOSS_BREACH
    if s.facts[STREAK] >= p.max_losses:
        fired |= 1 << Code.CONSECUTIVE_LOSS_GUARDRAIL
    if o.feed_age[c] == ABSENT or o.feed_age[c] > p.max_data_age:
        fired |= 1 << Code.STALE_MARKET_DATA
    thin = pair_clamped(w.pairs[_VOLUME], w.pairs[_VOLUME + 1]) < p.risk_min_volume
    if o.fresh[c] > 0 and (o.wide[c] > 0 or thin):
        fired |= 1 << Code.MARKET_LIQUIDITY_GUARDRAIL
    mode = strictest(fired, p.loss_mode)
    start_cooldown(now, fired, p, s)
    if s.facts[FLOOR] > mode:
        fired |= 1 << Code.COOLDOWN_ENFORCED
        mode = s.facts[FLOOR]
    write_assessed(c, s, o, w)
    o.fired[c] = fired
    o.verdict[c] = mode


@kernel
def take_stock(now: int, reset: int, s: State, w: Scratch) -> None:
    """Value the account, roll the day over, move the peak."""
    money = s.money
    pair_set(money, EQUITY, money, CASH)
    whole = rest = 0
    for i in range(s.qty.shape[0]):
        value = value_of(i, s, w)
        part = value // E8
        whole += part
        rest += value - part * E8
    pair_carry(money, EQUITY, whole, rest)
    day = quotient(now, DAY_SECONDS)
    if day != s.facts[DAY]:
        s.facts[DAY] = day
        pair_set(money, DAY_OPEN, money, LAST_EQUITY)
    pair_set(w.pairs, _DAY_PNL, money, EQUITY)
    pair_sum(w.pairs, _DAY_PNL, money, DAY_OPEN, -1)
    if reset == 1 or pair_less(money, PEAK, EQUITY):
        pair_set(money, PEAK, money, EQUITY)
    if reset == 1:
        s.facts[LATCHED] = 0


@kernel
def pair_less(pairs: Any, a: int, b: int) -> bool:
    """Whether the pair at `a` is below the pair at `b`."""
    return pairs[a] < pairs[b] or (pairs[a] == pairs[b] and pairs[a + 1] < pairs[b + 1])


@kernel
def fallen_by(money: Any, peak: int, limit: int) -> bool:
    """Whether (peak - equity) >= limit x peak, exactly, with the peak in the pair at `peak` of the money.

    `limit` is a ratio in e8 of at most 1. A peak of nothing cannot be fallen from.
    """
    whole = money[peak] - money[EQUITY]
    rest = money[peak + 1] - money[EQUITY + 1]
    if rest < 0:
        rest += E8
        whole -= 1
    if whole < 0 or (money[peak] == 0 and money[peak + 1] == 0):
        return False
    # limit x peak = (limit x whole TRY of the peak) + (limit x its rest) / 1e8, term by term in e8 TRY.
    high = quotient(money[peak], E8)
    low = money[peak] - high * E8
    product = limit * low
    need_whole = limit * high + quotient(product, E8)
    if whole < need_whole:
        return False
    need_rest = product % E8 + quotient(limit * money[peak + 1], E8)
    if need_rest >= E8:
        need_rest -= E8
        need_whole += 1
    if whole != need_whole:
        return whole > need_whole
    if rest != need_rest:
        return rest > need_rest
    return limit * money[peak + 1] % E8 == 0


@kernel
def end_cooldown(now: int, s: State) -> None:
    """A cooldown whose time is up enforces nothing, and the losses that it answered are forgotten."""
    if s.facts[FLOOR] > 0 and now >= s.facts[UNTIL]:
        if s.facts[LOSS_IN_COOLDOWN] == 1:
            s.facts[STREAK] = 0
        s.facts[FLOOR] = 0
        s.facts[LOSS_IN_COOLDOWN] = 0


@kernel
def start_cooldown(now: int, fired: int, p: Params, s: State) -> None:
    """Rules that observe only, and the loss guardrail, start a cooldown; a milder one that runs gives way."""
    floor = strictest(fired & ~(1 << Code.MARKET_LIQUIDITY_GUARDRAIL), p.loss_mode)
    if floor > s.facts[FLOOR]:
        s.facts[FLOOR] = floor
        s.facts[UNTIL] = now + p.cooldown
    if fired >> Code.CONSECUTIVE_LOSS_GUARDRAIL & 1:
        s.facts[LOSS_IN_COOLDOWN] = 1


@kernel
def strictest(fired: int, loss_mode: int) -> int:
    """Return the most restrictive mode of the fired rules."""
    observe = 1 << Code.MAX_DRAWDOWN_BREACH | 1 << Code.DAILY_LOSS_BREACH | 1 << Code.STALE_MARKET_DATA
    mode = 0
    if fired >> Code.MARKET_LIQUIDITY_GUARDRAIL & 1:
        mode = 1
    if fired >> Code.CONSECUTIVE_LOSS_GUARDRAIL & 1:
        mode = max(mode, loss_mode)
    if fired & observe:
        mode = 2
    return mode


assert (Mode.NORMAL, Mode.REDUCE_RISK_ONLY, Mode.OBSERVE_ONLY) == (0, 1, 2), "kernels use the numbers"


@kernel
def look_at_market(
    c: int, m: Market, r: Rules, p: Params, measured: Measured, o: Assessed, w: Scratch
) -> None:
    """Find the age of the newest feed of any candidate, and spread and volume of the configured symbols."""
    newest = ABSENT
    fresh = 0
    wide = 0
    whole = rest = 0
    w.pairs[_VOLUME] = 0
    w.pairs[_VOLUME + 1] = 0
    for i in range(m.bid.shape[1]):
        if r.candidate[i] == 1 and m.book_ts[c, i] >= 0:
            newest = max(newest, m.book_ts[c, i], m.ticker_ts[c, i])
        if r.configured[i] == 1 and measured.flags[c, i] & STALE == 0:
            fresh += 1
            if measured.flags[c, i] & ONE_SIDED == 0 and spread_above(
                m.bid[c, i], m.ask[c, i], p.spread_spike
            ):
                wide += 1
            if m.quote_volume[c, i] > 0:
                part = quotient(m.quote_volume[c, i], E8)
                whole += part
                rest += m.quote_volume[c, i] - part * E8
    pair_carry(w.pairs, _VOLUME, whole, rest)
    o.feed_age[c] = age_of(m.time[c], newest)
    o.fresh[c] = fresh
    o.wide[c] = wide


@kernel
def spread_above(bid: int, ask: int, limit: int) -> bool:
    """Whether (ask - bid) x 2 x 10^4 > limit in bps x (ask + bid), exactly; `limit` in 1e-12, so 1 bps =
    1e8."""
    if limit >= 2 * E12:
        return False  # a spread is below 2 even against a bid of nothing
    width = ask - bid
    middle = bid + quotient(width, 2)
    if limit <= E12 and width <= quotient(middle, E6) * quotient(limit, E6):
        return False  # it is not above what is less than the limit: nearly every spread ends here
    over = width
    rate = limit
    if rate > E12:
        over -= middle
        rate -= E12
    if over <= 0:
        return False
    q, rest = fraction_parts(middle, rate)
    over -= q
    if over <= 0:
        return False
    if over > 2:
        return True
    return over * 2 * E12 > 2 * rest + limit * (width & 1)


@kernel
def write_assessed(c: int, s: State, o: Assessed, w: Scratch) -> None:
    """Write what was measured against the limits."""
    money = s.money
    o.equity_whole[c] = money[EQUITY]
    o.equity_rest[c] = money[EQUITY + 1]
    o.peak_whole[c] = money[PEAK]
    o.peak_rest[c] = money[PEAK + 1]
    o.day_pnl_whole[c] = w.pairs[_DAY_PNL]
    o.day_pnl_rest[c] = w.pairs[_DAY_PNL + 1]
    o.volume_whole[c] = w.pairs[_VOLUME]
    o.volume_rest[c] = w.pairs[_VOLUME + 1]
    o.streak[c] = s.facts[STREAK]
    o.latched[c] = s.facts[LATCHED]
    o.floor[c] = s.facts[FLOOR]
    o.until[c] = s.facts[UNTIL]
