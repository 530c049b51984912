"""Made-up markets straight into columns, for measuring the engine without any file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import numpy as np

from meva_core.amounts import E8
from meva_core.market import MICROS, Market, closes_measures, empty_market
from meva_core.params import Params, own_tuned, params_from
from meva_core.rules import Rules, RuleStatus, SymbolRules, rules_columns
from meva_core.settings import build_settings
from meva_core.state import State, new_state

START: Final = 1_704_067_200
STEP: Final = 60
LOOKBACK: Final = 20
BATCH: Final = 8192
_PRICES: Final = (4_000_000, 150_000, 6_000, 95, 9, 1_100, 45, 220, 33, 0.8)
_TICKS: Final = ("10", "1", "0.1", "0.01", "0.0001", "0.1", "0.01", "0.1", "0.01", "0.0001")
_COMMON: Final = {
    "DRY_RUN_TRY_BALANCE": "1000000",
    "NOTIONAL_CAP_TRY_PER_CYCLE": "300000",
    "MAX_POSITION_NOTIONAL_TRY": "1000000",
    "MAX_ORDERS_PER_CYCLE": "4",
    "TRY_CASH_TARGET": "10000",
    "TRY_CASH_MAX": "10000",
    # Ranks follow the volume, which swaps neighbours now and then: ranks that change all the time would
    # trade the capital away within a month.
    "STAGE7_SCORE_WEIGHTS": '{"liquidity": 1, "spread": 0, "volatility": 0}',
    # Nothing shall stop the trading half-way.
    "STAGE7_MAX_DRAWDOWN_PCT": "1",
    "STAGE7_MAX_DAILY_LOSS_TRY": "1000000000",
    "STAGE7_MAX_CONSECUTIVE_LOSSES": "1000000",
}
SETTINGS: Final[Mapping[str, Mapping[str, str]]] = {
    # Everything is bought once; then each cycle measures, ranks and plans, and nearly none orders.
    "idle": _COMMON | {"MIN_ORDER_NOTIONAL_TRY": "25000"},
    # Half the universe is held, so ranks decide; small differences are ordered, some orders rest.
    "trading": _COMMON | {"MIN_ORDER_NOTIONAL_TRY": "2000", "STAGE7_ORDER_OFFSET_BPS": "-2"},
}


def params_of(kind: str, symbols: int) -> tuple[Params, int]:
    """Return the parameters of a kind of run, and its starting cash in e8."""
    size = symbols if kind == "idle" else max(1, (symbols + 1) // 2)
    settings = build_settings({**SETTINGS[kind], "STAGE7_UNIVERSE_SIZE": str(size)})
    return params_from(settings, seed=1), int(settings.live.dry_run_try_balance * E8)


def state_of(params: Params, cash: int, symbols: int) -> State:
    """Return the state before the first cycle."""
    return new_state(symbols, cash, own_tuned(params), params.token_burst)


def rules_of(symbols: int) -> Rules:
    """Return exchange rules of so many pairs, with ticks that suit the prices."""
    return rules_columns(
        [
            SymbolRules(
                f"S{i:02d}TRY", RuleStatus.OK, Decimal(_tick(i)), Decimal("0.000001"), Decimal("99.91")
            )
            for i in range(symbols)
        ]
    )


def _tick(i: int) -> str:
    return _TICKS[i % len(_TICKS)]


def windows(cycles: int, symbols: int, seed: int = 1) -> Iterator[Market]:
    """Yield a market of so many minutes in windows of at most BATCH cycles; the same seed, the same market.

    Prices walk with a pull back to where they began; each symbol has a volatility, a spread and a volume of
    its own, so that ranks change now and then; sizes in the book are small enough to fill orders by halves.
    """
    draws = np.random.default_rng(seed)
    tick = np.array([int(Decimal(_tick(i)) * E8) for i in range(symbols)])
    base = np.array([_PRICES[i % len(_PRICES)] for i in range(symbols)]) * float(E8)
    level = np.zeros(symbols)
    tail = np.zeros((0, symbols), dtype=np.int64)
    for first in range(0, cycles, BATCH):
        count = min(BATCH, cycles - first)
        steps = draws.normal(0, 0.0008, (count, symbols)) * _own(symbols)
        drift = np.empty((count, symbols))
        for c in range(count):
            level = level * 0.9998 + steps[c]
            drift[c] = level
        middle = (base * np.exp(drift)).astype(np.int64) // tick * tick
        market, tail = _window(draws, START + STEP * first, middle, tick, tail)
        yield market


def _own(symbols: int) -> Any:
    """Return how lively each symbol is, from a half to one and a half."""
    return 0.5 + np.arange(symbols) * 7 % symbols / symbols


def _window(draws: Any, start: int, middle: Any, tick: Any, tail: Any) -> tuple[Market, Any]:
    """Return one window around middle prices, and the closes that the next one looks back on."""
    count, symbols = middle.shape
    market = empty_market(count, symbols)
    market.time[:] = start + STEP * np.arange(count)
    stamps = market.time[:, None] * MICROS
    own = _own(symbols)
    half = (middle * own * draws.uniform(0.00045, 0.00055, middle.shape)).astype(
        np.int64
    ) // tick * tick + tick
    cheap = 50_000 * E8 // (middle // E8 + 1)
    market.book_ts[:] = market.ticker_ts[:] = market.close_ts[:] = stamps
    market.bid[:], market.ask[:] = middle - half, middle + half
    market.bid_qty[:] = (cheap * draws.exponential(1.0, middle.shape)).astype(np.int64) + 1
    market.ask_qty[:] = (cheap * draws.exponential(1.0, middle.shape)).astype(np.int64) + 1
    market.last[:], market.high[:], market.low[:] = middle, middle + middle // 50, middle - middle // 50
    market.quote_volume[:] = (draws.uniform(1.75e7, 2.25e7, middle.shape) / own**4).astype(np.int64) * E8
    closes = np.concatenate((tail, middle))
    for i in range(symbols):
        known, check, deviation = closes_measures(np.ascontiguousarray(closes[:, i]), LOOKBACK)
        market.closes[:, i] = known[len(tail) :]
        market.closes_check[:, i] = check[len(tail) :]
        market.deviation[:, i] = deviation[len(tail) :]
    return market, closes[-(LOOKBACK - 1) :]
