"""Settings of the operational cycles, Stages 3 and 4; some limits of an order or a cycle bind Stage 7 too."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from attrs import frozen

from meva_core.errors import Problem
from meva_core.settings.kinds import ANY_NUMBER, AT_LEAST_ONE, NOT_NEGATIVE, POSITIVE, RATIO, Codes, Listing
from meva_core.settings.variables import (
    Variable,
    check_fields,
    flag,
    number,
    problems_of,
    quote_currency,
    refuse_all,
    setting,
    symbols,
    whole,
)

ANOMALY_CODES: Final = (
    "STALE_MARKET_DATA",
    "EXCHANGE_LATENCY_SPIKE",
    "ORDER_REJECT_SPIKE",
    "CURSOR_STALL",
    "CLOCK_SKEW",
    "PNL_DIVERGENCE",
)


@frozen(kw_only=True)
class Live:
    """Operational cycles of Stages 3 and 4; some of these limits bind Stage 7 too."""

    target_try: Decimal = number("TARGET_TRY", "300", NOT_NEGATIVE, "TRY", "cash that the cash sweep leaves")
    offset_bps: Decimal = number(
        "OFFSET_BPS", "20", NOT_NEGATIVE, "bps", "how far below the bid the cash sweep buys"
    )
    ttl_seconds: int = whole("TTL_SECONDS", 120, POSITIVE, "s", "an order older than this is canceled")
    min_order_notional_try: Decimal = number(
        "MIN_ORDER_NOTIONAL_TRY", "10", POSITIVE, "TRY", "the smallest order"
    )
    dry_run_try_balance: Decimal = number(
        "DRY_RUN_TRY_BALANCE", "1000", NOT_NEGATIVE, "TRY", "starting cash of a simulated account"
    )
    max_orders_per_cycle: int = whole(
        "MAX_ORDERS_PER_CYCLE", 2, AT_LEAST_ONE, "", "new orders in one cycle at most"
    )
    max_open_orders_per_symbol: int = whole(
        "MAX_OPEN_ORDERS_PER_SYMBOL", 1, AT_LEAST_ONE, "", "open orders of one symbol at most (Stage 3)"
    )
    cooldown_seconds: int = whole(
        "COOLDOWN_SECONDS", 60, NOT_NEGATIVE, "s", "pause between orders of one symbol and side (Stage 3)"
    )
    notional_cap_try_per_cycle: Decimal = number(
        "NOTIONAL_CAP_TRY_PER_CYCLE",
        "1000",
        NOT_NEGATIVE,
        "TRY",
        "turnover of one cycle at most; 0 means no new orders",
    )
    min_profit_bps: Decimal = number(
        "MIN_PROFIT_BPS", "30", NOT_NEGATIVE, "bps", "profit a sell must make at least"
    )
    max_position_try_per_symbol: Decimal = number(
        "MAX_POSITION_TRY_PER_SYMBOL",
        "5000",
        NOT_NEGATIVE,
        "TRY",
        "the largest position of one symbol, too: the smaller limit binds",
    )
    enable_auto_kill_switch: bool = flag(
        "ENABLE_AUTO_KILL_SWITCH", True, "breached loss limits and alarms of the books set the kill switch"
    )
    max_open_orders: int = whole(
        "MAX_OPEN_ORDERS", 5, NOT_NEGATIVE, "", "open orders of all symbols at most (Stage 4)"
    )
    max_position_notional_try: Decimal = number(
        "MAX_POSITION_NOTIONAL_TRY", "5000", NOT_NEGATIVE, "TRY", "the largest position of one symbol"
    )
    max_daily_loss_try: Decimal = number(
        "MAX_DAILY_LOSS_TRY",
        "1000",
        NOT_NEGATIVE,
        "TRY",
        "what sales of a UTC day may lose before Stage 4 stops buying",
    )
    max_drawdown_pct: Decimal = number(
        "MAX_DRAWDOWN_PCT", "10", POSITIVE, "percent", "fall from the peak at which Stage 4 stops buying"
    )
    fee_bps_maker: Decimal = number("FEE_BPS_MAKER", "12", NOT_NEGATIVE, "bps", "fee of a resting fill")
    fee_bps_taker: Decimal = number("FEE_BPS_TAKER", "24", NOT_NEGATIVE, "bps", "fee of a taking fill")
    slippage_bps_buffer: Decimal = number(
        "SLIPPAGE_BPS_BUFFER", "10", NOT_NEGATIVE, "bps", "what a sell must clear on top of fee and profit"
    )
    try_cash_target: Decimal = number(
        "TRY_CASH_TARGET", "300", NOT_NEGATIVE, "TRY", "cash that stays uninvested"
    )
    try_cash_max: Decimal = number(
        "TRY_CASH_MAX", "600", NOT_NEGATIVE, "TRY", "the most that the cash target may be"
    )
    stage3_strategies: tuple[tuple[str, int], ...] = setting(
        Variable(
            "STAGE3_STRATEGIES",
            Listing(),
            (("profit_aware_v1", 100),),
            "the strategies of Stage 3 by their ids; of what two ask for one symbol, that of the larger "
            "weight goes",
        )
    )
    stage4_strategies: tuple[tuple[str, int], ...] = setting(
        Variable("STAGE4_STRATEGIES", Listing(), (("baseline_mean_reversion_v1", 100),), "those of Stage 4")
    )
    stage4_bootstrap_intents: bool = flag(
        "STAGE4_BOOTSTRAP_INTENTS", True, "Stage 4 buys its first positions"
    )

    __attrs_post_init__ = check_fields


@frozen(kw_only=True)
class Risk:
    """The risk budget of Stages 3 and 4."""

    max_daily_drawdown_try: Decimal = number(
        "RISK_MAX_DAILY_DRAWDOWN_TRY", "1000", POSITIVE, "TRY", "loss of a UTC day that ends trading"
    )
    max_drawdown_try: Decimal = number(
        "RISK_MAX_DRAWDOWN_TRY", "3000", POSITIVE, "TRY", "fall from the peak that ends trading"
    )
    max_gross_exposure_try: Decimal = number(
        "RISK_MAX_GROSS_EXPOSURE_TRY",
        "10000",
        POSITIVE,
        "TRY",
        "value of all positions above which only sells go",
    )
    max_position_pct: Decimal = number(
        "RISK_MAX_POSITION_PCT",
        "0.30",
        RATIO,
        "ratio",
        "share of equity in one symbol above which only sells go",
    )
    max_order_notional_try: Decimal = number(
        "RISK_MAX_ORDER_NOTIONAL_TRY", "3000", POSITIVE, "TRY", "the largest order (Stage 4)"
    )
    min_cash_try: Decimal | None = number("RISK_MIN_CASH_TRY", None, ANY_NUMBER, "TRY", "cash that must stay")
    max_fee_try_per_day: Decimal | None = number(
        "RISK_MAX_FEE_TRY_PER_DAY", None, POSITIVE, "TRY", "fees of a UTC day above which only sells go"
    )

    __attrs_post_init__ = check_fields


@frozen(kw_only=True)
class Degrade:
    """Anomalies of Stages 3 and 4, and when they restrict trading."""

    stale_market_data_seconds: int = whole(
        "STALE_MARKET_DATA_SECONDS", 30, POSITIVE, "s", "older data are stale"
    )
    reject_spike_threshold: int = whole(
        "REJECT_SPIKE_THRESHOLD", 3, AT_LEAST_ONE, "", "rejects in one cycle that are an anomaly"
    )
    latency_spike_ms: int | None = whole(
        "LATENCY_SPIKE_MS", 2000, AT_LEAST_ONE, "ms", "exchange latency that is an anomaly", optional=True
    )
    cursor_stall_cycles: int = whole(
        "CURSOR_STALL_CYCLES",
        5,
        AT_LEAST_ONE,
        "cycles",
        "cycles without progress of a cursor that are an anomaly",
    )
    pnl_divergence_try_warn: Decimal = number(
        "PNL_DIVERGENCE_TRY_WARN", "50", POSITIVE, "TRY", "accounting against ledger: a warning"
    )
    pnl_divergence_try_error: Decimal = number(
        "PNL_DIVERGENCE_TRY_ERROR", "200", POSITIVE, "TRY", "accounting against ledger: an error"
    )
    warn_window_cycles: int = whole(
        "DEGRADE_WARN_WINDOW_CYCLES", 10, AT_LEAST_ONE, "cycles", "cycles in which warnings are counted"
    )
    warn_threshold: int = whole(
        "DEGRADE_WARN_THRESHOLD", 3, AT_LEAST_ONE, "cycles", "cycles with warnings that restrict trading"
    )
    warn_codes: tuple[str, ...] = setting(
        Variable(
            "DEGRADE_WARN_CODES_CSV",
            Codes(ANOMALY_CODES),
            ("STALE_MARKET_DATA", "ORDER_REJECT_SPIKE", "PNL_DIVERGENCE"),
            "the warnings that count",
        )
    )
    clock_skew_seconds_threshold: int = whole(
        "CLOCK_SKEW_SECONDS_THRESHOLD", 30, POSITIVE, "s", "our clock against the exchange's"
    )

    def __attrs_post_init__(self) -> None:
        refuse_all([*problems_of(self), *self._divergence()])

    def _divergence(self) -> Iterator[Problem]:
        warn, error = self.pnl_divergence_try_warn, self.pnl_divergence_try_error
        if isinstance(warn, Decimal) and isinstance(error, Decimal) and error < warn:
            yield Problem(
                code="bad_setting",
                where="PNL_DIVERGENCE_TRY_ERROR",
                value=str(error),
                message=f"{error} is below PNL_DIVERGENCE_TRY_WARN={warn}; expected at least as much",
                action="raise PNL_DIVERGENCE_TRY_ERROR or lower PNL_DIVERGENCE_TRY_WARN",
            )


@frozen(kw_only=True)
class Universe:
    """Which pairs Stages 3 and 4 trade."""

    quote_currency: str = quote_currency("UNIVERSE_QUOTE_CURRENCY", "pairs with this quote currency")
    max_size: int = whole("UNIVERSE_MAX_SIZE", 20, NOT_NEGATIVE, "", "pairs at most")
    min_notional_try: Decimal = number(
        "UNIVERSE_MIN_NOTIONAL_TRY", "50", NOT_NEGATIVE, "TRY", "the order that a pair must allow at least"
    )
    max_spread_bps: Decimal = number(
        "UNIVERSE_MAX_SPREAD_BPS", "200", NOT_NEGATIVE, "bps", "the widest spread"
    )
    max_exchange_min_total_try: Decimal = number(
        "UNIVERSE_MAX_EXCHANGE_MIN_TOTAL_TRY",
        "1000000",
        NOT_NEGATIVE,
        "TRY",
        "the exchange's own minimum at most",
    )
    allow_symbols: tuple[str, ...] = symbols(
        "UNIVERSE_ALLOW_SYMBOLS", (), "only these pairs, if any is named"
    )
    deny_symbols: tuple[str, ...] = symbols("UNIVERSE_DENY_SYMBOLS", (), "never these pairs")
    require_active: bool = flag("UNIVERSE_REQUIRE_ACTIVE", True, "only pairs that are trading")
    require_try_quote: bool = flag("UNIVERSE_REQUIRE_TRY_QUOTE", True, "only pairs quoted in TRY")

    __attrs_post_init__ = check_fields
