"""The numbers that the steps read, as integers, and what adaptation may do to the tuned ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from meva_core.amounts import E6, E8, parse_e8
from meva_core.settings import FillModel, InvalidRules, MarkSource, Settings


class Params(NamedTuple):
    """One number for each setting that a step reads. Amounts in e8 TRY, rates in 1e-12 (1 bps = 1e8), times
    in seconds unless said otherwise. The tuned parameters live in the state; `own_*` are the user's values of
    them."""

    # measure
    mark_source: int  # MARK_MID, MARK_LAST
    max_data_age: int
    vol_lookback: int
    fallback_tick: int  # these seven decide on the rules and candidates that measure begins with
    fallback_lot: int
    fallback_min_notional: int
    require_metadata: int
    quote: int  # a number for each list of names: see `number_of`
    whitelist: int
    blacklist: int
    # settle, execute
    fill_model: int  # FILL_TOUCH, FILL_INSTANT
    ttl: int
    slippage: int
    fee: int
    reject_prob: int  # of 10 000
    token_rate: int  # 1e-6 tokens a second
    token_burst: int  # 1e-6 tokens
    max_attempts: int
    seed: int
    # assess
    max_drawdown: int  # e8 ratio
    max_daily_loss: int
    max_losses: int
    loss_mode: int
    spread_spike: int
    risk_min_volume: int
    cooldown: int
    # select
    weight_liquidity: int  # e8
    weight_spread: int
    weight_volatility: int
    # plan, build
    cash_target: int
    cash_max: int
    max_position: int
    min_order_notional: int
    observe_on_bad_rules: int
    # account, whose cycle the alerts are about; adapt
    retry_alert: int
    reject_spike: int
    adapt: int
    own_universe_size: int
    own_order_offset: int
    own_turnover_cap: int
    own_max_orders: int
    own_max_spread: int
    own_min_volume: int
    # What came after the first form stands here, with its neutral value as its default: see READS_IF_SET.
    rebalance_band: int = 0  # plan
    strategy: int = 0  # select, plan: a number for what the strategy is, 0 for none


MARK_MID: Final = 0
MARK_LAST: Final = 1
FILL_TOUCH: Final = 0
FILL_INSTANT: Final = 1
STRATEGY: Final = "strategy"
"""What a run's record of its settings calls what its strategy is."""

READS: Final[dict[str, tuple[str, ...]]] = {
    "measure": (
        "mark_source",
        "max_data_age",
        "vol_lookback",
        "fallback_tick",
        "fallback_lot",
        "fallback_min_notional",
        "require_metadata",
        "quote",
        "whitelist",
        "blacklist",
    ),
    "settle": ("fill_model", "max_data_age", "ttl", "slippage", "fee"),
    "assess": (
        "max_drawdown",
        "max_daily_loss",
        "max_losses",
        "loss_mode",
        "max_data_age",
        "spread_spike",
        "risk_min_volume",
        "cooldown",
    ),
    "select": ("weight_liquidity", "weight_spread", "weight_volatility"),
    "plan": (
        "cash_target",
        "cash_max",
        "max_position",
        "min_order_notional",
        "fee",
        "observe_on_bad_rules",
    ),
    "build": ("fill_model", "slippage", "fee", "min_order_notional"),
    "execute": (
        "fill_model",
        "slippage",
        "fee",
        "ttl",
        "reject_prob",
        "token_rate",
        "token_burst",
        "max_attempts",
        "seed",
    ),
    "account": ("retry_alert", "reject_spike"),
    "adapt": ("adapt", "reject_spike", "max_drawdown", "min_order_notional"),
}
"""Which parameters each step reads: its digest begins with them, used or not."""

READS_TUNED: Final[dict[str, tuple[str, ...]]] = {
    "select": ("universe_size", "max_spread_bps", "min_volume_try"),
    "plan": ("turnover_cap_try", "max_orders"),
    "build": ("order_offset_bps",),
}
"""Which tuned parameters each step reads, by their names in `state.TUNED`."""

READS_IF_SET: Final[dict[str, tuple[str, ...]]] = {
    "select": ("strategy",),
    "plan": ("rebalance_band", "strategy"),
}
"""Which parameters that came after the first form each step reads. While one has its neutral value, the
default of its field, it is in no tag and no head: a feature that is switched off changes no digest."""

COLUMNS_IF_SET: Final[dict[str, tuple[str, ...]]] = {
    "strategy": (
        "inputs.strategy_failed",
        "inputs.weight",
        "select.weight",
        "select.wish",
        "plan.strategy_failed",
    ),
}
"""Which columns belong to such a parameter, each as `group.column`: of `market`, `inputs`, `rules`, a step
or a table of the journal. They are in tag, head and body when it is set, whatever they hold, else nowhere."""

VARIABLES: Final[Mapping[str, str]] = {
    "mark_source": "STAGE7_MARK_PRICE_SOURCE",
    "max_data_age": "STAGE7_MAX_DATA_AGE_SEC",
    "vol_lookback": "STAGE7_VOL_LOOKBACK",
    "fallback_tick": "STAGE7_RULES_FALLBACK_TICK_SIZE",
    "fallback_lot": "STAGE7_RULES_FALLBACK_LOT_SIZE",
    "fallback_min_notional": "STAGE7_RULES_FALLBACK_MIN_NOTIONAL_TRY",
    "require_metadata": "STAGE7_RULES_REQUIRE_METADATA",
    "quote": "STAGE7_UNIVERSE_QUOTE_CCY",
    "whitelist": "STAGE7_UNIVERSE_WHITELIST",
    "blacklist": "STAGE7_UNIVERSE_BLACKLIST",
    "fill_model": "STAGE7_FILL_MODEL",
    "ttl": "TTL_SECONDS",
    "slippage": "STAGE7_SLIPPAGE_BPS",
    "fee": "STAGE7_FEES_BPS",
    "reject_prob": "STAGE7_SIM_REJECT_PROB_BPS",
    "token_rate": "STAGE7_RATE_LIMIT_RPS",
    "token_burst": "STAGE7_RATE_LIMIT_BURST",
    "max_attempts": "STAGE7_RETRY_MAX_ATTEMPTS",
    "seed": "seed",
    "max_drawdown": "STAGE7_MAX_DRAWDOWN_PCT",
    "max_daily_loss": "STAGE7_MAX_DAILY_LOSS_TRY",
    "max_losses": "STAGE7_MAX_CONSECUTIVE_LOSSES",
    "loss_mode": "STAGE7_LOSS_GUARDRAIL_MODE",
    "spread_spike": "STAGE7_SPREAD_SPIKE_BPS",
    "risk_min_volume": "STAGE7_MIN_QUOTE_VOLUME_TRY",
    "cooldown": "STAGE7_RISK_COOLDOWN_SEC",
    "weight_liquidity": "STAGE7_SCORE_WEIGHTS",
    "weight_spread": "STAGE7_SCORE_WEIGHTS",
    "weight_volatility": "STAGE7_SCORE_WEIGHTS",
    "cash_target": "TRY_CASH_TARGET",
    "cash_max": "TRY_CASH_MAX",
    "max_position": "MAX_POSITION_NOTIONAL_TRY",
    "min_order_notional": "MIN_ORDER_NOTIONAL_TRY",
    "observe_on_bad_rules": "STAGE7_RULES_INVALID_METADATA_POLICY",
    "adapt": "include_adaptation",
    "retry_alert": "STAGE7_RETRY_ALERT_THRESHOLD",
    "reject_spike": "STAGE7_REJECT_SPIKE_THRESHOLD",
    "rebalance_band": "STAGE7_REBALANCE_BAND_BPS",
    "strategy": "strategy",
    "universe_size": "STAGE7_UNIVERSE_SIZE",
    "order_offset_bps": "STAGE7_ORDER_OFFSET_BPS",
    "turnover_cap_try": "NOTIONAL_CAP_TRY_PER_CYCLE",
    "max_orders": "MAX_ORDERS_PER_CYCLE",
    "max_spread_bps": "STAGE7_MAX_SPREAD_BPS",
    "min_volume_try": "STAGE7_MIN_QUOTE_VOLUME_TRY",
}
"""The variable, or the option of a run, that a parameter comes from."""

# Larger values change nothing any more; the bounds keep sums of them within 63 bits.
_MOST_SECONDS: Final = 10**11
_MOST_COUNT: Final = 10**6
_MOST_ATTEMPTS: Final = 10**4


def params_from(settings: Settings, *, seed: int = 0, adapt: bool = False) -> Params:
    """Return the parameters that settings, the seed of the draws and the choice to adapt give."""
    s7, live = settings.stage7, settings.live
    burst = min(s7.rate_limit_burst, _MOST_COUNT) * E6
    return Params(
        mark_source=MARK_MID if s7.mark_price_source is MarkSource.MID else MARK_LAST,
        max_data_age=min(s7.max_data_age_sec, _MOST_SECONDS),
        vol_lookback=s7.vol_lookback,
        fallback_tick=parse_e8(s7.rules_fallback_tick_size),
        fallback_lot=parse_e8(s7.rules_fallback_lot_size),
        fallback_min_notional=parse_e8(s7.rules_fallback_min_notional_try),
        require_metadata=int(s7.rules_require_metadata),
        quote=number_of([s7.universe_quote_ccy]),
        whitelist=number_of(sorted(set(s7.universe_whitelist))),
        blacklist=number_of(sorted(set(s7.universe_blacklist))),
        fill_model=FILL_TOUCH if s7.fill_model is FillModel.TOUCH else FILL_INSTANT,
        ttl=min(live.ttl_seconds, _MOST_SECONDS),
        slippage=_rate(s7.slippage_bps),
        fee=_rate(s7.fees_bps),
        reject_prob=s7.sim_reject_prob_bps,
        token_rate=max(1, _rate(s7.rate_limit_rps) * E6 // E8),
        token_burst=burst,
        max_attempts=min(s7.retry_max_attempts, _MOST_ATTEMPTS),
        seed=seed,
        max_drawdown=parse_e8(s7.max_drawdown_pct),
        max_daily_loss=parse_e8(s7.max_daily_loss_try),
        max_losses=min(s7.max_consecutive_losses, _MOST_COUNT),
        loss_mode=int(s7.loss_guardrail_mode),
        spread_spike=_rate(s7.spread_spike_bps),
        risk_min_volume=parse_e8(s7.min_quote_volume_try),
        cooldown=min(s7.risk_cooldown_sec, _MOST_SECONDS),
        weight_liquidity=parse_e8(s7.score_weights.liquidity),
        weight_spread=parse_e8(s7.score_weights.spread),
        weight_volatility=parse_e8(s7.score_weights.volatility),
        cash_target=parse_e8(live.try_cash_target),
        cash_max=parse_e8(live.try_cash_max),
        max_position=parse_e8(live.max_position_notional_try),
        min_order_notional=parse_e8(live.min_order_notional_try),
        observe_on_bad_rules=int(s7.rules_invalid_metadata_policy is InvalidRules.OBSERVE_ONLY_CYCLE),
        retry_alert=s7.retry_alert_threshold,
        reject_spike=min(s7.reject_spike_threshold, _MOST_COUNT),
        adapt=int(adapt),
        own_universe_size=min(s7.universe_size, _MOST_COUNT),
        own_order_offset=_rate(s7.order_offset_bps),
        own_turnover_cap=parse_e8(live.notional_cap_try_per_cycle),
        own_max_orders=min(live.max_orders_per_cycle, _MOST_COUNT),
        own_max_spread=_rate(s7.max_spread_bps),
        own_min_volume=parse_e8(s7.min_quote_volume_try),
        rebalance_band=_rate(s7.rebalance_band_bps),
    )


def with_lists(params: Params, written: Mapping[str, Sequence[str]]) -> Params:
    """Return the parameters with the numbers of lists that a run was recorded with as they were written: by
    variable, those that earlier versions did not sort."""
    lists = {name: written.get(VARIABLES[name]) for name in ("whitelist", "blacklist")}
    return params._replace(**{name: number_of(names) for name, names in lists.items() if names is not None})


def with_strategy(params: Params, strategy: Mapping[str, Any] | None) -> Params:
    """Return the parameters with the number of what a strategy is, as a run records it; without one as they
    are."""
    if strategy is None:
        return params
    number = number_of([json.dumps(strategy, sort_keys=True)])
    return params._replace(strategy=number or 1)


def reads(step: str, params: Params) -> tuple[str, ...]:
    """Return the parameters that a step's digest begins with: all of READS, of the later ones those set."""
    return READS[step] + tuple(name for name in READS_IF_SET.get(step, ()) if is_set(name, params))


def columns_off(params: Params) -> frozenset[str]:
    """Return the columns, each as `group.column`, all of whose parameters are neutral."""
    later = {column for columns in COLUMNS_IF_SET.values() for column in columns}
    on = {column for name, columns in COLUMNS_IF_SET.items() if is_set(name, params) for column in columns}
    return frozenset(later - on)


def is_set(name: str, params: Params) -> bool:
    """Whether a parameter that came after the first form has another value than its neutral one."""
    return bool(getattr(params, name) != params._field_defaults[name])


def own_tuned(p: Params) -> tuple[int, ...]:
    """Return the user's own values of the tuned parameters, in the order of `state.TUNED`."""
    return (
        p.own_universe_size,
        p.own_order_offset,
        p.own_turnover_cap,
        p.own_max_orders,
        p.own_max_spread,
        p.own_min_volume,
    )


def _rate(bps: Decimal) -> int:
    """Return basis points in 1e-12: the digits of bps in e8 are just that."""
    return parse_e8(bps, "bps")


def number_of(names: Sequence[str]) -> int:
    """Return 0 for no names, and for others the first 8 bytes of the SHA-256 of their JSON, as an int64.

    Sets of names are sorted before: in whatever order they were written, they have one number.
    """
    if not names:
        return 0
    digest = hashlib.sha256(json.dumps(list(names), separators=(",", ":")).encode()).digest()
    return int.from_bytes(digest[:8], "little", signed=True)
