"""Settings of Stage 7, the dry-run confidence layer."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import Final

from attrs import frozen

from meva_core.modes import Mode
from meva_core.settings.kinds import (
    AT_LEAST_ONE,
    NOT_NEGATIVE,
    POSITIVE,
    RATIO,
    Choice,
    Interval,
    ScoreWeights,
    Weights,
)
from meva_core.settings.variables import (
    Variable,
    check_fields,
    choice,
    flag,
    number,
    quote_currency,
    setting,
    symbols,
    whole,
)


class MarkSource(Enum):
    """Which price a symbol is valued at."""

    MID = "mid"
    LAST = "last"


class FillModel(Enum):
    """How simulated orders fill."""

    TOUCH = "touch"
    INSTANT = "instant"


class InvalidRules(Enum):
    """What unusable exchange rules of a symbol do."""

    SKIP_SYMBOL = "skip_symbol"
    OBSERVE_ONLY_CYCLE = "observe_only_cycle"


_BPS_BELOW_ALL: Final = Interval(low=Decimal(0), high=Decimal(10000), open_high=True)
_WEIGHTS: Final = ScoreWeights(Decimal("0.5"), Decimal("0.3"), Decimal("0.2"))


@frozen(kw_only=True)
class Stage7:
    """The dry-run confidence layer."""

    slippage_bps: Decimal = number(
        "STAGE7_SLIPPAGE_BPS", "25", _BPS_BELOW_ALL, "bps", "how much worse than the touch a taking fill is"
    )
    fees_bps: Decimal = number("STAGE7_FEES_BPS", "20", _BPS_BELOW_ALL, "bps", "fee of every simulated fill")
    mark_price_source: MarkSource = choice(
        "STAGE7_MARK_PRICE_SOURCE", MarkSource.MID, "the price a symbol is valued at"
    )
    fill_model: FillModel = choice("STAGE7_FILL_MODEL", FillModel.TOUCH, "how simulated orders fill")
    universe_size: int = whole("STAGE7_UNIVERSE_SIZE", 20, AT_LEAST_ONE, "", "symbols selected at most")
    universe_quote_ccy: str = quote_currency(
        "STAGE7_UNIVERSE_QUOTE_CCY", "pairs with this quote currency are candidates"
    )
    universe_whitelist: tuple[str, ...] = symbols(
        "STAGE7_UNIVERSE_WHITELIST", (), "only these pairs are candidates, if any is named"
    )
    universe_blacklist: tuple[str, ...] = symbols(
        "STAGE7_UNIVERSE_BLACKLIST", (), "these pairs are no candidates"
    )
    min_quote_volume_try: Decimal = number(
        "STAGE7_MIN_QUOTE_VOLUME_TRY",
        "0",
        NOT_NEGATIVE,
        "TRY",
        "volume of 24 h below which nothing is selected or bought",
    )
    max_spread_bps: Decimal = number(
        "STAGE7_MAX_SPREAD_BPS",
        "1000000",
        NOT_NEGATIVE,
        "bps",
        "spread above which a symbol is not selected; 0 is off",
    )
    vol_lookback: int = whole(
        "STAGE7_VOL_LOOKBACK",
        20,
        Interval(low=Decimal(2)),
        "closes",
        "closes that volatility is measured over",
    )
    score_weights: ScoreWeights = setting(
        Variable(
            "STAGE7_SCORE_WEIGHTS",
            Weights(_WEIGHTS),
            _WEIGHTS,
            "what makes a symbol's score; only the ratios count",
        )
    )
    order_offset_bps: Decimal = number(
        "STAGE7_ORDER_OFFSET_BPS",
        "5",
        Interval(Decimal(-1000), Decimal(10000), open_low=True, open_high=True),
        "bps",
        "how far from the mark an order rests; a negative one crosses the book",
    )
    rules_fallback_tick_size: Decimal = number(
        "STAGE7_RULES_FALLBACK_TICK_SIZE", "0.01", POSITIVE, "TRY", "price step where the exchange names none"
    )
    rules_fallback_lot_size: Decimal = number(
        "STAGE7_RULES_FALLBACK_LOT_SIZE",
        "0.00000001",
        POSITIVE,
        "",
        "quantity step where the exchange names none",
    )
    rules_fallback_min_notional_try: Decimal = number(
        "STAGE7_RULES_FALLBACK_MIN_NOTIONAL_TRY",
        "10",
        POSITIVE,
        "TRY",
        "smallest order where the exchange names none",
    )
    rules_require_metadata: bool = flag(
        "STAGE7_RULES_REQUIRE_METADATA",
        True,
        "a symbol without usable metadata is not traded; false: fallback rules",
    )
    rules_invalid_metadata_policy: InvalidRules = choice(
        "STAGE7_RULES_INVALID_METADATA_POLICY",
        InvalidRules.SKIP_SYMBOL,
        "what unusable rules of a selected or held symbol do",
    )
    max_drawdown_pct: Decimal = number(
        "STAGE7_MAX_DRAWDOWN_PCT",
        "0.25",
        RATIO,
        "ratio",
        "fall from the peak that stops all buying until a reset",
    )
    max_daily_loss_try: Decimal = number(
        "STAGE7_MAX_DAILY_LOSS_TRY", "500", NOT_NEGATIVE, "TRY", "loss of a UTC day that stops new orders"
    )
    max_consecutive_losses: int = whole(
        "STAGE7_MAX_CONSECUTIVE_LOSSES", 3, AT_LEAST_ONE, "", "losing sells in a row that restrict trading"
    )
    max_data_age_sec: int = whole("STAGE7_MAX_DATA_AGE_SEC", 60, AT_LEAST_ONE, "s", "older data are stale")
    spread_spike_bps: Decimal = number(
        "STAGE7_SPREAD_SPIKE_BPS", "300", NOT_NEGATIVE, "bps", "widest spread above which only sells go"
    )
    risk_cooldown_sec: int = whole(
        "STAGE7_RISK_COOLDOWN_SEC", 900, NOT_NEGATIVE, "s", "how long a fired rule goes on to restrict"
    )
    concentration_top_n: int = whole(
        "STAGE7_CONCENTRATION_TOP_N",
        3,
        AT_LEAST_ONE,
        "",
        "largest positions whose share of equity is reported",
    )
    loss_guardrail_mode: Mode = setting(
        Variable(
            "STAGE7_LOSS_GUARDRAIL_MODE",
            Choice({"reduce_risk_only": Mode.REDUCE_RISK_ONLY, "observe_only": Mode.OBSERVE_ONLY}),
            Mode.REDUCE_RISK_ONLY,
            "what too many losses in a row do",
        )
    )
    sim_reject_prob_bps: int = whole(
        "STAGE7_SIM_REJECT_PROB_BPS",
        0,
        Interval(Decimal(0), Decimal(10000)),
        "bps",
        "simulated orders that are rejected",
    )
    rate_limit_rps: Decimal = number(
        "STAGE7_RATE_LIMIT_RPS", "5.0", POSITIVE, "1/s", "simulated submits a second in the long run"
    )
    rate_limit_burst: int = whole("STAGE7_RATE_LIMIT_BURST", 5, AT_LEAST_ONE, "", "simulated submits at once")
    retry_max_attempts: int = whole(
        "STAGE7_RETRY_MAX_ATTEMPTS", 3, AT_LEAST_ONE, "", "tries of a simulated submit"
    )
    retry_base_delay_ms: int = whole(
        "STAGE7_RETRY_BASE_DELAY_MS", 100, NOT_NEGATIVE, "ms", "delay before the second try"
    )
    retry_max_delay_ms: int = whole(
        "STAGE7_RETRY_MAX_DELAY_MS", 1000, NOT_NEGATIVE, "ms", "the longest delay"
    )
    reject_spike_threshold: int = whole(
        "STAGE7_REJECT_SPIKE_THRESHOLD", 3, AT_LEAST_ONE, "", "rejects in one cycle that raise an alert"
    )
    retry_alert_threshold: int = whole(
        "STAGE7_RETRY_ALERT_THRESHOLD", 5, AT_LEAST_ONE, "", "retries in one cycle that raise an alert"
    )

    rebalance_band_bps: Decimal = number(
        "STAGE7_REBALANCE_BAND_BPS",
        "0",
        Interval(Decimal(0), Decimal(10000)),
        "bps",
        "share of equity that a difference from a target must reach to be traded; 0 is off",
        later=True,
    )

    __attrs_post_init__ = check_fields
