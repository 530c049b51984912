"""Why a cycle did, or did not, trade: typed reasons out of the columns of its steps.

For the cycle: the rules of risk that fired and the parts of the mode. For an intent: what kept it from
becoming an order, what was measured, and the limit. `trace.fates` has those of all other symbols, by column.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from meva_core.amounts import ABSENT, BAD, E8, format_e8, join_pair, mul_e8
from meva_core.cycle import Out
from meva_core.journal import Intents
from meva_core.market import Market
from meva_core.modes import Mode
from meva_core.params import Params
from meva_core.reasons import CODES, RISK_RULES, Code, Reason, fired_codes
from meva_core.rules import Rules
from meva_core.steps.inputs import FAILED_TOO_OFTEN
from meva_core.steps.measure import ONE_SIDED, STALE
from meva_core.steps.shape import COARSE

BPS = 10**8  # rates are in 1e-12, so one basis point has the digits of 1 in e8


def cycle_reasons(c: int, market: Market, out: Out, rules: Rules, p: Params) -> Iterator[Reason]:
    """Yield what applies to the whole of cycle c: risk rules that fired, other parts of the mode, or `ok`."""
    fired = fired_codes(int(out.assess.fired[c]))
    for code in fired:
        yield from _risk_reasons(code, c, market, out, rules, p)
    if not fired:
        yield Reason(Code.OK.text, "assess")
    parts = (
        (Code.BASE_MODE, out.plan.base_mode),
        (Code.DEGRADE_OVERRIDE, out.plan.override_mode),
        (Code.OBSERVE_ONLY_CYCLE, out.plan.rules_mode),
    )
    for code, column in parts:
        if column[c] > Mode.NORMAL:
            yield Reason(code.text, "plan", value=Mode(int(column[c])).name, unit="mode")
    if failed := int(out.plan.strategy_failed[c]):
        limit = format_e8(FAILED_TOO_OFTEN * E8)
        yield Reason(Code.STRATEGY_FAILED.text, "plan", "", format_e8(failed * E8), limit, unit="failures")
    if out.plan.cycle_code[c] != Code.OK:
        yield Reason(CODES[int(out.plan.cycle_code[c])].text, "plan")


def risk_measures(c: int, market: Market, out: Out, rules: Rules, p: Params) -> Iterator[tuple[bool, Reason]]:
    """Yield what every rule of risk measured at cycle c against its limit, whether it fired or not, in the
    order of the rules, each with whether it did. A cooldown that does not run has no value."""
    for code in RISK_RULES:
        yield from _measured(code, c, market, out, rules, p)


def _risk_reasons(code: Code, c: int, market: Market, out: Out, rules: Rules, p: Params) -> Iterator[Reason]:
    return (reason for fired, reason in _measured(code, c, market, out, rules, p) if fired)


def _measured(
    code: Code, c: int, market: Market, out: Out, rules: Rules, p: Params
) -> Iterator[tuple[bool, Reason]]:
    a = out.assess
    fired = bool(int(a.fired[c]) >> code & 1)
    if code is Code.MAX_DRAWDOWN_BREACH:
        peak = join_pair(int(a.peak_whole[c]), int(a.peak_rest[c]))
        fall = peak - join_pair(int(a.equity_whole[c]), int(a.equity_rest[c]))
        ratio = fall * E8 // peak if peak else 0
        found = _numbers(code, "assess", "", ratio, p.max_drawdown, "ratio")
        # A breach stays after the equity has come back: then no number lets it fall away.
        yield fired, found if ratio >= p.max_drawdown or not fired else evolve(found, distance=None)
    elif code is Code.DAILY_LOSS_BREACH:
        loss = max(0, -join_pair(int(a.day_pnl_whole[c]), int(a.day_pnl_rest[c])))
        yield fired, _numbers(code, "assess", "", loss, p.max_daily_loss, "TRY")
    elif code is Code.CONSECUTIVE_LOSS_GUARDRAIL:
        yield fired, _numbers(code, "assess", "", int(a.streak[c]) * E8, p.max_losses * E8, "sells")
    elif code is Code.STALE_MARKET_DATA:
        age = None if a.feed_age[c] == ABSENT else int(a.feed_age[c]) * E8
        yield fired, _numbers(code, "assess", "", age, p.max_data_age * E8, "s")
    elif code is Code.MARKET_LIQUIDITY_GUARDRAIL:
        widest = _widest(c, market, out, rules)
        yield fired and bool(a.wide[c]), _numbers(code, "assess", "", widest, p.spread_spike, "bps")
        volume = join_pair(int(a.volume_whole[c]), int(a.volume_rest[c]))
        thin = fired and volume < p.risk_min_volume
        yield thin, _numbers(code, "assess", "", volume, p.risk_min_volume, "TRY")
    else:
        left = str(int(a.until[c]) - int(market.time[c])) if a.floor[c] else None
        value = Mode(int(a.floor[c])).name if a.floor[c] else None
        yield fired, Reason(code.text, "assess", value=value, distance=left, unit="s")


def _widest(c: int, market: Market, out: Out, rules: Rules) -> int | None:
    """Return the widest spread of configured symbols with fresh data, in bps as e8, down; None for none."""
    return max(
        (
            spread_bps(int(market.bid[c, i]), int(market.ask[c, i]))
            for i in range(market.bid.shape[1])
            if rules.configured[i] and not out.measure.flags[c, i] & (STALE | ONE_SIDED)
        ),
        default=None,
    )


def spread_bps(bid: int, ask: int) -> int:
    """Return (ask - bid) x 2 x 10^4 / (ask + bid) in e8, down."""
    return (ask - bid) * 2 * 10**12 // (ask + bid)


def _numbers(code: Code, step: str, scope: str, value: int | None, limit: int, unit: str) -> Reason:
    """Return a reason with a value, if there is one, and its limit in e8; the distance is what lies between
    them."""
    if value is None:
        return Reason(code.text, step, scope, limit=format_e8(limit), unit=unit)
    distance = abs(value - limit)
    return Reason(code.text, step, scope, format_e8(value), format_e8(limit), format_e8(distance), unit)


def intent_reason(row: int, symbol: str, n: Intents, rules: Rules, least: int) -> Reason:
    """Return why an intent, a row of the journal, did not become an order, or `ok`.

    `least` is the smallest order of its symbol in TRY.
    """
    code, i = CODES[int(n.code[row])], int(n.symbol[row])
    price, qty = int(n.price[row]), int(n.qty[row])
    if code is Code.MIN_NOTIONAL:
        return _numbers(code, "build", symbol, int(n.notional[row]), least, "TRY")
    if code is Code.MIN_QTY:
        return _numbers(code, "build", symbol, qty, int(rules.min_qty[i]), "qty")
    if code is Code.QTY_ROUNDS_TO_ZERO:
        lot = _lot_value(int(rules.lot[i]), int(n.mark[row]))
        return _numbers(code, "build", symbol, int(n.amount[row]), lot, "TRY")
    if code is Code.TICK_TOO_COARSE:
        moved = abs(price - int(n.mark[row])) * 10**12 // int(n.mark[row])
        return _numbers(code, "build", symbol, moved, 10**12 // COARSE, "bps")
    if code is Code.PRICE_OUT_OF_RANGE and price > 0:
        low, high = int(rules.min_price[i]), int(rules.max_price[i])
        return _numbers(code, "build", symbol, price, low if price < low else high, "TRY")
    return Reason(code.text, "build", symbol)


def _lot_value(lot: int, mark: int) -> int:
    value = mul_e8(lot, mark)
    return 0 if value == BAD else value
