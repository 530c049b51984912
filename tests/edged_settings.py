"""Settings of cycles: of each the value of a calm case first, then what is in the way of something."""

from __future__ import annotations

CODES = "STALE_MARKET_DATA,ORDER_REJECT_SPIKE,PNL_DIVERGENCE,EXCHANGE_LATENCY_SPIKE,CURSOR_STALL,CLOCK_SKEW"


def calm_and_odd() -> dict[str, tuple[str, ...]]:
    """Return the values of each setting."""
    return {
        "NOTIONAL_CAP_TRY_PER_CYCLE": ("20000", "0", "300", "1000", "5000"),
        "MAX_ORDERS_PER_CYCLE": ("20", "1", "2"),
        "MAX_OPEN_ORDERS": ("20", "0", "1", "3"),
        "MAX_OPEN_ORDERS_PER_SYMBOL": ("20", "1", "2"),
        "COOLDOWN_SECONDS": ("60", "0"),
        "MAX_POSITION_NOTIONAL_TRY": ("5000", "200"),
        "MAX_POSITION_TRY_PER_SYMBOL": ("5000", "250"),
        "RISK_MAX_GROSS_EXPOSURE_TRY": ("50000", "3000"),
        "RISK_MAX_POSITION_PCT": ("1", "0.30", "0.333"),
        "RISK_MAX_ORDER_NOTIONAL_TRY": ("3000", "250"),
        "MAX_DRAWDOWN_PCT": ("100", "10"),
        "TRY_CASH_TARGET": ("300", "0", "700"),
        "TRY_CASH_MAX": ("600", "200"),
        "MIN_PROFIT_BPS": ("30", "0"),
        "SLIPPAGE_BPS_BUFFER": ("10", "0"),
        "TARGET_TRY": ("300", "0"),
        "OFFSET_BPS": ("20", "0"),
        "ENABLE_AUTO_KILL_SWITCH": ("true", "false"),
        "UNIVERSE_MAX_SIZE": ("20", "1", "2"),
        "UNIVERSE_MAX_SPREAD_BPS": ("200", "0", "100"),
        "UNIVERSE_MIN_NOTIONAL_TRY": ("50", "99.91", "300"),
        "UNIVERSE_MAX_EXCHANGE_MIN_TOTAL_TRY": ("1000000", "99.91", "99.9"),
        "UNIVERSE_REQUIRE_ACTIVE": ("true", "false"),
        "UNIVERSE_REQUIRE_TRY_QUOTE": ("true", "false"),
        "DEGRADE_WARN_WINDOW_CYCLES": ("10", "1", "5"),
        "DEGRADE_WARN_THRESHOLD": ("3", "1"),
        "DEGRADE_WARN_CODES_CSV": ("STALE_MARKET_DATA,ORDER_REJECT_SPIKE,PNL_DIVERGENCE", CODES),
    }
