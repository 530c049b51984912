"""The figures by their names, subject by subject; each that is not defined is why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from meva_core.figures.by_symbol import SymbolFigures
from meva_core.figures.curve import Curve
from meva_core.figures.drawdown import Drawdown
from meva_core.figures.exact import mean_of
from meva_core.figures.held import Held
from meva_core.figures.ratios import (
    DAY,
    annual_return,
    annual_volatility,
    daily_rate,
    deviation,
    downside,
    median,
    per_risk,
    quotient,
    relative,
    returns,
)
from meva_core.figures.restrictions import Restrictions
from meva_core.figures.result import Pair, Ratio, SymbolRow, Undefined
from meva_core.figures.trips import RoundTrip

LEAST_DAYS: Final = 30
"""So many whole days a figure for a year takes."""
BPS: Final = 10_000
_RISKS: Final = ("volatility_ratio", "sharpe_ratio", "sortino_ratio", "calmar_ratio")

Named = Mapping[str, Any]


def ratio(part: int, whole: int, otherwise: Undefined) -> Ratio:
    """Return part / whole, or why there is none where the whole is 0."""
    return quotient(part, whole) if whole else otherwise


def gained(equity: int, opening: int) -> Ratio:
    """Return what an equity is above the opening one, as a ratio of that."""
    return ratio(equity - opening, opening, Undefined.NO_EQUITY)


# -- Equity -------------------------------------------------------------------------------------------


def equity_figures(curve: Curve) -> Named:
    """Return what equity came to."""
    return {
        "opening_equity_try": curve.opening,
        "final_equity_try": curve.final,
        "net_pnl_try": curve.final - curve.opening,
        "return_ratio": gained(curve.final, curve.opening),
        "annual_return_ratio": _annual(curve),
    }


def _annual(curve: Curve) -> Ratio:
    if len(curve.days.whole()) < LEAST_DAYS:
        return Undefined.TOO_FEW_DAYS
    if not curve.opening:
        return Undefined.NO_EQUITY
    grown = annual_return(curve.final, curve.opening, curve.seconds)
    return Undefined.TOO_LARGE if grown is None else grown


def benchmark_figures(held: Held) -> Named:
    """Return what holding would have come to."""
    pairs = [(pair.symbol, pair.equity) for pair in held.pairs()]
    marked = [(equity, symbol) for symbol, equity in pairs if equity is not None]
    none = Undefined.NO_MARK
    best = min(marked, key=lambda one: (-one[0], one[1]), default=None)
    return {
        "equal_parts_return_ratio": gained(held.equal_parts(), held.cash) if marked else none,
        "best_pair": none if best is None else best[1],
        "best_pair_return_ratio": none if best is None else gained(best[0], held.cash),
        "pairs_held": tuple(
            Pair(symbol, none if equity is None else gained(equity, held.cash)) for symbol, equity in pairs
        ),
    }


# -- Risk ---------------------------------------------------------------------------------------------


def drawdown_figures(drawdown: Drawdown) -> Named:
    """Return the deepest fall, and the longest time under water."""
    fall, longest = drawdown.deepest, drawdown.longest
    falls: dict[str, Any] = dict.fromkeys(
        ("drawdown_start", "drawdown_low", "drawdown_recovered"), Undefined.NO_DRAWDOWN
    )
    waters: dict[str, Any] = dict.fromkeys(("under_water_start", "under_water_end"), Undefined.NO_DRAWDOWN)
    if fall is not None:
        recovered = Undefined.NOT_RECOVERED if fall.recovered is None else fall.recovered
        falls = dict(zip(falls, (fall.since, fall.at, recovered), strict=True))
    if longest is not None:
        until = Undefined.NOT_RECOVERED if longest.until is None else longest.until
        waters = dict(zip(waters, (longest.since, until), strict=True))
    return {
        "max_drawdown_ratio": 0 if fall is None else fall.ratio_e8(),
        "max_drawdown_try": 0 if fall is None else fall.peak - fall.low,
        **falls,
        "under_water_seconds": 0 if longest is None else longest.seconds,
        **waters,
    }


def risk_figures(curve: Curve, cash_rate: float) -> Named:
    """Return what is reckoned from whole days, and how much of equity was at risk."""
    closes, seconds = curve.days.closes(), curve.seconds
    return {
        **_worst_day(closes, curve.days.whole()),
        "exposure_ratio": relative(curve.invested, seconds) if seconds else Undefined.ONE_CYCLE,
        "cash_rate_ratio": cash_rate,
        **_of_days(curve, closes, cash_rate),
    }


def _of_days(curve: Curve, closes: Sequence[int], cash_rate: float) -> Named:
    if len(closes) - 1 < LEAST_DAYS:
        return dict.fromkeys(_RISKS, Undefined.TOO_FEW_DAYS)
    if 0 in closes[:-1]:
        return dict.fromkeys(_RISKS, Undefined.NO_EQUITY)
    daily, rate = returns(closes), daily_rate(cash_rate)
    whole, short = deviation(daily), downside(daily, rate)
    found = (
        annual_volatility(daily),
        per_risk(daily, rate, whole) if whole else Undefined.NO_VARIATION,
        per_risk(daily, rate, short) if short else Undefined.NO_DOWNSIDE,
        _calmar(curve),
    )
    return dict(zip(_RISKS, found, strict=True))


def _calmar(curve: Curve) -> Ratio:
    annual, fall = _annual(curve), curve.drawdown.deepest
    if fall is None:
        return Undefined.NO_DRAWDOWN
    return (
        annual
        if isinstance(annual, Undefined)
        else relative(annual, quotient(fall.peak - fall.low, fall.peak))
    )


def _worst_day(closes: Sequence[int], days: range) -> Named:
    """Return the day of the least return; the first of equals."""
    if not days:
        return dict.fromkeys(("worst_day", "worst_day_ratio"), Undefined.TOO_FEW_DAYS)
    if 0 in closes[:-1]:
        return dict.fromkeys(("worst_day", "worst_day_ratio"), Undefined.NO_EQUITY)
    worst, day = min(zip(returns(closes), days, strict=True))
    return {"worst_day": datetime.fromtimestamp(day * DAY, UTC).date().isoformat(), "worst_day_ratio": worst}


# -- Costs and trades ---------------------------------------------------------------------------------


def cost_figures(curve: Curve, fees: int, slippage: int, turnover: int) -> Named:
    """Return what trading cost, and how much was traded."""
    costs, seconds = fees + slippage, curve.seconds
    turned = _turned(curve, turnover)
    a_day: Ratio = Undefined.TOO_SHORT
    if seconds >= DAY:
        a_day = turned if isinstance(turned, Undefined) else relative(turned, quotient(seconds, DAY))
    return {
        "costs_try": costs,
        "fees_try": fees,
        "slippage_try": slippage,
        "turnover_try": turnover,
        "turnover_times": turned,
        "turnover_a_day_times": a_day,
        "costs_bps": ratio(costs * BPS, turnover, Undefined.NO_TURNOVER),
    }


def _turned(curve: Curve, turnover: int) -> Ratio:
    """Return turnover to the time mean of equity."""
    if not curve.seconds:
        return Undefined.ONE_CYCLE
    return ratio(turnover * curve.seconds, curve.area, Undefined.NO_EQUITY)


def trip_figures(trips: Sequence[RoundTrip]) -> Named:
    """Return what round trips came to."""
    results = [trip.result for trip in trips]
    wins, losses = [one for one in results if one > 0], [one for one in results if one < 0]
    ages = [age for trip in trips if (age := trip.held_seconds) is not None]
    none = Undefined.NO_ROUND_TRIP
    no_win, no_loss = (Undefined.NO_WIN, Undefined.NO_LOSS) if trips else (none, none)
    return {
        "round_trips": len(trips),
        "round_trips_won": len(wins),
        "results_try": sum(results),
        "won_ratio": ratio(len(wins), len(trips), none),
        "profit_factor_ratio": ratio(sum(wins), -sum(losses), no_loss),
        "mean_win_try": mean_of(sum(wins), len(wins)) if wins else no_win,
        "mean_loss_try": mean_of(sum(losses), len(losses)) if losses else no_loss,
        "expectancy_try": mean_of(sum(results), len(trips)) if trips else none,
        "held_median_seconds": median(ages) if ages else Undefined.NOT_KNOWN if trips else none,
    }


# -- Modes and symbols --------------------------------------------------------------------------------


def mode_figures(restrictions: Restrictions) -> Named:
    """Return how many cycles ran in which mode, and what mostly restricted them."""
    counts = {mode.name: count for mode, count in sorted(restrictions.modes.items())}
    cycles, mostly, none = sum(counts.values()), restrictions.mostly(), Undefined.NO_RESTRICTION
    code, unit, most = (None, "", 0) if mostly is None else (*mostly[0], mostly[1])
    return {
        "modes": counts,
        "mode_ratios": {name: quotient(count, cycles) for name, count in counts.items()},
        "mostly": none if code is None else code.text,
        "mostly_unit": unit,
        "mostly_cycles": most,
    }


def symbol_rows(symbols: Iterable[SymbolFigures]) -> tuple[SymbolRow, ...]:
    """Return a row for each symbol, in their order."""
    found = list(symbols)
    total = sum(abs(one.net) for one in found)
    return tuple(
        SymbolRow(
            one.symbol,
            one.fills,
            one.realized,
            one.unrealized,
            one.fees,
            one.slippage,
            one.net,
            ratio(one.net, total, Undefined.NO_RESULT),
        )
        for one in found
    )
