"""Which setting, or which rule of the exchange, is behind the limit of a reason."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from attrs import Factory, evolve, frozen

from meva_core.history.window import LEGACY, Decode, document
from meva_core.reasons import Reason
from meva_core.settings import with_later

USER: Final = "user"
EXCHANGE: Final = "exchange"
PROGRAM: Final = "program"

_SETTINGS: Final[Mapping[str, str]] = {
    "max_drawdown_breach": "STAGE7_MAX_DRAWDOWN_PCT",
    "daily_loss_breach": "STAGE7_MAX_DAILY_LOSS_TRY",
    "consecutive_loss_guardrail": "STAGE7_MAX_CONSECUTIVE_LOSSES",
    "stale_market_data": "STAGE7_MAX_DATA_AGE_SEC",
    "market_liquidity_guardrail:bps": "STAGE7_SPREAD_SPIKE_BPS",
    "market_liquidity_guardrail:TRY": "STAGE7_MIN_QUOTE_VOLUME_TRY",
    "cooldown_enforced": "STAGE7_RISK_COOLDOWN_SEC",
    "observe_only_cycle": "STAGE7_RULES_INVALID_METADATA_POLICY",
    "below_min_volume": "STAGE7_MIN_QUOTE_VOLUME_TRY",
    "above_max_spread": "STAGE7_MAX_SPREAD_BPS",
    "universe_full": "STAGE7_UNIVERSE_SIZE",
    "rules_unavailable:missing": "STAGE7_RULES_REQUIRE_METADATA",
    "rules_unavailable:invalid": "STAGE7_RULES_REQUIRE_METADATA",
    "within_band": "STAGE7_REBALANCE_BAND_BPS",
    "turnover_cap": "NOTIONAL_CAP_TRY_PER_CYCLE",
    "max_orders": "MAX_ORDERS_PER_CYCLE",
}
"""The setting behind a code, with its unit where one code has two."""
OWN_LEAST: Final = "MIN_ORDER_NOTIONAL_TRY"
_ADAPTED: Final = {"below_min_volume", "above_max_spread", "universe_full", "max_orders"}
"""Codes whose limit adaptation may move away from the setting."""
WISHED: Final = ("universe_full", "TRY")
"""Code and unit of a strategy's wish that the universe left out: its limit is the least wish that was kept,
which does not say how many were."""
_LEAST: Final = {"min_notional", "share_below_minimum", "dust"}
_OF_LOT: Final = {"qty_rounds_to_zero": "STAGE7_RULES_FALLBACK_LOT_SIZE"}
_OF_EXCHANGE: Final = {"min_qty", "max_qty", "price_out_of_range"}
_OF_PROGRAM: Final = {"tick_too_coarse"}


@frozen
class Bound:
    """What is behind a limit: a setting of the user's, with the run's value, a rule of the exchange's, or the
    program itself.

    `adapted` says that adaptation had moved the limit away from the setting, as far as the limit tells. Where
    the limit is the least order, the two minima it is the larger of stand beside it, in TRY; the exchange's
    is None where it named none.
    """

    whose: str
    setting: str = ""
    value: Any = None
    adapted: bool = False
    user_minimum_try: str | None = None
    exchange_minimum_try: str | None = None


@frozen
class Limits:
    """The settings of a run, and the rules of its symbols, as it recorded them."""

    settings: Mapping[str, Any] = Factory(dict)
    rules: Mapping[str, Mapping[str, Any]] = Factory(dict)

    @property
    def adapt(self) -> bool:
        """Whether parameters could adapt: a tuned one may then not have been the setting's."""
        return bool(self.settings.get("include_adaptation"))

    @property
    def largest_position(self) -> Decimal | None:
        """The largest position of one symbol, in TRY; None where it is not known."""
        largest = self.settings.get("MAX_POSITION_NOTIONAL_TRY")
        return None if largest is None else Decimal(str(largest))

    def least_order(self, symbol: str) -> Decimal | None:
        """Return the least order of a symbol, in TRY; None where it is not known."""
        found = [self.settings.get(OWN_LEAST), self._rule(symbol)]
        return max((Decimal(str(least)) for least in found if least is not None), default=None)

    def behind(self, reason: Reason) -> Bound | None:
        """Return what is behind the limit of a reason; None if it has none, or where nothing was recorded."""
        if reason.code in _LEAST:
            return self._least(reason)
        if reason.code in _OF_PROGRAM:
            return Bound(PROGRAM)
        if reason.code in _OF_LOT:
            return self._fallback(reason, _OF_LOT[reason.code]) or Bound(EXCHANGE)
        if reason.code in _OF_EXCHANGE:
            return Bound(EXCHANGE)
        if reason.code == "not_a_candidate":
            return self._kept_out(reason.scope)
        setting = _SETTINGS.get(reason.code) or _SETTINGS.get(f"{reason.code}:{reason.unit}")
        if setting is None or setting not in self.settings:
            return None
        value = self.settings[setting]
        tells = reason.code in _ADAPTED and reason.limit is not None and (reason.code, reason.unit) != WISHED
        return Bound(USER, setting, value, tells and not _same(reason.limit, value))

    def _least(self, reason: Reason) -> Bound | None:
        """Return whose least order is meant: the larger of the user's and the exchange's holds."""
        own, rule = self.settings.get(OWN_LEAST), self._rule(reason.scope)
        if reason.limit is None or own is None:
            return None
        stands_in = self._fallback(reason, "STAGE7_RULES_FALLBACK_MIN_NOTIONAL_TRY")
        if _same(reason.limit, own) and not (rule is not None and _same(rule, own)):
            found = Bound(USER, OWN_LEAST, own)
        else:
            found = stands_in or Bound(EXCHANGE)
        exchange = None if stands_in else rule
        return evolve(found, user_minimum_try=str(own), exchange_minimum_try=exchange)

    def _rule(self, symbol: str) -> str | None:
        found: str | None = self.rules.get(symbol, {}).get("min_notional_try")
        return found

    def _fallback(self, reason: Reason, setting: str) -> Bound | None:
        """Return the setting that stood in for a rule of the exchange, if one did."""
        stands_in = self.rules.get(reason.scope, {}).get("status") == "fallback" and setting in self.settings
        return Bound(USER, setting, self.settings[setting]) if stands_in else None

    def _kept_out(self, symbol: str) -> Bound | None:
        """Return the setting that keeps a symbol from being a candidate; without one the exchange does."""
        chosen = self.settings.get("STAGE7_UNIVERSE_WHITELIST")
        if chosen and symbol not in chosen:
            return Bound(USER, "STAGE7_UNIVERSE_WHITELIST", chosen)
        refused = self.settings.get("STAGE7_UNIVERSE_BLACKLIST")
        if refused and symbol in refused:
            return Bound(USER, "STAGE7_UNIVERSE_BLACKLIST", refused)
        quote = self.settings.get("STAGE7_UNIVERSE_QUOTE_CCY")
        if quote and not symbol.endswith(quote):
            return Bound(USER, "STAGE7_UNIVERSE_QUOTE_CCY", quote)
        return Bound(EXCHANGE) if self.settings else None


def limits_of(run_id: str, row: Mapping[str, Any] | None, decode: Decode) -> Limits:
    """Return the limits of a run by its row; none are known of the earlier system's cycles."""
    if run_id == LEGACY or row is None:
        return Limits()
    rules = document(decode, row.get("rules_json"), [])
    settings = with_later(document(decode, row.get("settings_json"), {}))
    return Limits(settings, {rule["symbol"]: rule for rule in rules})


def _same(one: Any, other: Any) -> bool:
    return one is not None and Decimal(str(one)) == Decimal(str(other))
