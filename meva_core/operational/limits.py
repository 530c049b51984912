"""The settings that decide: one frozen class whose fields are the variables' names in lower case."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any

import attrs
from attrs import frozen

from meva_core.amounts import parse_e8
from meva_core.operational.documents import Amount
from meva_core.settings import GROUPS, Settings, variables_of


@frozen(kw_only=True)
class Limits:
    """The settings that a decision reads. TRY, bps, percent and ratios are in e8 of themselves, times in
    whole seconds."""

    symbols: tuple[str, ...]
    target_try: Amount
    offset_bps: Amount
    ttl_seconds: int
    min_order_notional_try: Amount
    max_orders_per_cycle: int
    max_open_orders_per_symbol: int
    cooldown_seconds: int
    notional_cap_try_per_cycle: Amount
    min_profit_bps: Amount
    max_position_try_per_symbol: Amount
    enable_auto_kill_switch: bool
    max_open_orders: int
    max_position_notional_try: Amount
    max_daily_loss_try: Amount
    max_drawdown_pct: Amount
    slippage_bps_buffer: Amount
    try_cash_target: Amount
    try_cash_max: Amount
    stage4_bootstrap_intents: bool
    risk_max_daily_drawdown_try: Amount
    risk_max_drawdown_try: Amount
    risk_max_gross_exposure_try: Amount
    risk_max_position_pct: Amount
    risk_max_order_notional_try: Amount
    risk_min_cash_try: Amount | None
    risk_max_fee_try_per_day: Amount | None
    stale_market_data_seconds: int
    reject_spike_threshold: int
    latency_spike_ms: int | None
    cursor_stall_cycles: int
    pnl_divergence_try_warn: Amount
    pnl_divergence_try_error: Amount
    degrade_warn_window_cycles: int
    degrade_warn_threshold: int
    degrade_warn_codes_csv: tuple[str, ...]
    clock_skew_seconds_threshold: int
    universe_quote_currency: str
    universe_max_size: int
    universe_min_notional_try: Amount
    universe_max_spread_bps: Amount
    universe_max_exchange_min_total_try: Amount
    universe_allow_symbols: tuple[str, ...]
    universe_deny_symbols: tuple[str, ...]
    universe_require_active: bool
    universe_require_try_quote: bool

    @property
    def cash_target(self) -> int:
        """What of the cash stays uninvested, e8 TRY: the target up to its own limit, or what must stay."""
        return max(min(self.try_cash_target, self.try_cash_max), self.risk_min_cash_try or 0)

    @property
    def cash_setting(self) -> str:
        """The setting that `cash_target` comes from."""
        if (self.risk_min_cash_try or 0) > min(self.try_cash_target, self.try_cash_max):
            return "RISK_MIN_CASH_TRY"
        return "TRY_CASH_TARGET" if self.try_cash_target <= self.try_cash_max else "TRY_CASH_MAX"


def limits_from(settings: Settings) -> Limits:
    """Return what decisions read of the settings. Raises BadInput for an amount that is not exact in e8."""
    places = _places()
    return Limits(
        **{
            name: _plain(name, getattr(getattr(settings, group), attribute))
            for name, (group, attribute) in places.items()
        }
    )


@cache
def _places() -> dict[str, tuple[str, str]]:
    """Return for each field the group and attribute of the settings that it is."""
    found = {
        variable.name.lower(): (group, attribute)
        for group, kind in GROUPS.items()
        for attribute, variable in variables_of(kind).items()
    }
    return {field.name: found[field.name] for field in attrs.fields(Limits)}


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, tuple):  # names, which are a set: their order changes no digest
        return tuple(sorted(value))
    return parse_e8(value, name.upper()) if isinstance(value, Decimal) else value
