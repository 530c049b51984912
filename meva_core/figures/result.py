"""The figures as values, and as a document: what is not defined is null, and why stands beside it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

from attrs import asdict, frozen

from meva_core.amounts import to_decimal


class Undefined(Enum):
    """Why a figure is not defined."""

    TOO_FEW_DAYS = "too_few_days"
    TOO_SHORT = "too_short"
    ONE_CYCLE = "one_cycle"
    NO_EQUITY = "no_equity"
    NO_VARIATION = "no_variation"
    NO_DOWNSIDE = "no_downside"
    NO_DRAWDOWN = "no_drawdown"
    NOT_RECOVERED = "not_recovered"
    NO_TURNOVER = "no_turnover"
    NO_ROUND_TRIP = "no_round_trip"
    NO_WIN = "no_win"
    NO_LOSS = "no_loss"
    NOT_KNOWN = "not_known"
    NO_MARK = "no_mark"
    NO_RESTRICTION = "no_restriction"
    NO_RESULT = "no_result"
    NO_COLUMNS = "no_columns"
    TOO_LARGE = "too_large"


Ratio = float | Undefined
Amount = int | Undefined
Moment = int | Undefined
"""Ratios are floats, amounts integers in e8, times seconds since 1970; or not defined."""


@frozen
class Pair:
    """One pair, held with all of the money from its first mark on."""

    symbol: str
    return_ratio: Ratio


@frozen
class SymbolRow:
    """What a symbol did; its share is of what all symbols gained or lost, each without its sign."""

    symbol: str
    fills: int
    realized_try: int
    unrealized_try: int
    fees_try: int
    slippage_try: int
    net_try: int
    share_ratio: Ratio


@frozen(kw_only=True)
class Figures:
    """Everything of docs/reference/figures.md, under the names of its keys. Amounts (`_try`) are in e8."""

    start: int
    end: int
    cycles: int
    days: float
    whole_days: int
    # Equity
    opening_equity_try: int
    final_equity_try: int
    net_pnl_try: int
    return_ratio: Ratio
    annual_return_ratio: Ratio
    equal_parts_return_ratio: Ratio
    best_pair: str | Undefined
    best_pair_return_ratio: Ratio
    pairs_held: tuple[Pair, ...] | Undefined
    # Risk
    max_drawdown_ratio: int
    """In e8, rounded down, as the ledger has it."""
    max_drawdown_try: int
    drawdown_start: Moment
    drawdown_low: Moment
    drawdown_recovered: Moment
    under_water_seconds: int
    under_water_start: Moment
    under_water_end: Moment
    cash_rate_ratio: float
    volatility_ratio: Ratio
    sharpe_ratio: Ratio
    sortino_ratio: Ratio
    calmar_ratio: Ratio
    worst_day: str | Undefined
    worst_day_ratio: Ratio
    exposure_ratio: Ratio
    # Costs
    costs_try: int
    fees_try: int
    slippage_try: int
    turnover_try: int
    turnover_times: Ratio
    turnover_a_day_times: Ratio
    costs_bps: Ratio
    # Trades
    fills: int
    round_trips: int
    round_trips_won: int
    results_try: int
    open_cost_try: int
    won_ratio: Ratio
    profit_factor_ratio: Ratio
    mean_win_try: Amount
    mean_loss_try: Amount
    expectancy_try: Amount
    held_median_seconds: Ratio
    # Modes
    modes: Mapping[str, int]
    mode_ratios: Mapping[str, float]
    mostly: str | Undefined
    mostly_unit: str
    mostly_cycles: int
    # Symbols
    symbols: tuple[SymbolRow, ...]

    def document(self) -> dict[str, Any]:
        """Return them by name: amounts as Decimals, times aware, ratios as floats; None for what is not
        defined, whose reasons stand under `undefined` by name."""
        undefined: dict[str, str] = {}
        found = _plain("", asdict(self), undefined)
        return {**found, "undefined": undefined}


_MOMENTS: Final = frozenset(
    (
        *("start", "end", "drawdown_start", "drawdown_low", "drawdown_recovered"),
        *("under_water_start", "under_water_end"),
    )
)
_E8: Final = frozenset(("max_drawdown_ratio",))


def _plain(name: str, value: Any, undefined: dict[str, str]) -> Any:
    """Return a value as a document holds it, and note below its name why it is not defined."""
    key = name.rpartition(".")[2]
    if isinstance(value, Undefined):
        undefined[name] = value.value
        return None
    if isinstance(value, dict):
        within = f"{name}." if name else ""
        return {one: _plain(f"{within}{one}", item, undefined) for one, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(f"{name}.{_called(item, n)}", item, undefined) for n, item in enumerate(value)]
    if key in _MOMENTS:
        return datetime.fromtimestamp(value, UTC)
    return to_decimal(value) if key.endswith("_try") or key in _E8 else value


def _called(item: Any, place: int) -> str:
    return str(item["symbol"]) if isinstance(item, dict) and "symbol" in item else str(place)
